//! One product of the list: its cells, and the editor that opens under them.
//!
//! Invariant: without script, or where there is no room, every way to edit is the link to the product's page.

use super::{
    dom,
    editor::ProductEditor,
    rows::{Row, Rows},
};
use crate::{
    components::moment::Ago,
    i18n::{Lang, catalogue::use_catalogue, format, use_lang, use_t},
    state::live::use_live,
};
use domain::api::{Product, Variant, product_page};
use leptos::{ev::MouseEvent, prelude::*};

/// Cells of a row with all of them.
const COLUMNS: &str = "8";

/// A row, and the row of its editor while it is open.
#[component]
pub(super) fn ProductRow(rows: Rows, row: Row, handle: String) -> impl IntoView {
    let (lang, t, c) = (use_lang(), use_t(), use_catalogue());
    let started = use_live().started();
    let Row { product, pending, open, number } = row;
    let product = Signal::from(product);
    let (pending, open) = (RwSignal::from(pending), RwSignal::from(open));
    let shown = Signal::derive(move || pending.get().unwrap_or_else(|| product.get()));
    let edit_id = StoredValue::new(format!("edit-{number}"));
    let path = product_page(&handle);
    let click = move |event: MouseEvent| {
        let plain = !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
        if plain && started.get_untracked() && dom::is_wide() {
            event.prevent_default();
            open.update(|open| *open = !*open);
            if open.get_untracked() {
                dom::focus(format!("p{number}-title"));
            }
        }
    };
    let close = Callback::new(move |()| {
        open.set(false);
        edit_id.with_value(|id| dom::focus(id.clone()));
    });
    let saved = Callback::new(move |product| {
        rows.put(product);
        close.run(());
    });
    let tick = {
        let handle = handle.clone();
        let ticked = handle.clone();
        move || {
            let (handle, ticked) = (handle.clone(), ticked.clone());
            started.get().then(move || {
                view! {
                    <td class="tick">
                        <input
                            type="checkbox"
                            aria-label=move || (c.select)(&shown.read().title)
                            prop:checked=move || rows.selected.with(|selected| selected.contains(&ticked))
                            on:change=move |event| {
                                let on = event_target_checked(&event);
                                rows.selected
                                    .update(|selected| {
                                        if on { selected.insert(handle.clone()) } else { selected.remove(&handle) };
                                    });
                            }
                        />
                    </td>
                }
            })
        }
    };
    view! {
        <tr
            data-handle=handle.clone()
            data-revision=move || product.read().revision
            data-state=move || pending.with(|pending| pending.is_some().then_some("pending"))
        >
            {tick}
            <td class="name" data-label=t.product>
                <a href=path.clone()>{move || shown.read().title.clone()}</a>
                {move || pending.read().is_some().then(|| view! { <span class="hint">" " {c.pending}</span> })}
            </td>
            <td data-label=t.handle>
                <code>{handle.clone()}</code>
            </td>
            <td data-label=t.vendor>{move || shown.read().vendor.clone()}</td>
            <td class="num" data-label=t.variants>
                {move || format::number(lang, shown.read().variants.len() as u64)}
            </td>
            <td class="num" data-label=t.price>
                {move || shown.with(|product| prices(lang, product))}
            </td>
            <td data-label=t.changed data-changed-by=move || by_word(&product.read())>
                <span>
                    <Ago at=Signal::derive(move || product.read().updated_at) />
                    <span class="hint">{move || format!(" · {}", c.who(product.read().changed_by))}</span>
                </span>
            </td>
            <td class="row-action">
                <a
                    class="button quiet"
                    id=edit_id.get_value()
                    href=path
                    data-action="edit"
                    aria-label=move || (c.edit_of)(&product.read().title)
                    aria-expanded=move || started.get().then(|| if open.get() { "true" } else { "false" })
                    on:click=click
                >
                    {c.edit}
                </a>
            </td>
        </tr>
        <Show when=move || open.get()>
            <tr class="editor-row">
                <td colspan=COLUMNS>
                    <ProductEditor product pending prefix=format!("p{number}-") inline=true saved close />
                </td>
            </tr>
        </Show>
    }
    .into_any()
}

/// The word for `data-changed-by`.
pub(super) fn by_word(product: &Product) -> &'static str {
    match product.changed_by {
        domain::api::ChangedBy::Import => "import",
        domain::api::ChangedBy::Edit => "edit",
    }
}

fn prices(lang: Lang, product: &Product) -> Option<String> {
    price_range(&product.variants).map(|(low, high)| match low == high {
        true => format::decimal(lang, &low),
        false => format!("{} – {}", format::decimal(lang, &low), format::decimal(lang, &high)),
    })
}

/// Lowest and highest price, as written; compared as figures.
fn price_range(variants: &[Variant]) -> Option<(String, String)> {
    let figure = |price: &&String| price.parse::<f64>().unwrap_or(0.0);
    let prices = || variants.iter().filter_map(|variant| variant.price.as_ref()).filter(|price| !price.is_empty());
    let low = prices().min_by(|a, b| figure(a).total_cmp(&figure(b)))?;
    let high = prices().max_by(|a, b| figure(a).total_cmp(&figure(b)))?;
    Some((low.clone(), high.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_compared_as_figures() {
        let variant = |price: Option<&str>| Variant {
            options: Vec::new(),
            sku: None,
            price: price.map(str::to_owned),
            compare_at_price: None,
            inventory_qty: None,
        };
        let variants = [variant(Some("100.00")), variant(Some("9.50")), variant(None)];
        assert_eq!(price_range(&variants), Some(("9.50".into(), "100.00".into())));
        assert_eq!(price_range(&[variant(None)]), None);
    }
}
