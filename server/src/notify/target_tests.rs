//! Forms of addresses, and what is judged of each.

use super::*;
use proptest::prelude::*;

fn strict() -> Targets {
    Targets::new(false, &[])
}

fn refused(url: &str) -> Option<&'static str> {
    strict().webhook(url).err().map(Refused::code)
}

#[test]
fn a_private_address_is_refused_in_every_spelling() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "１２７.０.０.１",
        "0",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:0a00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::8.8.8.8]",
        "[2002:7f00:1::]",
        "[2002:808:808::]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[100::1]",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
    ] {
        assert_eq!(refused(&format!("https://{host}/hook")), Some("private-address"), "{host}");
    }
}

#[test]
fn a_public_address_is_let_through_whatever_its_form_and_port() {
    for host in [
        "1.1.1.1",
        "hooks.example:8443",
        "[2606:4700::1111]:444",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::8.8.8.8]",
        "172.15.0.1",
    ] {
        assert_eq!(refused(&format!("https://{host}/hook?a=b")), None, "{host}");
    }
}

#[test]
fn what_is_no_address_to_send_to_says_why() {
    for (text, code) in [
        ("http://hooks.example/", "not-https"),
        ("ftp://hooks.example/", "not-https"),
        ("file:///etc/passwd", "not-https"),
        ("https://user@hooks.example/", "user-in-url"),
        ("https://:secret@hooks.example/", "user-in-url"),
        ("hooks.example", "not-a-url"),
        ("https://", "not-a-url"),
        ("https://1.1.1.256/", "not-a-url"),
        ("https://[::1/", "not-a-url"),
        ("", "not-a-url"),
    ] {
        assert_eq!(refused(text), Some(code), "{text}");
    }
    assert_eq!(refused(&format!("https://hooks.example/{}", "a".repeat(ADDRESS_LIMIT))), Some("too-long"));
}

#[test]
fn private_targets_let_everything_through_but_what_is_no_address() {
    let open = Targets::new(true, &["127.0.0.1".to_owned()]);
    assert!(open.webhook("http://127.0.0.1:9/").is_ok());
    assert!(open.push_resource("http://127.0.0.1:9/push/x").is_ok());
    assert_eq!(open.webhook("ftp://x/"), Err(Refused::NotHttps));
    assert_eq!(open.webhook("http://u@x/"), Err(Refused::UserInfo));
}

#[test]
fn web_push_goes_to_push_services_only() {
    let known = |url: &str| strict().push_resource(url).is_ok();
    for url in [
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://web.push.apple.com/QOXG",
        "https://wns2-by3p.notify.windows.com/w/?token=x",
    ] {
        assert!(known(url), "{url}");
    }
    for url in [
        "http://updates.push.services.mozilla.com/wpush/v2/x",
        "https://evilpush.services.mozilla.com.example/",
        "https://notfcm.googleapis.com/",
        "https://fcm.googleapis.com.evil.example/",
        "https://fcm.googleapis.com@evil.example/",
        "https://127.0.0.1/",
        "https://example.com/fcm.googleapis.com",
    ] {
        assert_eq!(strict().push_resource(url), Err(Refused::NotAPushService), "{url}");
    }
    let more = Targets::new(false, &[".Push.Example.".to_owned()]);
    assert!(more.push_resource("https://a.push.example/x").is_ok());
    assert!(more.push_resource("https://xpush.example/x").is_err());
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    // Told apart here by what the standard library knows of, beside the table that is tested.
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || ip.is_unspecified()
}

proptest! {
    #[test]
    fn no_form_of_a_private_ipv4_address_is_let_through(bits: u32) {
        let ip = Ipv4Addr::from_bits(bits);
        let public = is_public(ip.into());
        prop_assert!(!(public && is_private_v4(ip)), "{}", ip);
        let [a, b, c, d] = ip.octets();
        for host in [format!("{ip}"), format!("{bits}"), format!("{bits:#x}"), format!("0{bits:o}"),
                     format!("{a}.{b}.{}", u32::from(c) * 256 + u32::from(d)), format!("{a:#x}.{b:#o}.{c}.{d}").replace("0o", "0"),
                     format!("[::ffff:{ip}]"), format!("[64:ff9b::{ip}]")] {
            let let_through = strict().webhook(&format!("https://{host}/")).is_ok();
            prop_assert_eq!(let_through, public, "{}", host);
        }
        for host in [format!("[::{ip}]"), format!("[2002:{:x}:{:x}::1]", bits >> 16, bits & 0xffff)] {
            prop_assert!(strict().webhook(&format!("https://{host}/")).is_err(), "{}", host);
        }
    }

    #[test]
    fn of_ipv6_only_global_unicast_is_public(bits: u128) {
        let ip = Ipv6Addr::from_bits(bits);
        if bits >> 125 != 1 && ip.to_ipv4_mapped().is_none() && bits >> 32 != 0x0064_ff9b_0000_0000_0000_0000 {
            prop_assert!(!is_public(ip.into()), "{}", ip);
        }
        prop_assert!(!is_public((Ipv6Addr::from_bits(bits >> 16 | 0x2002 << 112)).into()));
        prop_assert!(!is_public((Ipv6Addr::from_bits(bits >> 32 | 0x2001_0000 << 96)).into()), "Teredo");
    }

    #[test]
    fn whatever_is_typed_is_judged_without_a_panic(text in "\\PC{0,60}") {
        let _ = strict().webhook(&text);
        let _ = strict().push_resource(&format!("https://{text}"));
    }
}
