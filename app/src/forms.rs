//! A form as it is filled in: the values typed, what is wrong with them, and how the browser reads it.
//!
//! Used by the forms of `kinds` and `pages`. After a refused post without JavaScript the server puts a [`FormState`] into the
//! context and the page comes again with it; in the browser the same [`Scope`] takes the problem of an API call.
//! Invariant: a field `input.steps` belongs to the pointer `/input/steps` and to the element `input-steps`; a field that asks for something
//! in other terms than the API (minutes, a choice) belongs to the pointer of what it becomes, and to that element.

mod dom;

pub use dom::{Chosen, Entry, append_line, focus_soon, local_of_utc, read_entries, reset, utc_of_local};

use crate::i18n::{Lang, codes};
use domain::{
    Problem,
    kinds::request::{START, START_WITHIN_MIN},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// A form that was refused: what was typed, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormState {
    /// Names and values as posted.
    pub values: Vec<(String, String)>,
    /// What is wrong.
    pub problem: Problem,
}

/// The refused form of this page load, for whichever form comes first; taken once.
#[derive(Clone, Copy)]
pub struct Refused(StoredValue<Option<FormState>>);

impl Refused {
    /// Puts the refused form of this page load into context.
    pub fn provide(state: Option<FormState>) {
        provide_context(Self(StoredValue::new(state)));
    }

    /// Takes it, so that a form on a later page starts clean.
    pub fn take() -> Option<FormState> {
        use_context::<Self>().and_then(|refused| refused.0.try_update_value(Option::take).flatten())
    }
}

/// The values that a form starts with and what is wrong with it.
#[derive(Clone, Copy)]
pub struct Scope {
    values: StoredValue<Vec<(String, String)>>,
    /// What is wrong with it now.
    pub problem: RwSignal<Option<Problem>>,
}

impl Scope {
    /// A form with values, after the server refused it if it did.
    pub fn new(values: Vec<(String, String)>, problem: Option<Problem>) -> Self {
        Self { values: StoredValue::new(values), problem: RwSignal::new(problem) }
    }

    /// The last value of a field.
    pub fn value(&self, name: &str) -> Option<String> {
        self.values
            .with_value(|values| values.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
    }

    /// Whether nothing was filled in before.
    pub fn is_empty(&self) -> bool {
        self.values.with_value(Vec::is_empty)
    }

    /// All values of a field that may have several, but empty ones.
    pub fn values(&self, name: &str) -> Vec<String> {
        let values = |values: &Vec<(String, String)>| {
            let of_name = values.iter().filter(|(key, value)| key == name && !value.is_empty());
            of_name.map(|(_, value)| value.clone()).collect()
        };
        self.values.with_value(values)
    }

    /// The value of a field, or what it starts with in an empty form.
    pub fn value_or(&self, name: &str, first: &str) -> Option<String> {
        let empty = self.values.with_value(Vec::is_empty);
        self.value(name).or_else(|| empty.then(|| first.to_owned())).filter(|value| !value.is_empty())
    }

    /// Whether a checkbox starts ticked.
    pub fn ticked(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| matches!(value.as_str(), "on" | "true"))
    }

    /// What is wrong with a field, in the page's language.
    pub fn error(&self, lang: Lang, name: &'static str) -> Signal<Option<String>> {
        let problem = self.problem;
        Signal::derive(move || {
            let pointer = pointer_of(name);
            problem.with(|problem| {
                let error = problem.as_ref()?.errors.iter().find(|error| error.pointer == pointer)?;
                Some(codes::input_error(lang, error))
            })
        })
    }
}

/// `/input/steps` of `input.steps`, `/run_at` of `start`.
pub fn pointer_of(name: &str) -> String {
    match name {
        START => "/run_at".to_owned(),
        START_WITHIN_MIN => "/start_within_s".to_owned(),
        name => format!("/{}", name.replace('.', "/")),
    }
}

/// `input-steps` of `input.steps`.
pub fn id_of(name: &str) -> String {
    id_of_pointer(&pointer_of(name))
}

/// The element that a pointer is about.
pub fn id_of_pointer(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', "-")
}

/// The form's values of an input as accepted, for "edit and retry".
pub fn values_of(input: &serde_json::Value, label: Option<&str>) -> Vec<(String, String)> {
    use serde_json::Value;
    let mut values: Vec<(String, String)> = input
        .as_object()
        .into_iter()
        .flatten()
        // A list is a field with several values.
        .flat_map(|(name, value)| match value {
            Value::Array(items) => items.iter().map(|item| (name, item)).collect(),
            value => vec![(name, value)],
        })
        .filter_map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(true) => "on".to_owned(),
                Value::Bool(false) | Value::Null => return None,
                other => other.to_string(),
            };
            Some((format!("input.{name}"), text))
        })
        .collect();
    values.extend(label.map(|label| ("label".to_owned(), label.to_owned())));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_its_pointer_and_its_element_belong_together() {
        assert_eq!(pointer_of("input.steps"), "/input/steps");
        assert_eq!(id_of("input.steps"), "input-steps");
        assert_eq!((pointer_of(START), id_of(START)), ("/run_at".to_owned(), "run_at".to_owned()));
        assert_eq!(pointer_of(START_WITHIN_MIN), "/start_within_s");
    }

    #[test]
    fn an_accepted_input_fills_its_form_again() {
        let input = serde_json::json!({"steps": 5, "failure": "panic", "partials": true, "hold": false});
        let mut values = values_of(&input, Some("spring"));
        values.sort();
        let expected =
            [("input.failure", "panic"), ("input.partials", "on"), ("input.steps", "5"), ("label", "spring")];
        assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_list_fills_its_field_with_each_of_its_items() {
        let input = serde_json::json!({"handles": ["mug", "123"], "suppliers": null});
        let values = values_of(&input, None);
        assert_eq!(values, ["mug", "123"].map(|handle| ("input.handles".to_owned(), handle.to_owned())));
        assert_eq!(domain::kinds::form::input_from_form("supplier-quotes", &values)["handles"], input["handles"]);
    }
}
