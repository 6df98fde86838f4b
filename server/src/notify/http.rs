//! One bounded request to an address that somebody else has chosen: what `webhook` and `web_push` send with.
//!
//! Written on hyper's connection rather than on a client with a pool, since what matters here is which address is connected to, how long
//! anything may take and how much is read; and since the other user of HTTP in this program does without TLS.
//! Invariants: the address that is connected to is one that [`Targets`] allows, judged after the look-up and before the connection; no
//! redirect is followed, no cookie kept, nothing decompressed; an exchange ends within its time, also against a receiver that answers
//! byte by byte, and of an answer at most [`ANSWER_LIMIT`] bytes are read.

use super::{Report, Verdict, target::Targets};
use bytes::Bytes;
use domain::Timestamp;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{self, ClientConfig, RootCertStore, crypto, pki_types::ServerName},
};
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

/// Of an answer, so many bytes are read at most.
pub const ANSWER_LIMIT: usize = 64 << 10;
/// How long the body of an answer is waited for, once its status is known; it only explains.
const BODY_PATIENCE: Duration = Duration::from_secs(2);
/// Largest head of an answer, in bytes.
const HEAD_LIMIT: usize = 32 << 10;
/// Characters of an answer that go into the log.
const DETAIL_LIMIT: usize = 500;
/// Longest pause that a receiver can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Looking up, connecting and TLS.
    pub connect: Duration,
    /// The whole exchange.
    pub exchange: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), exchange: Duration::from_secs(15) }
    }
}

/// Looks a name up: the name and the port to addresses.
type LookUp = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Sends; clones share everything.
#[derive(Clone)]
pub struct Http {
    targets: Targets,
    tls: TlsConnector,
    patience: Patience,
    look_up: Arc<LookUp>,
}

/// What a receiver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The pause that it asks for.
    pub retry_after: Option<Duration>,
    /// Its clock.
    pub date: Option<Timestamp>,
    /// The beginning of what it said, for the log.
    pub detail: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// The name leads to no address that is allowed.
    Forbidden,
    /// The name leads nowhere, or nobody listens, or TLS cannot be spoken.
    NoConnection(String),
    /// Somebody answers who cannot show that they are that name.
    BadCertificate(String),
    /// It took too long.
    Timeout,
    /// What came is no answer.
    Unreadable(String),
}

impl Failed {
    /// What it means for a delivery: all of it may pass.
    pub fn report(self) -> Report {
        let (outcome, detail) = match self {
            Self::Forbidden => ("forbidden-address", Some("The name leads to no public address.".to_owned())),
            Self::NoConnection(detail) => ("no-connection", Some(detail)),
            Self::BadCertificate(detail) => ("bad-certificate", Some(detail)),
            Self::Timeout => ("timeout", None),
            Self::Unreadable(detail) => ("unreadable-answer", Some(detail)),
        };
        let blames_host = outcome != "forbidden-address";
        Report { status: None, outcome, detail, verdict: Verdict::Retry { after: None, blames_host } }
    }
}

impl Http {
    /// Trusts the machine's certificates or, where it has none, the web's.
    ///
    /// # Errors
    /// When TLS cannot be set up at all.
    pub fn new(targets: Targets, patience: Patience) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Self::trusting(roots, targets, patience)
    }

    /// Trusts these certificates only.
    ///
    /// # Errors
    /// When TLS cannot be set up at all.
    pub fn trusting(roots: RootCertStore, targets: Targets, patience: Patience) -> io::Result<Self> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let look_up: Arc<LookUp> =
            Arc::new(|name, port| Box::pin(async move { Ok(lookup_host((name, port)).await?.collect()) }));
        Ok(Self { targets, tls: TlsConnector::from(Arc::new(config)), patience, look_up })
    }

    /// With another way to look names up than the machine's.
    #[must_use]
    pub fn resolving(
        self,
        look_up: impl Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self { look_up: Arc::new(look_up), ..self }
    }

    /// Which addresses it sends to.
    pub const fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Whether a name leads to an address that is allowed; for whoever adds an endpoint.
    ///
    /// # Errors
    /// [`Failed::Forbidden`] or [`Failed::NoConnection`]; [`Failed::Timeout`] says nothing about the name.
    pub async fn look_up(&self, url: &Url) -> Result<Vec<SocketAddr>, Failed> {
        let deadline = Instant::now() + self.patience.connect;
        timeout_at(deadline, self.addresses(url)).await.map_err(|_| Failed::Timeout)?
    }

    /// Posts a body.
    ///
    /// # Errors
    /// [`Failed`] when there is no status.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, Failed> {
        let start = Instant::now();
        let deadline = start + self.patience.exchange;
        let connected = deadline.min(start + self.patience.connect);
        let (mut sender, connection) =
            timeout_at(connected, self.connect(url)).await.map_err(|_| Failed::Timeout)??;
        let request = request(url, headers, body)?;
        let answered = timeout_at(deadline, sender.send_request(request)).await.map_err(|_| Failed::Timeout)?;
        let (head, body) = answered.map_err(|error| Failed::Unreadable(chain(&error)))?.into_parts();
        let until = deadline.min(Instant::now() + BODY_PATIENCE);
        let said = beginning(body, until).await;
        drop(connection);
        let date = head.headers.get(header::DATE).and_then(|value| moment(value.to_str().ok()?));
        let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| pause(value.to_str().ok()?, date));
        Ok(Answer { status: head.status.as_u16(), retry_after, date, detail: detail_of(&said) })
    }

    async fn connect(&self, url: &Url) -> Result<(SendRequest<Full<Bytes>>, AbortOnDropHandle<()>), Failed> {
        let stream = self.reach(&self.addresses(url).await?).await?;
        if url.scheme() != "https" {
            return speak(stream).await;
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.trim_end_matches('.').to_owned()),
            Some(Host::Ipv4(ip)) => Ok(ServerName::from(IpAddr::V4(ip))),
            Some(Host::Ipv6(ip)) => Ok(ServerName::from(IpAddr::V6(ip))),
            None => return Err(Failed::Forbidden),
        };
        let name = name.map_err(|error| Failed::NoConnection(error.to_string()))?;
        let stream = self.tls.connect(name, stream).await.map_err(of_tls)?;
        speak(stream).await
    }

    /// The addresses of a host that are allowed. Literals are judged as what comes out of the DNS is.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, Failed> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Ipv6(ip)) => vec![SocketAddr::new(ip.into(), port)],
            Some(Host::Domain(name)) => (self.look_up)(name.to_owned(), port)
                .await
                .map_err(|error| Failed::NoConnection(format!("The name cannot be looked up: {error}")))?,
            None => Vec::new(),
        };
        let allowed: Vec<SocketAddr> =
            found.iter().copied().filter(|address| self.targets.allows(address.ip())).collect();
        if allowed.is_empty() { Err(Failed::Forbidden) } else { Ok(allowed) }
    }

    /// Connects to the first that answers, giving each its share of the time.
    async fn reach(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Failed> {
        let share = self.patience.connect / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = Failed::Timeout;
        for address in addresses {
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = Failed::NoConnection(format!("Nobody answers there: {error}")),
                Err(_) => last = Failed::Timeout,
            }
        }
        Err(last)
    }
}

/// What went wrong within TLS: whether the certificate is to blame, or the connection.
fn of_tls(error: io::Error) -> Failed {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => Failed::BadCertificate(error.to_string()),
        _ => Failed::NoConnection(format!("TLS: {error}")),
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
) -> Result<(SendRequest<Full<Bytes>>, AbortOnDropHandle<()>), Failed> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .max_headers(100)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failed::NoConnection(chain(&error)))?;
    let driven = tokio::spawn(async move {
        // What it ends with is told to whoever waits for the answer.
        let _ = connection.await;
    });
    Ok((sender, AbortOnDropHandle::new(driven)))
}

fn request(url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Request<Full<Bytes>>, Failed> {
    let broken = |error: http::Error| Failed::Unreadable(error.to_string());
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let mut request =
        Request::builder().method(Method::POST).uri(path).body(Full::new(Bytes::from(body))).map_err(broken)?;
    *request.headers_mut() = headers;
    let host = HeaderValue::from_str(&host).map_err(|error| broken(error.into()))?;
    request.headers_mut().insert(header::HOST, host);
    let agent = HeaderValue::from_static(concat!("Meanwhile/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(header::USER_AGENT, agent);
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

/// What a body begins with; what does not come in time, or breaks off, is left.
async fn beginning(mut body: Incoming, until: Instant) -> Vec<u8> {
    let mut said = Vec::new();
    while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
        let Ok(data) = frame.into_data() else { continue };
        let room = ANSWER_LIMIT - said.len();
        said.extend_from_slice(&data[..data.len().min(room)]);
        if said.len() >= ANSWER_LIMIT {
            break;
        }
    }
    said
}

/// A text for the log: one line, without control characters, cut.
pub fn detail_of(said: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&said[..said.len().min(4 * DETAIL_LIMIT)]);
    let line: String = text
        .split(|char: char| char.is_whitespace() || char.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let cut: String = line.chars().take(DETAIL_LIMIT).collect();
    (!cut.is_empty()).then_some(cut)
}

/// An error with what it comes from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A date of HTTP (RFC 9110, section 5.6.7).
fn moment(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|zoned| Timestamp(zoned.timestamp().as_millisecond()))
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a moment, which only its sender's own clock can turn into a pause.
fn pause(text: &str, date: Option<Timestamp>) -> Option<Duration> {
    let text = text.trim();
    let pause = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let ms = moment(text)?.ms_since(date.unwrap_or_else(crate::clock::now));
            Duration::from_millis(u64::try_from(ms).unwrap_or(0))
        }
    };
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_read_in_both_forms_and_bounded() {
        let date = moment("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date, Some("1994-11-06T08:49:37Z".parse().unwrap()));
        assert_eq!(pause("120", None), Some(Duration::from_secs(120)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:51:37 GMT", date), Some(Duration::from_secs(120)), "by the other clock");
        assert_eq!(pause("Sun, 06 Nov 1994 08:00:00 GMT", date), Some(Duration::ZERO));
        assert_eq!(pause("99999999999", None), Some(LONGEST_PAUSE));
        assert_eq!(pause("Fri, 31 Dec 2100 23:59:59 GMT", date), Some(LONGEST_PAUSE));
        for text in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(pause(text, date), None, "{text}");
        }
    }

    #[test]
    fn what_was_said_is_one_short_line() {
        assert_eq!(detail_of(b"no\r\n\x1b[31m such\0 hook\n").as_deref(), Some("no [31m such hook"));
        assert_eq!(detail_of(b" \n"), None);
        assert_eq!(detail_of(&[0xff, b'a']).as_deref(), Some("\u{fffd}a"));
        assert_eq!(detail_of(&"é".repeat(5000).into_bytes()).unwrap().chars().count(), DETAIL_LIMIT);
    }
}
