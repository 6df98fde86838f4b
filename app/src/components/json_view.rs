//! Any JSON, for kinds that have no view of their own.

use leptos::prelude::*;
use serde_json::Value;

/// The value, indented.
#[component]
pub fn JsonView(
    /// What to show.
    value: Value,
) -> impl IntoView {
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    view! {
        <pre class="json">
            <code>{text}</code>
        </pre>
    }
}
