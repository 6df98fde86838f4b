//! The suppliers' protocol over HTTP: their directory, and one question to one of them.
//!
//! `GET {base}/suppliers` lists them; `POST {base}/suppliers/{id}/quotes` asks one: 200 with its offers, or 202 and a call-back later.
//! Called by [`super::directory`] and [`super::ask`]; retries nothing, waits for nothing but its own request.
//! Invariants: of an answer at most [`ANSWER_LIMIT`] bytes are held, whatever it announces; nothing that a supplier says decides where
//! a request goes: redirects are not followed and ids are checked before they become a path.

use domain::{
    Timestamp,
    api::CALLBACK_LIMIT,
    kinds::supplier_quotes::{MAX_SUPPLIERS, Quote, Reason, is_supplier_id},
};
use reqwest::{Response, StatusCode, Url, header, redirect};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

/// Largest answer, in bytes; as large as a call-back may be, since it says the same.
pub const ANSWER_LIMIT: usize = CALLBACK_LIMIT;
/// Suppliers of a directory that are looked at.
const LISTED: usize = MAX_SUPPLIERS;
/// Longest name, in characters.
const LONGEST_NAME: usize = 60;

/// Speaks to the suppliers below one address.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

/// A supplier as its directory has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// A part of its path.
    pub id: String,
    /// For people.
    pub name: String,
}

/// What a directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// In its order.
    pub suppliers: Vec<Listed>,
    /// The page on which a demo's suppliers are changed.
    pub control: Option<String>,
}

/// What a supplier is asked.
#[derive(Debug, Clone, Serialize)]
pub struct Question<'a> {
    /// The products.
    pub handles: &'a [String],
    /// Where to post the answer, once, by one who answers 202.
    pub callback_url: String,
    /// When an answer stops to count.
    pub reply_by: Timestamp,
}

/// What a supplier says to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Its prices.
    Quotes(Vec<Quote>),
    /// It will call back.
    Promised,
    /// Nothing that helps.
    Failed(Trouble),
}

/// Why that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// In a word.
    pub reason: Reason,
    /// Whether it makes sense to ask again.
    pub again: bool,
    /// When, if it said.
    pub after: Option<Duration>,
    /// Whether the supplier is to blame: it counts for its breaker.
    pub counts: bool,
}

impl Said {
    const fn failed(reason: Reason, again: bool, counts: bool) -> Self {
        Self::Failed(Trouble { reason, again, after: None, counts })
    }
}

/// Reads the address of a directory.
///
/// # Errors
/// What is wrong with it, to follow the setting's name.
pub fn base_of(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    if url.scheme() != "http" || url.host_str().is_none() {
        return Err("must begin with http:// and a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("must be a plain address, without user, query or fragment".to_owned());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

impl Client {
    /// For the suppliers below an address ([`base_of`]).
    ///
    /// # Errors
    /// When the system gives what a client needs to nobody.
    pub fn new(base: Url) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .pool_max_idle_per_host(8)
            .user_agent(concat!("meanwhile/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, base })
    }

    /// The directory; the caller bounds the time.
    ///
    /// # Errors
    /// What went wrong, for the log.
    pub async fn list(&self) -> Result<Listing, String> {
        #[derive(Deserialize)]
        struct Answer {
            items: Vec<Listed>,
            control: Option<String>,
        }
        let url = self.base.join("suppliers").map_err(|error| error.to_string())?;
        let response = self.http.get(url).send().await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("the directory answered {}", response.status()));
        }
        let body = read(response).await.map_err(|reason| format!("the directory's answer: {}", reason.as_str()))?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let mut seen = BTreeSet::new();
        let known = answer.items.into_iter().filter(|item| is_supplier_id(&item.id) && seen.insert(item.id.clone()));
        let named = known.take(LISTED).map(|item| Listed { name: name_of(&item), ..item });
        Ok(Listing { suppliers: named.collect(), control: self.control(answer.control.as_deref()) })
    }

    /// The page that a directory names, as long as it is one of its own.
    fn control(&self, path: Option<&str>) -> Option<String> {
        let url = self.base.join(path?).ok()?;
        (url.origin() == self.base.origin()).then(|| url.to_string())
    }

    /// Asks one supplier; the caller bounds the time. The key makes a question that is put again the same one.
    pub async fn ask(&self, id: &str, question: &Question<'_>, key: &str) -> Said {
        if !is_supplier_id(id) {
            return Said::failed(Reason::UnknownSupplier, false, false);
        }
        let (Ok(url), Ok(body)) = (self.base.join(&format!("suppliers/{id}/quotes")), serde_json::to_vec(question))
        else {
            return Said::failed(Reason::Refused, false, false);
        };
        let request = self.http.post(url).header(header::CONTENT_TYPE, "application/json");
        let sent = request.header("idempotency-key", format!("\"{key}\"")).body(body).send().await;
        match sent {
            Ok(response) => understand(response, question.handles).await,
            Err(error) => {
                tracing::debug!(supplier = id, %error, "a supplier cannot be reached");
                Said::failed(Reason::Unreachable, true, true)
            }
        }
    }
}

/// A name that fits into a line; the id when it has none.
fn name_of(item: &Listed) -> String {
    let name: String = item.name.trim().chars().filter(|char| !char.is_control()).take(LONGEST_NAME).collect();
    if name.is_empty() { item.id.clone() } else { name }
}

async fn understand(response: Response, handles: &[String]) -> Said {
    let after = retry_after(&response);
    match response.status() {
        StatusCode::OK => match read(response).await {
            Ok(body) => match quotes_of(&body, handles) {
                Some(quotes) => Said::Quotes(quotes),
                None => Said::failed(Reason::Garbage, false, true),
            },
            Err(reason) => Said::failed(reason, reason == Reason::Unreachable, true),
        },
        StatusCode::ACCEPTED => Said::Promised,
        StatusCode::NOT_FOUND => Said::failed(Reason::UnknownSupplier, false, false),
        StatusCode::TOO_MANY_REQUESTS => {
            Said::Failed(Trouble { reason: Reason::Busy, again: true, after, counts: false })
        }
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            Said::Failed(Trouble { reason: Reason::Error, again: true, after, counts: true })
        }
        _ => Said::failed(Reason::Refused, false, false),
    }
}

/// Seconds, as RFC 9110 has it (section 10.2.3); its other form, a date, needs clocks that agree and is not read.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The body, up to the limit; a body that ends early is [`Reason::Unreachable`].
async fn read(mut response: Response) -> Result<Vec<u8>, Reason> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Reason::Unreachable)? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Reason::TooMuch);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The prices in an answer or call-back, `{"offers":[…]}`, of the products that were asked for, each once. `None`: it is something else.
pub fn quotes_of(body: &[u8], handles: &[String]) -> Option<Vec<Quote>> {
    #[derive(Deserialize)]
    struct Answer {
        offers: Vec<Quote>,
    }
    let Answer { offers } = serde_json::from_slice(body).ok()?;
    if !offers.iter().all(Quote::is_sound) {
        return None;
    }
    let mut open: BTreeSet<&str> = handles.iter().map(String::as_str).collect();
    Some(offers.into_iter().filter(|quote| open.remove(quote.handle.as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_a_plain_http_address() {
        assert_eq!(base_of("http://127.0.0.1:3001").unwrap().as_str(), "http://127.0.0.1:3001/");
        assert_eq!(base_of("http://b2b.example/api").unwrap().as_str(), "http://b2b.example/api/");
        for wrong in ["127.0.0.1:3001", "ftp://x/", "https://x/", "http://u:p@x/", "http://x/?a=b", "", "http://"] {
            assert!(base_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_was_asked_for_counts_and_only_once() {
        let handles = ["mug".to_owned(), "cup".to_owned()];
        let offer = |handle: &str, price: &str| {
            format!(r#"{{"handle":"{handle}","price":"{price}","currency":"EUR","delivery_days":3}}"#)
        };
        let body = |offers: &[String]| format!(r#"{{"offers":[{}],"note":"hello"}}"#, offers.join(","));
        let said = body(&[offer("mug", "1"), offer("bag", "2"), offer("mug", "3")]);
        let quotes = quotes_of(said.as_bytes(), &handles).unwrap();
        assert_eq!(quotes.iter().map(|quote| (&*quote.handle, &*quote.price)).collect::<Vec<_>>(), [("mug", "1")]);
        assert_eq!(quotes_of(br#"{"offers":[]}"#, &handles), Some(Vec::new()), "it has none of them, and says so");
        for garbage in [body(&[offer("mug", "1"), offer("cup", "-1")]), "{}".into(), "[]".into(), "<html>".into()] {
            assert_eq!(quotes_of(garbage.as_bytes(), &handles), None, "{garbage}");
        }
    }
}
