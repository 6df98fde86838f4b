//! A text to take along, with a button that copies it where script may.

use crate::i18n::notifications::use_notifications;
use leptos::prelude::*;

/// The text and its button.
#[component]
pub fn Copyable(
    /// What to copy.
    text: String,
    /// For `data-copyable`.
    name: &'static str,
) -> impl IntoView {
    let words = use_notifications();
    // After hydration, which may come after the page has gone live.
    let ready = RwSignal::new(false);
    Effect::new(move |_| ready.set(true));
    let copied = RwSignal::new(false);
    let kept = StoredValue::new(text.clone());
    view! {
        <div class="copyable">
            <pre tabindex="0" data-copyable=name>
                <code>{text}</code>
            </pre>
            {move || {
                ready
                    .get()
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                on:click=move |_| {
                                    kept.with_value(|text| copy(text));
                                    copied.set(true);
                                }
                            >
                                {move || if copied.get() { words.copied } else { words.copy }}
                            </button>
                        }
                    })
            }}
        </div>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
fn copy(text: &str) {
    // Not there on an insecure origin; the text can be selected all the same.
    let clipboard = js_sys::Reflect::get(&window().navigator(), &"clipboard".into());
    if clipboard.is_ok_and(|found| !found.is_undefined()) {
        let _ = window().navigator().clipboard().write_text(text);
    }
}

#[cfg(not(feature = "hydrate"))]
fn copy(_: &str) {}
