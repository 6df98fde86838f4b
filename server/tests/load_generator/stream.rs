//! Streams over a socket: what counts as told, and from when on.

use crate::load::{
    framing::Said,
    stream::{Channel, Fleet, Stream},
};
use domain::EventType;
use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

const PATIENCE: Duration = Duration::from_secs(30);
const EVENT: &str = r#"{"epoch":"e","seq":1,"prev":0,"job":"j","kind":"rehearsal","jseq":1,"at":"2026-12-01T02:00:00.123Z","type":"started","data":{}}"#;

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A head, a first word and an event, all at once.
fn said_at_once(channel: Channel) -> Vec<u8> {
    match channel {
        Channel::Sse => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let (hello, event) = ("event: hello\ndata: {}\n\n", format!("event: started\ndata: {EVENT}\n\n"));
            format!("{head}{}{}", chunk(hello), chunk(&event)).into_bytes()
        }
        Channel::Ws => {
            let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n".to_vec();
            for text in [r#"{"op":"hello"}"#.to_owned(), format!(r#"{{"op":"event","event":{EVENT}}}"#)] {
                match u8::try_from(text.len()).ok().filter(|length| *length < 126) {
                    Some(length) => bytes.extend_from_slice(&[0x81, length]),
                    None => bytes.extend_from_slice(&[0x81, 126, (text.len() >> 8) as u8, text.len() as u8]),
                }
                bytes.extend_from_slice(text.as_bytes());
            }
            bytes
        }
    }
}

/// Says the same on each connection, then keeps it open or closes it.
async fn serve(channel: Channel, closes: bool) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 1024];
            assert!(socket.read(&mut request).await.unwrap() > 0);
            socket.write_all(&said_at_once(channel)).await.unwrap();
            if !closes {
                open.push(socket);
            }
        }
    });
    (addr, served)
}

#[tokio::test]
async fn what_comes_with_the_head_is_heard() {
    for channel in Channel::ALL {
        let (addr, served) = serve(channel, false).await;
        let mut stream = Stream::open(addr, channel, None, "").await.unwrap();
        let (said, arrival) = tokio::time::timeout(PATIENCE, stream.hear()).await.unwrap().unwrap();
        let Said::Event(EventType::Started, at) = said else { panic!("{said:?}") };
        assert_eq!(at.to_string(), "2026-12-01T02:00:00.123Z");
        assert_eq!(arrival.since(domain::Timestamp(arrival.wall.as_millis() as i64)).as_millis(), 0);
        served.abort();
    }
}

#[tokio::test]
async fn a_fleet_counts_what_all_its_streams_heard_and_fails_when_one_ends() {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            for closes in [false, true] {
                let (addr, served) = serve(Channel::Sse, closes).await;
                let heard = Rc::<Cell<usize>>::default();
                let count = heard.clone();
                let hear = Rc::new(move |_, said, _| {
                    count.set(count.get() + usize::from(matches!(said, Said::Event(..))));
                });
                let fleet = Fleet::open(addr, Channel::Sse, &vec![None; 100], "", hear).await.unwrap();
                if closes {
                    let ended = fleet.until(&heard, usize::MAX, PATIENCE).await.unwrap_err();
                    assert!(ended.to_string().contains("ended early"), "{ended}");
                } else {
                    fleet.until(&heard, 100, PATIENCE).await.unwrap();
                    assert_eq!(heard.get(), 100);
                }
                served.abort();
            }
        })
        .await;
}
