//! The browser's entry point: takes over the page that the server rendered.
//!
//! Called once by the script in the document's head. Invariant: `data-hydrated` on `<html>` says that every control answers by script.

// The type of a page is its whole tree.
#![recursion_limit = "256"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Hydrates the body.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
    if let Some(html) = leptos::prelude::document().document_element() {
        // Only an attribute name that is no name fails.
        let _ = html.set_attribute("data-hydrated", "");
    }
}
