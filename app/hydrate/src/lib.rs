//! The browser's entry point: takes over the page that the server rendered.
//!
//! Called once by the script in the document's head. Invariants: `data-hydrated` on `<html>` says that every control answers by script; a page whose
//! part of the module cannot be fetched is left as the server rendered it, whose links and forms work.

// The type of a page is its whole tree.
#![recursion_limit = "256"]

use app::parts::Page;
use wasm_bindgen::prelude::wasm_bindgen;

/// Fetches what the page needs, then hydrates the body.
#[wasm_bindgen]
pub async fn hydrate() {
    console_error_panic_hook::set_once();
    let path = leptos::prelude::window().location().pathname().unwrap_or_default();
    if let Some(page) = Page::at(&path)
        && !page.fetch().await
    {
        return;
    }
    leptos::mount::hydrate_body(app::App);
    if let Some(html) = leptos::prelude::document().document_element() {
        // Only an attribute name that is no name fails.
        let _ = html.set_attribute("data-hydrated", "");
    }
}
