//! The page's clock: one tick a second for every view that says "since" or "in", and none before hydration.
//!
//! Started by `Live::start`. Invariant: no view reads the time by itself, since server and browser would disagree.

use crate::i18n::Lang;
use domain::Timestamp;
use leptos::prelude::*;

/// The time as views may show it.
#[derive(Clone, Copy)]
pub struct Clock(RwSignal<Option<Timestamp>>);

/// Puts a stopped clock into context; called once, by `provide_live`.
pub(crate) fn provide_clock() -> Clock {
    let clock = Clock(RwSignal::new(None));
    provide_context(clock);
    clock
}

/// The time, renewed each second; none on the server and until the page is live.
pub fn use_now() -> Signal<Option<Timestamp>> {
    use_context::<Clock>().map_or_else(|| Signal::stored(None), |clock| clock.0.into())
}

/// A moment to the minute in this device's time zone, with the zone; in a browser only, and never while a page is first drawn.
#[cfg(feature = "hydrate")]
pub fn local_text(lang: Lang, at: Timestamp) -> Option<String> {
    use wasm_bindgen::JsValue;
    let options = js_sys::Object::new();
    // Names of ECMA-402, "Intl.DateTimeFormat".
    for (name, value) in [
        ("day", "numeric"),
        ("month", "short"),
        ("year", "numeric"),
        ("hour", "2-digit"),
        ("minute", "2-digit"),
        ("timeZoneName", "short"),
    ] {
        js_sys::Reflect::set(&options, &name.into(), &value.into()).ok()?;
    }
    let date = js_sys::Date::new(&JsValue::from_f64(at.0 as f64));
    let locale = match lang {
        Lang::En => "en-GB",
        Lang::Fr => "fr-FR",
    };
    Some(String::from(date.to_locale_string(locale, &options)))
}

/// None: the server does not know where the reader is.
#[cfg(not(feature = "hydrate"))]
pub fn local_text(_: Lang, _: Timestamp) -> Option<String> {
    None
}

#[cfg(feature = "hydrate")]
impl Clock {
    /// Moves the hand.
    pub(crate) fn tick(self) {
        self.0.set(Some(now()));
    }
}

/// Milliseconds since 1970, by this device.
#[cfg(feature = "hydrate")]
pub(crate) fn now() -> Timestamp {
    Timestamp(js_sys::Date::now() as i64)
}
