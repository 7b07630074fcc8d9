//! Whole answers: status line, headers and body.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WARNING};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::accept::Media;
use crate::field::echo;
use crate::protobuf;
use crate::status::{self, ApiError};
use crate::store::write_object;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const YAML: HeaderValue = HeaderValue::from_static("application/yaml");
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/vnd.kubernetes.protobuf");
const PROTOBUF_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.kubernetes.protobuf;stream=watch");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// JSON that is ready to be sent.
pub(crate) fn json(status: StatusCode, mut body: Vec<u8>) -> Response<Bytes> {
    body.push(b'\n');
    response(status, JSON, body.into())
}

/// An object as the client wants it; as JSON where it has no other form.
pub(crate) fn object(status: StatusCode, value: &Value, media: Media) -> Response<Bytes> {
    let other = match media {
        Media::Json => None,
        Media::Yaml => serde_saphyr::to_string(value).ok().map(|text| (YAML, text.into())),
        Media::Protobuf => protobuf::encode(value).map(|body| (PROTOBUF, body.into())),
    };
    if let Some((content_type, body)) = other {
        return response(status, content_type, body);
    }
    let mut body = Vec::with_capacity(1024);
    write_object(&mut body, value);
    json(status, body)
}

/// The same of an object that is there as JSON.
pub(crate) fn written(status: StatusCode, body: Vec<u8>, media: Media) -> Response<Bytes> {
    if media != Media::Json
        && let Ok(value) = serde_json::from_slice(&body)
    {
        return object(status, &value, media);
    }
    json(status, body)
}

/// A Status.
pub(crate) fn status(code: StatusCode, value: &Value, media: Media) -> Response<Bytes> {
    if media != Media::Json {
        return object(code, value, media);
    }
    let mut body = Vec::with_capacity(512);
    status::write(&mut body, value);
    json(code, body)
}

pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    response(status, TEXT, text.into())
}

/// JSON under the media type that the OpenAPI index has.
pub(crate) fn document(content_type: HeaderValue, value: &Value) -> Response<Bytes> {
    response(StatusCode::OK, content_type, value.to_string().into())
}

/// What has a media type of its own.
pub(crate) fn bytes(content_type: HeaderValue, body: impl Into<Bytes>) -> Response<Bytes> {
    response(StatusCode::OK, content_type, body.into())
}

pub(crate) fn error(error: &ApiError, media: Media) -> Response<Bytes> {
    let code = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = status(code, &error.to_value(), media);
    if let Some(seconds) = error.retry_after() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// The head of a watch's answer.
pub(crate) fn stream(media: Media) -> Response<()> {
    let mut head = Response::new(());
    let content_type = if media == Media::Protobuf { PROTOBUF_STREAM } else { JSON };
    head.headers_mut().insert(CONTENT_TYPE, content_type);
    head.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    head
}

/// Adds the warnings, each in a header of its own.
pub(crate) fn warn(headers: &mut HeaderMap, warnings: &[String]) {
    for warning in warnings {
        if let Ok(value) = HeaderValue::from_str(&format!("299 - {}", echo::quote(warning))) {
            headers.append(WARNING, value);
        }
    }
}

/// Adds a warning before all others.
pub(crate) fn warn_first(headers: &mut HeaderMap, warning: &str) {
    let others: Vec<HeaderValue> = headers.get_all(WARNING).iter().cloned().collect();
    headers.remove(WARNING);
    warn(headers, &[warning.to_owned()]);
    for other in others {
        headers.append(WARNING, other);
    }
}

/// The same JSON for people's eyes.
pub(crate) fn pretty(answer: Response<Bytes>) -> Response<Bytes> {
    if answer.headers().get(CONTENT_TYPE) != Some(&JSON) {
        return answer;
    }
    answer.map(|body| {
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        value.and_then(|value| serde_json::to_vec_pretty(&value).ok()).map_or(body, Bytes::from)
    })
}

fn response(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    answer
}
