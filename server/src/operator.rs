//! Who operates: whoever has the operator's token, as a Bearer on API routes or, after signing in with it, by a signed cookie.
//!
//! Handlers over all owners take [`Operator`] as an argument; the sign-in form calls [`OperatorKey::check`]. The token is a setting,
//! or made at the first start and kept in `operator.token`, readable by its user only. It is in no answer and in no log.
//! Invariants: a token is compared by hash and in constant time, and every wrong one gets the same answer; an address that keeps
//! presenting wrong ones is not heard for a while, right or wrong, the machine's own address included; another token ends every
//! session, since it signs them.

use crate::{channels::delivery::Connected, clock, error::ApiError, owner::OwnerKey, state::AppState};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::IntoResponse as _,
};
use axum_extra::extract::cookie::{Cookie, Key, SameSite, SignedCookieJar};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256, Sha512};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The cookie's name.
pub const COOKIE: &str = "meanwhile_operator";
/// The token's file in the data folder.
pub const FILE: &str = "operator.token";
/// Shortest token that a setting may name.
pub const SHORTEST: usize = 16;
/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(12 * 3600);
/// Wrong tokens of one address that are heard one after the other, and how long until the next is after that.
const ATTEMPTS: u32 = 10;
const ATTEMPT_EVERY: Duration = Duration::from_secs(6);
/// Addresses that are told apart; with more, newcomers share one count.
const ADDRESSES: usize = 16_384;

/// What opens the operator's routes.
#[derive(Clone)]
pub struct OperatorKey(Arc<Inner>);

struct Inner {
    hash: [u8; 32],
    sessions: Key,
    /// When each address may present its full number of wrong tokens again (the generic cell rate algorithm, ITU-T I.371).
    wrong: Mutex<HashMap<IpAddr, Instant>>,
}

/// Why somebody is not the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Nothing was presented.
    Missing,
    /// What was presented is not the token.
    Wrong,
    /// Too much that is wrong came from this address: come back after so long.
    Throttled(Duration),
}

impl OperatorKey {
    /// Takes the token of the setting, or reads `operator.token`, or makes it; says where it is kept when it is.
    ///
    /// # Errors
    /// When it cannot be read or written, or what is there is too short to be one.
    pub fn open(data: &Path, setting: Option<&str>, owners: &OwnerKey) -> io::Result<(Self, Option<PathBuf>)> {
        if let Some(token) = setting {
            return Ok((Self::of(token, owners), None));
        }
        let path = data.join(FILE);
        let token = match fs::read_to_string(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_token(data, &path)?,
            Err(error) => return Err(error),
        };
        if token.len() < SHORTEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "operator.token is damaged; remove it for a new one",
            ));
        }
        Ok((Self::of(&token, owners), Some(path)))
    }

    fn of(token: &str, owners: &OwnerKey) -> Self {
        // The owners' key is in it, so that a session tells nobody whether a guess at the token is right.
        let mut hasher = Sha512::new();
        hasher.update(b"meanwhile operator session\0");
        hasher.update(owners.master());
        hasher.update(token.as_bytes());
        let sessions = Key::from(hasher.finalize().as_slice());
        Self(Arc::new(Inner { hash: hash(token), sessions, wrong: Mutex::default() }))
    }

    /// Judges a token that somebody at an address presents.
    ///
    /// # Errors
    /// [`Refused::Wrong`] or [`Refused::Throttled`].
    pub fn check(&self, token: &str, address: IpAddr) -> Result<(), Refused> {
        self.check_at(token, address, Instant::now())
    }

    fn check_at(&self, token: &str, address: IpAddr, now: Instant) -> Result<(), Refused> {
        // Charged before it is judged, and given back if it is right: side by side no more are heard than one after the other.
        let mut wrong = self.0.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= ADDRESSES {
            wrong.retain(|_, full_at| *full_at > now);
        }
        let shared = wrong.len() >= ADDRESSES && !wrong.contains_key(&address);
        let address = if shared { IpAddr::from([0, 0, 0, 0]) } else { address };
        let before = wrong.get(&address).copied().filter(|full_at| *full_at > now);
        let after = before.unwrap_or(now) + ATTEMPT_EVERY;
        let over = after.saturating_duration_since(now + ATTEMPT_EVERY * ATTEMPTS);
        if !over.is_zero() {
            return Err(Refused::Throttled(over));
        }
        if same(&hash(token), &self.0.hash) {
            return Ok(());
        }
        wrong.insert(address, after);
        Err(Refused::Wrong)
    }

    /// Whether a request carries a session that was begun with this token and has not expired.
    pub fn has_session(&self, headers: &HeaderMap) -> bool {
        self.has_session_at(headers, clock::now().0)
    }

    fn has_session_at(&self, headers: &HeaderMap, now_ms: i64) -> bool {
        if !headers.contains_key(header::COOKIE) {
            return false;
        }
        let jar = SignedCookieJar::from_headers(headers, self.0.sessions.clone());
        jar.get(COOKIE).and_then(|cookie| cookie.value().parse::<i64>().ok()).is_some_and(|until| until > now_ms)
    }

    /// Begins a session in the visitor's browser.
    pub fn set_cookie(&self, headers: &mut HeaderMap) {
        let until = clock::now().plus_ms(i64::try_from(SESSION.as_millis()).unwrap_or(i64::MAX));
        let cookie = Cookie::build((COOKIE, until.0.to_string()))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(SESSION.try_into().unwrap_or_default())
            .build();
        let jar = SignedCookieJar::new(self.0.sessions.clone()).add(cookie);
        for value in (jar, ()).into_response().headers().get_all(header::SET_COOKIE) {
            headers.append(header::SET_COOKIE, value.clone());
        }
    }

    /// Ends the session in the visitor's browser.
    pub fn clear_cookie(headers: &mut HeaderMap) {
        const FORGET: &str = "meanwhile_operator=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
        headers.append(header::SET_COOKIE, HeaderValue::from_static(FORGET));
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Looks at every byte, whatever the first ones say.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    std::hint::black_box(one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other))) == 0
}

/// 256 random bits, written aside and renamed, so that a crash in between leaves no half a token.
fn make_token(data: &Path, path: &Path) -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let aside = data.join("operator.token.partial");
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    File::open(data)?.sync_all()?;
    Ok(token)
}

/// Somebody who has shown that they operate this server.
#[derive(Debug, Clone, Copy)]
pub struct Operator;

impl FromRequestParts<AppState> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        judge(parts, state).map(|()| Self).map_err(ApiError::from)
    }
}

/// Whether a request is the operator's: by its Bearer if it has one, else by its session.
///
/// # Errors
/// Why it is not.
pub fn judge(parts: &Parts, state: &AppState) -> Result<(), Refused> {
    let presented = parts.headers.get(header::AUTHORIZATION);
    let bearer = presented.and_then(|value| value.to_str().ok()).and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match bearer {
        Some(token) => state.operator.check(token, address_of(parts, state)),
        None if state.operator.has_session(&parts.headers) => Ok(()),
        None => Err(Refused::Missing),
    }
}

/// Where a request comes from, as far as that can be believed.
pub fn address_of(parts: &Parts, state: &AppState) -> IpAddr {
    let peer = parts.extensions.get::<Connected>().map(|connected| connected.peer.ip());
    state.throttle.address(peer.unwrap_or(IpAddr::from([0, 0, 0, 0])), &parts.headers)
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let challenge = |value| (header::WWW_AUTHENTICATE, HeaderValue::from_static(value));
        match refused {
            Refused::Missing => {
                let detail = "This is for the operator of the server: send its token as `Authorization: Bearer`.";
                let (name, value) = challenge("Bearer realm=\"operations\"");
                Self::new(StatusCode::UNAUTHORIZED, "operator-required", detail).with_header(name, value)
            }
            Refused::Wrong => {
                let detail = "That is not the token of this server's operator.";
                let (name, value) = challenge("Bearer realm=\"operations\", error=\"invalid_token\"");
                Self::new(StatusCode::UNAUTHORIZED, "wrong-token", detail).with_header(name, value)
            }
            Refused::Throttled(wait) => {
                let detail = "Too many wrong tokens came from this address; come back later.";
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", detail)
                    .with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path, setting: Option<&str>) -> OperatorKey {
        OperatorKey::open(folder, setting, &OwnerKey::open(folder).unwrap()).unwrap().0
    }

    fn cookie(key: &OperatorKey) -> (HeaderMap, String) {
        let mut set = HeaderMap::new();
        key.set_cookie(&mut set);
        let text = set.remove(header::SET_COOKIE).unwrap().to_str().unwrap().to_owned();
        let pair = HeaderValue::from_str(text.split(';').next().unwrap()).unwrap();
        ([(header::COOKIE, pair)].into_iter().collect(), text)
    }

    #[test]
    fn the_token_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let home = IpAddr::from([127, 0, 0, 1]);
        let key = open(folder.path(), None);
        let token = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!((token.len(), key.check(token.trim(), home)), (44, Ok(())));
        assert_eq!(open(folder.path(), None).check(token.trim(), home), Ok(()), "the next start reads it");
        #[cfg(unix)]
        {
            let permissions = fs::metadata(folder.path().join(FILE)).unwrap().permissions();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777, 0o600);
        }
    }

    #[test]
    fn a_session_ends_by_time_and_by_another_token() {
        let folder = tempfile::tempdir().unwrap();
        let key = open(folder.path(), Some("the first token of all"));
        let (headers, text) = cookie(&key);
        for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
            assert!(text.contains(part), "{text}");
        }
        let now = clock::now().0;
        assert!(key.has_session_at(&headers, now));
        assert!(!key.has_session_at(&headers, now + 12 * 3600 * 1000 + 60_000), "half a day is over");
        assert!(!open(folder.path(), Some("the second token of all")).has_session(&headers));
        assert!(open(folder.path(), Some("the first token of all")).has_session(&headers), "a restart ends nothing");
        assert!(!key.has_session(&HeaderMap::new()));
    }

    #[test]
    fn wrong_tokens_are_heard_a_few_times_and_then_not_even_the_right_one() {
        let folder = tempfile::tempdir().unwrap();
        let key = open(folder.path(), Some("a token of some length"));
        let (start, one, two) = (Instant::now(), IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..100 {
            assert_eq!(key.check_at("a token of some length", one, start), Ok(()), "the right one costs nothing");
        }
        for _ in 0..ATTEMPTS {
            assert_eq!(key.check_at("guess", one, start), Err(Refused::Wrong));
        }
        assert_eq!(key.check_at("a token of some length", one, start), Err(Refused::Throttled(ATTEMPT_EVERY)));
        assert_eq!(key.check_at("a token of some length", two, start), Ok(()), "another address is heard");
        assert_eq!(key.check_at("a token of some length", one, start + ATTEMPT_EVERY), Ok(()));
    }
}
