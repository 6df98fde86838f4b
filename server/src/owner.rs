//! Who asks: an owner is a visitor with a signed cookie.
//!
//! [`identify`] is laid around the API and the pages (never assets or health); handlers take [`Owner`] as an argument.
//! [`refuse_cross_site`] keeps other sites' pages from acting in a visitor's name.
//! Invariant: the cookie is set only on HTML and POST answers, and whatever an owner is answered is private to its cache.

use crate::{error::ApiError, secret_file, state::AppState};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::{Cookie, Key, SameSite, SignedCookieJar};
use domain::{OwnerId, Problem};
use std::{io, path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

/// The cookie's name.
pub const COOKIE: &str = "meanwhile_owner";
/// Longer is not kept by any browser.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);
const KEY_LEN: usize = 64;

/// The key that signs owners' cookies.
#[derive(Clone)]
pub struct OwnerKey(Arc<Key>);

impl OwnerKey {
    /// Reads `owner.key` in the data folder, or makes it at the first start, readable by its user only.
    ///
    /// # Errors
    /// When it cannot be read or written, or has another length than it was made with.
    pub fn open(data: &Path) -> io::Result<Self> {
        let bytes = secret_file::read_or_make(data, "owner.key", || {
            let key = Key::try_generate().ok_or_else(|| io::Error::other("the system gives no random numbers"))?;
            Ok(key.master().to_vec())
        })?;
        if bytes.len() != KEY_LEN {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "owner.key is damaged"));
        }
        Key::try_from(bytes.as_slice())
            .map(|key| Self(Arc::new(key)))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The bytes of the key, for whoever makes another key from it.
    pub(crate) fn master(&self) -> &[u8] {
        self.0.master()
    }

    /// The owner whose cookie a request carries, if it was signed here.
    pub fn verify(&self, headers: &HeaderMap) -> Option<OwnerId> {
        if !headers.contains_key(header::COOKIE) {
            return None;
        }
        SignedCookieJar::from_headers(headers, Key::clone(&self.0)).get(COOKIE)?.value().parse().ok()
    }

    fn set_cookie(&self, owner: OwnerId, headers: &mut HeaderMap) {
        let cookie = Cookie::build((COOKIE, owner.to_string()))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(MAX_AGE.try_into().unwrap_or_default())
            .build();
        let jar = SignedCookieJar::new(Key::clone(&self.0)).add(cookie);
        let response = (jar, ()).into_response();
        for value in response.headers().get_all(header::SET_COOKIE) {
            headers.append(header::SET_COOKIE, value.clone());
        }
    }
}

impl OwnerKey {
    /// Makes the visitor's browser forget who it was.
    pub fn clear_cookie(&self, headers: &mut HeaderMap) {
        const FORGET: &str = "meanwhile_owner=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";
        headers.append(header::SET_COOKIE, HeaderValue::from_static(FORGET));
    }
}

/// The visitor behind a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Whose jobs the request is about.
    pub id: OwnerId,
    /// Made for this request, since it carried no cookie of ours.
    pub fresh: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get()
            .copied()
            .ok_or_else(|| ApiError::internal("a route without owner::identify asks for an owner"))
    }
}

/// Finds out who asks, and tells the visitor's browser to remember it where that is allowed.
pub async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let known = state.owners.verify(request.headers());
    let owner =
        Owner { id: known.unwrap_or_else(|| OwnerId::from_bytes(*Uuid::now_v7().as_bytes())), fresh: known.is_none() };
    request.extensions_mut().insert(owner);
    let post = request.method() == Method::POST;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    if owner.fresh && (post || is_html(headers)) {
        state.owners.set_cookie(owner.id, headers);
    }
    response
}

fn is_html(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// Answers 403 `cross-site` when a browser says that another site's page wants to change state or open a WebSocket.
pub async fn refuse_cross_site(request: Request, next: Next) -> Response {
    let acts = !request.method().is_safe() || request.headers().contains_key(header::UPGRADE);
    if acts && is_cross_site(request.headers()) {
        let detail = "A page of another site may not act in a visitor's name here.";
        return ApiError::from(Problem::new(403, "cross-site", detail)).into_response();
    }
    next.run(request).await
}

/// `Sec-Fetch-Site` decides where it can; `Origin` against `Host` otherwise (`same-site` is another origin, such as another
/// port of this machine). With neither header no browser is asking.
fn is_cross_site(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => false,
        Some(b"cross-site") => true,
        Some(_) => !same_origin(headers).unwrap_or(false),
        None => !same_origin(headers).unwrap_or(true),
    }
}

/// Whether `Origin` names the host that was asked; `None` without an `Origin`.
fn same_origin(headers: &HeaderMap) -> Option<bool> {
    let origin = headers.get(header::ORIGIN)?;
    let same = || {
        let (scheme, authority) = origin.to_str().ok()?.split_once("://")?;
        let host = headers.get(header::HOST)?.to_str().ok()?;
        // A browser leaves the scheme's own port out of `Origin`; a proxy may put it into `Host`.
        let port = if scheme == "https" { ":443" } else { ":80" };
        let bare = |name: &str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
        Some(bare(authority) == bare(host))
    };
    Some(same().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|&(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        is_cross_site(&headers)
    }

    #[test]
    fn another_origin_is_refused_and_our_own_and_curl_are_not() {
        let host = ("host", "shop.example:8080");
        assert!(!judged(&[host]));
        assert!(!judged(&[host, ("origin", "http://shop.example:8080")]));
        assert!(!judged(&[host, ("sec-fetch-site", "same-origin"), ("origin", "https://proxied.example")]));
        assert!(!judged(&[("host", "shop.example:443"), ("origin", "https://shop.example")]));
        assert!(judged(&[host, ("origin", "http://shop.example")]));
        assert!(judged(&[host, ("origin", "null")]));
        assert!(judged(&[host, ("sec-fetch-site", "cross-site"), ("origin", "http://shop.example:8080")]));
        assert!(judged(&[host, ("sec-fetch-site", "same-site"), ("origin", "http://shop.example:9090")]));
        assert!(judged(&[host, ("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn the_key_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let mut headers = HeaderMap::new();
        let owner = OwnerId::from_bytes([7; 16]);
        OwnerKey::open(folder.path()).unwrap().set_cookie(owner, &mut headers);
        let set = headers.remove(header::SET_COOKIE).unwrap();
        let text = set.to_str().unwrap();
        for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=34560000"] {
            assert!(text.contains(part), "{text}");
        }
        headers.insert(header::COOKIE, HeaderValue::from_str(text.split(';').next().unwrap()).unwrap());
        assert_eq!(OwnerKey::open(folder.path()).unwrap().verify(&headers), Some(owner));
        let other = tempfile::tempdir().unwrap();
        assert_eq!(OwnerKey::open(other.path()).unwrap().verify(&headers), None);
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &std::fs::metadata(folder.path().join("owner.key")).unwrap().permissions(),
            );
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
