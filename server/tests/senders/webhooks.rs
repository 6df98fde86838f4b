//! Webhooks to real receivers, judged by the specification's own library for Node.

use crate::{
    receiver::{Does, Receiver, Seen},
    world::{IMPATIENT, NOW, attempt, endpoint, local, message, webhook},
};
use server::{
    notify::{
        Report, Sender, Verdict,
        http::{Http, Patience},
        signature,
        target::Targets,
        webhook::Webhook,
    },
    store::Target,
};
use std::{
    io::Write as _,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, crypto,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};

fn patient() -> Webhook {
    Webhook::new(local(Patience::default()))
}

/// What the package `standardwebhooks` says to a request.
pub fn judged(secret: &[u8], seen: &Seen, body: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../end2end");
    let library = folder.join("node_modules/standardwebhooks");
    assert!(library.is_dir(), "the packages of end2end/ are needed. Type: cd end2end && npm ci");
    let header = |name: &str| seen.header(name).unwrap();
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, header(name)));
    let input = serde_json::json!({
        "secret": signature::show(secret),
        "headers": headers.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "body": body,
    });
    let mut node = Command::new("node")
        .arg("verify_webhook.mjs")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node is needed. Type: apt-get install -y nodejs npm");
    node.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    String::from_utf8(node.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

/// The library compares timestamps with the clock.
fn now() -> domain::Timestamp {
    server::clock::now()
}

#[tokio::test]
async fn the_specifications_own_library_verifies_what_a_receiver_gets() {
    let receiver = Receiver::start(Does::Answer(204, "", "")).await;
    let report = attempt(&patient(), &webhook(&receiver.url("/hook?a=b")), now()).await;
    assert_eq!((report.status, report.outcome, report.verdict), (Some(204), "ok", Verdict::Delivered));
    let seen = receiver.only();
    assert_eq!(seen.target, "/hook?a=b");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("host"), Some(receiver.addr.to_string().as_str()));
    assert_eq!(seen.header("webhook-id"), Some("01010101-0101-0101-0101-010101010101"), "the delivery's id");
    assert!(seen.header("user-agent").unwrap().starts_with("Meanwhile/"));
    assert_eq!(judged(&[7; 32], &seen, seen.text()), "ok");
    assert_ne!(judged(&[8; 32], &seen, seen.text()), "ok", "with another secret");
    assert_ne!(judged(&[7; 32], &seen, &seen.text().replace("57", "58")), "ok", "with another body");
    let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!((&body["type"], &body["timestamp"]), (&"job.succeeded".into(), &NOW.to_string().into()));
    assert_eq!(body["data"], serde_json::to_value(message()).unwrap());
}

#[tokio::test]
async fn during_a_rotation_the_library_takes_either_secret() {
    let receiver = Receiver::start(Does::Answer(200, "", "")).await;
    let previous = Some((vec![8; 32], now().plus_ms(60_000)));
    let rotated = endpoint(Target::Webhook { url: receiver.url("/"), secret: vec![9; 32], previous });
    assert_eq!(attempt(&patient(), &rotated, now()).await.verdict, Verdict::Delivered);
    let seen = receiver.only();
    assert_eq!([judged(&[9; 32], &seen, seen.text()), judged(&[8; 32], &seen, seen.text())], ["ok", "ok"]);
    assert_ne!(judged(&[7; 32], &seen, seen.text()), "ok");
}

#[tokio::test]
async fn every_attempt_has_the_same_id_and_body_and_a_signature_of_its_own() {
    let receiver = Receiver::start(Does::Answer(500, "", "")).await;
    for later in [0, 5_000] {
        attempt(&patient(), &webhook(&receiver.url("/")), NOW.plus_ms(later)).await;
    }
    let [first, second] = receiver.seen().try_into().unwrap();
    assert_eq!((&first.body, first.header("webhook-id")), (&second.body, second.header("webhook-id")));
    assert_eq!(first.header("webhook-timestamp"), Some("1764000000"));
    assert_eq!(second.header("webhook-timestamp"), Some("1764000005"));
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
}

#[tokio::test]
async fn what_a_receiver_answers_is_what_the_log_says() {
    let receiver = Receiver::start(Does::Close).await;
    let endpoint = webhook(&receiver.url("/"));
    let retry = |after: Option<u64>, blames_host| Verdict::Retry { after: after.map(Duration::from_secs), blames_host };
    for (does, status, outcome, verdict, detail) in [
        (Does::Answer(410, "", "moved\r\n away"), Some(410), "gone", Verdict::Gone, Some("moved away")),
        (Does::Answer(429, "retry-after: 30\r\n", ""), Some(429), "too-many-requests", retry(Some(30), false), None),
        (
            Does::Answer(503, "retry-after: 9\r\n", "busy"),
            Some(503),
            "server-error",
            retry(Some(9), true),
            Some("busy"),
        ),
        (Does::Answer(500, "", "<h1>oh</h1>"), Some(500), "server-error", retry(None, true), Some("<h1>oh</h1>")),
        (Does::Answer(404, "", ""), Some(404), "refused", retry(None, false), None),
    ] {
        receiver.does(does);
        let said = attempt(&patient(), &endpoint, NOW).await;
        assert_eq!(said, Report { status, outcome, detail: detail.map(str::to_owned), verdict });
    }
    for does in [Does::Garbage, Does::Close] {
        receiver.does(does);
        let said = attempt(&patient(), &endpoint, NOW).await;
        assert_eq!(
            (said.status, said.outcome, said.verdict),
            (None, "unreadable-answer", retry(None, true)),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_nobody_follows_it() {
    let elsewhere = Receiver::start(Does::Answer(200, "", "")).await;
    let location: &'static str = Box::leak(format!("location: {}\r\n", elsewhere.url("/")).into_boxed_str());
    for status in [301, 302, 303, 307, 308] {
        let receiver = Receiver::start(Does::Answer(status, location, "")).await;
        let said = attempt(&patient(), &webhook(&receiver.url("/")), NOW).await;
        assert_eq!((said.outcome, said.status), ("redirected", Some(status)));
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn no_cookie_is_kept_and_no_connection_reused() {
    let receiver = Receiver::start(Does::Answer(200, "set-cookie: a=b; Path=/\r\n", "")).await;
    let (sender, endpoint) = (patient(), webhook(&receiver.url("/")));
    attempt(&sender, &endpoint, NOW).await;
    attempt(&sender, &endpoint, NOW).await;
    assert!(
        receiver
            .seen()
            .iter()
            .all(|seen| seen.header("cookie").is_none() && seen.header("connection") == Some("close"))
    );
    assert_eq!(receiver.seen().len(), 2);
}

#[tokio::test]
async fn a_receiver_that_hangs_or_drips_is_left_in_time() {
    let sender = Webhook::new(local(IMPATIENT));
    for does in [Does::Hang, Does::DripHead] {
        let receiver = Receiver::start(does).await;
        let said = attempt(&sender, &webhook(&receiver.url("/")), NOW).await;
        let verdict = Verdict::Retry { after: None, blames_host: true };
        assert_eq!(said, Report { status: None, outcome: "timeout", detail: None, verdict });
    }
    // Once there is a status it counts, however long the rest would take.
    let receiver = Receiver::start(Does::DripBody(200)).await;
    assert_eq!(attempt(&sender, &webhook(&receiver.url("/")), NOW).await.verdict, Verdict::Delivered);
    receiver.does(Does::DripBody(500));
    let said = attempt(&sender, &webhook(&receiver.url("/")), NOW).await;
    assert_eq!((said.status, said.outcome), (Some(500), "server-error"));
}

#[tokio::test]
async fn of_an_answer_without_end_only_the_beginning_is_read() {
    let (told, mut sent) = mpsc::unbounded_channel();
    for status in [200, 500] {
        let receiver = Receiver::start(Does::Flood(status, told.clone())).await;
        let said = attempt(&patient(), &webhook(&receiver.url("/")), NOW).await;
        assert_eq!(said.status, Some(status));
        assert!(said.detail.is_none_or(|detail| detail.chars().count() <= 500));
        assert_eq!(sent.recv().await, Some(false), "nobody took all of it");
    }
}

#[tokio::test]
async fn nobody_at_the_address_blames_the_host() {
    let receiver = Receiver::start(Does::Close).await;
    let url = receiver.url("/");
    drop(receiver);
    // The task that listens ends when it is next polled; until then it answers nothing.
    tokio::task::yield_now().await;
    let said = attempt(&patient(), &webhook(&url), NOW).await;
    assert_eq!(said.verdict, Verdict::Retry { after: None, blames_host: true });
    assert_eq!((said.status, said.outcome), (None, "no-connection"), "{said:?}");
}

/// A client that is not allowed to reach this machine, with a DNS of the test's own.
fn strict(
    addresses: impl Fn(usize) -> Vec<SocketAddr> + Send + Sync + 'static,
    private: bool,
) -> (Http, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let http = Http::new(Targets::new(private, &[]), Patience::default()).unwrap().resolving(move |_, _| {
        let found = addresses(count.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move { Ok(found) })
    });
    (http, asked)
}

#[tokio::test]
async fn a_name_that_comes_to_lead_to_a_private_address_is_not_followed_there() {
    let receiver = Receiver::start(Does::Answer(200, "", "")).await;
    let (public, here) = (SocketAddr::from(([1, 1, 1, 1], 443)), receiver.addr);
    // Public when it is added, private when it is sent to; and both at once.
    for answers in [vec![here], vec!["[::ffff:127.0.0.1]:9".parse().unwrap(), "10.0.0.1:9".parse().unwrap(), here]] {
        let url = url::Url::parse(&format!("https://hooks.example:{}/", here.port())).unwrap();
        let (http, asked) = strict(move |time| if time == 0 { vec![public] } else { answers.clone() }, false);
        assert_eq!(http.look_up(&url).await, Ok(vec![public]));
        let said = attempt(&Webhook::new(http), &webhook(url.as_str()), NOW).await;
        assert_eq!(said.outcome, "forbidden-address");
        assert_eq!(said.verdict, Verdict::Retry { after: None, blames_host: false });
        assert_eq!(asked.load(Ordering::SeqCst), 2, "judged anew, and once: what was judged is what is connected to");
    }
    for literal in ["127.0.0.1", "[::1]", "0x7f000001", "localhost"] {
        let (http, asked) = strict(move |_| vec![here], false);
        let url = format!("https://{literal}:{}/", here.port());
        assert_eq!(attempt(&Webhook::new(http), &webhook(&url), NOW).await.outcome, "forbidden-address", "{literal}");
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }
    assert!(receiver.seen().is_empty());
}

fn roots(der: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der.to_vec())).unwrap();
    roots
}

#[tokio::test]
async fn over_tls_a_receiver_must_show_that_it_is_who_it_is_called() {
    let (root, own) = (include_bytes!("tls/root.der"), include_bytes!("tls/receiver.der"));
    let key = PrivatePkcs8KeyDer::from(include_bytes!("tls/receiver.key.der").to_vec());
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(own.to_vec())], key.into())
        .unwrap();
    let receiver = Receiver::start_tls(Does::Answer(200, "", ""), Some(TlsAcceptor::from(Arc::new(config)))).await;
    let here = receiver.addr;
    let sender = |der: &[u8]| {
        let http = Http::trusting(roots(der), Targets::new(true, &[]), Patience::default()).unwrap();
        Webhook::new(http.resolving(move |_, _| Box::pin(async move { Ok(vec![here]) })))
    };
    let of = |name: &str| webhook(&format!("https://{name}:{}/", here.port()));
    assert_eq!(attempt(&sender(root), &of("hooks.example"), NOW).await.verdict, Verdict::Delivered);
    assert_eq!(receiver.only().header("host"), Some(format!("hooks.example:{}", here.port()).as_str()));
    let verdict = Verdict::Retry { after: None, blames_host: true };
    for (der, name) in [(&root[..], "other.example"), (&root[..], "127.0.0.1")] {
        let said = attempt(&sender(der), &of(name), NOW).await;
        assert_eq!((said.outcome, said.verdict), ("bad-certificate", verdict), "{name}");
    }
    // Nobody's root in a store that holds none of its issuers.
    let unknown = Http::trusting(RootCertStore::empty(), Targets::new(true, &[]), Patience::default()).unwrap();
    let unknown = Webhook::new(unknown.resolving(move |_, _| Box::pin(async move { Ok(vec![here]) })));
    assert_eq!(attempt(&unknown, &of("hooks.example"), NOW).await.outcome, "bad-certificate");
    assert_eq!(receiver.seen().len(), 1, "nothing was said before that was clear");
    // And one that speaks no TLS at all.
    let plain = Receiver::start(Does::Answer(200, "", "")).await;
    let http = Http::new(Targets::new(true, &[]), IMPATIENT).unwrap();
    let said = attempt(&Webhook::new(http), &webhook(&format!("https://{}/", plain.addr)), NOW).await;
    assert_eq!(said.verdict, verdict);
}

#[tokio::test]
async fn an_endpoint_of_another_kind_is_no_reason_to_panic() {
    let email = endpoint(Target::Email { address: "a@b.example".into(), token: vec![1; 32] });
    let report = patient().send(&email, &message(), NOW).await;
    assert_eq!((report.outcome, report.verdict), ("internal", Verdict::Rejected));
}
