//! The catalogue: the data that imports and people change, to search and to edit, with how fresh it is.
//!
//! [`Catalogue`] is the list, edited in place where there is room and script; [`ProductPage`] is one product, whose form works without.
//! `rows` keeps what the list shows, `follow` reads again when a channel tells of a change, `editor` is the form of both.
//! Invariants: search and page are in the URL; a refresh replaces values in place, so that focus, scroll and what is being typed stay.

mod conflict;
mod dom;
mod editor;
mod field;
mod follow;
mod freshness;
mod list;
mod product;
mod row;
mod rows;
mod selection;

pub use product::ProductPage;

use super::not_found::Unreadable;
use crate::{
    backend,
    i18n::{catalogue::use_catalogue, use_t},
    state::live::use_live,
};
use leptos::{either::Either, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use list::List;

/// The page of products.
#[component]
pub fn Catalogue() -> impl IntoView {
    let (t, c) = (use_t(), use_catalogue());
    let query = use_query_map();
    let param = move |name: &'static str| {
        Memo::new(move |_| query.with(|query| query.get(name)).filter(|value| !value.is_empty()))
    };
    let (q, after) = (param("q"), param("after"));
    let live = use_live();
    Effect::new(move |_| live.watch_catalogue());
    view! {
        <Title text=t.catalogue />
        <header class="page-head">
            <h1>{t.catalogue}</h1>
            <p class="lede">{t.catalogue_text}</p>
        </header>
        <div class="catalogue-tools">
            <form class="search" method="get" action="/catalogue" role="search">
                <label class="visually-hidden" for="q">
                    {t.search_products}
                </label>
                <input id="q" name="q" type="search" value=move || q.get() placeholder=t.search_products autocomplete="off" />
                <button type="submit">{t.search}</button>
            </form>
            <nav class="actions" aria-label=c.actions>
                <a class="button" href="/?kind=catalogue-import">{c.import}</a>
                <a class="button" href="/?kind=catalogue-export">{c.export}</a>
            </nav>
        </div>
        {move || view! { <Page q=q.get() after=after.get() /> }}
    }
    .into_any()
}

/// What the URL asks for, for as long as it does.
#[component]
fn Page(q: Option<String>, after: Option<String>) -> impl IntoView {
    let t = use_t();
    let asked = StoredValue::new((q, after));
    let page = Resource::new(
        || (),
        move |()| {
            let (q, after) = asked.get_value();
            backend::products(q, after)
        },
    );
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match page.await {
                        Ok(page) => {
                            let (q, after) = asked.get_value();
                            Either::Left(view! { <List page q after /> })
                        }
                        Err(problem) => Either::Right(view! { <Unreadable problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}
