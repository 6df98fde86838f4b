//! How much one address may ask for: requests a second, connections at a time.
//!
//! Asked by `router` before a request that changes something, and by `startup` for each connection. Knows no route and no owner: a
//! visitor without a cookie has an address all the same. Behind a proxy the address is the one that the proxy names, if it is trusted.
//! The machine's own address is not limited: behind a proxy on it that nobody has declared, it would be everybody's.
//! Invariants: an address that keeps within its rate is never refused, whatever others do; memory is bounded, since an address is
//! forgotten once its bucket is full again, and past a ceiling newcomers share one; counts are those of the permits alive.

use crate::config::LimitsConfig;
use http::HeaderMap;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Addresses below which forgetting is not worth a look.
const SWEEP_FROM: usize = 1024;
/// Addresses that are told apart.
const CEILING: usize = 65_536;
/// What a bucket holds, in seconds of its rate.
const BURST_S: u32 = 2;
/// Whose bucket newcomers share past the ceiling.
const SHARED: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Limits per address; clones share the counts.
#[derive(Clone)]
pub struct Throttle(Arc<Inner>);

struct Inner {
    /// What one request costs; `None`: requests are not counted.
    cost: Option<Duration>,
    per_address: usize,
    total: usize,
    trusted: Vec<IpAddr>,
    buckets: Mutex<Buckets>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Buckets {
    /// When each bucket will be full again: a token bucket in one number (the generic cell rate algorithm, ITU-T I.371).
    full_at: HashMap<IpAddr, Instant>,
    sweep_at: usize,
}

#[derive(Default)]
struct Open {
    addresses: HashMap<IpAddr, usize>,
    total: usize,
}

/// One open connection.
pub struct Permit {
    throttle: Throttle,
    address: IpAddr,
}

impl Throttle {
    /// Nobody has asked for anything yet.
    pub fn new(config: &LimitsConfig) -> Self {
        let cost = (config.requests_per_s > 0).then(|| Duration::from_secs(1) / config.requests_per_s);
        let or_any = |most: usize| if most == 0 { usize::MAX } else { most };
        Self(Arc::new(Inner {
            cost,
            per_address: or_any(config.connections_per_address),
            total: or_any(config.connections),
            trusted: config.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            buckets: Mutex::default(),
            open: Mutex::default(),
        }))
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait until there is room for it.
    pub fn request(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Duration> {
        let Some(cost) = self.0.cost else { return Ok(()) };
        let client = self.client(peer, headers);
        if client.is_loopback() { Ok(()) } else { self.request_at(group(client), cost, Instant::now()) }
    }

    fn request_at(&self, address: IpAddr, cost: Duration, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.full_at.len() >= buckets.sweep_at.max(SWEEP_FROM) {
            buckets.full_at.retain(|_, full_at| *full_at > now);
            // Doubling keeps the cost of sweeping constant per request.
            buckets.sweep_at = (buckets.full_at.len() * 2).min(CEILING);
        }
        let full = buckets.full_at.len() >= CEILING && !buckets.full_at.contains_key(&address);
        let full_at = buckets.full_at.entry(if full { SHARED } else { address }).or_insert(now);
        let after = (*full_at).max(now) + cost;
        let over = after.saturating_duration_since(now + Duration::from_secs(BURST_S.into()));
        if over.is_zero() {
            *full_at = after;
            Ok(())
        } else {
            Err(over)
        }
    }

    /// What counts as the address of a request.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        group(self.client(peer, headers))
    }

    /// Counts a connection. Those of a trusted proxy are many visitors', and count in all only.
    pub fn connect(&self, peer: IpAddr) -> Option<Permit> {
        let peer = peer.to_canonical();
        let unlimited = peer.is_loopback() || self.0.trusted.contains(&peer);
        let most = if unlimited { usize::MAX } else { self.0.per_address };
        let address = group(peer);
        let mut open = self.open();
        let of_address = open.addresses.get(&address).copied().unwrap_or(0);
        if of_address >= most || open.total >= self.0.total {
            return None;
        }
        open.addresses.insert(address, of_address + 1);
        open.total += 1;
        drop(open);
        Some(Permit { throttle: self.clone(), address })
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.open().total
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who asks: the peer, or whom it speaks for when it is a trusted proxy. Read from the end, since only what a trusted proxy has
    /// added can be believed.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.0.trusted.contains(&peer) {
            return peer;
        }
        let named = if headers.contains_key("forwarded") { forwarded(headers) } else { x_forwarded_for(headers) };
        let mut client = peer;
        for address in named.into_iter().rev() {
            // What cannot be read (`unknown`, RFC 7239 section 6.2) ends the chain at whoever wrote it.
            let Some(address) = address else { break };
            client = address;
            if !self.0.trusted.contains(&client) {
                break;
            }
        }
        client
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.throttle.open();
        open.total = open.total.saturating_sub(1);
        if let Some(count) = open.addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.addresses.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: of IPv6 the network, since a subscriber has a whole /64 (RFC 6177).
fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & 0xffff_ffff_ffff_ffff_0000_0000_0000_0000))
        }
    }
}

/// The `for` of each element of `Forwarded` (RFC 7239, section 4).
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all("forwarded").iter().filter_map(|value| value.to_str().ok());
    let element = |text: &str| {
        let mut pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        let node = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, node)| node)?;
        address(node.trim().trim_matches('"'))
    };
    lines.flat_map(|line| line.split(',')).map(element).collect()
}

/// The list that proxies wrote before there was a standard.
fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|text| address(text.trim())).collect()
}

/// An address, perhaps in brackets, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None if text.matches(':').count() == 1 => text.split(':').next()?,
        None => text,
    };
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const COST: Duration = Duration::from_millis(100);

    fn throttle(change: impl FnOnce(&mut LimitsConfig)) -> Throttle {
        let mut config = LimitsConfig { requests_per_s: 10, ..LimitsConfig::default() };
        change(&mut config);
        Throttle::new(&config)
    }

    fn ip(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn who_keeps_within_the_rate_is_never_refused_and_who_does_not_is_told_how_long_to_wait() {
        let (throttle, start) = (throttle(|_| {}), Instant::now());
        for _ in 0..20 {
            assert_eq!(throttle.request_at(ip(1), COST, start), Ok(()), "a burst of two seconds");
        }
        assert_eq!(throttle.request_at(ip(1), COST, start), Err(COST));
        assert_eq!(throttle.request_at(ip(2), COST, start), Ok(()), "another address has a bucket of its own");
        for second in 1..100 {
            assert_eq!(throttle.request_at(ip(1), COST, start + COST * second), Ok(()));
        }
        assert_eq!(throttle.request_at(ip(1), COST, start + COST * 99), Err(COST), "waiting for less does not help");
    }

    #[test]
    fn addresses_are_forgotten_and_their_number_is_bounded() {
        let (throttle, start) = (throttle(|_| {}), Instant::now());
        for number in 1..200_000 {
            let _ = throttle.request_at(ip(number), COST, start);
        }
        assert!(throttle.0.buckets.lock().unwrap().full_at.len() <= CEILING + 1);
        throttle.request_at(ip(1), COST, start + Duration::from_secs(10)).unwrap();
        assert_eq!(throttle.0.buckets.lock().unwrap().full_at.len(), 1);
    }

    #[test]
    fn connections_are_those_of_the_permits_alive() {
        let throttle = throttle(|config| (config.connections_per_address, config.connections) = (2, 3));
        let first = throttle.connect(ip(1)).unwrap();
        let _second = throttle.connect(ip(1)).unwrap();
        assert!(throttle.connect(ip(1)).is_none(), "an address's third");
        let _third = throttle.connect(ip(2)).unwrap();
        assert!(throttle.connect(ip(3)).is_none(), "the server's fourth");
        drop(first);
        assert!(throttle.connect(ip(3)).is_some());
        assert_eq!((throttle.connections(), throttle.open().addresses.len()), (2, 2));
    }

    #[test]
    fn a_proxy_is_believed_only_when_it_is_trusted_and_only_what_it_added() {
        let throttle = throttle(|config| config.trusted_proxies = vec![ip(1), ip(2)]);
        let asked = |peer: IpAddr, name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            throttle.client(peer, &headers).to_string()
        };
        assert_eq!(asked(ip(9), "x-forwarded-for", "192.0.2.60"), "0.0.0.9", "a stranger says what it likes");
        assert_eq!(asked(ip(1), "x-forwarded-for", "192.0.2.60"), "192.0.2.60");
        assert_eq!(
            asked(ip(1), "x-forwarded-for", "6.6.6.6, 192.0.2.60, 0.0.0.2"),
            "192.0.2.60",
            "the rest is the visitor's own"
        );
        assert_eq!(asked(ip(1), "forwarded", "for=6.6.6.6, For=\"[2001:db8::1]:4711\";proto=https"), "2001:db8::1");
        assert_eq!(asked(ip(1), "forwarded", "for=192.0.2.60:80;by=0.0.0.1"), "192.0.2.60");
        assert_eq!(
            asked(ip(1), "forwarded", "for=192.0.2.60, for=unknown"),
            "0.0.0.1",
            "whoever it is, the proxy sent it"
        );
        assert_eq!(group("2001:db8::1".parse().unwrap()), group("2001:db8::2".parse().unwrap()));
    }
}
