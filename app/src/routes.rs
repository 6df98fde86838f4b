//! Every page and its path.
//!
//! `/jobs`, `/jobs/:id/<verb>`, `/operations/act`, `/operations/bulk` and those below `/settings` but deliveries are where a refused form comes back without script: the same page, at the address posted to.

use crate::pages::{
    catalogue::{Catalogue, ProductPage},
    job::JobPage,
    not_found::NotFound,
    operations::{Confirm, Operations, Report, SignIn},
    privacy::Privacy,
    settings::{DeliveryPage, Settings},
    work::Work,
};
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
            <Route path=path!("/") view=Work ssr=SsrMode::Async />
            <Route path=path!("/jobs") view=Work ssr=SsrMode::Async />
            <Route path=path!("/jobs/:id") view=JobPage ssr=SsrMode::Async />
            <Route path=path!("/jobs/:id/:verb") view=JobPage ssr=SsrMode::Async />
            <Route path=path!("/privacy") view=Privacy ssr=SsrMode::Async />
            <Route path=path!("/catalogue") view=Catalogue ssr=SsrMode::Async />
            <Route path=path!("/catalogue/:handle") view=ProductPage ssr=SsrMode::Async />
            <Route path=path!("/operations") view=Operations ssr=SsrMode::Async />
            <Route path=path!("/operations/sign-in") view=SignIn ssr=SsrMode::Async />
            <Route path=path!("/operations/confirm") view=Confirm ssr=SsrMode::Async />
            <Route path=path!("/operations/act") view=Operations ssr=SsrMode::Async />
            <Route path=path!("/operations/bulk") view=Operations ssr=SsrMode::Async />
            <Route path=path!("/operations/jobs/:id") view=Report ssr=SsrMode::Async />
            <Route path=path!("/settings") view=Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/webhooks") view=Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/emails") view=Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/notifications") view=Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/endpoints/:id") view=Settings ssr=SsrMode::Async />
            <Route path=path!("/settings/deliveries/:id") view=DeliveryPage ssr=SsrMode::Async />
        </FlatRoutes>
    }
}
