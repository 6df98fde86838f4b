//! One product: its form, which works without script, its pictures, and what changed it last.
//!
//! The address that a form without script is posted to is the page's own: there it comes again when it was refused.
//! Invariant: an unknown handle is a 404.

use super::{editor::ProductEditor, follow::follow, freshness::BeingChanged, row::by_word, selection::ask_suppliers};
use crate::{
    backend,
    components::moment::Ago,
    forms::{FormState, Refused},
    i18n::{catalogue::use_catalogue, use_t},
    pages::not_found::{NotFound, Unreadable},
    state::live::use_live,
};
use domain::{api::Product, catalogue::is_newer};
use leptos::{either::EitherOf3, prelude::*};
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

/// The page of one product; another product in the address is another page.
#[component]
pub fn ProductPage() -> impl IntoView {
    let params = use_params_map();
    let handle = Memo::new(move |_| params.with(|params| params.get("handle")).unwrap_or_default());
    let refused = StoredValue::new(Refused::take());
    let live = use_live();
    Effect::new(move |_| live.watch_catalogue());
    move || {
        let refused = refused.try_update_value(Option::take).flatten();
        view! { <Of handle=handle.get() refused /> }
    }
}

#[component]
fn Of(handle: String, refused: Option<FormState>) -> impl IntoView {
    let t = use_t();
    let handle = StoredValue::new(handle);
    let refused = StoredValue::new(refused);
    let product = Resource::new(|| (), move |()| backend::product(handle.get_value()));
    view! {
        <Suspense fallback=move || view! { <p class="muted">{t.loading}</p> }>
            {move || {
                Suspend::new(async move {
                    match product.await {
                        Ok(product) => EitherOf3::A(view! { <Detail product refused=refused.get_value() /> }),
                        Err(problem) if problem.status == 404 => EitherOf3::B(view! { <NotFound /> }),
                        Err(problem) => EitherOf3::C(view! { <Unreadable problem /> }),
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Detail(product: Product, refused: Option<FormState>) -> impl IntoView {
    let (t, c) = (use_t(), use_catalogue());
    let handle = StoredValue::new(product.handle.clone());
    let supplier_link = ask_suppliers([product.handle.as_str()]);
    let product = RwSignal::new(product);
    let pending = RwSignal::new(None::<Product>);
    let take = move |read: Product| {
        if product.try_with_untracked(|known| is_newer(&read, known)) == Some(true) {
            product.set(read);
        }
    };
    follow(|| None, move || backend::product(handle.get_value()), take);
    let heard = use_live().catalogue();
    let changing = Signal::derive(move || heard.get().map_or(0, |heard| heard.changing));
    let said = use_query_map().with_untracked(|query| query.get("said")).filter(|_| refused.is_none());
    let said = said.and_then(|said| match said.as_str() {
        "saved" => Some(("good", c.saved)),
        "unchanged" => Some(("info", c.unchanged)),
        _ => None,
    });
    let shown = Signal::derive(move || pending.get().unwrap_or_else(|| product.get()));
    let title = move || shown.read().title.clone();
    view! {
        <Title text=title />
        <header class="page-head">
            <p class="crumbs">
                <a href="/catalogue">{t.catalogue}</a>
            </p>
            <h1>{title}</h1>
            <p class="freshness" data-revision=move || product.read().revision data-changed-by=move || by_word(&product.read())>
                <code>{handle.get_value()}</code>
                <span>
                    {t.changed} " " <Ago at=Signal::derive(move || product.read().updated_at) />
                    {move || format!(" · {}", c.who(product.read().changed_by))}
                </span>
            </p>
            <BeingChanged count=changing />
        </header>
        {said.map(|(tone, text)| view! { <p class="notice" data-tone=tone role="status">{text}</p> })}
        <section class="card" aria-labelledby="edit-heading">
            <div class="card-head">
                <h2 id="edit-heading">{c.edit_heading}</h2>
                <a href=supplier_link>{c.ask_suppliers}</a>
            </div>
            <ProductEditor
                product=product.into()
                pending
                prefix=String::new()
                inline=false
                refused
                saved=Callback::new(take)
                close=Callback::new(|()| ())
            />
        </section>
        <Pictures product=product.into() />
    }
    .into_any()
}

/// Where its pictures are, in their order. Only as links: they are on other hosts, which this page lets nothing be loaded from.
#[component]
fn Pictures(product: Signal<Product>) -> impl IntoView {
    let c = use_catalogue();
    let images = Memo::new(move |_| product.with(|product| product.images.clone()));
    let is_web = |src: &str| src.starts_with("https://") || src.starts_with("http://");
    view! {
        <Show when=move || !images.read().is_empty()>
            <section class="card" aria-labelledby="images-heading">
                <h2 id="images-heading">{c.images}</h2>
                <ul class="pictures">
                    {move || {
                        images
                            .get()
                            .into_iter()
                            .map(|image| {
                                let href = is_web(&image.src).then(|| image.src.clone());
                                let text = image.alt.clone().filter(|alt| !alt.is_empty()).unwrap_or_else(|| image.src.clone());
                                view! {
                                    <li>
                                        <a href=href rel="external noreferrer">{text}</a>
                                    </li>
                                }
                            })
                            .collect_view()
                    }}
                </ul>
            </section>
        </Show>
    }
    .into_any()
}
