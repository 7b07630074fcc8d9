//! A watch over a WebSocket (RFC 6455): each event is a text frame of its own.
//!
//! Only what a watch needs is here: the server speaks, the client may ping and close. What it says besides is read
//! and forgotten; a frame too large to be any of these ends the connection.

use std::io;
use std::pin::pin;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use futures::StreamExt;
use http::header::{
    AUTHORIZATION, CONNECTION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyStream;
use ring::digest;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::AnswerBody;

/// What the RFC has both sides add to the client's key.
const SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The largest frame of a client that is read: control frames are smaller still.
const LARGEST: u64 = 1 << 16;

/// What a client's half of the handshake comes to.
#[derive(Debug, PartialEq)]
pub(crate) enum Handshake {
    Accepted(Accepted),
    Refused(StatusCode, &'static str),
}

/// The answer's half.
#[derive(Debug, PartialEq)]
pub(crate) struct Accepted {
    accept: HeaderValue,
    protocol: Option<HeaderValue>,
}

/// The protocol that is no protocol but a token: browsers can send no header of their own.
const BEARER: &str = "base64url.bearer.authorization.k8s.io.";

/// Reads a client's half, if this is one. Its faults are met in the order in which a real server meets them.
pub(crate) fn handshake<B>(request: &Request<B>) -> Option<Handshake> {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && names(headers, UPGRADE, "websocket")
        && names(headers, CONNECTION, "upgrade");
    if !asks {
        return None;
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
        return Some(Handshake::Refused(StatusCode::BAD_REQUEST, "mismatch challenge/response"));
    };
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Some(Handshake::Refused(StatusCode::BAD_REQUEST, "missing or bad WebSocket Version"));
    }
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if !origin.starts_with('/') && !origin.contains(':') {
        return Some(Handshake::Refused(StatusCode::FORBIDDEN, ""));
    }
    let protocols: Vec<&str> = protocols(headers).filter(|protocol| !protocol.starts_with(BEARER)).collect();
    let protocol = match protocols[..] {
        [] => None,
        [one] => HeaderValue::from_str(one).ok(),
        _ => return Some(Handshake::Refused(StatusCode::BAD_REQUEST, "")),
    };
    let mut sum = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sum.update(key.as_bytes());
    sum.update(SALT);
    let accept = HeaderValue::from_str(&STANDARD.encode(sum.finish())).ok()?;
    Some(Handshake::Accepted(Accepted { accept, protocol }))
}

/// Takes a token from among the protocols for the request's own, unless it has one.
pub(crate) fn authorize<B>(request: &mut Request<B>) {
    let code = protocols(request.headers()).find_map(|protocol| protocol.strip_prefix(BEARER));
    let token = code.and_then(|code| URL_SAFE_NO_PAD.decode(code).ok()).and_then(|token| String::from_utf8(token).ok());
    if let Some(token) = token
        && let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}"))
    {
        request.headers_mut().entry(AUTHORIZATION).or_insert(value);
    }
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|protocol| !protocol.is_empty())
}

fn names(headers: &HeaderMap, header: http::HeaderName, word: &str) -> bool {
    let values = headers.get_all(header);
    let mut words = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    words.any(|found| found.trim().eq_ignore_ascii_case(word))
}

/// The head that switches to WebSocket.
pub(crate) fn switching(accepted: Accepted) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accepted.accept);
    if let Some(protocol) = accepted.protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// What is said instead.
pub(crate) fn refusing(code: StatusCode, why: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = code;
    response
}

/// What the two sides say to each other about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opcode {
    Text = 0x1,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

/// 1000: the watch is over.
const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

/// Sends a watch's lines until it ends, the client goes, or the server stops.
pub(crate) async fn run<S>(stream: S, body: AnswerBody, stop: CancellationToken) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut lines = BodyStream::new(body);
    let mut heard = pin!(hear(&mut reader));
    let mut rest = BytesMut::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            said = &mut heard => match said? {
                (Opcode::Ping, payload, reader) => {
                    writer.write_all(&frame(Opcode::Pong, &payload)).await?;
                    heard.set(hear(reader));
                }
                _ => break,
            },
            line = lines.next() => match line {
                Some(Ok(data)) => {
                    // A fault may have cut the lines anywhere.
                    rest.extend_from_slice(&data.into_data().unwrap_or_default());
                    let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { continue };
                    let whole = rest.split_to(end + 1);
                    let mut frames = BytesMut::with_capacity(whole.len() + 16);
                    for line in whole.split_inclusive(|byte| *byte == b'\n') {
                        put(&mut frames, Opcode::Text, line);
                    }
                    writer.write_all(&frames).await?;
                }
                Some(Err(broken)) => return Err(broken),
                None => break,
            },
        }
    }
    writer.write_all(&frame(Opcode::Close, &NORMAL)).await?;
    writer.shutdown().await
}

fn frame(opcode: Opcode, payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::with_capacity(payload.len() + 10);
    put(&mut out, opcode, payload);
    out
}

/// Adds a whole frame; those of a server are not masked.
fn put(out: &mut BytesMut, opcode: Opcode, payload: &[u8]) {
    out.put_u8(0x80 | opcode as u8);
    match payload.len() {
        length @ 0..=125 => out.put_u8(u8::try_from(length).unwrap_or_default()),
        length @ 126..=0xffff => {
            out.put_u8(126);
            out.put_u16(u16::try_from(length).unwrap_or_default());
        }
        length => {
            out.put_u8(127);
            out.put_u64(length as u64);
        }
    }
    out.put_slice(payload);
}

/// The next ping or close of a client, and the reader back; everything else is passed over.
async fn hear<R: AsyncRead + Unpin>(reader: &mut R) -> io::Result<(Opcode, Vec<u8>, &mut R)> {
    loop {
        let head = [reader.read_u8().await?, reader.read_u8().await?];
        let length = match head[1] & 0x7f {
            126 => u64::from(reader.read_u16().await?),
            127 => reader.read_u64().await?,
            length => u64::from(length),
        };
        if length > LARGEST || head[1] & 0x80 == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame that no client of a watch sends"));
        }
        let mut mask = [0; 4];
        reader.read_exact(&mut mask).await?;
        let mut payload = vec![0; usize::try_from(length).unwrap_or_default()];
        reader.read_exact(&mut payload).await?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match head[0] & 0x0f {
            0x8 => return Ok((Opcode::Close, payload, reader)),
            0x9 => return Ok((Opcode::Ping, payload, reader)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handshake_is_the_rfcs() {
        let request = |headers: &[(&str, &str)]| {
            let usual = [
                ("upgrade", "websocket"),
                ("connection", "keep-alive, Upgrade"),
                ("origin", "https://example.com"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            let kept = usual.iter().filter(|(name, _)| headers.iter().all(|(named, _)| named != name));
            let all = kept.chain(headers).filter(|(_, value)| !value.is_empty());
            all.fold(Request::get("/"), |request, (name, value)| request.header(*name, *value)).body(()).expect("one")
        };
        let accept = HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let accepted = |protocol: Option<&'static str>| {
            let protocol = protocol.map(HeaderValue::from_static);
            Some(Handshake::Accepted(Accepted { accept: accept.clone(), protocol }))
        };
        let check = |headers: &[(&str, &str)], expect| assert_eq!(handshake(&request(headers)), expect, "{headers:?}");
        check(&[], accepted(None));
        check(&[("upgrade", "")], None);
        check(&[("sec-websocket-protocol", "one")], accepted(Some("one")));
        check(&[("origin", "/here")], accepted(None));
        let refused = |code: u16, why| Some(Handshake::Refused(StatusCode::from_u16(code).expect("a code"), why));
        check(&[("sec-websocket-key", "")], refused(400, "mismatch challenge/response"));
        check(&[("sec-websocket-version", "8")], refused(400, "missing or bad WebSocket Version"));
        check(&[("origin", "")], refused(403, ""));
        check(&[("origin", "null")], refused(403, ""));
        check(&[("sec-websocket-protocol", "one, two")], refused(400, ""));
        // A token is no protocol.
        let token = "base64url.bearer.authorization.k8s.io.c2VjcmV0, one";
        check(&[("sec-websocket-protocol", token)], accepted(Some("one")));
        let mut authorized = request(&[("sec-websocket-protocol", token)]);
        authorize(&mut authorized);
        assert_eq!(authorized.headers()[AUTHORIZATION], "Bearer secret");
    }

    #[test]
    fn a_frame_says_its_length_in_the_shortest_way() {
        let check = |length: usize, head: &[u8]| {
            let frame = frame(Opcode::Text, &vec![b'x'; length]);
            assert_eq!(&frame[..head.len()], head);
            assert_eq!(frame.len(), head.len() + length);
        };
        check(5, &[0x81, 5]);
        check(125, &[0x81, 125]);
        check(126, &[0x81, 126, 0, 126]);
        check(0xffff, &[0x81, 126, 0xff, 0xff]);
        check(0x1_0000, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
