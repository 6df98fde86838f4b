//! The editor's controls as they are in the page: what was typed into them, and what is put there for its maker. Browser only; on the server
//! nothing is read.
//!
//! Controls are not bound to signals: a binding would put its own value over what somebody typed before the script was there.

use leptos::{ev::Event, html::Form, prelude::*};

#[cfg(feature = "hydrate")]
pub(super) use browser::*;
#[cfg(not(feature = "hydrate"))]
pub(super) use server::*;

#[cfg(feature = "hydrate")]
mod browser {
    use super::{Event, Form, NodeRef};
    use leptos::prelude::*;
    use wasm_bindgen::JsCast;
    use web_sys::{HtmlElement, HtmlInputElement};

    /// Pixels from which a row can be edited in place.
    const WIDE: f64 = 640.0;

    /// Name and value of the control that an event is about.
    pub fn typed(event: &Event) -> Option<(String, String)> {
        let input: HtmlInputElement = event.target()?.dyn_into().ok()?;
        Some((input.name(), value_of(&input)))
    }

    fn value_of(input: &HtmlInputElement) -> String {
        match input.type_().as_str() {
            "checkbox" if input.checked() => "on".to_owned(),
            "checkbox" => String::new(),
            _ => input.value(),
        }
    }

    fn inputs(form: NodeRef<Form>) -> Vec<HtmlInputElement> {
        let Some(form) = form.get_untracked() else { return Vec::new() };
        let all = form.elements();
        (0..all.length()).filter_map(|index| all.item(index)?.dyn_into().ok()).collect()
    }

    /// What stands in the controls; only chosen radio buttons.
    pub fn entries(form: NodeRef<Form>) -> Vec<(String, String)> {
        let counts = |input: &HtmlInputElement| match input.type_().as_str() {
            "hidden" => false,
            "radio" => input.checked(),
            _ => true,
        };
        inputs(form).iter().filter(|input| counts(input)).map(|input| (input.name(), value_of(input))).collect()
    }

    /// Puts a value into a control.
    pub fn fill(form: NodeRef<Form>, name: &str, value: &str) {
        for input in inputs(form).iter().filter(|input| input.name() == name) {
            if input.type_() == "checkbox" {
                input.set_checked(value == "on");
            } else if input.value() != value {
                input.set_value(value);
            }
        }
    }

    /// Whether there is room to edit a row in place.
    pub fn is_wide() -> bool {
        window().inner_width().ok().and_then(|width| width.as_f64()).is_some_and(|width| width >= WIDE)
    }

    /// Moves the focus, for somebody who asked for something, once the page has been drawn.
    pub fn focus(id: String) {
        request_animation_frame(move || {
            let element = document().get_element_by_id(&id).and_then(|element| element.dyn_into::<HtmlElement>().ok());
            // An element that cannot take the focus leaves it where it is.
            let _ = element.map(|element| element.focus());
        });
    }
}

#[cfg(not(feature = "hydrate"))]
mod server {
    use super::{Event, Form, NodeRef};

    /// Nothing.
    pub fn typed(_: &Event) -> Option<(String, String)> {
        None
    }

    /// Nothing.
    pub fn entries(_: NodeRef<Form>) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Nothing.
    pub fn fill(_: NodeRef<Form>, _: &str, _: &str) {}

    /// No.
    pub fn is_wide() -> bool {
        false
    }

    /// Nothing.
    pub fn focus(_: String) {}
}
