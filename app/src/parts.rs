//! The parts that the browser's module is split into, and which of them a page needs.
//!
//! Each function under `wasm_split` is cut out by the build (`xtask/src/split.rs`) with all that only it needs, into a file that is fetched when it
//! is first called; on the server it is a plain call. `routes` shows pages through it, `app/hydrate` fetches what the page on screen needs before
//! it takes the page over, and the server names the same files in the page's head.
//! Invariants: what a page needs is there before it is hydrated, so hydration never waits in the middle; a part that cannot be fetched costs a load
//! of the page from the server, and no page.

// What `wasm_split` expands to: an import and an export of the module, each the other's counterpart by a name that the macro makes from the place of
// the function, with the same signature, compiled in the same run. Nothing else here is unsafe.
#![allow(unsafe_code)]

use crate::{
    i18n::use_t,
    pages::{
        catalogue::{Catalogue, ProductPage},
        job::JobPage,
        operations::{Confirm, Operations, Report, SignIn},
        privacy::Privacy,
        settings::{DeliveryPage, Settings},
        work::Work,
    },
};
use leptos::prelude::*;
use leptos_router::{ChooseView, hooks::use_url};
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// A page, as the routes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The home page.
    Work,
    /// A job.
    Job,
    /// One's data.
    Privacy,
    /// The list of products.
    Catalogue,
    /// A product.
    Product,
    /// The operator's list.
    Operations,
    /// The operator's token is asked for.
    SignIn,
    /// A bulk action is confirmed.
    Confirm,
    /// A job, as the operator sees it.
    Report,
    /// Notifications and the rest that is one's own.
    Settings,
    /// One message.
    Delivery,
}

impl Page {
    /// The page at a path, as `routes` has it.
    pub fn at(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        Some(match segments.as_slice() {
            [] | ["jobs"] => Self::Work,
            ["jobs", _] | ["jobs", _, _] => Self::Job,
            ["privacy"] => Self::Privacy,
            ["catalogue"] => Self::Catalogue,
            ["catalogue", _] => Self::Product,
            ["operations"] | ["operations", "act" | "bulk"] => Self::Operations,
            ["operations", "sign-in"] => Self::SignIn,
            ["operations", "confirm"] => Self::Confirm,
            ["operations", "jobs", _] => Self::Report,
            ["settings"] | ["settings", "webhooks" | "emails" | "notifications"] | ["settings", "endpoints", _] => {
                Self::Settings
            }
            ["settings", "deliveries", _] => Self::Delivery,
            _ => return None,
        })
    }

    /// The name of the part that it lies in, as the build has it.
    pub const fn part(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Job => "job",
            Self::Privacy => "privacy",
            Self::Catalogue | Self::Product => "catalogue",
            Self::Operations | Self::SignIn | Self::Confirm | Self::Report => "operations",
            Self::Settings | Self::Delivery => "settings",
        }
    }

    /// Fetches the part, and says whether it is there now; if so, the page shows without waiting from then on.
    pub async fn fetch(self) -> bool {
        let fetched = match self {
            Self::Work => fetch_work().await,
            Self::Job => fetch_job().await,
            Self::Privacy => fetch_privacy().await,
            Self::Catalogue | Self::Product => fetch_catalogue().await,
            Self::Operations | Self::SignIn | Self::Confirm | Self::Report => fetch_operations().await,
            Self::Settings | Self::Delivery => fetch_settings().await,
        };
        fetched.is_ok()
    }

    async fn view(self) -> Result<AnyView, SplitLoaderError> {
        match self {
            Self::Work => work().await,
            Self::Job => job().await,
            Self::Privacy => privacy().await,
            Self::Catalogue | Self::Product => catalogue(self).await,
            Self::Operations | Self::SignIn | Self::Confirm | Self::Report => operations(self).await,
            Self::Settings | Self::Delivery => settings(self).await,
        }
    }
}

impl ChooseView for Page {
    async fn choose(self) -> AnyView {
        // Taken before the wait, whose end may find another page's context.
        let (t, url) = (use_t(), use_url());
        match self.view().await {
            Ok(view) => view,
            // The network is away, or the server has another build by now: it renders the page itself.
            Err(_) => {
                let query = url.with_untracked(|url| url.search().trim_start_matches('?').to_owned());
                let mark = if query.is_empty() { "" } else { "?" };
                let _ = window().location().assign(&format!("{}{mark}{query}", url.read_untracked().path()));
                view! { <p class="muted">{t.loading}</p> }.into_any()
            }
        }
    }

    async fn preload(&self) {
        self.fetch().await;
    }
}

#[wasm_split(work, fallible, preload(fetch_work))]
fn work() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <Work /> }.into_any())
}

#[wasm_split(job, fallible, preload(fetch_job))]
fn job() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <JobPage /> }.into_any())
}

#[wasm_split(privacy, fallible, preload(fetch_privacy))]
fn privacy() -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <Privacy /> }.into_any())
}

#[wasm_split(catalogue, fallible, preload(fetch_catalogue))]
fn catalogue(page: Page) -> Result<AnyView, SplitLoaderError> {
    Ok(match page {
        Page::Product => view! { <ProductPage /> }.into_any(),
        _ => view! { <Catalogue /> }.into_any(),
    })
}

#[wasm_split(operations, fallible, preload(fetch_operations))]
fn operations(page: Page) -> Result<AnyView, SplitLoaderError> {
    Ok(match page {
        Page::SignIn => view! { <SignIn /> }.into_any(),
        Page::Confirm => view! { <Confirm /> }.into_any(),
        Page::Report => view! { <Report /> }.into_any(),
        _ => view! { <Operations /> }.into_any(),
    })
}

#[wasm_split(settings, fallible, preload(fetch_settings))]
fn settings(page: Page) -> Result<AnyView, SplitLoaderError> {
    Ok(match page {
        Page::Delivery => view! { <DeliveryPage /> }.into_any(),
        _ => view! { <Settings /> }.into_any(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::PATHS;

    #[test]
    fn every_path_that_the_server_answers_has_its_part_and_no_other_path_has() {
        for path in PATHS {
            assert!(Page::at(path).is_some(), "{path} would be hydrated without its part");
        }
        for path in ["/nothing", "/jobs/a/b/c", "/catalogue/a/b", "/operations/nothing", "/api/v1/jobs"] {
            assert_eq!(Page::at(path), None, "{path}");
        }
    }
}
