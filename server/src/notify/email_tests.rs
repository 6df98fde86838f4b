//! Letters as they leave, and what settings make of a mail server.

use super::*;
use domain::DeliveryId;

fn message(title: &str, body: &str) -> PushMessage {
    PushMessage {
        id: DeliveryId::from_bytes([1; 16]),
        type_: "job.succeeded".into(),
        at: Timestamp(1_700_000_000_000),
        title: title.into(),
        body: body.into(),
        lang: "en".into(),
        url: "/jobs/1".into(),
        cursor: None,
        items: Vec::new(),
        more: 0,
    }
}

fn written(message: &PushMessage) -> String {
    let email = Email::new(
        server_of("smtp://127.0.0.1:25").unwrap(),
        sender_of("Meanwhile <no-reply@shop.example>").unwrap(),
        "https://shop.example/",
    );
    let target = Target::Email { address: "a@b.example".into(), token: vec![7; 32] };
    String::from_utf8(email.letter(&target, message).unwrap().formatted()).unwrap()
}

#[tokio::test]
async fn no_title_becomes_a_header_and_no_text_becomes_markup() {
    for evil in
        ["x\r\nBcc: c@d.example", "x\nBcc: c@d.example", "x\r\n\r\n<script>alert(1)</script>", "é\r\nBcc: c@d.example"]
    {
        let mail = written(&message(evil, "<img src=x onerror=alert(1)> & \"quotes\""));
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_ascii_lowercase().lines().any(|line| line.starts_with("bcc")), "{head}");
        let html = body.split("text/html").nth(1).unwrap();
        assert!(!html.contains("<img") && !html.contains("<script"), "{html}");
    }
}

#[tokio::test]
async fn a_letter_is_the_same_at_every_attempt_but_for_its_boundary() {
    let of = |mail: String| {
        let lines = mail.lines().filter(|line| !line.contains("boundary=") && !line.starts_with("--"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of(written(&message("a", "b"))), of(written(&message("a", "b"))));
    let mail = written(&message("a", "b"));
    for header in [
        "Message-ID: <01010101-0101-0101-0101-010101010101@shop.example>",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000",
        "List-Unsubscribe: <https://shop.example/mail/unsubscribe/BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(mail.lines().any(|line| line == header), "{header} in\n{mail}");
    }
}

#[test]
fn a_mail_server_that_would_get_a_password_in_the_clear_is_refused() {
    for url in [
        "smtps://u:p@mail.example",
        "smtp://u:p@mail.example:587?tls=required",
        "smtp://u:p@localhost:25",
        "smtp://mail.example",
    ] {
        assert!(server_of(url).is_ok(), "{url}");
    }
    for url in [
        "smtp://u:secret@mail.example:587",
        "smtp://u:secret@mail.example?tls=opportunistic",
        "http://u:secret@mail.example",
        "mail.example:25",
        "smtp:///x",
        "",
    ] {
        let problem = server_of(url).err().unwrap();
        assert!(!problem.contains("secret"), "{problem}");
    }
}

#[test]
fn an_address_is_one_that_can_be_written_to() {
    assert_eq!(address_of(" Jo.Do+x@Shop.Example ").as_deref(), Some("Jo.Do+x@shop.example"));
    for text in [
        "",
        "a",
        "a@",
        "@b.example",
        "a@localhost",
        "a@[127.0.0.1]",
        "a b@c.example",
        "a@b.example, c@d.example",
        "a@b.example\r\nRCPT TO:<c@d.example>",
        "<a@b.example>",
        "A <a@b.example>",
        &format!("{}@b.example", "a".repeat(250)),
    ] {
        assert_eq!(address_of(text), None, "{text}");
    }
}

#[test]
fn a_token_survives_its_text() {
    let token: Vec<u8> = (0..32).collect();
    assert_eq!(token_of(&token_text(&token)), Some(token));
    for text in ["", "x", "AAAA", "====", &"A".repeat(44)] {
        assert_eq!(token_of(text), None, "{text}");
    }
}

#[test]
fn the_finer_code_is_read_where_there_is_one() {
    assert_eq!(enhanced("5.1.1 no such user"), Some("5.1.1"));
    assert_eq!(enhanced("no such user"), None);
    assert_eq!(enhanced("5.1 x"), None);
    assert_eq!(enhanced(""), None);
}
