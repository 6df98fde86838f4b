//! The page's clock: one tick a second for every view that says "since" or "in", and none before hydration.
//!
//! Started by `Live::start`. Invariant: no view reads the time by itself, since server and browser would disagree.

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
