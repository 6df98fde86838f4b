//! Reading of answers.

use crate::load::http::{Connection, Size, get, header, measure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[test]
fn an_answer_is_measured_once_it_is_whole() {
    let whole = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nx: content-length: 9\r\n\r\nhelloHTTP/1.1 200 OK";
    let size = Size { status: 202, head: 66, body: 5 };
    for cut in 0..size.head + size.body {
        assert_eq!(measure(&whole[..cut]).unwrap(), None, "{cut} bytes are not all of it");
    }
    assert_eq!(measure(whole).unwrap(), Some(size), "what follows belongs to the next one");
    let none = b"HTTP/1.1 304 Not Modified\r\netag: W/\"1\"\r\n\r\n";
    assert_eq!(measure(none).unwrap(), Some(Size { status: 304, head: none.len(), body: 0 }));
}

#[test]
fn what_cannot_be_measured_is_an_error() {
    assert!(measure(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    assert!(measure(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n").is_err());
    assert!(measure(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
}

#[test]
fn a_header_is_found_by_its_whole_name() {
    let head = b"HTTP/1.1 200 OK\r\nset-cookie-2: no\r\nSet-Cookie: a=b; Path=/\r\n\r\n";
    assert_eq!(header(head, "set-cookie"), Some("a=b; Path=/"));
    assert_eq!(header(head, "cookie"), None);
}

#[tokio::test]
async fn answers_in_one_packet_are_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        let both =
            b"HTTP/1.1 202 Accepted\r\ncontent-length: 1\r\n\r\naHTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nbc";
        socket.write_all(both).await.unwrap();
        socket
    });
    let mut connection = Connection::open(addr).await.unwrap();
    let first = connection.ask(&get("/", None)).await.unwrap();
    assert_eq!((first.status, first.text().unwrap()), (202, "a"));
    let second = connection.ask(&get("/", Some("c=1"))).await.unwrap();
    assert_eq!((second.status, second.text().unwrap()), (404, "bc"));
    assert!(second.must_be(202).unwrap_err().to_string().contains("404: bc"));
    drop(server.await.unwrap());
    assert!(connection.ask(&get("/", None)).await.is_err());
}
