//! The call-back that a rehearsal waits for, to be sent from its page: its owner plays the third party.
//!
//! A form that works without script; in the browser it posts to the call-back's own address, as a third party would.
//! Invariant: it is there only while the job waits and its log tells the address.

use crate::{
    backend,
    forms::{Entry, read_entries},
    i18n::{codes, use_lang, use_t},
    kinds::partials,
};
use domain::{Event, Job, JobState, kinds::rehearsal::Awaited};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use serde_json::json;

/// A field for the answer, and a button that sends it.
#[component]
pub fn CallbackForm(
    /// Whose.
    job: Signal<Job>,
    /// Its log.
    log: Signal<Vec<Event>>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let waits = Memo::new(move |_| job.with(|job| job.state == JobState::Waiting));
    // The latest: those before it are used up.
    let awaited = Memo::new(move |_| {
        waits
            .get()
            .then(|| log.with(|log| partials::<Awaited>(log)).pop().map(|awaited| awaited.callback_url))
            .flatten()
    });
    let (sending, refused) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(url) = awaited.get_untracked().filter(|_| !sending.get_untracked()) else { return };
        let answer = read_entries(&event).into_iter().find_map(|(name, entry)| match entry {
            Entry::Text(text) if name == "answer" && !text.is_empty() => Some(text),
            _ => None,
        });
        sending.set(true);
        refused.set(None);
        spawn_local(async move {
            let sent = backend::call_back(&url, json!({"answer": answer})).await;
            // The page may have been left meanwhile; then nobody listens.
            refused.try_set(sent.err().map(|problem| codes::problem(lang, &problem).in_full()));
            sending.try_set(false);
        });
    };
    move || {
        awaited.get().map(|url| {
            let token = url.rsplit('/').next().unwrap_or_default().to_owned();
            view! {
                <form
                    class="callback"
                    method="post"
                    action=move || job.with(|job| format!("/jobs/{}/callback", job.id))
                    on:submit=send
                >
                    <input type="hidden" name="token" value=token />
                    <div class="field">
                        <label for="answer">{t.callback_answer}</label>
                        <p class="hint" id="answer-hint">{t.callback_hint}</p>
                        <input
                            id="answer"
                            name="answer"
                            type="text"
                            maxlength="200"
                            autocomplete="off"
                            aria-describedby="answer-hint"
                        />
                    </div>
                    <div class="actions">
                        <button
                            type="submit"
                            class="primary"
                            data-action="callback"
                            aria-disabled=move || sending.get().then_some("true")
                        >
                            {t.send_callback}
                        </button>
                    </div>
                    {move || {
                        refused.get().map(|text| view! { <p class="notice" data-tone="bad" role="alert">{text}</p> })
                    }}
                </form>
            }
        })
    }
}
