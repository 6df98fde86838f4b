//! When nobody is to be disturbed, how long the last resort waits, and the language of notifications.

use crate::{
    forms::FormState,
    i18n::{Lang, notifications::use_notifications},
};
use domain::push::{NotificationSettings, QuietTimes};
use leptos::{html, prelude::*};

/// The form.
#[component]
pub fn Times(
    /// As they are.
    settings: NotificationSettings,
    /// A form that was refused.
    refused: StoredValue<Option<FormState>>,
) -> impl IntoView {
    let words = use_notifications();
    let asked = |name: &str| {
        refused.with_value(|state| {
            let values = &state.as_ref()?.values;
            values.iter().any(|(field, _)| field == "fallback_after_s").then_some(())?;
            values.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value.clone())
        })
    };
    let quiet = settings.quiet.is_some() || asked("quiet").is_some();
    let known_zone = settings.quiet.as_ref().map(|quiet| quiet.zone.clone());
    let QuietTimes { from, to, zone } = settings.quiet.unwrap_or_else(|| QuietTimes {
        from: "22:00".to_owned(),
        to: "07:00".to_owned(),
        zone: "UTC".to_owned(),
    });
    let (from, to) = (asked("from").unwrap_or(from), asked("to").unwrap_or(to));
    let zone = asked("zone").unwrap_or(zone);
    let fallback = asked("fallback_after_s").unwrap_or_else(|| settings.fallback_after_s.to_string());
    let lang = asked("lang").unwrap_or(settings.lang);
    let zone_field = NodeRef::<html::Input>::new();
    // Nothing was chosen yet: the browser knows where its visitor is, the server does not.
    Effect::new(move |_| {
        if let Some(field) = zone_field.get().filter(|_| known_zone.is_none())
            && let Some(zone) = browser_zone()
        {
            field.set_value(&zone);
        }
    });
    view! {
        <section class="card" aria-labelledby="times-heading">
            <h2 id="times-heading">{words.times}</h2>
            <form class="form" method="post" action="/settings/notifications">
                <fieldset class="choices">
                    <legend>{words.quiet}</legend>
                    <p class="muted">{words.quiet_hint}</p>
                    <label class="choice">
                        <input type="checkbox" name="quiet" value="on" checked=quiet />
                        <span>{words.quiet_on}</span>
                    </label>
                    <div class="field-row">
                        <div class="field">
                            <label for="from">{words.from}</label>
                            <input id="from" name="from" type="time" value=from />
                        </div>
                        <div class="field">
                            <label for="to">{words.to}</label>
                            <input id="to" name="to" type="time" value=to />
                        </div>
                    </div>
                    <div class="field">
                        <label for="zone">{words.zone}</label>
                        <input
                            id="zone"
                            name="zone"
                            type="text"
                            value=zone
                            autocomplete="off"
                            spellcheck="false"
                            aria-describedby="zone-hint"
                            node_ref=zone_field
                        />
                        <p class="hint" id="zone-hint">{words.zone_hint}</p>
                    </div>
                </fieldset>
                <div class="field">
                    <label for="fallback_after_s">{words.fallback_after}</label>
                    <input
                        id="fallback_after_s"
                        name="fallback_after_s"
                        type="number"
                        min="10"
                        max="86400"
                        required=true
                        value=fallback
                        aria-describedby="fallback-hint"
                    />
                    <p class="hint" id="fallback-hint">{words.fallback_hint}</p>
                </div>
                <div class="field">
                    <label for="notification-lang">{words.language}</label>
                    <select id="notification-lang" name="lang">
                        {Lang::ALL.map(|one| view! {
                            <option value=one.as_str() lang=one.as_str() selected=one.as_str() == lang>{one.name()}</option>
                        }).collect_view()}
                    </select>
                </div>
                <div class="actions">
                    <button type="submit" class="primary" data-action="save-times">{words.save}</button>
                </div>
            </form>
        </section>
    }
    .into_any()
}

/// The IANA name of the device's zone.
#[cfg(feature = "hydrate")]
fn browser_zone() -> Option<String> {
    let options = js_sys::Intl::DateTimeFormat::new(&js_sys::Array::new(), &js_sys::Object::new()).resolved_options();
    js_sys::Reflect::get(&options, &"timeZone".into()).ok()?.as_string()
}

#[cfg(not(feature = "hydrate"))]
fn browser_zone() -> Option<String> {
    None
}
