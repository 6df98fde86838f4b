//! One simulated supplier: obeys its settings, also those that change while it holds a question, and counts what it did.
//!
//! Asked by [`super::http`]; its call-backs are delivered by [`super::call_back`]. Keeps everything in memory: a simulator that is
//! restarted has forgotten what it promised, as a supplier may.
//! Invariant: of a question that is put again under the same key there is one call-back, to the address that was named last.

use super::{
    call_back::{self, Delivery},
    prices,
    settings::{Mode, Settings},
};
use crate::clock;
use domain::{Timestamp, kinds::supplier_quotes::Quote};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// What a supplier is asked.
#[derive(Debug, Clone, Deserialize)]
pub struct Question {
    /// The products.
    pub handles: Vec<String>,
    /// Where to call back.
    pub callback_url: Option<String>,
    /// When an answer stops to count.
    pub reply_by: Option<Timestamp>,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Its prices.
    Quotes(Vec<Quote>),
    /// It will call back.
    Promised,
    /// 503.
    Failed,
    /// Something that is no answer.
    Garbage,
    /// Something without an end.
    Endless,
    /// It would call back, and was not told where.
    NoAddress,
}

/// What it did since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Questions put to it.
    pub asked: u64,
    /// Call-backs that it owes.
    pub pending: u64,
    /// Call-backs that were taken.
    pub delivered: u64,
    /// Call-backs that nobody wanted.
    pub refused: u64,
}

/// A supplier.
pub struct Supplier {
    /// A part of its path.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// What it starts with.
    pub first: Settings,
    settings: watch::Sender<Settings>,
    asked: AtomicU64,
    delivered: AtomicU64,
    refused: AtomicU64,
    /// What has built up of a failure, in thousandths.
    failing: AtomicU64,
    /// Addresses of the call-backs that it owes, by the key of their question.
    owed: Mutex<HashMap<String, String>>,
}

impl Supplier {
    /// One that behaves as it starts.
    pub fn new(id: &'static str, name: &'static str, first: Settings) -> Arc<Self> {
        Arc::new(Self {
            id,
            name,
            first,
            settings: watch::Sender::new(first),
            asked: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failing: AtomicU64::new(0),
            owed: Mutex::default(),
        })
    }

    /// How it behaves now.
    pub fn settings(&self) -> Settings {
        *self.settings.borrow()
    }

    /// Makes it behave otherwise, at once.
    pub fn set(&self, settings: Settings) {
        self.settings.send_replace(settings);
    }

    /// What it did.
    pub fn counts(&self) -> Counts {
        Counts {
            asked: self.asked.load(Ordering::Relaxed),
            pending: self.owed().len() as u64,
            delivered: self.delivered.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Answers a question, when its time has come.
    pub async fn reply(self: &Arc<Self>, question: Question, key: String, client: &reqwest::Client) -> Reply {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let alive = |settings: &Settings| (settings.mode != Mode::Dead).then_some(settings.latency_ms);
        self.wait(Instant::now(), alive).await;
        if self.fails() {
            return Reply::Failed;
        }
        let quotes = || question.handles.iter().map(|handle| prices::quote(self.id, handle)).collect();
        let mode = self.settings().mode;
        match mode {
            Mode::Garbage => Reply::Garbage,
            Mode::TooMuch => Reply::Endless,
            Mode::CallBack | Mode::Twice | Mode::Late => {
                let Some(address) = question.callback_url.clone() else { return Reply::NoAddress };
                if self.owed().insert(key.clone(), address).is_none() {
                    tokio::spawn(Arc::clone(self).call_back(mode, key, quotes(), question.reply_by, client.clone()));
                }
                Reply::Promised
            }
            // Dead again since it came to life: whoever asks has waited long enough.
            Mode::Answer | Mode::Dead => Reply::Quotes(quotes()),
        }
    }

    async fn call_back(
        self: Arc<Self>,
        mode: Mode,
        key: String,
        quotes: Vec<Quote>,
        reply_by: Option<Timestamp>,
        client: reqwest::Client,
    ) {
        let late_by = reply_by.filter(|_| mode == Mode::Late).map_or(0, |by| by.0.saturating_sub(clock::now().0));
        let from = Instant::now() + Duration::from_millis(u64::try_from(late_by).unwrap_or(0));
        self.wait(from, |settings| Some(settings.call_back_delay_ms)).await;
        let body = serde_json::json!({ "offers": quotes }).to_string();
        let address = || self.owed().get(&key).cloned().unwrap_or_default();
        let times = if mode == Mode::Twice { 2 } else { 1 };
        for _ in 0..times {
            match call_back::deliver(&client, address, &body).await {
                Delivery::Taken => self.delivered.fetch_add(1, Ordering::Relaxed),
                Delivery::Refused => self.refused.fetch_add(1, Ordering::Relaxed),
            };
        }
        self.owed().remove(&key);
    }

    /// Waits until a time after a moment has passed, as the settings of the time have it; `None`: until they are others.
    async fn wait(&self, from: Instant, time: impl Fn(&Settings) -> Option<u64>) {
        let mut settings = self.settings.subscribe();
        loop {
            let ms = time(&settings.borrow_and_update());
            let over = async {
                match ms {
                    Some(ms) => tokio::time::sleep_until(from + Duration::from_millis(ms)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                changed = settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Whether it fails at this one: evenly, as the rate has it.
    fn fails(&self) -> bool {
        // From 0 to 1000: checked when it was set.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (self.settings().error_rate * 1000.0).round() as u64;
        let before = self.failing.fetch_add(share, Ordering::Relaxed);
        (before + share) / 1000 > before / 1000
    }

    fn owed(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_spread_evenly() {
        let (id, name, first) = super::super::settings::FIVE[0];
        let supplier = Supplier::new(id, name, first);
        for (rate, of_twelve) in [(0.0, 0), (0.25, 3), (0.5, 6), (1.0, 12)] {
            supplier.set(Settings { error_rate: rate, ..first });
            assert_eq!((0..12).filter(|_| supplier.fails()).count(), of_twelve, "{rate}");
        }
    }
}
