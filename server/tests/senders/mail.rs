//! Mails to a real mail server (Python's aiosmtpd), read back by Python's own parser.

use crate::{
    common::PATIENCE,
    world::{NOW, attempt, endpoint, message},
};
use domain::push::PushMessage;
use serde_json::Value;
use server::{
    notify::{
        Report, Sender, Verdict,
        email::{Email, sender_of, server_of, token_text},
    },
    store::{EndpointRow, Target},
};
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tokio::sync::mpsc;

const TOKEN: [u8; 32] = [9; 32];

/// The mail server.
pub struct Sink {
    pub url: String,
    lines: mpsc::UnboundedReceiver<String>,
    child: Child,
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has it: the one that `cargo xtask test` makes, or the machine's.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_meanwhile")).parent().and_then(Path::parent).unwrap();
    let inside = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    let made = target.join("mail-sink").join(inside);
    if made.is_file() { made } else { "python3".into() }
}

impl Sink {
    pub async fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/senders/mail_sink.py");
        let mut child = Command::new(python())
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python is needed, with aiosmtpd. `cargo xtask test` installs it");
        let (say, mut lines) = mpsc::unbounded_channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let first = tokio::time::timeout(PATIENCE, lines.recv()).await.unwrap();
        let first = first.expect("aiosmtpd is needed. Type: python3 -m pip install aiosmtpd");
        let port = first.strip_prefix("port ").unwrap();
        Self { url: format!("smtp://127.0.0.1:{port}"), lines, child }
    }

    /// The next mail that came.
    pub async fn mail(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn sender(url: &str) -> Email {
    let from = sender_of("Meanwhile <no-reply@shop.example>").unwrap();
    Email::new(server_of(url).unwrap(), from, "https://shop.example")
}

fn to(address: &str) -> EndpointRow {
    endpoint(Target::Email { address: address.to_owned(), token: TOKEN.to_vec() })
}

pub fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().unwrap();
    let found: Vec<_> = headers.iter().filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name)).collect();
    assert_eq!(found.len(), 1, "{name} in {mail}");
    found[0][1].as_str().unwrap()
}

#[tokio::test]
async fn a_mail_says_it_in_plain_text_and_in_html_and_how_to_stop_it() {
    let mut sink = Sink::start().await;
    let report = attempt(&sender(&sink.url), &to("jo@shop.example"), NOW).await;
    assert_eq!(report, Report { status: Some(250), outcome: "ok", detail: None, verdict: Verdict::Delivered });
    let mail = sink.mail().await;
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert_eq!(
        (&mail["from"], &mail["to"]),
        (&"no-reply@shop.example".into(), &serde_json::json!(["jo@shop.example"]))
    );
    assert_eq!(header(&mail, "Subject"), message().title, "beyond ASCII");
    assert_eq!(header(&mail, "From"), "Meanwhile <no-reply@shop.example>");
    assert_eq!(header(&mail, "Message-ID"), "<01010101-0101-0101-0101-010101010101@shop.example>");
    let unsubscribe = format!("https://shop.example/mail/unsubscribe/{}", token_text(&TOKEN));
    assert_eq!(header(&mail, "List-Unsubscribe"), format!("<{unsubscribe}>"));
    assert_eq!(header(&mail, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let job = format!("https://shop.example{}", message().url);
    for part in ["plain", "html"] {
        let text = mail[part].as_str().unwrap();
        for wanted in [message().title.as_str(), &message().body, &job, &unsubscribe] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
    }
    let html = mail["html"].as_str().unwrap();
    for loads in ["src=", "<img", "<link", "url(", "<script", "@import"] {
        assert!(!html.contains(loads), "nothing is loaded from anywhere: {html}");
    }
}

#[tokio::test]
async fn the_mail_that_asks_has_the_link_that_confirms() {
    let mut sink = Sink::start().await;
    let asked = PushMessage { type_: "confirm".into(), lang: "fr".into(), items: Vec::new(), ..message() };
    let report = sender(&sink.url).send(&to("jo@shop.example"), &asked, NOW).await;
    assert_eq!(report.verdict, Verdict::Delivered);
    let mail = sink.mail().await;
    let confirm = format!("https://shop.example/mail/confirm/{}", token_text(&TOKEN));
    assert!(mail["plain"].as_str().unwrap().contains(&confirm) && mail["html"].as_str().unwrap().contains(&confirm));
    assert!(mail["plain"].as_str().unwrap().contains("Oui, écrivez-moi"));
}

#[tokio::test]
async fn no_label_of_a_job_adds_a_header_a_recipient_or_markup() {
    let mut sink = Sink::start().await;
    let sender = sender(&sink.url);
    for evil in [
        "x\r\nBcc: spam@b.example",
        "x\nTo: spam@b.example\n\nhello",
        "é\r\nBcc: spam@b.example",
        "x\r\n.\r\nMAIL FROM:<a@b.example>",
    ] {
        let body = format!("<script>alert(1)</script>\r\n.\r\nRCPT TO:<spam@b.example>\r\n{evil}");
        let asked = PushMessage { title: evil.to_owned(), body, ..message() };
        assert_eq!(sender.send(&to("jo@shop.example"), &asked, NOW).await.verdict, Verdict::Delivered);
        let mail = sink.mail().await;
        assert_eq!(mail["to"], serde_json::json!(["jo@shop.example"]));
        assert_eq!(header(&mail, "To"), "jo@shop.example");
        assert!(
            mail["headers"]
                .as_array()
                .unwrap()
                .iter()
                .all(|pair| !pair[0].as_str().unwrap().eq_ignore_ascii_case("bcc"))
        );
        assert!(!mail["html"].as_str().unwrap().contains("<script"));
        assert!(mail["plain"].as_str().unwrap().contains("RCPT TO:<spam@b.example>"), "as text it stays as it is");
    }
}

#[tokio::test]
async fn what_a_mail_server_answers_is_what_the_log_says() {
    let sink = Sink::start().await;
    let sender = sender(&sink.url);
    let retry = |blames_host| Verdict::Retry { after: None, blames_host };
    for (name, status, outcome, verdict) in [
        ("later", 451, "try-later", retry(false)),
        ("nobody", 550, "no-such-mailbox", Verdict::Gone),
        ("never", 550, "refused", Verdict::Rejected),
        ("away", 421, "server-error", retry(true)),
    ] {
        let said = attempt(&sender, &to(&format!("{name}@shop.example")), NOW).await;
        assert_eq!((said.status, said.outcome, said.verdict), (Some(status), outcome, verdict), "{said:?}");
        assert!(said.detail.is_some_and(|detail| !detail.is_empty()));
    }
}

#[tokio::test]
async fn a_mail_server_that_is_away_or_silent_blames_itself() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let garbage = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-OpenSSH\r\n").await.unwrap();
        drop((stream, listener));
    });
    let blames = Verdict::Retry { after: None, blames_host: true };
    let said = attempt(&sender(&url), &to("jo@shop.example"), NOW).await;
    assert_eq!(said.verdict, blames, "what is no mail server: {said:?}");
    garbage.await.unwrap();
    let said = attempt(&sender(&url), &to("jo@shop.example"), NOW).await;
    assert_eq!((said.outcome, said.verdict), ("no-connection", blames), "{said:?}");
}
