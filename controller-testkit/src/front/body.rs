//! The body of an answer: whole, in pieces, or a watch that goes on.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body::{Body, Frame, SizeHint};

/// What a front sends as the body of an answer. A failing body is a broken connection to the client.
pub(crate) struct AnswerBody(Kind);

enum Kind {
    Whole(Option<Bytes>),
    /// Pieces of a whole, with a broken connection in place of the rest if it says so.
    Pieces {
        pieces: VecDeque<Bytes>,
        left: u64,
        breaks: bool,
    },
    Stream(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

impl AnswerBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        AnswerBody(Kind::Whole((!bytes.is_empty()).then_some(bytes)))
    }

    /// The bytes of a body that is whole.
    pub(crate) fn as_whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Kind::Whole(bytes) => bytes.as_ref(),
            _ => None,
        }
    }

    /// Whether it goes on, as a watch does.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.0, Kind::Stream(_))
    }

    /// A whole body, in pieces of `size` bytes.
    pub(crate) fn in_pieces(bytes: Bytes, size: usize) -> Self {
        let left = bytes.len() as u64;
        AnswerBody(Kind::Pieces { pieces: pieces(bytes, size), left, breaks: false })
    }

    /// The first `at` bytes of a body, and then a broken connection.
    pub(crate) fn broken(bytes: Bytes, at: usize) -> Self {
        let left = bytes.len() as u64;
        let first = bytes.slice(..at.min(bytes.len()));
        AnswerBody(Kind::Pieces { pieces: VecDeque::from([first]), left, breaks: true })
    }

    /// A stream that ends in order when `end` comes; a whole body has no need to.
    pub(crate) fn until(self, end: impl Future<Output = ()> + Send + 'static) -> Self {
        match self.0 {
            Kind::Stream(stream) => AnswerBody::stream(stream.take_until(Box::pin(end))),
            whole => AnswerBody(whole),
        }
    }

    pub(crate) fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        AnswerBody(Kind::Stream(Box::pin(stream)))
    }
}

/// Cuts bytes into pieces of `size`; the last may be smaller.
pub(crate) fn pieces(mut bytes: Bytes, size: usize) -> VecDeque<Bytes> {
    let size = size.max(1);
    let mut pieces = VecDeque::with_capacity(bytes.len().div_ceil(size));
    while !bytes.is_empty() {
        pieces.push_back(bytes.split_to(size.min(bytes.len())));
    }
    pieces
}

/// The error of a connection that a fault has broken.
pub(crate) fn broken_connection() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by an injected fault")
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = match &mut self.0 {
            Kind::Whole(bytes) => bytes.take().map(Ok),
            Kind::Pieces { pieces, left, breaks } => match pieces.pop_front() {
                Some(piece) => {
                    *left = left.saturating_sub(piece.len() as u64);
                    Some(Ok(piece))
                }
                None => std::mem::take(breaks).then(|| Err(broken_connection())),
            },
            Kind::Stream(stream) => return stream.as_mut().poll_next(cx).map_ok(Frame::data),
        };
        Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Pieces { pieces, breaks, .. } => pieces.is_empty() && !breaks,
            Kind::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Pieces { left, .. } => SizeHint::with_exact(*left),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}
