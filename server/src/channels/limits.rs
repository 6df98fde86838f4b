//! How many streams are open, per owner and in all, and whether one more may be.
//!
//! Asked by `sse`, `ws` and long polls before they begin; a [`Permit`] is held for as long as the stream lives. Does not queue.
//! Invariant: the counts are those of the permits alive, however a connection ended.

use crate::config::ChannelsConfig;
use domain::OwnerId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The counter of open streams; clones share it.
#[derive(Clone)]
pub struct Limits {
    open: Arc<Mutex<Open>>,
    per_owner: usize,
    total: usize,
}

#[derive(Default)]
struct Open {
    owners: HashMap<OwnerId, usize>,
    total: usize,
    channels: [usize; CHANNELS.len()],
}

/// How a stream is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// A poll that is held.
    Poll,
    /// Server-Sent Events.
    Sse,
    /// A WebSocket.
    Ws,
}

const CHANNELS: [&str; 3] = ["poll", "sse", "ws"];

/// Too many streams are open; come back after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverLimit {
    /// Milliseconds to wait; random, so that those who were refused together do not return together.
    pub delay_ms: u64,
}

/// One open stream.
pub struct Permit {
    limits: Limits,
    owner: OwnerId,
    channel: Channel,
}

impl Limits {
    /// Nothing open yet.
    pub fn new(config: &ChannelsConfig) -> Self {
        Self { open: Arc::default(), per_owner: config.per_owner, total: config.total }
    }

    /// Counts one more stream of an owner.
    ///
    /// # Errors
    /// [`OverLimit`] when the owner or the server has too many.
    pub fn admit(&self, owner: OwnerId, channel: Channel) -> Result<Permit, OverLimit> {
        let mut open = self.lock();
        let of_owner = open.owners.get(&owner).copied().unwrap_or(0);
        if of_owner >= self.per_owner || open.total >= self.total {
            return Err(OverLimit { delay_ms: fastrand::u64(2_000..=10_000) });
        }
        open.owners.insert(owner, of_owner + 1);
        open.total += 1;
        open.channels[channel as usize] += 1;
        drop(open);
        Ok(Permit { limits: self.clone(), owner, channel })
    }

    /// Whether an owner has a stream open.
    pub fn has(&self, owner: OwnerId) -> bool {
        self.lock().owners.contains_key(&owner)
    }

    /// Streams open now, by channel.
    pub fn by_channel(&self) -> Vec<(&'static str, usize)> {
        CHANNELS.into_iter().zip(self.lock().channels).collect()
    }

    /// Streams open now.
    pub fn open(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.limits.lock();
        open.total = open.total.saturating_sub(1);
        let of_channel = &mut open.channels[self.channel as usize];
        *of_channel = of_channel.saturating_sub(1);
        if let Some(count) = open.owners.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                open.owners.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_permits_alive() {
        let limits = Limits::new(&ChannelsConfig { per_owner: 2, total: 3, ..ChannelsConfig::default() });
        let [one, two, three] = [1, 2, 3].map(|byte| OwnerId::from_bytes([byte; 16]));
        let first = limits.admit(one, Channel::Sse).ok().unwrap();
        let _second = limits.admit(one, Channel::Sse).ok().unwrap();
        assert!(limits.admit(one, Channel::Sse).is_err(), "an owner's third");
        let _third = limits.admit(two, Channel::Sse).ok().unwrap();
        assert!(limits.admit(three, Channel::Sse).is_err(), "the server's fourth");
        drop(first);
        assert!(limits.admit(three, Channel::Sse).is_ok());
        assert_eq!((limits.open(), limits.lock().owners.len()), (2, 2));
        assert_eq!(limits.by_channel(), [("poll", 0), ("sse", 2), ("ws", 0)]);
    }
}
