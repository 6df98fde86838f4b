//! Labelled controls with hint and error, tied together for assistive technology.
//!
//! Invariant: a control's id is its name with dashes, its error's id ends in `-error`; the error summary links to the former.

use crate::{
    forms::{Scope, id_of},
    i18n::use_lang,
};
use leptos::prelude::*;

/// A text or number field.
#[component]
pub fn InputField(
    /// Its form.
    scope: Scope,
    /// As in `input.steps`.
    name: &'static str,
    /// What it asks for.
    label: &'static str,
    /// What may go in there.
    #[prop(optional)]
    hint: Option<&'static str>,
    /// The type of the control.
    #[prop(default = "text")]
    kind: &'static str,
    /// What it starts with in an empty form.
    #[prop(default = "")]
    first: &'static str,
    /// Most characters.
    #[prop(optional)]
    maxlength: Option<u32>,
    /// Accepted file types.
    #[prop(optional)]
    accept: Option<&'static str>,
) -> impl IntoView {
    let error = scope.error(use_lang(), name);
    let id = id_of(name);
    // A file cannot be filled in by a page.
    let value = if kind == "file" { None } else { scope.value_or(name, first) };
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <Hint id=id.clone() hint />
            <FieldError id=id.clone() error />
            <input
                id=id.clone()
                name=name
                type=kind
                value=value
                autocomplete="off"
                inputmode=(kind == "number").then_some("numeric")
                min=(kind == "number").then_some("0")
                maxlength=maxlength.map(|n| n.to_string())
                accept=accept
                aria-invalid=move || error.with(Option::is_some).then_some("true")
                aria-describedby=described_by(&id, hint.is_some(), error)
            />
        </div>
    }
    .into_any()
}

/// One choice out of a few.
#[component]
pub fn SelectField(
    /// Its form.
    scope: Scope,
    /// As in `input.failure`.
    name: &'static str,
    /// What it asks for.
    label: &'static str,
    /// Values and their words.
    options: Vec<(&'static str, &'static str)>,
    /// What it starts with in an empty form.
    first: &'static str,
    /// What the choice comes to.
    #[prop(optional)]
    hint: Option<&'static str>,
) -> impl IntoView {
    let error = scope.error(use_lang(), name);
    let id = id_of(name);
    let chosen = scope.value_or(name, first).unwrap_or_else(|| first.to_owned());
    let options: Vec<_> = options
        .into_iter()
        .map(|(value, word)| view! { <option value=value selected=value == chosen>{word}</option> })
        .collect();
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <Hint id=id.clone() hint />
            <FieldError id=id.clone() error />
            <select
                id=id.clone()
                name=name
                aria-invalid=move || error.with(Option::is_some).then_some("true")
                aria-describedby=described_by(&id, hint.is_some(), error)
            >
                {options}
            </select>
        </div>
    }
    .into_any()
}

/// A box to tick.
#[component]
pub fn CheckField(
    /// Its form.
    scope: Scope,
    /// As in `input.hold`.
    name: &'static str,
    /// What it says.
    label: &'static str,
    /// More about it.
    hint: &'static str,
) -> impl IntoView {
    view! {
        <label class="choice">
            <input id=id_of(name) name=name type="checkbox" value="on" checked=scope.ticked(name) />
            <span>{label} " " <span class="hint">{hint}</span></span>
        </label>
    }
    .into_any()
}

#[component]
fn Hint(id: String, hint: Option<&'static str>) -> impl IntoView {
    hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> })
}

/// What is wrong with a control.
#[component]
pub fn FieldError(
    /// The control's.
    id: String,
    /// In the page's language.
    error: Signal<Option<String>>,
) -> impl IntoView {
    move || {
        let id = format!("{id}-error");
        error.get().map(|text| view! { <p class="field-error" id=id>{text}</p> })
    }
}

/// What describes a control: its error while there is one, and its hint.
pub(crate) fn described_by(
    id: &str,
    has_hint: bool,
    error: Signal<Option<String>>,
) -> impl Fn() -> Option<String> + Send + use<> {
    let id = id.to_owned();
    move || {
        let hint = has_hint.then(|| format!("{id}-hint"));
        let error = error.with(Option::is_some).then(|| format!("{id}-error"));
        match (hint, error) {
            (Some(hint), Some(error)) => Some(format!("{error} {hint}")),
            (hint, error) => hint.or(error),
        }
    }
}
