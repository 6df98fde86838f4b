//! A field that both sides changed: what is there now, what was typed, and the choice between them.
//!
//! Radio buttons on both sides of the script: with it a choice takes effect at once, without it with the next save.

use super::editor::Editor;
use crate::{
    components::moment::use_moment,
    i18n::{catalogue::CatalogueStrings, format},
};
use domain::catalogue::draft::{CHOOSE, CONFLICT};
use leptos::prelude::*;

/// The choice, while there is one to make.
#[component]
pub(super) fn Conflict(
    editor: Editor,
    /// The field.
    name: String,
) -> impl IntoView {
    let Editor { draft, lang, c, .. } = editor;
    let now = use_moment();
    let name = StoredValue::new(name);
    let open = Memo::new(move |_| name.with_value(|name| draft.with(|draft| draft.conflicts().contains(name))));
    let value = move |theirs: bool| {
        name.with_value(|name| {
            draft.with(|draft| shown(c, name, if theirs { draft.theirs(name) } else { draft.typed(name) }, lang))
        })
    };
    let text = move || {
        let by = draft.with(|draft| c.changed_by(draft.product.changed_by, now.get(), draft.product.updated_at));
        (c.conflict)(&by, &value(true), &value(false))
    };
    let choice = name.with_value(|name| format!("{CHOOSE}{name}"));
    let choice = StoredValue::new(choice);
    view! {
        <Show when=move || open.get()>
            <fieldset class="conflict" data-conflict=name.get_value()>
                <legend>{text}</legend>
                <input type="hidden" name=CONFLICT value=name.get_value() />
                <label class="choice">
                    <input type="radio" name=choice.get_value() value="mine" required />
                    <span>{move || (c.keep_mine)(&value(false))}</span>
                </label>
                <label class="choice">
                    <input type="radio" name=choice.get_value() value="theirs" required />
                    <span>{move || (c.take_theirs)(&value(true))}</span>
                </label>
            </fieldset>
        </Show>
    }
    .into_any()
}

/// A value as people read it.
fn shown(c: &CatalogueStrings, name: &str, value: &str, lang: crate::i18n::Lang) -> String {
    match (name, value) {
        ("published", "on") => c.yes.to_owned(),
        ("published", _) => c.no.to_owned(),
        (_, "") => c.nothing.to_owned(),
        (name, value) if name.ends_with("price") => format::decimal(lang, value),
        (_, value) => value.to_owned(),
    }
}
