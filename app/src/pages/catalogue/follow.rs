//! Reads again what a page shows of the catalogue, when a channel tells that it has changed or that jobs began or stopped changing it.
//!
//! Invariants: one read at a time, and one more after it if news came meanwhile; a read that fails is made up for, so that a page with a channel
//! does not stay behind.

use crate::state::live::{CatalogueHeard, use_live};
use domain::Problem;
use leptos::{prelude::*, task::spawn_local};
use std::time::Duration;

/// After a read that failed.
const AGAIN: Duration = Duration::from_secs(3);

#[derive(Clone, Copy)]
struct Look<Read, Take> {
    read: Read,
    take: Take,
    reading: StoredValue<bool>,
    news: StoredValue<bool>,
}

/// Reads again at each news, for as long as the calling component is mounted. `known`: what the page shows already, where it can tell.
pub(super) fn follow<T, Answer>(
    known: impl Fn() -> Option<CatalogueHeard> + 'static,
    read: impl Fn() -> Answer + Copy + 'static,
    take: impl Fn(T) + Copy + 'static,
) where
    T: 'static,
    Answer: Future<Output = Result<T, Problem>> + 'static,
{
    let heard = use_live().catalogue();
    let look = Look { read, take, reading: StoredValue::new(false), news: StoredValue::new(false) };
    Effect::new(move |_| {
        if heard.get().is_some_and(|heard| known() != Some(heard)) {
            look.at_once();
        }
    });
}

impl<Read, Take, Answer, T> Look<Read, Take>
where
    Read: Fn() -> Answer + Copy + 'static,
    Answer: Future<Output = Result<T, Problem>> + 'static,
    Take: Fn(T) + Copy + 'static,
    T: 'static,
{
    fn at_once(self) {
        // Nothing to be told any more: the page was left.
        let Some(reading) = self.reading.try_get_value() else { return };
        if reading {
            return self.news.set_value(true);
        }
        self.reading.set_value(true);
        spawn_local(async move {
            loop {
                let _ = self.news.try_update_value(|news| *news = false);
                let answer = (self.read)().await;
                if self.reading.try_get_value().is_none() {
                    return;
                }
                match answer {
                    Ok(fresh) => (self.take)(fresh),
                    Err(_) => {
                        set_timeout(move || self.at_once(), AGAIN);
                        break;
                    }
                }
                if self.news.try_get_value() != Some(true) {
                    break;
                }
            }
            let _ = self.reading.try_update_value(|reading| *reading = false);
        });
    }
}
