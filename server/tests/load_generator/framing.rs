//! Reading of streams.

use crate::load::framing::{Said, next_block, next_frame, pong_frame, text_frame, unchunk};
use domain::EventType;

const EVENT: &str = r#"{"epoch":"e","seq":2,"prev":1,"job":"j","kind":"rehearsal","jseq":2,"at":"2026-12-01T02:00:00.123Z","type":"partial","data":{"type":"x"}}"#;

fn event() -> Said {
    Said::Event(EventType::Partial, "2026-12-01T02:00:00.123Z".parse().unwrap())
}

#[test]
fn chunks_cut_anywhere_give_the_same_text() {
    let sent = b"5\r\nhello\r\n1;ext=1\r\n \r\nc\r\nlarge\r\nworld\r\n0\r\n\r\n";
    for cut in 0..=sent.len() {
        let (mut incoming, mut text) = (sent[..cut].to_vec(), Vec::new());
        let early = unchunk(&mut incoming, &mut text).unwrap();
        incoming.extend_from_slice(&sent[cut..]);
        let ended = early || unchunk(&mut incoming, &mut text).unwrap();
        assert!(ended && incoming.is_empty(), "cut at {cut}");
        assert_eq!(String::from_utf8(text).unwrap(), "hello large\r\nworld");
    }
    assert!(unchunk(&mut b"zz\r\n".to_vec(), &mut Vec::new()).is_err());
}

#[test]
fn blocks_are_read_one_by_one() {
    let text = format!(
        "retry: 1000\n\nid: e.1\nevent: hello\ndata: {{}}\n\nid: e.2\nevent: partial\ndata: {EVENT}\n\nid: e.3\n"
    );
    let (mut at, mut said) = (0, Vec::new());
    while let Some((what, next)) = next_block(&text.as_bytes()[at..]).unwrap() {
        said.push(what);
        at += next;
    }
    assert_eq!(said, [Said::Other, Said::Hello, event()]);
    assert_eq!(&text[at..], "id: e.3\n", "what is not whole is left");
    assert!(next_block(b"event: reset\ndata: {}\n\n").is_err(), "a stream that ends is not measured on");
}

#[test]
fn frames_of_every_length_are_read_once_they_are_whole() {
    for padding in [0, 200, 70_000] {
        let json = format!(r#"{{"op":"event","event":{EVENT}{}}}"#, " ".repeat(padding));
        let mut frame = vec![0x81];
        match json.len() {
            length @ 126..=65_535 => {
                frame.push(126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(json.as_bytes());
        for cut in [0, 1, 2, 3, 9, frame.len() - 1] {
            assert_eq!(next_frame(&frame[..cut]).unwrap(), None, "{cut} of {} bytes", frame.len());
        }
        let end = frame.len();
        frame.extend_from_slice(&[0x89, 0]);
        assert_eq!(next_frame(&frame).unwrap().unwrap().read(&frame).unwrap(), (event(), end));
        assert_eq!(next_frame(&frame[end..]).unwrap().unwrap().read(&frame[end..]).unwrap(), (Said::Ping, 2));
    }
    let close = [0x88, 4, 0x0f, 0xa1, b'n', b'o'];
    assert!(next_frame(&close).unwrap().unwrap().read(&close).is_err());
    assert!(next_frame(&[0x01, 0]).is_err(), "a frame in parts");
}

#[test]
fn a_clients_frame_is_masked_with_zero() {
    assert_eq!(text_frame("{}").unwrap(), [0x81, 0x82, 0, 0, 0, 0, b'{', b'}']);
    assert_eq!(pong_frame().unwrap(), [0x8a, 0x80, 0, 0, 0, 0]);
    assert!(text_frame(&"x".repeat(126)).is_err());
}
