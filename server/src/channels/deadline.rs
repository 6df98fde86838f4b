//! A write deadline around a connection: a peer that takes nothing for long is dropped.
//!
//! Laid around each accepted socket by `startup`, since only there is a peer seen that has stopped reading: nothing above is polled
//! then. A peer that reads slowly is fine; one byte renews the deadline. Reads have none: an idle stream is no fault.
//! It is also where it is known that the socket has taken what a channel said ([`super::delivery`]).
//! Invariant: costs an idle connection two pointers; the timer exists only while a write waits.

use super::delivery::Outgoing;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Duration, Sleep, sleep},
};

/// A connection with a write deadline, and what is held for as long as it is open, whoever has it then.
pub struct WriteDeadline<S, H = ()> {
    inner: S,
    _held: H,
    outgoing: Option<Outgoing>,
    after: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteDeadline<S> {
    /// Fails a write with `TimedOut` when the peer takes nothing for so long.
    pub fn new(inner: S, after: Duration) -> Self {
        Self { inner, _held: (), outgoing: None, after, waiting: None }
    }

    /// Lets go of something only when the connection ends: an upgrade takes it out of the hands of whoever serves requests on it.
    pub fn holding<H>(self, held: H) -> WriteDeadline<S, H> {
        let Self { inner, outgoing, after, waiting, _held } = self;
        WriteDeadline { inner, _held: held, outgoing, after, waiting }
    }
}

impl<S, H> WriteDeadline<S, H> {
    /// Says when what was handed to this connection has been taken by the socket.
    pub fn telling(mut self, outgoing: Outgoing) -> Self {
        self.outgoing = Some(outgoing);
        self
    }

    fn judge<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waiting = None;
            return polled;
        }
        let after = self.after;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(after)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
    }
}

impl<S: AsyncRead + Unpin, H: Unpin> AsyncRead for WriteDeadline<S, H> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin, H: Unpin> AsyncWrite for WriteDeadline<S, H> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.judge(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        // Whoever buffers above flushes once the last of it was written, and only then.
        if let (Poll::Ready(Ok(())), Some(outgoing)) = (&polled, &self.outgoing) {
            outgoing.written();
        }
        self.judge(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_peer_that_stops_reading_is_dropped() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut ours = WriteDeadline::new(ours, Duration::from_millis(20));
        let reader = tokio::spawn(async move {
            theirs.read_exact(&mut [0; 32]).await.unwrap();
            theirs
        });
        ours.write_all(&[0; 32]).await.unwrap();
        let _open_but_idle = reader.await.unwrap();
        let error = ours.write_all(&[0; 32]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
