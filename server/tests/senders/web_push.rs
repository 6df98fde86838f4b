//! Web Push to a strict push service on this machine, decrypted as a browser does it.

use crate::{
    push_service::{Browser, base64url, claims},
    receiver::{Does, Receiver},
    world::{IMPATIENT, NOW, attempt, endpoint, local, message},
};
use server::{
    notify::{
        Sender, Verdict,
        http::{Http, Patience},
        target::Targets,
        vapid::Vapid,
        web_push::WebPush,
    },
    store::{EndpointRow, Target},
};
use std::time::Duration;
use tempfile::TempDir;

fn browser() -> Browser {
    Browser::new(&[5; 32], &[6; 16])
}

fn subscribed(url: &str) -> EndpointRow {
    let browser = browser();
    endpoint(Target::WebPush { url: url.to_owned(), p256dh: browser.p256dh(), auth: browser.auth })
}

fn vapid(contact: Option<&str>) -> (TempDir, Vapid) {
    let folder = tempfile::tempdir().unwrap();
    let vapid = Vapid::open(folder.path(), contact).unwrap();
    (folder, vapid)
}

#[test]
fn the_browser_of_these_tests_reads_the_example_of_the_rfc() {
    // RFC 8291, section 5 and appendix A.
    let secret = base64url("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
    let browser = Browser::new(&secret, &base64url("BTBZMqHH6r4Tts7J_aSIgg"));
    let public = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    assert_eq!(browser.p256dh(), base64url(public));
    let body = base64url(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
    );
    assert_eq!(browser.decrypt(&body).unwrap(), b"When I grow up, I want to be a watermelon");
    assert_eq!(Browser::new(&[9; 32], &browser.auth).decrypt(&body), None, "only this browser does");
}

#[tokio::test]
async fn only_the_browser_reads_the_message_and_the_push_service_knows_who_sends() {
    let service = Receiver::start(Does::Answer(201, "location: /message/1\r\n", "")).await;
    let (_folder, vapid) = vapid(Some("mailto:operator@shop.example"));
    let sender = WebPush::new(local(Patience::default()), vapid.clone());
    let report = attempt(&sender, &subscribed(&service.url("/push/abc?token=x")), NOW.plus_ms(3_600_000)).await;
    assert_eq!((report.status, report.outcome, report.verdict), (Some(201), "ok", Verdict::Delivered));
    let seen = service.only();
    assert_eq!(seen.target, "/push/abc?token=x");
    let read = browser().decrypt(&seen.body).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&read).unwrap(), serde_json::to_value(message()).unwrap());
    assert_eq!(Browser::new(&[9; 32], &[6; 16]).decrypt(&seen.body), None);
    for words in ["job", "rehearsal", "Fr"] {
        assert!(!seen.body.windows(words.len()).any(|window| window == words.as_bytes()) || words == "Fr");
    }
    let origin = format!("http://{}", service.addr);
    let claims = claims(&seen, &origin, vapid.public_key(), NOW.0 / 1000 + 3600);
    assert_eq!(claims["sub"], "mailto:operator@shop.example");
    assert_eq!(seen.header("content-encoding"), Some("aes128gcm"));
    assert_eq!(seen.header("ttl"), Some("82800"), "a day, less the hour that it waited");
    assert_eq!(seen.header("urgency"), Some("normal"));
    let topic = seen.header("topic").unwrap();
    assert!(topic.len() <= 32 && !base64url(topic).is_empty());
}

#[tokio::test]
async fn each_attempt_is_sealed_anew_and_keeps_its_topic() {
    let service = Receiver::start(Does::Answer(500, "", "")).await;
    let (_folder, vapid) = vapid(None);
    let sender = WebPush::new(local(Patience::default()), vapid.clone());
    for _ in 0..2 {
        attempt(&sender, &subscribed(&service.url("/p")), NOW).await;
    }
    let [first, second] = service.seen().try_into().unwrap();
    assert_ne!(first.body, second.body, "the same salt or key twice would give the key away");
    assert_eq!(browser().decrypt(&first.body), browser().decrypt(&second.body));
    assert_eq!(first.header("topic"), second.header("topic"));
    let origin = format!("http://{}", service.addr);
    assert_eq!(claims(&first, &origin, vapid.public_key(), NOW.0 / 1000).get("sub"), None, "nobody was named");
}

#[tokio::test]
async fn what_a_push_service_answers_decides_over_the_subscription() {
    let service = Receiver::start(Does::Close).await;
    let (_folder, vapid) = vapid(None);
    let sender = WebPush::new(local(IMPATIENT), vapid);
    let endpoint = subscribed(&service.url("/p"));
    let retry = |after: Option<u64>, blames_host| Verdict::Retry { after: after.map(Duration::from_secs), blames_host };
    for (does, outcome, verdict) in [
        (Does::Answer(202, "", ""), "ok", Verdict::Delivered),
        (Does::Answer(200, "", ""), "ok", Verdict::Delivered),
        (Does::Answer(404, "", ""), "gone", Verdict::Gone),
        (Does::Answer(410, "", ""), "gone", Verdict::Gone),
        (Does::Answer(413, "", ""), "too-large", Verdict::Rejected),
        (Does::Answer(429, "retry-after: 60\r\n", ""), "too-many-requests", retry(Some(60), false)),
        (Does::Answer(403, "", "wrong key"), "key-refused", Verdict::Gone),
        // A service whose clock is a year away from ours.
        (Does::Answer(401, "date: Tue, 24 Nov 2026 12:00:00 GMT\r\n", ""), "clock-skew", retry(None, true)),
        (Does::Answer(502, "", ""), "server-error", retry(None, true)),
        (Does::Answer(307, "location: /q\r\n", ""), "redirected", retry(None, false)),
        (Does::Hang, "timeout", retry(None, true)),
        (Does::DripHead, "timeout", retry(None, true)),
    ] {
        service.does(does);
        let said = attempt(&sender, &endpoint, NOW).await;
        assert_eq!((said.outcome, said.verdict), (outcome, verdict), "{said:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_what_is_no_push_service() {
    let service = Receiver::start(Does::Answer(201, "", "")).await;
    let (_folder, vapid) = vapid(None);
    for targets in [Targets::new(false, &["127.0.0.1".to_owned()]), Targets::new(true, &[])] {
        let sender = WebPush::new(Http::new(targets, Patience::default()).unwrap(), vapid.clone());
        let said = attempt(&sender, &subscribed(&service.url("/p")), NOW).await;
        assert_eq!((said.outcome, said.verdict), ("forbidden-address", Verdict::Rejected));
    }
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn keys_that_are_none_are_rejected_without_a_request() {
    let service = Receiver::start(Does::Answer(201, "", "")).await;
    let (_folder, vapid) = vapid(None);
    let sender = WebPush::new(local(Patience::default()), vapid);
    let good = browser();
    for (p256dh, auth) in [(vec![4; 65], good.auth.clone()), (vec![], good.auth.clone()), (good.p256dh(), vec![1; 15])]
    {
        let endpoint = endpoint(Target::WebPush { url: service.url("/p"), p256dh, auth });
        let said = sender.send(&endpoint, &message(), NOW).await;
        assert_eq!((said.outcome, said.verdict), ("bad-keys", Verdict::Rejected));
    }
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn a_message_of_the_largest_size_fits_into_what_every_push_service_takes() {
    let service = Receiver::start(Does::Answer(201, "", "")).await;
    let (_folder, vapid) = vapid(None);
    let mut message = message();
    let room = domain::push::MESSAGE_LIMIT - serde_json::to_vec(&message).unwrap().len();
    message.body.push_str(&"x".repeat(room));
    let sender = WebPush::new(local(Patience::default()), vapid);
    assert_eq!(sender.send(&subscribed(&service.url("/p")), &message, NOW).await.verdict, Verdict::Delivered);
    assert!(browser().decrypt(&service.only().body).is_some(), "at most 4096 bytes, in one record");
}
