//! `/settings/deliveries/{id}`: one delivery from its event to its end, with every attempt; of a webhook, the signed request to copy.

use super::{copy::Copyable, log};
use crate::{
    backend::notifications as backend,
    components::moment::{LocalMoment, use_moment},
    forms::{FormState, Refused},
    i18n::{codes, delivery_codes::delivery_code, format, notifications::use_notifications, use_lang, use_t},
    pages::not_found::{NotFound, Unreadable},
};
use domain::{
    DeliveryId, Problem,
    push::{DeliveryAttempt, DeliveryReport, SignedRequest},
};
use leptos::{either::EitherOf3, prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use std::time::Duration;

async fn load(id: Option<DeliveryId>) -> Result<DeliveryReport, Problem> {
    backend::delivery(id.ok_or_else(|| Problem::new(404, "delivery-not-found", "the address names no delivery"))?).await
}

/// The page.
#[component]
pub fn DeliveryPage() -> impl IntoView {
    let t = use_t();
    let id = use_params_map().with_untracked(|params| params.get("id")).and_then(|id| id.parse().ok());
    // Here, since what is awaited may be rendered more than once, and it can be taken once.
    let refused = StoredValue::new(Refused::take());
    let loaded = Resource::new(|| (), move |()| load(id));
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match loaded.await {
                        Ok(report) => EitherOf3::A(view! { <Whole report refused /> }),
                        Err(problem) if problem.status == 404 => EitherOf3::B(view! { <NotFound /> }),
                        Err(problem) => EitherOf3::C(view! { <Unreadable problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Whole(report: DeliveryReport, refused: StoredValue<Option<FormState>>) -> impl IntoView {
    let (lang, t, words) = (use_lang(), use_t(), use_notifications());
    let now = use_moment();
    let id = report.delivery.id;
    let refused =
        refused.with_value(|state| state.as_ref().map(|state| codes::problem(lang, &state.problem).in_full()));
    let said = use_query_map().with_untracked(|query| query.get("said"));
    let said = said.and_then(|word| match word.as_str() {
        "resent" => Some(("good", words.said_resent)),
        "cancelled" => Some(("good", words.said_cancelled)),
        "too-late" => Some(("warn", words.said_too_late)),
        "pending" => Some(("warn", words.said_pending)),
        _ => None,
    });
    let what = words.told(&report.delivery.event);
    let label = report.delivery.endpoint_label.clone();
    let title = format!("{what} → {label}");
    let (kind, endpoint, job) = (report.delivery.endpoint_kind, report.delivery.endpoint, report.delivery.job);
    let (committed, within) = (report.delivery.created_at, report.delivery.within);
    let request = report.request.clone();
    let report = RwSignal::new(report);
    look_again(id, report);
    let delivery = Memo::new(move |_| report.with(|report| report.delivery.clone()));
    let attempts = move || {
        report.with(|report| {
            if report.log.is_empty() {
                view! { <p class="muted">{words.no_attempt}</p> }.into_any()
            } else {
                let items = report.log.iter().map(|attempt| view! { <AttemptLine attempt=attempt.clone() /> });
                view! { <ol class="attempt-list">{items.collect_view()}</ol> }.into_any()
            }
        })
    };
    let button = {
        let title = title.clone();
        move || log::action(words, id, delivery.get().state, &title, format!("/settings/deliveries/{id}"))
    };
    let refresh = move || {
        if delivery.with(|delivery| delivery.state.has_ended()) {
            ""
        } else {
            r#"<meta http-equiv="refresh" content="5">"#
        }
    };
    view! {
        <Title text=title.clone() />
        <noscript inner_html=refresh></noscript>
        <header class="page-head">
            <nav class="crumbs" aria-label=t.you_are_here>
                <a href="/settings" rel="external">{words.settings}</a>
            </nav>
            <h1>{title}</h1>
        </header>
        {said.map(|(tone, text)| view! { <p class="notice" data-tone=tone role="status" data-said>{text}</p> })}
        {refused.map(|text| view! { <p class="notice" data-tone="bad" role="alert">{text}</p> })}
        <div class="columns">
            <div class="column-main">
                <section
                    class="card"
                    aria-labelledby="course-heading"
                    data-delivery=id.to_string()
                    data-state=move || delivery.with(|delivery| delivery.state.as_str())
                >
                    <h2 id="course-heading">{words.course}</h2>
                    <p class="lede" data-tone=move || log::tone(delivery.with(|delivery| delivery.state))>
                        {move || log::course(lang, words, &delivery.get(), now.get())}
                    </p>
                    {within.map(|within| view! {
                        <p><a href=format!("/settings/deliveries/{within}") rel="external">{words.within}</a></p>
                    })}
                    <div class="actions">
                        {button}
                        {job.map(|job| view! { <a class="button" href=format!("/jobs/{job}")>{words.open_job}</a> })}
                    </div>
                </section>
                <section class="card" aria-labelledby="attempts-heading">
                    <h2 id="attempts-heading">{words.attempts}</h2>
                    {attempts}
                </section>
                {request.map(|request| view! { <Request request /> })}
            </div>
            <div class="column-side">
                <section class="card" aria-labelledby="facts-heading">
                    <h2 id="facts-heading">{t.facts}</h2>
                    <dl class="facts">
                        <div>
                            <dt>{words.to_whom}</dt>
                            <dd>
                                <a href=format!("/settings#endpoint-{endpoint}") rel="external">{label}</a>
                                " · "
                                {words.kind(kind)}
                            </dd>
                        </div>
                        <div>
                            <dt>{words.committed}</dt>
                            <dd><LocalMoment at=committed /></dd>
                        </div>
                        <div>
                            <dt>{t.id}</dt>
                            <dd><code>{id.to_string()}</code></dd>
                        </div>
                    </dl>
                </section>
            </div>
        </div>
    }
    .into_any()
}

/// One attempt in words.
#[component]
fn AttemptLine(attempt: DeliveryAttempt) -> impl IntoView {
    let (lang, words) = (use_lang(), use_notifications());
    let under_way = attempt.took_ms.is_none() && attempt.outcome != "cut-off";
    let outcome = if under_way { words.under_way.to_owned() } else { delivery_code(lang, &attempt.outcome) };
    let status = attempt.status.map(|status| format!(" ({})", (words.answered)(&status.to_string())));
    let took = attempt.took_ms.map(|ms| format!(", {}", (words.took)(&format::duration(lang, ms as i64))));
    let tone = match attempt.outcome.as_str() {
        "ok" => "good",
        _ if under_way => "none",
        _ => "bad",
    };
    view! {
        <li data-outcome=attempt.outcome.clone()>
            <p>
                <strong>{(words.attempt)(attempt.number.into())}</strong>
                " "
                <time class="muted num" datetime=attempt.at.to_string() title=format::moment(lang, attempt.at)>
                    {format::time(attempt.at)}
                </time>
            </p>
            <p data-tone=tone>{outcome}{status}{took}</p>
            {attempt.detail.map(|detail| view! { <pre tabindex="0"><code>{detail}</code></pre> })}
        </li>
    }
    .into_any()
}

/// A webhook's request, as a command.
#[component]
fn Request(request: SignedRequest) -> impl IntoView {
    let words = use_notifications();
    view! {
        <section class="card" aria-labelledby="request-heading">
            <h2 id="request-heading">{words.request}</h2>
            <p class="muted">{words.request_text}</p>
            <Copyable text=as_curl(&request) name="request" />
        </section>
    }
    .into_any()
}

/// For a shell: in single quotes nothing has a meaning but the single quote.
fn as_curl(request: &SignedRequest) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let SignedRequest { url, webhook_id, webhook_timestamp, webhook_signature, body } = request;
    let header = |name: &str, value: &str| format!("  -H {} \\\n", quoted(&format!("{name}: {value}")));
    [
        format!("curl -i {} \\\n", quoted(url)),
        header("content-type", "application/json"),
        header("webhook-id", webhook_id),
        header("webhook-timestamp", &webhook_timestamp.to_string()),
        header("webhook-signature", webhook_signature),
        format!("  --data-raw {}", quoted(body)),
    ]
    .concat()
}

/// Reads it again while it is on its way and somebody can see it.
fn look_again(id: DeliveryId, report: RwSignal<DeliveryReport>) {
    Effect::new(move |_| {
        let tick = move || {
            let moves = report.try_with_untracked(|report| !report.delivery.state.has_ended());
            if moves != Some(true) || document().hidden() {
                return;
            }
            spawn_local(async move {
                if let Ok(fresh) = backend::delivery(id).await {
                    report.try_maybe_update(|known| (std::mem::replace(known, fresh.clone()) != fresh, ()));
                }
            });
        };
        if let Ok(timer) = set_interval_with_handle(tick, Duration::from_secs(2)) {
            on_cleanup(move || timer.clear());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_command_that_no_quote_in_it_can_break() {
        let request = SignedRequest {
            url: "https://example.org/it's".to_owned(),
            webhook_id: "1".to_owned(),
            webhook_timestamp: 2,
            webhook_signature: "v1,abc=".to_owned(),
            body: r#"{"title":"It's done $(reboot)"}"#.to_owned(),
        };
        let command = as_curl(&request);
        assert!(command.starts_with(r"curl -i 'https://example.org/it'\''s' \"), "{command}");
        assert!(command.ends_with(r#"--data-raw '{"title":"It'\''s done $(reboot)"}'"#), "{command}");
        assert!(command.contains("  -H 'webhook-signature: v1,abc=' \\\n"), "{command}");
    }
}
