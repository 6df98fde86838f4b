//! One field of the editor: its label, what is wrong with it, its control, and the conflict that it may be in.
//!
//! Invariant: its id is the editor's prefix and the field's name with dashes; its error's id ends in `-error`.

use super::{conflict::Conflict, editor::Editor};
use crate::components::field::FieldError;
use domain::catalogue::draft::{WAS, pointer_of};
use leptos::prelude::*;

/// How a field is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Decimal,
    Number,
}

/// A field of one line.
#[component]
pub(super) fn TextField(
    editor: Editor,
    /// As in the draft.
    #[prop(into)]
    name: String,
    /// What it asks for.
    label: &'static str,
    /// How it is typed.
    #[prop(default = Kind::Text)]
    kind: Kind,
) -> impl IntoView {
    let id = editor.id(&name);
    let error = editor.error(&name);
    let value = editor.draft.with_untracked(|draft| draft.typed(&name).to_owned());
    let mode = match kind {
        Kind::Text => None,
        Kind::Decimal => Some("decimal"),
        Kind::Number => Some("numeric"),
    };
    let error_id = format!("{id}-error");
    let described_by = move || error.with(Option::is_some).then(|| error_id.clone());
    view! {
        <div class="field" data-field=name.clone()>
            <label for=id.clone()>{label}</label>
            <FieldError id=id.clone() error />
            <input
                id=id.clone()
                name=name.clone()
                type="text"
                value=value
                autocomplete="off"
                inputmode=mode
                class:num=kind != Kind::Text
                aria-invalid=move || error.with(Option::is_some).then_some("true")
                aria-describedby=described_by
            />
            <Was editor name=name.clone() />
            <Conflict editor name=name.clone() />
        </div>
    }
    .into_any()
}

/// The box whether customers see it.
#[component]
pub(super) fn PublishedField(editor: Editor) -> impl IntoView {
    const NAME: &str = "published";
    let ticked = editor.draft.with_untracked(|draft| draft.typed(NAME) == "on");
    view! {
        <div class="field" data-field=NAME>
            <label class="choice">
                <input id=editor.id(NAME) name=NAME type="checkbox" value="on" checked=ticked />
                <span>{editor.c.published} " " <span class="hint">{editor.c.published_hint}</span></span>
            </label>
            <Was editor name=NAME.to_owned() />
            <Conflict editor name=NAME.to_owned() />
        </div>
    }
    .into_any()
}

/// What the field had when the form was made: how a form without script tells what was changed in it.
#[component]
fn Was(editor: Editor, name: String) -> impl IntoView {
    let was = editor.draft.with_untracked(|draft| draft.theirs(&name).to_owned());
    (!editor.inline).then(|| view! { <input type="hidden" name=format!("{WAS}{name}") value=was /> })
}

impl Editor {
    /// The element of a field.
    pub(super) fn id(&self, name: &str) -> String {
        self.prefix.with_value(|prefix| format!("{prefix}{}", name.replace('.', "-")))
    }

    /// What is wrong with a field, in the page's language.
    fn error(&self, name: &str) -> Signal<Option<String>> {
        let (problem, lang, pointer) = (self.problem, self.lang, pointer_of(name));
        Signal::derive(move || {
            problem.with(|problem| {
                let error = problem.as_ref()?.errors.iter().find(|error| error.pointer == pointer)?;
                Some(crate::i18n::codes::input_error(lang, error))
            })
        })
    }
}
