//! The in-process front: a tower service for `kube::Client`, without sockets or tasks of its own.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower::Service;

use super::{AnswerBody, BODY_LIMIT, Door};
use crate::auth::{Caller, User};

/// Answers requests by calling the server.
#[derive(Clone)]
pub(crate) struct InProcess {
    door: Door,
    /// Whose requests they are; without one, an administrator's.
    caller: Option<Caller>,
}

impl InProcess {
    pub(crate) fn new(door: Door) -> Self {
        InProcess { door, caller: None }
    }

    /// The same for requests of that user.
    pub(crate) fn of(self, user: User) -> Self {
        InProcess { caller: Some(Caller::User(Arc::new(user.arrived()))), ..self }
    }
}

impl<B> Service<Request<B>> for InProcess
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<AnswerBody>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<AnswerBody>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let InProcess { door, caller } = self.clone();
        Box::pin(async move {
            let mut request = read(request).await?;
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            door.answer(request).await
        })
    }
}

/// So much of a body that is too large is read all the same: a client that is still sending does not look for an answer.
const FORBEARANCE: usize = 32 * 1024 * 1024;

/// Reads a request's body, up to the size at which the server refuses it anyway.
pub(crate) async fn read<B>(request: Request<B>) -> io::Result<Request<Bytes>>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let mut body = std::pin::pin!(body);
    let mut read = Bytes::new();
    let mut passed = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let Ok(mut data) = frame.into_data() else { continue };
        passed += data.remaining();
        if passed > FORBEARANCE {
            break;
        }
        let room = BODY_LIMIT.saturating_sub(read.len());
        if room == 0 {
            continue;
        }
        let piece = data.copy_to_bytes(data.remaining().min(room));
        // Most bodies are one frame, which is kept as it is.
        read = if read.is_empty() { piece } else { joined(read, &piece) };
    }
    Ok(Request::from_parts(head, read))
}

fn joined(first: Bytes, second: &[u8]) -> Bytes {
    let mut joined = first.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    joined.extend_from_slice(second);
    joined.freeze()
}
