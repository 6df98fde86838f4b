//! Adding a webhook or an e-mail address. A browser adds itself (`components::push_offer`).

use super::endpoint::Events;
use crate::{forms::FormState, i18n::notifications::use_notifications};
use domain::push::BY_DEFAULT;
use leptos::prelude::*;

/// What was typed into the form with this field, if it was refused.
fn typed(refused: StoredValue<Option<FormState>>, field: &str) -> Option<String> {
    refused.with_value(|state| {
        let values = &state.as_ref()?.values;
        values.iter().rev().find(|(name, _)| name == field).map(|(_, value)| value.clone())
    })
}

/// A program.
#[component]
pub fn AddWebhook(
    /// Whether private addresses are allowed.
    private: bool,
    /// A form that was refused.
    refused: StoredValue<Option<FormState>>,
) -> impl IntoView {
    let words = use_notifications();
    let url = typed(refused, "url");
    let wrong = url.is_some().then_some("true");
    let label = url.as_ref().and_then(|_| typed(refused, "label"));
    view! {
        <section class="card" aria-labelledby="add-webhook-heading">
            <h2 id="add-webhook-heading">{words.add_webhook}</h2>
            <p class="muted">{words.add_webhook_text}</p>
            <form class="form" method="post" action="/settings/webhooks">
                <div class="field">
                    <label for="url">{words.url}</label>
                    <input
                        id="url"
                        name="url"
                        type="url"
                        required=true
                        maxlength="2048"
                        autocomplete="off"
                        spellcheck="false"
                        placeholder="https://example.org/hooks/jobs"
                        value=url
                        aria-invalid=wrong
                        aria-describedby=private.then_some("url-hint")
                    />
                    {private.then(|| view! { <p class="hint" id="url-hint">{words.webhook_private}</p> })}
                </div>
                <div class="field">
                    <label for="webhook-label">{words.label_optional}</label>
                    <input id="webhook-label" name="label" type="text" maxlength="100" value=label />
                </div>
                <Events chosen=BY_DEFAULT.to_vec() legend=words.told_of />
                <div class="actions">
                    <button type="submit" class="primary" data-action="add-webhook">{words.add}</button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

/// A person.
#[component]
pub fn AddEmail(
    /// Who mails come from; none without a mail server.
    from: Option<String>,
    /// A form that was refused.
    refused: StoredValue<Option<FormState>>,
) -> impl IntoView {
    let words = use_notifications();
    let address = typed(refused, "address");
    let wrong = address.is_some().then_some("true");
    let form = from.as_deref().map(|from| {
        view! {
            <p class="muted">{(words.add_email_text)(from)}</p>
            <form class="form" method="post" action="/settings/emails">
                <div class="field">
                    <label for="address">{words.address}</label>
                    <input
                        id="address"
                        name="address"
                        type="email"
                        required=true
                        autocomplete="email"
                        value=address
                        aria-invalid=wrong
                    />
                </div>
                <div class="actions">
                    <button type="submit" class="primary" data-action="add-email">{words.add}</button>
                </div>
            </form>
        }
    });
    let none = form.is_none();
    view! {
        <section class="card" aria-labelledby="add-email-heading">
            <h2 id="add-email-heading">{words.add_email}</h2>
            {form}
            {none.then(|| view! { <p class="muted" data-no-mail-server>{words.no_mail_server}</p> })}
        </section>
    }
    .into_any()
}
