//! Owns the patience with a client that does not read: a connection whose bytes nobody takes is given up.

use std::future::Future as _;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

/// A connection that fails once its client has taken nothing for so long.
pub(super) struct Patient<T> {
    stream: T,
    patience: Duration,
    /// Runs while a write waits.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<T> Patient<T> {
    pub(super) fn new(stream: T, patience: Duration) -> Self {
        Self { stream, patience, waits: None }
    }

    /// The outcome of a write, or the end of the patience.
    fn patiently<V>(&mut self, cx: &mut Context<'_>, poll: Poll<Result<V>>) -> Poll<Result<V>> {
        if poll.is_ready() {
            self.waits = None;
            return poll;
        }
        let patience = self.patience;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(patience)));
        waits.as_mut().poll(cx).map(|()| Err(Error::new(ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<T: Read + Unpin> Read for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<T: Write + Unpin> Write for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.patiently(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        self.patiently(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.patiently(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.patiently(cx, poll)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper_util::rt::TokioIo;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut patient = Patient::new(TokioIo::new(ours), Duration::from_secs(10));
        let mut write = async |bytes: &[u8]| poll_fn(|cx| Pin::new(&mut patient).poll_write(cx, bytes)).await;
        assert_eq!(write(b"1234").await.expect("there is room"), 4);
        let begun = crate::env::Clock::system().instant();
        let (taken, written) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_secs(9)).await;
                tokio::io::AsyncReadExt::read(&mut theirs, &mut [0; 4]).await
            },
            write(b"56"),
        );
        assert_eq!((taken.expect("it is open"), written.expect("there is room again")), (4, 2));
        assert_eq!(write(b"78").await.expect("there is room"), 2);
        assert_eq!(write(b"9").await.expect_err("nobody reads").kind(), ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 19);
    }
}
