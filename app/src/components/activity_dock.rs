//! The dock on every page: what is at work and what has just ended, so that people can carry on elsewhere and be told.
//!
//! A list that is right without script; with it, toasts for what ended, notices on the connection, and the page's only two live regions:
//! one polite (states and quarters), one assertive (failures). Invariant: each change is said once.

use super::{
    state_chip::{Shown, StateChip, state_word},
    why::WhyInShort,
};
use crate::{
    i18n::{format, live::live, use_lang, use_t},
    state::{
        announce::{Glimpse, News, compare},
        clock::use_now,
        jobs::{JobStore, use_jobs},
        live::{Status, use_live},
        prefs::use_prefs,
    },
};
use domain::{Job, JobId, JobState, api::job_page};
use leptos::{html, prelude::*};
use std::{collections::BTreeMap, time::Duration};

/// Jobs in the list.
const LISTED: usize = 5;
/// Toasts at once; the oldest goes first.
const TOASTS: usize = 3;
/// A success needs no answer and goes by itself.
const TOAST_FOR: Duration = Duration::from_secs(8);
/// More changes than this at once are said as a number.
const SAID_ONE_BY_ONE: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Toast {
    id: JobId,
    state: JobState,
    title: String,
}

/// Dock, toasts and live regions.
#[component]
pub fn ActivityDock() -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let words = live(lang);
    let (state, store, prefs) = (use_live(), use_jobs(), use_prefs());
    let summary = state.summary();
    let (polite, assertive) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let toasts = RwSignal::new(Vec::<Toast>::new());
    announce(store, polite, assertive, toasts);

    let details = NodeRef::<html::Details>::new();
    // Closed until somebody opens it: its summary says enough, and it must not cover what people carry on with.
    let open = move || prefs.dock_open.get().unwrap_or(false);
    let title = move || {
        let summary = summary.get();
        let mut text = match summary.active {
            0 => words.idle.to_owned(),
            n => (words.running)(n as u64),
        };
        if let Some(percent) = summary.percent {
            text.push_str(&format!(" · {percent} %"));
        }
        text
    };
    let dismiss = move |id| toasts.update(|all| all.retain(|toast| toast.id != id));
    view! {
        <aside class="dock" aria-label=words.activity>
            <details
                node_ref=details
                open=open
                on:toggle=move |_| {
                    // Also comes when the page opens or closes it.
                    if let Some(now) = details.get_untracked().map(|details| details.open()).filter(|now| *now != open()) {
                        prefs.set_dock_open(now);
                    }
                }
            >
                <summary class="dock-summary num" data-testid="dock-summary">
                    {title}
                </summary>
                <ul class="dock-list">
                    <For each=move || listed(store) key=|id| *id children=move |id| view! { <DockRow id /> } />
                </ul>
            </details>
            <div class="toasts">
                <Notices />
                <For
                    each=move || toasts.get()
                    key=|toast| (toast.id, toast.state.as_str())
                    children=move |toast| {
                        let id = toast.id;
                        view! {
                            <div class="toast" data-state=toast.state.as_str()>
                                <a href=job_page(id) on:click=move |_| dismiss(id)>
                                    {(words.became)(&toast.title, state_word(t, toast.state))}
                                </a>
                                <button type="button" on:click=move |_| dismiss(id)>
                                    {words.close}
                                </button>
                            </div>
                        }
                    }
                />
            </div>
            <div class="visually-hidden" role="status" data-testid="announcements">
                {polite}
            </div>
            <div class="visually-hidden" role="alert">
                {assertive}
            </div>
        </aside>
    }
}

/// One job of the dock. It is no `data-job` row: those are the page's own.
#[component]
fn DockRow(id: JobId) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let words = live(lang);
    let store = use_jobs();
    store.get(id).map(|row| {
        let job: Signal<Job> = row.into();
        let title = Memo::new(move |_| job.with(|job| t.title_of(job)));
        let percent = Memo::new(move |_| job.with(percent_of));
        view! {
            <li data-dock-job=id.to_string()>
                <a href=job_page(id)>{title}</a>
                <StateChip shown=Signal::derive(move || job.with(Shown::of)) />
                <WhyInShort job />
                {move || {
                    percent
                        .get()
                        .map(|_| {
                            view! {
                                <progress
                                    max="100"
                                    value=move || percent.get().map(|percent| percent.to_string())
                                    aria-label=move || (words.progress_of)(&title.get())
                                ></progress>
                            }
                        })
                }}
            </li>
        }
    })
}

/// What the visitor should know of the connection, with the next step.
#[component]
fn Notices() -> impl IntoView {
    let lang = use_lang();
    let words = live(lang);
    let state = use_live();
    let (status, now) = (state.status(), use_now());
    let trouble = move || {
        let text = match status.get() {
            Status::Offline { retry_at } => {
                let due = retry_at.zip(now.get()).map(|(at, now)| format::until(lang, now, at));
                (words.offline_notice)(due.as_deref())
            }
            Status::Stale => words.stale_notice.to_owned(),
            Status::Connecting | Status::Live | Status::Polling | Status::Told => return None,
        };
        Some(view! {
            <div class="toast" data-notice=status.get().as_str()>
                <span>{text}</span>
                <button type="button" on:click=move |_| state.reconnect()>
                    {words.try_now}
                </button>
            </div>
        })
    };
    let outdated = move || {
        state.outdated().get().then(|| {
            view! {
                <div class="toast" data-notice="outdated">
                    <span>{words.outdated_notice}</span>
                    <button type="button" on:click=move |_| reload()>
                        {words.reload}
                    </button>
                </div>
            }
        })
    };
    view! {
        {trouble}
        {outdated}
    }
}

fn reload() {
    // Only a document that is being unloaded refuses.
    let _ = location().reload();
}

/// The unfinished ones first, then what ended last; each by age.
fn listed(store: JobStore) -> Vec<JobId> {
    let ids = store.ids().get();
    let ended = |id: &JobId| store.get(*id).is_none_or(|row| row.read().state.is_terminal());
    let (ended, active): (Vec<_>, Vec<_>) = ids.into_iter().partition(ended);
    active.into_iter().chain(ended).take(LISTED).collect()
}

fn percent_of(job: &Job) -> Option<u8> {
    job.progress.as_ref().filter(|_| !job.state.is_terminal())?.percent()
}

/// Says what changed, once the page is live; what it was loaded with is no news.
fn announce(store: JobStore, polite: RwSignal<String>, assertive: RwSignal<String>, toasts: RwSignal<Vec<Toast>>) {
    let (lang, t) = (use_lang(), use_t());
    let words = live(lang);
    let state = use_live();
    let title = move |id| store.get(id).map(|row| row.with_untracked(|job| t.title_of(job))).unwrap_or_default();
    Effect::new(move |before: Option<Option<BTreeMap<JobId, Glimpse>>>| {
        if !state.started().get() {
            return None;
        }
        let look = |id: &JobId| store.get(*id).map(|row| (*id, Glimpse::of(&row.read())));
        let now: BTreeMap<JobId, Glimpse> = store.ids().read().iter().filter_map(look).collect();
        let news = before.flatten().map(|before| compare(&before, &now)).unwrap_or_default();
        let (mut said, mut failed) = (Vec::new(), Vec::new());
        for one in news {
            match one {
                News::Became(id, state) => {
                    let title = title(id);
                    let sentence = (words.became)(&title, state_word(t, state));
                    if state == JobState::Failed {
                        failed.push(sentence)
                    } else {
                        said.push(sentence)
                    }
                    if matches!(state, JobState::Succeeded | JobState::Failed) {
                        pop_up(toasts, Toast { id, state, title });
                    }
                }
                News::Quarter(id, quarter) => said.push((words.reached)(&title(id), u64::from(quarter) * 25)),
            }
        }
        for (sentences, region) in [(said, polite), (failed, assertive)] {
            match sentences.len() {
                0 => {}
                n if n > SAID_ONE_BY_ONE => region.set((words.changed)(n as u64)),
                _ => region.set(sentences.join(". ")),
            }
        }
        Some(now)
    });
    // A channel that comes and goes is said, too, but not that it is being opened.
    Effect::new(move |before: Option<&'static str>| {
        let status = state.status().get();
        let now = status.as_str();
        let was_in_trouble = matches!(before, Some("offline" | "stale"));
        match status {
            Status::Connecting => return before.unwrap_or(now),
            Status::Offline { .. } if before != Some(now) => polite.set((words.offline_notice)(None)),
            Status::Stale if before != Some(now) => polite.set(words.stale_notice.to_owned()),
            Status::Live | Status::Polling | Status::Told if was_in_trouble => polite.set(words.live.to_owned()),
            _ => {}
        }
        now
    });
    Effect::new(move |_| {
        if let Some(kept) = state.kept().get() {
            polite.set((words.kept)(words.name(kept.wanted), words.name(kept.kept)));
        }
    });
}

fn pop_up(toasts: RwSignal<Vec<Toast>>, toast: Toast) {
    let (id, goes) = (toast.id, toast.state == JobState::Succeeded);
    toasts.update(|all| {
        all.retain(|known| known.id != id);
        all.push(toast);
        let surplus = all.len().saturating_sub(TOASTS);
        all.drain(..surplus);
    });
    if goes {
        let leave = move || {
            let _ = toasts.try_update(|all| all.retain(|known| known.id != id || known.state != JobState::Succeeded));
        };
        set_timeout(leave, TOAST_FOR);
    }
}
