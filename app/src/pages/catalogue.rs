//! The catalogue: the data that imports change, with how fresh it is; it refreshes itself while another job changes it.
//!
//! Invariant: search and page are in the URL; a refresh replaces cells in place, so that focus and scroll stay where they are.

use super::not_found::Unreadable;
use crate::{
    backend,
    components::moment::Ago,
    i18n::{format, use_lang, use_t},
    state::live::use_live,
};
use domain::{
    Problem,
    api::{Product, ProductPage, Variant},
};
use leptos::{either::Either, prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// The page of products.
#[component]
pub fn Catalogue() -> impl IntoView {
    let t = use_t();
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
        <form class="search" method="get" action="/catalogue" role="search">
            <label class="visually-hidden" for="q">
                {t.search_products}
            </label>
            <input id="q" name="q" type="search" value=move || q.get() placeholder=t.search_products autocomplete="off" />
            <button type="submit">{t.search}</button>
        </form>
        {move || view! { <Page q=q.get() after=after.get() /> }}
    }
    .into_any()
}

/// What the URL asks for, for as long as it does: read once by the server, and again by the browser when the catalogue has changed.
#[component]
fn Page(q: Option<String>, after: Option<String>) -> impl IntoView {
    let t = use_t();
    let asked = StoredValue::new((q, after));
    let read = move || {
        let (q, after) = asked.get_value();
        backend::products(q, after)
    };
    let page = Resource::new(|| (), move |()| read());
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match page.await {
                        Ok(page) => {
                            let page = follow_catalogue(page, read);
                            let (q, after) = asked.get_value();
                            let is_first = after.is_none();
                            Either::Left(move || view! { <Products page=page.get() q=q.clone() is_first /> })
                        }
                        Err(problem) => Either::Right(view! { <Unreadable problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

/// Seconds between two looks at a catalogue that is being changed: no hint tells when that has ended.
const LOOK_AGAIN_S: u64 = 2;

/// The page, read again whenever the catalogue has a newer revision, and now and then while jobs are changing it. One read at a time:
/// during an import the next one tells all.
fn follow_catalogue<Read>(page: ProductPage, read: impl Fn() -> Read + Copy + 'static) -> Signal<ProductPage>
where
    Read: Future<Output = Result<ProductPage, Problem>> + 'static,
{
    let heard = use_live().catalogue_revision();
    let page = RwSignal::new(page);
    let reading = RwSignal::new(false);
    let look = move || {
        if reading.get_untracked() {
            return;
        }
        reading.set(true);
        spawn_local(async move {
            // A read that fails is made up for by the next change, or by a reload.
            if let Ok(fresh) = read().await {
                page.try_set(fresh);
            }
            reading.try_set(false);
        });
    };
    Effect::new(move |_| {
        let known = page.with(|page| page.revision);
        if !reading.get() && heard.get().is_some_and(|heard| heard > known) {
            look();
        }
    });
    Effect::new(move |_| {
        let look = move || {
            if page.try_with_untracked(|page| !page.changing.is_empty()) == Some(true) {
                look();
            }
        };
        if let Ok(timer) = set_interval_with_handle(look, std::time::Duration::from_secs(LOOK_AGAIN_S)) {
            on_cleanup(move || timer.clear());
        }
    });
    page.into()
}

/// One page of the table, with its freshness.
#[component]
fn Products(page: ProductPage, q: Option<String>, is_first: bool) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let link = |after: Option<&str>| {
        let pairs = [("q", q.as_deref()), ("after", after)];
        let query: Vec<String> =
            pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", backend::encode((*value)?)))).collect();
        if query.is_empty() { "/catalogue".to_owned() } else { format!("/catalogue?{}", query.join("&")) }
    };
    let next = page.next.as_ref().and_then(|_| page.items.last()).map(|product| link(Some(&product.handle)));
    let first = link(None);
    let changing: u64 = page.changing.iter().map(|one| one.count).sum();
    let freshness = view! {
        <p class="freshness" data-revision=page.revision data-changing=changing>
            <span>{t.as_of} " " <Ago at=Signal::stored(page.as_of) /></span>
            <span class="num">{(t.revision)(&format::number(lang, page.revision))}</span>
            <span class="num">{(t.products_count)(page.total)}</span>
            {(changing > 0).then(|| view! { <strong>{(t.being_changed)(changing)}</strong> })}
        </p>
    };
    if page.items.is_empty() {
        let filtered = q.is_some() || !is_first;
        return view! {
            {freshness}
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
        .into_any();
    }
    let rows = page.items.into_iter().map(|product| view! { <ProductRow product /> }).collect_view();
    view! {
        {freshness}
        <div class="table-scroll">
            <table class="data">
                <caption class="visually-hidden">{t.catalogue}</caption>
                <thead>
                    <tr>
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
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <nav class="pager" aria-label=t.pages>
            {(!is_first).then(|| view! { <a class="button" href=first rel="prev">{t.first_page}</a> })}
            {next.map(|href| view! { <a class="button" href=href rel="next">{t.next_page}</a> })}
        </nav>
    }
    .into_any()
}

#[component]
fn ProductRow(product: Product) -> impl IntoView {
    let (lang, t) = (use_lang(), use_t());
    let prices = price_range(&product.variants).map(|(low, high)| match low == high {
        true => format::decimal(lang, &low),
        false => format!("{} – {}", format::decimal(lang, &low), format::decimal(lang, &high)),
    });
    let handle = product.handle.clone();
    view! {
        <tr data-handle=handle data-revision=product.revision>
            <td data-label=t.product>{product.title}</td>
            <td data-label=t.handle>
                <code>{product.handle}</code>
            </td>
            <td data-label=t.vendor>{product.vendor}</td>
            <td class="num" data-label=t.variants>
                {format::number(lang, product.variants.len() as u64)}
            </td>
            <td class="num" data-label=t.price>
                {prices}
            </td>
            <td data-label=t.changed>
                <Ago at=Signal::stored(product.updated_at) />
            </td>
        </tr>
    }
    .into_any()
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
