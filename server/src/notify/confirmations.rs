//! How many mails may ask whether an address is its owner's: whoever types addresses must not be able to flood one, or many.
//!
//! Asked by the API before an unconfirmed address is added. Counts in memory: a restart forgives, which it does no more often than that.
//! Invariants: an address gets at most [`PER_ADDRESS`] such mails at once and then one in its pause, whoever asks for them; an owner and a
//! client's address are bounded likewise; refused requests count for nothing; memory is bounded.

use domain::{OwnerId, Timestamp};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// At once, and one more after each pause.
const PER_ADDRESS: Rate = Rate { burst: 3, pause_ms: 8 * 3600 * 1000 };
const PER_OWNER: Rate = Rate { burst: 5, pause_ms: 3600 * 1000 };
const PER_CLIENT: Rate = Rate { burst: 20, pause_ms: 360 * 1000 };
/// Counts that are kept; past that nobody new is let through until some have run out.
const CEILING: usize = 65_536;

struct Rate {
    burst: i64,
    pause_ms: i64,
}

#[derive(PartialEq, Eq, Hash, Clone)]
enum Who {
    Address(String),
    Owner(OwnerId),
    Client(IpAddr),
}

impl Who {
    const fn rate(&self) -> &'static Rate {
        match self {
            Self::Address(_) => &PER_ADDRESS,
            Self::Owner(_) => &PER_OWNER,
            Self::Client(_) => &PER_CLIENT,
        }
    }
}

/// Counts them.
#[derive(Default)]
pub struct Confirmations {
    /// When each may have its full number again (the generic cell rate algorithm, ITU-T I.371).
    full_at: Mutex<HashMap<Who, Timestamp>>,
}

impl Confirmations {
    /// Takes one, of an owner at a client's address, to a mail address.
    ///
    /// # Errors
    /// How long to wait.
    pub fn take(&self, owner: OwnerId, client: IpAddr, address: &str, now: Timestamp) -> Result<(), Duration> {
        let mut who = vec![Who::Address(address.to_lowercase()), Who::Owner(owner)];
        // Behind a proxy that nobody has declared, the machine's own address would be everybody's.
        if !client.is_loopback() {
            who.push(Who::Client(client));
        }
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() + who.len() > CEILING {
            full_at.retain(|_, at| *at > now);
            if full_at.len() + who.len() > CEILING {
                return Err(Duration::from_secs(3600));
            }
        }
        let charged: Vec<(Who, Timestamp)> = who
            .into_iter()
            .map(|who| {
                let before = full_at.get(&who).copied().unwrap_or(now).max(now);
                // From a clock that was ahead: it cannot owe more than all of it.
                let most = now.plus_ms(who.rate().burst * who.rate().pause_ms);
                let after = before.min(most).plus_ms(who.rate().pause_ms);
                (who, after)
            })
            .collect();
        let over = |(who, after): &(Who, Timestamp)| after.ms_since(now) - who.rate().burst * who.rate().pause_ms;
        match charged.iter().map(over).max().and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0) {
            Some(ms) => Err(Duration::from_millis(ms)),
            None => {
                full_at.extend(charged);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);
    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn owner(number: u8) -> OwnerId {
        OwnerId::from_bytes([number; 16])
    }

    #[test]
    fn nobody_is_flooded_by_many_owners() {
        let counts = Confirmations::default();
        for number in 0..3 {
            assert_eq!(counts.take(owner(number), CLIENT, "a@b.example", NOW), Ok(()));
        }
        let wait = counts.take(owner(9), CLIENT, "A@B.example", NOW).unwrap_err();
        assert_eq!(wait, Duration::from_secs(8 * 3600));
        assert_eq!(counts.take(owner(9), CLIENT, "c@d.example", NOW), Ok(()), "others are not held up");
        let later = NOW.plus_ms(8 * 3600 * 1000);
        assert_eq!(counts.take(owner(9), CLIENT, "a@b.example", later), Ok(()));
        assert!(counts.take(owner(9), CLIENT, "a@b.example", later).is_err());
    }

    #[test]
    fn an_owner_and_a_client_are_bounded_and_a_refusal_costs_nothing() {
        let counts = Confirmations::default();
        for number in 0..5 {
            assert_eq!(counts.take(owner(1), CLIENT, &format!("{number}@b.example"), NOW), Ok(()));
        }
        for _ in 0..100 {
            assert!(counts.take(owner(1), CLIENT, "z@b.example", NOW).is_err());
        }
        assert_eq!(counts.take(owner(2), CLIENT, "z@b.example", NOW), Ok(()), "the refused ones were not counted");
        for number in 6..20 {
            assert_eq!(counts.take(owner(number), CLIENT, &format!("{number}@c.example"), NOW), Ok(()));
        }
        assert!(counts.take(owner(30), CLIENT, "new@c.example", NOW).is_err(), "by cookies that are thrown away");
        assert_eq!(counts.take(owner(30), "127.0.0.1".parse().unwrap(), "new@c.example", NOW), Ok(()));
    }

    #[test]
    fn a_clock_that_jumps_back_locks_nobody_out_for_longer_than_a_full_course() {
        let counts = Confirmations::default();
        let ahead = NOW.plus_ms(365 * 24 * 3600 * 1000);
        assert_eq!(counts.take(owner(1), CLIENT, "a@b.example", ahead), Ok(()));
        let wait = counts.take(owner(1), CLIENT, "a@b.example", NOW).unwrap_err();
        assert!(wait <= Duration::from_secs(8 * 3600), "{wait:?}");
    }
}
