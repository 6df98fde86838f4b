//! `catalogue-export` in the interface: which sort of file, then the file with what it is, how fresh and for how long.

use crate::{
    components::{
        field::SelectField,
        moment::{LocalMoment, use_moment},
    },
    forms::Scope,
    i18n::{format, use_lang, use_t},
};
use domain::{
    Job,
    kinds::catalogue_export::{NAME, Output},
};
use leptos::prelude::*;
use serde_json::Value;

/// The fields of the form.
#[component]
pub fn Fields(
    /// The form.
    scope: Scope,
) -> impl IntoView {
    let t = use_t();
    let formats = vec![("csv", t.format_csv), ("xlsx", t.format_xlsx)];
    view! { <SelectField scope name="input.format" label=t.file_format options=formats first="csv" hint=t.file_format_hint /> }
        .into_any()
}

/// The file, or that it has expired.
#[component]
pub fn Outcome(
    /// Whose.
    job: Signal<Job>,
    /// The output.
    result: Value,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let now = use_moment();
    let link = job.with_untracked(|job| job.links.result.clone());
    let expires = Memo::new(move |_| job.with(|job| job.expires_at));
    let expired = Memo::new(move |_| expires.get().is_some_and(|at| at <= now.get()));
    let Ok(output) = serde_json::from_value::<Output>(result) else {
        return view! {
            <p>
                <a class="button" href=link rel="external">{t.result_link}</a>
            </p>
        }
        .into_any();
    };
    let count = |name: &'static str, key: &'static str, value: u64| {
        view! {
            <div data-fact=key>
                <dt>{name}</dt>
                <dd class="num">{format::number(lang, value)}</dd>
            </div>
        }
    };
    let name = output.name.clone();
    let file = move || {
        if expired.get() {
            view! {
                <p class="notice" data-tone="warn" data-expired="">{t.export_expired}</p>
            }
            .into_any()
        } else {
            let text = (t.download_file)(&name);
            view! {
                <p class="actions">
                    <a class="button primary" href=link.clone() rel="external" download="">{text}</a>
                    {expires
                        .get()
                        .map(|at| view! { <span class="muted">{t.kept_until} " " <LocalMoment at /></span> })}
                </p>
            }
            .into_any()
        }
    };
    let Output { changed_meanwhile: changed, added_meanwhile: added, sheets, .. } = output;
    let meanwhile = (changed + added > 0).then(|| {
        let figures = (format::number(lang, changed), format::number(lang, added));
        view! { <p class="notice" data-tone="info" data-meanwhile="">{(t.export_meanwhile)(&figures.0, &figures.1)}</p> }
    });
    view! {
        {file}
        {(output.products == 0).then(|| view! { <p class="notice" data-tone="info" data-empty="">{t.export_empty}</p> })}
        {meanwhile}
        {(sheets > 1).then(|| view! { <p class="muted">{(t.export_sheets)(&format::number(lang, sheets))}</p> })}
        <dl class="facts figures">
            {count(t.products, "products", output.products)} {count(t.rows_in_file, "rows", output.rows)}
            <div data-fact="size">
                <dt>{t.file_size}</dt>
                <dd class="num">{format::bytes(lang, output.size)}</dd>
            </div>
        </dl>
        <dl class="facts">
            <div data-fact="format">
                <dt>{t.file_format}</dt>
                <dd>{output.format.as_str().to_uppercase()}</dd>
            </div>
            <div data-fact="as-of">
                <dt>{t.as_of}</dt>
                <dd>
                    {(t.revision)(&format::number(lang, output.revision))} ", " <LocalMoment at=output.as_of />
                </dd>
            </div>
        </dl>
        <details>
            <summary>{t.checksum}</summary>
            <p>
                <code class="checksum" data-fact="sha256">{output.sha256}</code>
            </p>
        </details>
        <p>
            <a href=format!("/?kind={NAME}")>{t.export_again}</a>
        </p>
    }
    .into_any()
}
