//! E-mail: a message as a letter, to a mail server by SMTP (RFC 5321), in plain text and HTML.
//!
//! Called by the dispatcher. Every mail says why it came and how to stop it, with one click in the mail program (RFC 8058); the one that asks
//! whether an address is its owner's (`confirm`) is the only one that an unconfirmed address gets, which is the store's to see to.
//! Invariants: nothing that an owner has typed ends a header or becomes markup; a mail loads nothing from anywhere; links are absolute and
//! lead to this server; the address, the token and the server's password are in no log.

use super::{Report, Sender, Verdict, http::detail_of, words};
use crate::{
    clock,
    store::{EndpointRow, Target},
};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Timestamp, push::PushMessage};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        self,
        client::{CertificateStore, Tls, TlsParameters},
    },
};
use std::time::Duration;
use url::{Host, Url};

/// How long a command to the mail server may take.
const COMMAND: Duration = Duration::from_secs(10);
/// How long all of it may.
const EXCHANGE: Duration = Duration::from_secs(30);

/// Sends to people.
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    public_url: String,
}

/// Reads who mails come from: `shop@shop.example` or `The shop <shop@shop.example>`.
///
/// # Errors
/// What is wrong with it, to follow the setting's name.
pub fn sender_of(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|error| format!("is no mail address: {error}"))
}

/// Reads an address that somebody wants to be written to.
pub fn address_of(text: &str) -> Option<String> {
    let address: Address = text.trim().parse().ok()?;
    let domain = address.domain().to_ascii_lowercase();
    // RFC 5321, section 4.5.3.1.3; and a domain without a dot is this machine's or its network's.
    let fits = text.len() <= 254 && domain.contains('.') && !domain.starts_with('[');
    fits.then(|| format!("{}@{domain}", address.user()))
}

/// What stands in a mail's links.
pub fn token_text(token: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(token)
}

/// Reads [`token_text`] back.
pub fn token_of(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|token| token.len() == 32)
}

/// Reads the address of a mail server, as lettre has it: `smtps://…`, `smtp://…?tls=required`, `smtp://…`.
///
/// # Errors
/// What is wrong with it, to follow the setting's name. A password is in no such text.
pub fn server_of(text: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    const FORM: &str = "must be smtps://user:password@host:port, or smtp:// with ?tls=required";
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(FORM)?.to_owned();
    let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    let secure = url.scheme() == "smtps" || tls.as_deref() == Some("required");
    if url.password().is_some() && !secure && !is_here(&url) {
        return Err("would send its password in the clear; use smtps:// or ?tls=required".to_owned());
    }
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(text).map_err(|_| FORM)?;
    let builder = match trusted(&host)? {
        Some(parameters) if url.scheme() == "smtps" => builder.tls(Tls::Wrapper(parameters)),
        Some(parameters) if secure => builder.tls(Tls::Required(parameters)),
        _ => builder,
    };
    Ok(builder.timeout(Some(COMMAND)).build())
}

/// The web's certificates, on a machine that has none of its own.
fn trusted(host: &str) -> Result<Option<TlsParameters>, String> {
    if !rustls_native_certs::load_native_certs().certs.is_empty() {
        return Ok(None);
    }
    let parameters = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots).build();
    parameters.map(Some).map_err(|error| format!("cannot be reached over TLS: {error}"))
}

/// Whether a mail server is on this machine. Its URL's scheme is none that the parser knows, so addresses come as text.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.starts_with("127."),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl Email {
    /// By a mail server ([`server_of`]), from an address ([`sender_of`]), with links below `public_url`.
    pub fn new(transport: AsyncSmtpTransport<Tokio1Executor>, from: Mailbox, public_url: &str) -> Self {
        Self { transport, from, public_url: public_url.trim_end_matches('/').to_owned() }
    }

    fn letter(&self, target: &Target, message: &PushMessage) -> Option<Message> {
        let Target::Email { address, token } = target else { return None };
        let token = token_text(token);
        let unsubscribe = format!("{}/mail/unsubscribe/{token}", self.public_url);
        let link = match message.type_.as_str() {
            "confirm" => format!("{}/mail/confirm/{token}", self.public_url),
            _ => format!("{}{}", self.public_url, message.url),
        };
        let (plain, html) = bodies(message, &link, &unsubscribe);
        let header = |name: &'static str, value: String| {
            HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
        };
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address.parse().ok()?))
            .subject(one_line(&message.title))
            .date(clock::system_time(message.at))
            .message_id(Some(format!("<{}@{}>", message.id, self.from.email.domain())))
            // So that no absence note answers it (RFC 3834).
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(header("List-Unsubscribe", format!("<{unsubscribe}>")))
            .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()))
            .multipart(MultiPart::alternative_plain_html(plain, html))
            .ok()
    }

    async fn attempt(&self, target: &Target, message: &PushMessage) -> Report {
        let Some(letter) = self.letter(target, message) else {
            return Report { status: None, outcome: "bad-address", detail: None, verdict: Verdict::Rejected };
        };
        match tokio::time::timeout(EXCHANGE, self.transport.send(letter)).await {
            Ok(Ok(response)) => {
                let status = response.code().to_string().parse().ok();
                Report { status, outcome: "ok", detail: None, verdict: Verdict::Delivered }
            }
            Ok(Err(error)) => judge(&error),
            Err(_) => later(None, "timeout", None, true),
        }
    }
}

#[async_trait]
impl Sender for Email {
    async fn send(&self, endpoint: &EndpointRow, message: &PushMessage, _: Timestamp) -> Report {
        self.attempt(&endpoint.target, message).await
    }
}

/// In place of [`Email`] without a mail server: what was to be sent waits for one, as long as mails do.
pub struct NoMailServer;

#[async_trait]
impl Sender for NoMailServer {
    async fn send(&self, _: &EndpointRow, _: &PushMessage, _: Timestamp) -> Report {
        later(None, "no-mail-server", None, true)
    }
}

fn later(status: Option<u16>, outcome: &'static str, detail: Option<String>, blames_host: bool) -> Report {
    Report { status, outcome, detail, verdict: Verdict::Retry { after: None, blames_host } }
}

/// What a mail server's answer means (RFC 5321, section 4.2; RFC 3463 for the finer codes).
fn judge(error: &smtp::Error) -> Report {
    let said = std::error::Error::source(error).map(ToString::to_string);
    let detail = said.as_deref().and_then(|said| detail_of(said.as_bytes()));
    let Some(code) = error.status() else {
        let outcome = match () {
            () if error.is_timeout() => "timeout",
            () if error.is_tls() => "bad-certificate",
            () if error.is_response() => "unreadable-answer",
            () if error.is_client() => "mail-server-unfit",
            () => "no-connection",
        };
        return later(None, outcome, detail, true);
    };
    let status: Option<u16> = code.to_string().parse().ok();
    let finer = said.as_deref().and_then(enhanced).unwrap_or_default();
    match status {
        // It does not let us in at all: nobody's address is to blame.
        Some(530 | 534 | 535 | 538) => later(status, "login-refused", detail, true),
        Some(421) => later(status, "server-error", detail, true),
        Some(400..=499) => later(status, "try-later", detail, false),
        // There is no such mailbox, or it is closed.
        _ if ["5.1.1", "5.1.2", "5.1.6", "5.1.10", "5.2.1"].contains(&finer) => {
            Report { status, outcome: "no-such-mailbox", detail, verdict: Verdict::Gone }
        }
        _ => Report { status, outcome: "refused", detail, verdict: Verdict::Rejected },
    }
}

/// The enhanced code that an answer begins with, such as `5.1.1`.
fn enhanced(said: &str) -> Option<&str> {
    let word = said.split_ascii_whitespace().next()?;
    let digits = word.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    (digits && word.split('.').count() == 3).then_some(word)
}

/// Without anything that could end a header.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// The two parts: the same in plain text and in HTML.
fn bodies(message: &PushMessage, link: &str, unsubscribe: &str) -> (String, String) {
    let words = words::mail(&message.lang);
    let confirming = message.type_ == "confirm";
    let action = if confirming { words.confirm } else { words.open };
    let because = if confirming { "" } else { words.because };
    let (title, body) = (one_line(&message.title), message.body.as_str());
    let plain =
        format!("{title}\n\n{body}\n\n{action}:\n{link}\n\n-- \n{because}\n{}:\n{unsubscribe}\n", words.unsubscribe);
    let paragraphs = escaped(body).replace('\n', "<br>");
    let html = format!(
        "<!DOCTYPE html><html lang=\"{lang}\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body style=\"font:16px/1.5 sans-serif;max-width:36em;margin:0 auto;padding:1.5em\">\
         <h1 style=\"font-size:1.3em\">{title}</h1><p>{paragraphs}</p>\
         <p><a href=\"{link}\">{action}</a></p>\
         <hr><p style=\"font-size:.85em\">{because} <a href=\"{unsubscribe}\">{stop}</a></p></body></html>",
        lang = escaped(&message.lang),
        title = escaped(&title),
        link = escaped(link),
        unsubscribe = escaped(unsubscribe),
        stop = words.unsubscribe,
    );
    (plain, html)
}

/// A text as text of HTML, in an attribute too.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
#[path = "email_tests.rs"]
mod tests;
