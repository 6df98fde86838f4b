//! One push endpoint: how it stands, what it is told of and when, and what can be done with it. One form, several buttons.

use crate::{
    components::moment::{Ago, LocalMoment, use_moment},
    forms::FormState,
    i18n::{delivery_codes::delivery_code, format, notifications::use_notifications, use_lang},
};
use domain::{
    EventType,
    push::{EndpointKind, EndpointState, NOTIFIABLE, PushEndpoint, When},
};
use leptos::prelude::*;

/// The lengths of a digest on offer, in seconds.
const GATHER_S: [u32; 5] = [300, 1_800, 3_600, 14_400, 86_400];

/// The card.
#[component]
pub fn Card(
    /// The endpoint.
    endpoint: PushEndpoint,
    /// A form that was refused, if it is this one's.
    refused: StoredValue<Option<FormState>>,
) -> impl IntoView {
    let (lang, words) = (use_lang(), use_notifications());
    let now = use_moment();
    let id = endpoint.id;
    let mine = refused.with_value(|state| {
        state.as_ref().is_some_and(|state| {
            state.values.iter().any(|(name, value)| name == "endpoint" && *value == id.to_string())
        })
    });
    let wrong_signature = refused.with_value(|state| {
        let state = state.as_ref().filter(|_| mine)?;
        (state.problem.code == "signature-invalid").then(|| state.problem.detail.clone())
    });
    let is_webhook = endpoint.kind == EndpointKind::Webhook;
    let (paused, works) = (endpoint.state == EndpointState::Paused, endpoint.state == EndpointState::Active);
    let resumes = matches!(endpoint.state, EndpointState::Paused | EndpointState::Parked);
    let why = endpoint.reason.as_deref().filter(|_| !works).map(|code| delivery_code(lang, code));
    let tone = match endpoint.state {
        EndpointState::Active => "good",
        EndpointState::Paused => "none",
        EndpointState::Unconfirmed => "warn",
        EndpointState::Parked | EndpointState::Gone => "bad",
    };
    let label = endpoint.label.clone();
    let name = move |action: &str| format!("{action}: {label}");
    let held = endpoint.held_until;
    view! {
        <article
            class="endpoint"
            id=format!("endpoint-{id}")
            data-endpoint=id.to_string()
            data-kind=endpoint.kind.as_str()
            data-state=endpoint.state.as_str()
        >
            <header>
                <h3>{endpoint.label.clone()}</h3>
                <span class="tag" data-tone=tone>{words.endpoint_state(endpoint.state)}</span>
            </header>
            <p class="muted address">{words.kind(endpoint.kind)} " · " <span>{endpoint.address.clone()}</span></p>
            {why.map(|why| view! { <p class="notice" data-tone="bad">{why}</p> })}
            {held.map(|at| view! {
                <p class="notice" data-tone="warn">{move || (words.held_until)(&format::until(lang, now.get(), at))}</p>
            })}
            <dl class="facts">
                <div>
                    <dt>{words.when}</dt>
                    <dd>{words.when_of(endpoint.when)}</dd>
                </div>
                {endpoint.delivered_at.map(|at| view! {
                    <div>
                        <dt>{words.last_taken}</dt>
                        <dd><Ago at=Signal::stored(at) /></dd>
                    </div>
                })}
                {endpoint.failing_since.map(|at| view! {
                    <div>
                        <dt>{words.failing_since}</dt>
                        <dd><LocalMoment at /></dd>
                    </div>
                })}
                {(endpoint.pending > 0).then(|| view! {
                    <div>
                        <dt>{words.log}</dt>
                        <dd>{(words.pending)(endpoint.pending)}</dd>
                    </div>
                })}
            </dl>
            <form class="form" method="post" action=format!("/settings/endpoints/{id}")>
                <div class="actions">
                    <button type="submit" name="do" value="test" disabled=!works aria-label=name(words.test)>{words.test}</button>
                    {works.then(|| view! {
                        <button type="submit" name="do" value="pause" aria-label=name(words.pause)>{words.pause}</button>
                    })}
                    {resumes.then(|| view! {
                        <button type="submit" name="do" value="resume" aria-label=name(words.resume)>
                            {words.resume}
                        </button>
                    })}
                    <button type="submit" name="do" value="remove" class="danger" aria-label=name(words.remove)>{words.remove}</button>
                </div>
                <details open=mine && wrong_signature.is_none()>
                    <summary>{words.change} <span class="visually-hidden">{format!(": {}", endpoint.label)}</span></summary>
                    <div class="field">
                        <label for=format!("label-{id}")>{words.label}</label>
                        <input id=format!("label-{id}") name="label" type="text" maxlength="100" value=endpoint.label.clone() />
                    </div>
                    <Events chosen=endpoint.events.clone() legend=words.told_of />
                    <div class="field-row">
                        <div class="field">
                            <label for=format!("when-{id}")>{words.when}</label>
                            <select id=format!("when-{id}") name="when">
                                {When::ALL.iter().map(|when| view! {
                                    <option value=when.as_str() selected=*when == endpoint.when>{words.when_of(*when)}</option>
                                }).collect_view()}
                            </select>
                        </div>
                        <div class="field">
                            <label for=format!("digest-{id}")>{words.gather}</label>
                            <select id=format!("digest-{id}") name="digest_s">
                                <option value="0" selected=endpoint.digest_s == 0>{words.gather_none}</option>
                                {lengths(endpoint.digest_s).into_iter().map(|seconds| view! {
                                    <option value=seconds.to_string() selected=seconds == endpoint.digest_s>
                                        {(words.gather_for)(&format::duration(lang, i64::from(seconds) * 1000))}
                                    </option>
                                }).collect_view()}
                            </select>
                        </div>
                    </div>
                    <div class="actions">
                        <button type="submit" name="do" value="save" class="primary">{words.save}</button>
                        {(is_webhook && !paused).then(|| view! {
                            <button type="submit" name="do" value="rotate" aria-describedby=format!("rotate-{id}")>{words.rotate}</button>
                            <span class="muted" id=format!("rotate-{id}")>{words.rotate_hint}</span>
                        })}
                    </div>
                </details>
            </form>
            {is_webhook.then(|| view! { <Verify id=id.to_string() wrong=wrong_signature /> })}
        </article>
    }
    .into_any()
}

/// Is this signature ours?
#[component]
fn Verify(id: String, wrong: Option<String>) -> impl IntoView {
    let words = use_notifications();
    let lang = use_lang();
    let open = wrong.is_some();
    let field = |name: &'static str| {
        let element = format!("{name}-{id}");
        view! {
            <div class="field">
                <label for=element.clone()><code>{name}</code></label>
                <input id=element name=name type="text" required=true autocomplete="off" spellcheck="false" />
            </div>
        }
    };
    view! {
        <form class="form" method="post" action=format!("/settings/endpoints/{id}")>
            <details open=open>
                <summary>{words.verify}</summary>
                <p class="muted">{words.verify_hint}</p>
                {wrong.map(|why| view! {
                    <p class="notice" data-tone="bad" role="alert">{(words.not_verified)(&delivery_code(lang, &why))}</p>
                })}
                {["webhook-id", "webhook-timestamp", "webhook-signature"].map(field).collect_view()}
                <div class="field">
                    <label for=format!("body-{id}")>{words.verify_body}</label>
                    <textarea id=format!("body-{id}") name="body" required=true spellcheck="false"></textarea>
                </div>
                <div class="actions">
                    <button type="submit" name="do" value="verify">{words.verify_go}</button>
                </div>
            </details>
        </form>
    }
    .into_any()
}

/// Boxes for what one can be told of.
#[component]
pub fn Events(
    /// Those that are ticked.
    chosen: Vec<EventType>,
    /// What the group is called.
    legend: &'static str,
) -> impl IntoView {
    let words = use_notifications();
    let boxes = NOTIFIABLE.map(|event| {
        view! {
            <label class="choice">
                <input type="checkbox" name="event" value=event.as_str() checked=chosen.contains(&event) />
                <span>{words.event(event)}</span>
            </label>
        }
    });
    view! {
        <fieldset class="choices events">
            <legend>{legend}</legend>
            {boxes.into_iter().collect_view()}
        </fieldset>
    }
    .into_any()
}

/// Those on offer, and the present one if it is another.
fn lengths(own: u32) -> Vec<u32> {
    let mut all = GATHER_S.to_vec();
    if own > 0 && !all.contains(&own) {
        all.push(own);
        all.sort_unstable();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::lengths;

    #[test]
    fn a_length_set_over_the_api_is_on_offer_too() {
        assert_eq!(lengths(0), [300, 1_800, 3_600, 14_400, 86_400]);
        assert_eq!(lengths(60), [60, 300, 1_800, 3_600, 14_400, 86_400]);
    }
}
