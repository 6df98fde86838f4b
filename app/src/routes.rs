//! Every page and its path; `parts` has what a page lies in (its `Page::at` follows these routes).
//!
//! `/jobs`, `/jobs/:id/<verb>`, `/operations/act`, `/operations/bulk` and those below `/settings` but deliveries are where a refused form comes back without script: the same page, at the address posted to.

use crate::{pages::not_found::NotFound, parts::Page};
use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route},
    path,
};

/// The paths that the server answers with a page, in the notation of its router.
pub const PATHS: [&str; 22] = [
    "/",
    "/jobs",
    "/jobs/{id}",
    "/jobs/{id}/cancel",
    "/jobs/{id}/retry",
    "/jobs/{id}/step",
    "/catalogue",
    "/catalogue/{handle}",
    "/privacy",
    "/operations",
    "/operations/sign-in",
    "/operations/confirm",
    "/operations/jobs/{id}",
    "/operations/act",
    "/operations/bulk",
    "/settings",
    "/settings/webhooks",
    "/settings/emails",
    "/settings/notifications",
    "/settings/endpoints/{id}",
    "/settings/deliveries/{id}",
    "/jobs/{id}/notifications",
];

/// The page of the current path.
#[component]
pub fn Pages() -> impl IntoView {
    view! {
        <FlatRoutes fallback=NotFound>
            <Route path=path!("/") view=Page::Work ssr=SsrMode::Async />
            <Route path=path!("/jobs") view=Page::Work ssr=SsrMode::Async />
            <Route path=path!("/jobs/:id") view=Page::Job ssr=SsrMode::Async />
            <Route path=path!("/jobs/:id/:verb") view=Page::Job ssr=SsrMode::Async />
            <Route path=path!("/privacy") view=Page::Privacy ssr=SsrMode::Async />
            <Route path=path!("/catalogue") view=Page::Catalogue ssr=SsrMode::Async />
            <Route path=path!("/catalogue/:handle") view=Page::Product ssr=SsrMode::Async />
            <Route path=path!("/operations") view=Page::Operations ssr=SsrMode::Async />
            <Route path=path!("/operations/sign-in") view=Page::SignIn ssr=SsrMode::Async />
            <Route path=path!("/operations/confirm") view=Page::Confirm ssr=SsrMode::Async />
            <Route path=path!("/operations/act") view=Page::Operations ssr=SsrMode::Async />
            <Route path=path!("/operations/bulk") view=Page::Operations ssr=SsrMode::Async />
            <Route path=path!("/operations/jobs/:id") view=Page::Report ssr=SsrMode::Async />
            <Route path=path!("/settings") view=Page::Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/webhooks") view=Page::Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/emails") view=Page::Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/notifications") view=Page::Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/endpoints/:id") view=Page::Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/deliveries/:id") view=Page::Delivery ssr=SsrMode::Async />
        </FlatRoutes>
    }
}
