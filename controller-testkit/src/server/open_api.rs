//! The OpenAPI documents over HTTP: their hashes, as tags and in their addresses, and the form that a client accepts.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::accept::{Media, OpenApi, clauses};
use super::query::Query;
use super::{Server, reply};
use crate::openapi;

/// An OpenAPI document of version 3; a client that knows an older one is sent to the present one.
pub(super) fn open_api(
    head: &Parts,
    hash: Option<String>,
    document: impl FnOnce() -> Option<Value>,
) -> Response<Bytes> {
    let media = clauses(&head.headers).iter().find_map(|clause| clause.open_api(OpenApi::Version3));
    let Some(hash) = hash else { return bare(StatusCode::NOT_FOUND) };
    let Some(media) = media else { return bare(StatusCode::NOT_ACCEPTABLE) };
    let query = Query::parse(head.uri.query());
    let asked = query.get("hash").filter(|asked| !asked.is_empty());
    if asked.is_some_and(|asked| asked != hash) {
        let mut moved = reply::text(StatusCode::MOVED_PERMANENTLY, "");
        if let Ok(place) = HeaderValue::from_str(&format!("{}?hash={hash}", head.uri.path())) {
            moved.headers_mut().insert(LOCATION, place);
        }
        return moved;
    }
    let tag = format!("\"{hash}\"");
    let known = head.headers.get_all(IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes());
    let mut answer = match known {
        true => reply::text(StatusCode::NOT_MODIFIED, ""),
        false => match document() {
            Some(document) => {
                let body = match media {
                    Media::Protobuf => openapi::gnostic::version_3(&document),
                    _ => document.to_string().into_bytes(),
                };
                reply::bytes(HeaderValue::from_static(OpenApi::Version3.name(media)), body)
            }
            None => return bare(StatusCode::NOT_FOUND),
        },
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(ETAG, tag);
    }
    if asked.is_some() {
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
    }
    answer
}

impl Server {
    /// The one document of version 2, in JSON or protobuf.
    pub(super) fn open_api_whole(&self, head: &Parts) -> Response<Bytes> {
        let hash = openapi::swagger_hash(&self.catalog);
        let tag = format!("\"{hash}\"");
        let known = head.headers.get_all(IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes());
        let media = clauses(&head.headers).iter().find_map(|clause| clause.open_api(OpenApi::Version2));
        let mut answer = match media {
            None => return bare(StatusCode::NOT_ACCEPTABLE),
            Some(_) if known => reply::text(StatusCode::NOT_MODIFIED, ""),
            Some(media) => {
                let document = openapi::swagger(&self.catalog);
                let body = match media {
                    Media::Protobuf => openapi::gnostic::version_2(&document),
                    _ => document.to_string().into_bytes(),
                };
                reply::bytes(HeaderValue::from_static(OpenApi::Version2.name(media)), body)
            }
        };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            answer.headers_mut().insert(ETAG, tag);
        }
        answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        answer
    }
}

/// An answer that is a code and nothing else.
pub(super) fn bare(code: StatusCode) -> Response<Bytes> {
    let mut answer = reply::text(code, "");
    answer.headers_mut().remove(CONTENT_TYPE);
    answer
}
