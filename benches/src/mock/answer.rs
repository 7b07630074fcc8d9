//! The body of an answer: text, or batches as they come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc;

use super::cluster::Batch;

/// A body.
pub(super) enum Answer {
    Text(Option<Bytes>),
    Stream { batches: mpsc::Receiver<Batch>, current: Option<Batch> },
}

impl Answer {
    pub(super) fn stream(batches: mpsc::Receiver<Batch>) -> Self {
        Self::Stream { batches, current: None }
    }
}

impl From<Bytes> for Answer {
    fn from(text: Bytes) -> Self {
        Self::Text(Some(text))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (batches, current) = match self.get_mut() {
            Self::Text(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Stream { batches, current } => (batches, current),
        };
        loop {
            match current {
                Some(batch) if !batch.bytes.is_empty() => {
                    let length = batch.each.min(batch.bytes.len());
                    return Poll::Ready(Some(Ok(Frame::data(batch.bytes.split_to(length)))));
                }
                _ => match batches.poll_recv(cx) {
                    Poll::Ready(Some(batch)) => *current = Some(batch),
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}
