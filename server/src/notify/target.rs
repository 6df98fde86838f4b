//! Which addresses the server may be made to send to: whoever can add an endpoint must not be able to reach what only the server can.
//!
//! Asked by the API before an endpoint is added, and by `http` again at each send, about the address that is then connected to.
//! Invariant: unless the operator has said otherwise, nothing is sent to an address that is not public, in whatever form it is written or
//! comes out of the DNS, and nothing but https is spoken; Web Push goes to known push services only.

use domain::push::ADDRESS_LIMIT;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use url::{Host, Url};

/// Hosts of the push services of the browsers that there are; a name counts with all below it.
///
/// Sources: the endpoints that Firefox (Mozilla autopush), Chromium (FCM), Safari (Apple) and Edge (WNS) give out.
pub const PUSH_SERVICES: [&str; 6] = [
    "push.services.mozilla.com",
    "autopush.prod.mozaws.net",
    "fcm.googleapis.com",
    "android.googleapis.com",
    "push.apple.com",
    "notify.windows.com",
];

/// Which addresses are allowed; clones share the list.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    private: bool,
    services: Arc<[String]>,
}

/// Why an address is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no URL.
    #[error("is no URL with a host")]
    NotAUrl,
    /// Longer than [`ADDRESS_LIMIT`].
    #[error("is longer than {ADDRESS_LIMIT} bytes")]
    TooLong,
    /// Another scheme.
    #[error("must begin with https://")]
    NotHttps,
    /// A user or a password in it.
    #[error("must not contain a user or a password")]
    UserInfo,
    /// An address that is not public.
    #[error("leads to an address that is not public")]
    Private,
    /// No known push service.
    #[error("is not of a push service that this server knows")]
    NotAPushService,
}

impl Refused {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAUrl => "not-a-url",
            Self::TooLong => "too-long",
            Self::NotHttps => "not-https",
            Self::UserInfo => "user-in-url",
            Self::Private => "private-address",
            Self::NotAPushService => "not-a-push-service",
        }
    }
}

impl Targets {
    /// With private addresses and plain HTTP if `private`, and with `services` beside the known push services.
    pub fn new(private: bool, services: &[String]) -> Self {
        let services = services.iter().map(|host| host.trim_matches('.').to_ascii_lowercase()).collect();
        Self { private, services }
    }

    /// Whether private addresses and plain HTTP are allowed.
    pub const fn private(&self) -> bool {
        self.private
    }

    /// Reads a webhook's address.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn webhook(&self, text: &str) -> Result<Url, Refused> {
        if text.len() > ADDRESS_LIMIT {
            return Err(Refused::TooLong);
        }
        let mut url = Url::parse(text.trim()).map_err(|_| Refused::NotAUrl)?;
        if url.scheme() != "https" && !(self.private && url.scheme() == "http") {
            return Err(Refused::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        let literal = match url.host().ok_or(Refused::NotAUrl)? {
            // The parser has read every spelling of an IPv4 address: decimal, octal, hexadecimal, shortened, full width.
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
            Host::Domain(name) if is_local_name(name) => Some(Ipv4Addr::LOCALHOST.into()),
            Host::Domain(_) => None,
        };
        if literal.is_some_and(|ip| !self.allows(ip)) {
            return Err(Refused::Private);
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Reads a push resource.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn push_resource(&self, text: &str) -> Result<Url, Refused> {
        let url = self.webhook(text).map_err(|refused| match refused {
            Refused::NotHttps | Refused::Private | Refused::UserInfo => Refused::NotAPushService,
            refused => refused,
        })?;
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let below = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        let known = PUSH_SERVICES.into_iter().any(below) || self.services.iter().any(|name| below(name));
        if known { Ok(url) } else { Err(Refused::NotAPushService) }
    }

    /// Whether this address may be connected to.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.private || is_public(address)
    }
}

/// Names of this machine (RFC 6761, section 6.3), which need no DNS to be private.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// What shares a circuit: `scheme://host:port`.
pub fn host_of(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or(443);
    format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// The origin of an address (RFC 6454, section 6.2): the port is left out where it is the scheme's own.
pub fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether an address is reachable for everybody (IANA's registries of special-purpose addresses, RFC 6890), with what is embedded in it.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special: [(u32, u32); 15] = [
        (0x0000_0000, 8),  // this network
        (0x0A00_0000, 8),  // private
        (0x6440_0000, 10), // shared by a carrier's customers
        (0x7F00_0000, 8),  // loopback
        (0xA9FE_0000, 16), // link-local; clouds tell their machines' secrets there
        (0xAC10_0000, 12), // private
        (0xC000_0000, 24), // protocol assignments
        (0xC000_0200, 24), // documentation
        (0xC058_6300, 24), // 6to4 relays
        (0xC0A8_0000, 16), // private
        (0xC612_0000, 15), // benchmarks
        (0xC633_6400, 24), // documentation
        (0xCB00_7100, 24), // documentation
        (0xE000_0000, 4),  // multicast
        (0xF000_0000, 4),  // reserved, broadcast
    ];
    let bits = ip.to_bits();
    !special.into_iter().any(|(net, length)| bits >> (32 - length) == net >> (32 - length))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(embedded) = ip.to_ipv4_mapped() {
        return is_public_v4(embedded);
    }
    let bits = ip.to_bits();
    let within = |net: Ipv6Addr, length: u32| bits >> (128 - length) == net.to_bits() >> (128 - length);
    // NAT64 (RFC 6052): a network without IPv4 reaches all of it in this form.
    if within(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96) {
        return is_public_v4(Ipv4Addr::from_bits(bits as u32));
    }
    let global = within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
    let special = within(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23) // protocols; Teredo among them
        || within(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32) // documentation
        || within(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16) // 6to4
        || within(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20); // documentation
    global && !special
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
