//! How long events take from their commit to a client's socket, by channel.
//!
//! A channel says what it hands to its connection ([`Outgoing::hand`]); [`super::deadline`], which every byte of a connection passes,
//! says when the socket has taken all of it ([`Outgoing::written`]): only there is it known, for a body is asked for its next chunk before
//! the last one is on its way. `/metrics` shows it.
//!
//! Counted is what reached its reader out of memory, woken by the commit. What was read from the store (a client that was away, the feed
//! of one job) is not: nobody knows when that was committed, and a client's own absence is no delay of ours.
//! Invariant: never flattering: what is handed over together counts with the oldest commit among it, and only once the socket has all of it.
//! No lock, no allocation.

use super::limits::{CHANNELS, Channel};
use crate::histogram::{Counted, Histogram};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The histograms of all channels; clones share them.
#[derive(Debug, Clone)]
pub struct Delivery(Arc<Delivered>);

#[derive(Debug)]
struct Delivered {
    /// What moments are counted from.
    began: Instant,
    channels: [Histogram; CHANNELS.len()],
}

impl Default for Delivery {
    fn default() -> Self {
        Self(Arc::new(Delivered { began: Instant::now(), channels: Default::default() }))
    }
}

impl Delivery {
    /// As they are now, by the channel's name.
    pub fn by_channel(&self) -> Vec<(&'static str, Counted)> {
        CHANNELS.into_iter().zip(self.0.channels.iter().map(Histogram::counted)).collect()
    }
}

/// Who is at the other end of a request's connection, and what goes out on it: an extension of each request.
#[derive(Debug, Clone)]
pub struct Connected {
    /// The address.
    pub peer: SocketAddr,
    /// What its channel hands over.
    pub outgoing: Outgoing,
}

/// Events of one connection that its socket has not taken yet; clones share it.
#[derive(Debug, Clone)]
pub struct Outgoing(Arc<Handed>);

/// One task both hands over and writes, so that these need no order among them.
#[derive(Debug)]
struct Handed {
    delivery: Delivery,
    /// When the oldest of them was committed, in nanoseconds since [`Delivered::began`].
    since_ns: AtomicU64,
    events: AtomicU32,
    channel: AtomicU8,
}

impl Outgoing {
    /// Nothing yet.
    pub fn new(delivery: &Delivery) -> Self {
        Self(Arc::new(Handed {
            delivery: delivery.clone(),
            since_ns: AtomicU64::new(0),
            events: AtomicU32::new(0),
            channel: AtomicU8::new(0),
        }))
    }

    /// Notes events that are about to be written, the oldest of which was committed then; nothing when that is not known.
    pub fn hand(&self, channel: Channel, committed: Option<Instant>, events: usize) {
        let Some(committed) = committed else { return };
        let handed = &*self.0;
        let since = committed.saturating_duration_since(handed.delivery.0.began);
        let since = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        match handed.events.load(Relaxed) {
            0 => handed.since_ns.store(since, Relaxed),
            _ => _ = handed.since_ns.fetch_min(since, Relaxed),
        }
        handed.channel.store(channel as u8, Relaxed);
        handed.events.fetch_add(u32::try_from(events).unwrap_or(u32::MAX), Relaxed);
    }

    /// The socket has taken everything that was handed over.
    pub fn written(&self) {
        let handed = &*self.0;
        if handed.events.load(Relaxed) == 0 {
            return;
        }
        let events = handed.events.swap(0, Relaxed);
        let Delivered { began, channels } = &*handed.delivery.0;
        let took = began.elapsed().saturating_sub(Duration::from_nanos(handed.since_ns.load(Relaxed)));
        if let Some(histogram) = channels.get(usize::from(handed.channel.load(Relaxed))) {
            histogram.add(took, u64::from(events));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_together_counts_with_its_oldest_commit_and_once() {
        let delivery = Delivery::default();
        let outgoing = Outgoing::new(&delivery);
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        outgoing.hand(Channel::Ws, Some(now), 2);
        outgoing.hand(Channel::Ws, Some(now + hour), 1);
        outgoing.hand(Channel::Ws, None, 7);
        outgoing.written();
        outgoing.written();
        let counted: Vec<_> = delivery.by_channel().into_iter().map(|(name, counted)| (name, counted.count)).collect();
        assert_eq!(counted, [("poll", 0), ("sse", 0), ("ws", 3)]);
        outgoing.hand(Channel::Sse, Some(now + hour), 1);
        outgoing.written();
        let (_, sse) = delivery.by_channel()[1];
        assert_eq!((sse.count, sse.buckets[0]), (1, 1), "what was written before does not age what comes after");
    }
}
