//! The OpenAPI documents over HTTP: their hashes, as tags and in their addresses, and the form that a client accepts.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::accept::{OpenApi, clauses};
use super::query::Query;
use super::{Server, reply};
use crate::openapi;

impl Server {
    /// The OpenAPI document of a version; a client that knows an older one is sent to the present one.
    pub(super) fn open_api(&self, head: &Parts, group: &str, version: &str) -> Response<Bytes> {
        let no_such_page = || {
            let mut answer = reply::text(StatusCode::NOT_FOUND, "");
            answer.headers_mut().remove(CONTENT_TYPE);
            answer
        };
        let Some(hash) = openapi::hash(&self.catalog, group, version) else { return no_such_page() };
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
        let mut answer = match openapi::document(&self.catalog, group, version) {
            _ if known => reply::text(StatusCode::NOT_MODIFIED, ""),
            Some(document) => reply::document(HeaderValue::from_static("application/json"), &document),
            None => return no_such_page(),
        };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            answer.headers_mut().insert(ETAG, tag);
        }
        if asked.is_some() {
            let forever = HeaderValue::from_static("public, immutable");
            answer.headers_mut().insert(CACHE_CONTROL, forever);
        }
        answer
    }

    /// The one document of version 2, in JSON or protobuf.
    pub(super) fn open_api_whole(&self, head: &Parts) -> Response<Bytes> {
        let hash = openapi::swagger_hash(&self.catalog);
        let tag = format!("\"{hash}\"");
        let known = head.headers.get_all(IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes());
        let media = clauses(&head.headers).iter().find_map(|clause| clause.open_api());
        let mut answer = match media {
            None => reply::text(StatusCode::NOT_ACCEPTABLE, ""),
            Some(_) if known => reply::text(StatusCode::NOT_MODIFIED, ""),
            Some(media) => {
                let document = openapi::swagger(&self.catalog);
                let body = match media {
                    OpenApi::Json => document.to_string().into_bytes(),
                    OpenApi::Protobuf => openapi::encoded(&document),
                };
                reply::bytes(HeaderValue::from_static(media.name()), body)
            }
        };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            answer.headers_mut().insert(ETAG, tag);
        }
        answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        answer
    }
}
