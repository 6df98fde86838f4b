//! A client of the WebSocket.

use super::{Ask, Got, TestChannel, Visitor};
use domain::{
    Cursor, JobId,
    frame::{ClientFrame, ServerFrame, WS_PROTOCOL},
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest as _, http::Request},
};

/// One connection.
pub struct Ws {
    pub socket: WebSocketStream<TcpStream>,
    job: Option<JobId>,
}

impl TestChannel for Ws {
    const STREAMS: bool = true;

    async fn open(visitor: &Visitor, ask: Ask) -> Self {
        let mut ws = Self::connect(visitor).await;
        ws.subscribe(&ask).await;
        ws
    }

    async fn hear(&mut self) -> Got {
        match self.frame().await {
            Ok(ServerFrame::Hello(hello)) => Got::Hello(hello),
            Ok(ServerFrame::Event { event }) => {
                let cursor = Cursor { epoch: event.epoch.clone(), seq: event.seq, job: self.job };
                Got::Event(event, cursor)
            }
            Ok(ServerFrame::Hb(beat)) => Got::Beat(beat),
            Ok(ServerFrame::Reset(reset)) => Got::Reset(reset),
            Ok(ServerFrame::Drain(drain)) => Got::Drain(drain),
            Ok(ServerFrame::End(end)) => Got::End(end),
            Ok(ServerFrame::Hint { hint }) => Got::Hint(hint),
            Ok(ServerFrame::Error { problem }) => Got::Refused(problem),
            Ok(other) => panic!("nobody asked for {other:?}"),
            Err(closed) => closed,
        }
    }
}

impl Ws {
    /// A handshake as a page's, to be changed by a test.
    pub fn handshake(visitor: &Visitor) -> Request<()> {
        let mut request = format!("ws://{}/api/v1/ws", visitor.addr).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("cookie", visitor.cookie.parse().unwrap());
        headers.insert("sec-websocket-protocol", WS_PROTOCOL.parse().unwrap());
        headers.insert("origin", format!("http://{}", visitor.addr).parse().unwrap());
        request
    }

    /// Connects without a subscription.
    pub async fn connect(visitor: &Visitor) -> Self {
        Self::try_connect(Self::handshake(visitor)).await.unwrap()
    }

    pub async fn try_connect(request: Request<()>) -> Result<Self, tungstenite::Error> {
        let addr = request.uri().authority().unwrap().to_string();
        let stream = TcpStream::connect(addr).await.unwrap();
        let (socket, _) = client_async(request, stream).await?;
        Ok(Self { socket, job: None })
    }

    pub async fn subscribe(&mut self, ask: &Ask) {
        self.job = ask.job;
        let watch = (!ask.watch.is_empty()).then(|| ask.watch.to_owned());
        let fold = ask.no_fold.then_some(false);
        self.say(&ClientFrame::Subscribe { after: ask.after.clone(), job: ask.job, watch, fold }).await;
    }

    pub async fn say(&mut self, frame: &ClientFrame) {
        self.send(Message::text(serde_json::to_string(frame).unwrap())).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next frame, or how the connection ended.
    pub async fn frame(&mut self) -> Result<ServerFrame, Got> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(text.as_str()).unwrap()),
                Some(Ok(Message::Close(Some(close)))) => {
                    return Err(Got::Closed(Some(close.code.into()), close.reason.to_string()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(error)) => return Err(Got::Closed(None, error.to_string())),
                None => return Err(Got::Closed(None, String::new())),
            }
        }
    }
}
