//! `catalogue-import` in the interface: a file to choose, the rejected rows as they are found, the figures at the end.

use super::{partials, upload::Sent};
use crate::{
    components::field::InputField,
    forms::Scope,
    i18n::{codes, format, use_lang, use_t},
};
use domain::{
    Event, Job,
    kinds::catalogue_import::{Output, REPORTED_REJECTS, Reject},
};
use leptos::prelude::*;
use serde_json::Value;

/// The fields of the form.
#[component]
pub fn Fields(
    /// The form.
    scope: Scope,
    /// How much of the file has been sent.
    sent: RwSignal<Option<Sent>>,
) -> impl IntoView {
    let t = use_t();
    // With "edit and retry" the file that was used stays, unless another is chosen.
    let same = scope.value("input.upload");
    let hint = if same.is_some() { t.file_again_hint } else { t.file_hint };
    view! {
        {same.map(|id| view! { <input type="hidden" name="input.upload" value=id /> })}
        <InputField scope name="input.upload" label=t.file hint kind="file" accept=".csv,text/csv" />
        <UploadProgress sent />
    }
    .into_any()
}

/// How much of the file has been sent, while it is.
#[component]
fn UploadProgress(sent: RwSignal<Option<Sent>>) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let visible = Memo::new(move |_| sent.with(Option::is_some));
    let text = move || {
        sent.get().map(|sent| format!("{} / {}", format::bytes(lang, sent.bytes), format::bytes(lang, sent.of)))
    };
    move || {
        visible.get().then(|| {
            view! {
                <div class="progress">
                    <progress
                        aria-label=t.uploading
                        max=move || sent.get().map(|sent| sent.of.max(1))
                        value=move || sent.get().map(|sent| sent.bytes)
                    ></progress>
                    <p class="progress-text num">
                        <span>{t.uploading}</span>
                        <span>{text}</span>
                    </p>
                </div>
            }
        })
    }
}

/// The rows that were not taken, as they are found.
#[component]
pub fn Partials(
    /// Whose.
    job: Signal<Job>,
    /// Its log.
    log: Signal<Vec<Event>>,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let rejects = Memo::new(move |_| {
        let mut rejects = log.with(|log| partials::<Reject>(log));
        // An attempt that resumed may have reported a row again.
        rejects.sort_by(|a, b| (a.line, &a.column, &a.code).cmp(&(b.line, &b.column, &b.code)));
        rejects.dedup_by(|a, b| (a.line, &a.column, &a.code) == (b.line, &b.column, &b.code));
        rejects
    });
    let more = move || {
        let rejected = job.with(|job| job.result.as_ref()?.get("rejected")?.as_u64())?;
        let shown = rejects.with(Vec::len) as u64;
        (rejected > shown)
            .then(|| (t.rejects_more)(&format::number(lang, rejected - shown), &format::number(lang, REPORTED_REJECTS)))
    };
    let row = move |reject: Reject| {
        let why = codes::reject(lang, &reject);
        view! {
            <tr data-line=reject.line data-code=reject.code.clone()>
                <td class="num" data-label=t.line>{format::number(lang, reject.line)}</td>
                <td data-label=t.handle>{reject.handle}</td>
                <td data-label=t.column>{reject.column}</td>
                <td data-label=t.reason>{why}</td>
            </tr>
        }
    };
    view! {
        <div class="table-scroll partials" tabindex="0" role="region" aria-label=t.rejects_heading>
            <table class="data">
                <thead>
                    <tr>
                        <th scope="col">{t.line}</th>
                        <th scope="col">{t.handle}</th>
                        <th scope="col">{t.column}</th>
                        <th scope="col">{t.reason}</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || rejects.get()
                        key=|reject| (reject.line, reject.column.clone(), reject.code.clone())
                        children=row
                    />
                </tbody>
            </table>
        </div>
        {move || more().map(|text| view! { <p class="muted">{text}</p> })}
    }
    .into_any()
}

/// The figures at the end.
#[component]
pub fn Outcome(
    /// The output.
    result: Value,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let output: Output = serde_json::from_value(result).unwrap_or_default();
    let fact = |name: &'static str, key: &'static str, value: u64| {
        view! {
            <div data-fact=key>
                <dt>{name}</dt>
                <dd class="num">{format::number(lang, value)}</dd>
            </div>
        }
    };
    view! {
        <dl class="facts figures">
            {fact(t.created, "created", output.created)} {fact(t.updated, "updated", output.updated)}
            {fact(t.unchanged, "unchanged", output.unchanged)} {fact(t.rows, "rows", output.rows)}
            {fact(t.rejected, "rejected", output.rejected)}
        </dl>
        <p class="actions">
            <a class="button" href="/catalogue">{t.open_catalogue}</a>
            {output
                .rejects
                .map(|href| {
                    view! {
                        <a class="button" href=href rel="external" download="">
                            {t.download_rejects}
                        </a>
                    }
                })}
        </p>
    }
    .into_any()
}
