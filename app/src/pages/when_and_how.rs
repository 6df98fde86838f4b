//! The part of the submit form that says when a job may start and how it stands among the others; closed until somebody wants it.
//!
//! Used by `submit_form` for every kind; what its fields mean is read by `domain::kinds::request`. Without script a moment is in UTC and
//! the label says so; with it the control turns to the reader's own time zone, what stands in it included.
//! Invariant: the moment in the control and the zone in its label change together.

use crate::{
    components::field::{FieldError, InputField, SelectField},
    forms::{Scope, id_of, local_of_utc},
    i18n::{use_lang, use_t},
};
use domain::kinds::request::{MAX_ATTEMPTS, PRIORITY, START, START_AT, START_WITHIN_MIN};
use leptos::{html, prelude::*};

/// Fields and what they hold when nobody has touched them.
const UNTOUCHED: [(&str, &str); 4] = [(START, "now"), (START_WITHIN_MIN, ""), (PRIORITY, "0"), (MAX_ATTEMPTS, "")];

/// The section.
#[component]
pub fn WhenAndHow(
    /// The form.
    scope: Scope,
) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let touched = UNTOUCHED.iter().any(|(name, first)| scope.value(name).is_some_and(|value| value != *first));
    let errors = UNTOUCHED.map(|(name, _)| scope.error(lang, name));
    // Once open it stays, or what was set would go out of sight with the error.
    let open = Memo::new(move |before: Option<&bool>| {
        before.copied().unwrap_or(touched) || errors.iter().any(|error| error.with(Option::is_some))
    });
    let priorities = vec![("10", t.priority_high), ("0", t.priority_normal), ("-10", t.priority_low)];
    view! {
        <details class="when-and-how" open=open>
            <summary>{t.when_and_how}</summary>
            <Start scope />
            <div class="field-row">
                <InputField scope name=START_WITHIN_MIN label=t.start_within hint=t.start_within_hint kind="number" />
                <InputField scope name=MAX_ATTEMPTS label=t.max_attempts hint=t.max_attempts_hint kind="number" />
            </div>
            <SelectField scope name=PRIORITY label=t.priority hint=t.priority_hint options=priorities first="0" />
        </details>
    }
    .into_any()
}

/// When it may start: one of four, and the moment when it is the second.
#[component]
fn Start(scope: Scope) -> impl IntoView {
    let t = use_t();
    let error = scope.error(use_lang(), START);
    let chosen = scope.value(START).unwrap_or_else(|| "now".to_owned());
    let id = id_of(START);
    let choices = [
        ("now", t.start_now, t.start_now_hint),
        ("at", t.start_at, t.start_at_hint),
        ("quiet", t.start_quiet, t.start_quiet_hint),
        ("idle", t.start_idle, t.start_idle_hint),
    ];
    let choices = choices.map(|(value, word, hint)| {
        // The first one has the id that the error summary leads to.
        let own = (value == "now").then(|| id.clone());
        view! {
            <label class="choice">
                <input type="radio" id=own name=START value=value checked=chosen == value />
                <span>{word} " " <span class="hint">{hint}</span></span>
            </label>
            {(value == "at").then(|| view! { <Moment scope /> })}
        }
    });
    let described_by = format!("{id}-error");
    view! {
        <fieldset
            class="choices start"
            role="radiogroup"
            aria-invalid=move || error.with(Option::is_some).then_some("true")
            aria-describedby=move || error.with(Option::is_some).then(|| described_by.clone())
        >
            <legend>{t.start}</legend>
            <FieldError id=id.clone() error />
            {choices.into_iter().collect_view()}
        </fieldset>
    }
    .into_any()
}

/// The date and the time; shown by the style sheet when "at a time" is chosen.
#[component]
fn Moment(scope: Scope) -> impl IntoView {
    let t = use_t();
    let input = NodeRef::<html::Input>::new();
    let local = RwSignal::new(false);
    Effect::new(move |done: Option<bool>| {
        let Some(input) = input.get().filter(|_| done != Some(true)) else { return done == Some(true) };
        if let Some(moment) = local_of_utc(&input.value()) {
            input.set_value(&moment);
        }
        local.set(true);
        true
    });
    let id = id_of(START_AT);
    view! {
        <div class="field start-at">
            <label for=id.clone()>{move || if local.get() { t.moment_local } else { t.moment_utc }}</label>
            <input
                node_ref=input
                id=id
                name=START_AT
                type="datetime-local"
                value=scope.value(START_AT)
                // A browser that fills in again what was typed would fill in another zone's time.
                autocomplete="off"
            />
        </div>
    }
    .into_any()
}
