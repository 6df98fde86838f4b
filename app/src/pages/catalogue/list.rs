//! The table of a page of products, with its freshness.
//!
//! Called with what was read once; keeps itself fresh from there. A row that is being edited is read by itself when it has left the page.

use super::{follow::follow, freshness::Freshness, row::ProductRow, rows::Rows, selection::Selection};
use crate::{
    backend,
    i18n::use_t,
    state::live::{CatalogueHeard, use_live},
};
use domain::api::ProductPage;
use leptos::{prelude::*, task::spawn_local};

/// The list.
#[component]
pub(super) fn List(page: ProductPage, q: Option<String>, after: Option<String>) -> impl IntoView {
    let t = use_t();
    let asked = StoredValue::new((q.clone(), after.clone()));
    let rows = Rows::new(page);
    let known = move || {
        rows.frame.try_with_untracked(|frame| CatalogueHeard { revision: frame.revision, changing: frame.jobs() })
    };
    let read = move || {
        let (q, after) = asked.get_value();
        backend::products(q, after)
    };
    follow(known, read, move |page| {
        for handle in rows.take(page) {
            spawn_local(async move {
                // One that fails is made up for by the next refresh; saving it compares tags in any case.
                if let Ok(product) = backend::product(handle).await {
                    rows.put(product);
                }
            });
        }
    });
    let filtered = q.is_some() || after.is_some();
    let is_empty = Memo::new(move |_| rows.handles.read().is_empty());
    view! {
        <Freshness frame=rows.frame />
        {move || if is_empty.get() { view! { <Empty filtered /> }.into_any() } else { view! { <Table rows /> }.into_any() }}
        <Selection rows />
        <Pager rows q is_first=after.is_none() label=t.pages />
    }
    .into_any()
}

#[component]
fn Table(rows: Rows) -> impl IntoView {
    let t = use_t();
    let started = use_live().started();
    view! {
        <div class="table-scroll">
            <table class="data catalogue">
                <caption class="visually-hidden">{t.catalogue}</caption>
                <thead>
                    <tr>
                        {move || started.get().then(|| view! { <td></td> })}
                        <th scope="col">{t.product}</th>
                        <th scope="col">{t.handle}</th>
                        <th scope="col">{t.vendor}</th>
                        <th scope="col" class="num">
                            {t.variants}
                        </th>
                        <th scope="col" class="num">
                            {t.price}
                        </th>
                        <th scope="col">{t.changed}</th>
                        <td></td>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || rows.handles.get()
                        key=|handle| handle.clone()
                        children=move |handle| rows.get(&handle).map(|row| view! { <ProductRow rows row handle /> })
                    />
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Empty(filtered: bool) -> impl IntoView {
    let t = use_t();
    view! {
        <div class="empty">
            <h2>{if filtered { t.no_products_found } else { t.no_products }}</h2>
            <p>{if filtered { t.no_products_found_text } else { t.no_products_text }}</p>
            <p>
                {if filtered {
                    view! { <a class="button" href="/catalogue">{t.all_products}</a> }
                } else {
                    view! { <a class="button" href="/?kind=catalogue-import">{t.import_now}</a> }
                }}
            </p>
        </div>
    }
    .into_any()
}

/// The links to other pages of the same search.
#[component]
fn Pager(rows: Rows, q: Option<String>, is_first: bool, label: &'static str) -> impl IntoView {
    let t = use_t();
    let q = StoredValue::new(q);
    let link = move |after: Option<&str>| {
        let q = q.get_value();
        let pairs = [("q", q.as_deref()), ("after", after)];
        let query: Vec<String> =
            pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", backend::encode((*value)?)))).collect();
        if query.is_empty() { "/catalogue".to_owned() } else { format!("/catalogue?{}", query.join("&")) }
    };
    let next = Memo::new(move |_| rows.frame.with(|frame| frame.last.clone()));
    view! {
        <nav class="pager" aria-label=label>
            {(!is_first).then(|| view! { <a class="button" href=link(None) rel="prev">{t.first_page}</a> })}
            {move || next.get().map(|last| view! { <a class="button" href=link(Some(&last)) rel="next">{t.next_page}</a> })}
        </nav>
    }
    .into_any()
}
