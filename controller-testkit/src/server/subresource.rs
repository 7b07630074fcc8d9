//! Parts of objects with a life of their own: which of them there are, and where each is dealt with.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::accept::Accepted;
use super::create::place;
use super::present::Look;
use super::read::answer_one;
use super::route::Target;
use super::write::{Cx, Writing};
use super::{Server, meta, reply};
use crate::admission::{Change, Operation};
use crate::status::ApiError;

impl Server {
    /// Reads a part of an object: most show the whole of it.
    pub(crate) fn read_part(
        &self,
        target: &Target,
        name: &str,
        accepted: Accepted,
        look: Look,
        now: Timestamp,
    ) -> Result<Response<Bytes>, ApiError> {
        let resource = &*target.resource;
        let object = || self.find(resource, target.namespace.as_deref(), name);
        match target.subresource.as_deref().unwrap_or_default() {
            "status" | "approval" | "ephemeralcontainers" | "resize" => {
                answer_one(resource, object()?, StatusCode::OK, accepted, look, now)
            }
            "scale" => {
                let scale = self.scale_of(resource, object()?)?;
                Ok(reply::object(StatusCode::OK, &look.scale(scale, now), accepted.media))
            }
            part => object().and(Err(not_modelled(part))),
        }
    }

    /// What is sent to a part that only takes things, once webhooks and policies have had their say about it.
    pub(crate) fn sent(
        &self,
        writing: &Writing<'_>,
        (version, kind): (&str, &str),
        mut object: Value,
        cx: &mut Cx<'_>,
    ) -> Result<Value, ApiError> {
        let target = writing.target;
        let members = meta::members(&mut object);
        members.insert("kind".into(), kind.into());
        members.insert("apiVersion".into(), version.into());
        place(&mut object, target.namespace.as_deref())?;
        let name = meta::name(&object).to_owned();
        let change = Change {
            operation: Operation::Create,
            resource: &target.resource,
            part: target.subresource.as_deref().unwrap_or_default(),
            namespace: target.namespace.as_deref().unwrap_or_default(),
            name: target.name.as_deref().unwrap_or(&name),
            new: None,
            old: None,
        };
        let mutated = self.mutate(&Change { new: Some(&object), ..change }, cx)?;
        let object = mutated.unwrap_or(object);
        self.approve(&Change { new: Some(&object), ..change }, cx)?;
        Ok(object)
    }

    /// A write to any part but the status.
    pub(crate) fn write_subresource(
        &mut self,
        writing: &Writing<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let method = &writing.head.method;
        match (writing.target.subresource.as_deref().unwrap_or_default(), method) {
            ("scale", _) => self.write_scale(writing, cx),
            ("finalize" | "approval" | "ephemeralcontainers" | "resize", &Method::PUT) => {
                self.replace_by_request(writing, cx)
            }
            ("approval" | "ephemeralcontainers" | "resize", &Method::PATCH) => self.patch_by_request(writing, cx),
            ("binding", &Method::POST) => self.bind(writing, cx),
            ("eviction", &Method::POST) => self.evict(writing, cx),
            ("token", &Method::POST) => self.token(writing, cx),
            (part, _) => Err(not_modelled(part)),
        }
    }
}

fn not_modelled(part: &str) -> ApiError {
    ApiError::not_implemented(&format!("the subresource {part:?}"))
}
