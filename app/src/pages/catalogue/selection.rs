//! What can be done with the products that were ticked. Needs script: a plain form cannot put several handles into one parameter.
//!
//! Without script each product's own page has the same link.

use super::rows::Rows;
use crate::{backend::encode, i18n::catalogue::use_catalogue};
use leptos::prelude::*;

/// The address that asks suppliers about products.
pub(super) fn ask_suppliers<'a>(handles: impl IntoIterator<Item = &'a str>) -> String {
    let handles: Vec<String> = handles.into_iter().map(encode).collect();
    format!("/?kind=supplier-quotes&handles={}", handles.join(","))
}

/// The bar under the list, while something is ticked.
#[component]
pub(super) fn Selection(
    /// The list.
    rows: Rows,
) -> impl IntoView {
    let c = use_catalogue();
    let selected = rows.selected;
    let href = move || selected.with(|selected| ask_suppliers(selected.iter().map(String::as_str)));
    view! {
        <Show when=move || selected.with(|selected| !selected.is_empty())>
            <div class="selection" data-selected=move || selected.read().len()>
                <span>{move || (c.selected)(selected.read().len() as u64)}</span>
                <a class="button" href=href>{c.ask_suppliers}</a>
            </div>
        </Show>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::ask_suppliers;

    #[test]
    fn a_handle_with_a_comma_stays_one_handle() {
        assert_eq!(ask_suppliers(["a", "b,c"]), "/?kind=supplier-quotes&handles=a,b%2Cc");
    }
}
