//! Reads: one object, or a list with its pages, at the resourceVersion that the client asks for.

use std::num::{IntErrorKind, ParseIntError};
use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::accept::{Accepted, Form};
use super::page::Page;
use super::present::{Look, bytes_of};
use super::query::{ListOptions, Match};
use super::route::Target;
use super::scope::{Scope, key, table};
use super::write::internal;
use super::{Server, meta, reply};
use crate::catalog::{Resource, Shape};
use crate::field::{FieldError, echo};
use crate::status::{ApiError, Subject};
use crate::store::Object;
use crate::table::Header;

/// Why a read has no answer yet, or never.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The store has not got to this resourceVersion.
    Future(u64),
    Refused(ApiError),
}

impl From<ApiError> for Unread {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// How errors name a resource.
pub(crate) fn subject(resource: &Resource) -> Subject<'_> {
    // One resource is named by its singular.
    let name = if resource.plural == "componentstatuses" { &resource.singular } else { &resource.plural };
    Subject { group: &resource.group, resource: name }
}

/// How validation errors name a resource's objects.
pub(crate) fn kind_of(resource: &Resource) -> Subject<'_> {
    // Events of either group are judged as those of the first one.
    let group = if resource.kind == "Event" && is_builtin(resource) { "" } else { &resource.group };
    Subject { group, resource: &resource.kind }
}

/// A resourceVersion as clients send it; none if it is left out.
pub(crate) fn parse_version(text: &str) -> Result<Option<u64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|fault: ParseIntError| {
        let why = match fault.kind() {
            IntErrorKind::PosOverflow => "value out of range",
            _ => "invalid syntax",
        };
        let why = format!("strconv.ParseUint: parsing {}: {why}", echo::quote(text));
        FieldError::invalid("resourceVersion", text, why).to_string()
    })
}

/// Stored objects under their keys.
type Selected<'a> = Vec<(&'a Arc<str>, &'a Arc<Object>)>;

impl Server {
    /// The stored object of that name.
    pub(crate) fn find(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<&Arc<Object>, ApiError> {
        self.store
            .get(&table(resource), &key(namespace, name))
            .ok_or_else(|| ApiError::not_found(subject(resource), name))
    }

    /// Refuses a resourceVersion from the future.
    fn reached(&self, wanted: Option<u64>) -> Result<(), Unread> {
        match wanted {
            Some(rv) if rv > self.store.current_rv() => Err(Unread::Future(rv)),
            _ => Ok(()),
        }
    }

    pub(crate) fn read_one(
        &self,
        target: &Target,
        name: &str,
        version: &str,
        accepted: Accepted,
        look: Look,
        now: Timestamp,
    ) -> Result<http::Response<bytes::Bytes>, Unread> {
        self.reached(parse_version(version).map_err(ApiError::unforeseen)?)?;
        let object = self.find(&target.resource, target.namespace.as_deref(), name)?;
        Ok(answer_one(&target.resource, object, StatusCode::OK, accepted, look, now)?)
    }

    pub(crate) fn read_list(
        &self,
        scope: &Scope,
        options: &ListOptions,
        accepted: Accepted,
        look: Look,
        now: Timestamp,
    ) -> Result<http::Response<bytes::Bytes>, Unread> {
        let resource = &*scope.resource;
        if let Form::Metadata { list: false, .. } = accepted.form {
            let why = format!(
                "you requested PartialObjectMetadata, but the requested object is a list (*{}.{})",
                internal(resource),
                resource.list_kind
            );
            return Err(ApiError::wrong_form(why).into());
        }
        let (at, from) = self.place(scope, options)?;
        let (head, items) = self.selected(scope, options, at, &from);
        let items: Vec<&Arc<Object>> = items.into_iter().map(|(_, object)| object).collect();
        Ok(answer_list(resource, head, &items, accepted, look, now))
    }

    /// The objects that a list shows from a key on, and what it says of itself.
    pub(super) fn selected<'a>(
        &'a self,
        scope: &'a Scope,
        options: &ListOptions,
        at: Option<u64>,
        from: &'a str,
    ) -> (Value, Selected<'a>) {
        // Nothing is cut off where one object is asked for.
        let limit = if options.resource_version == "0" || scope.is_of_one() { 0 } else { options.limit };
        let mut items = Vec::new();
        let mut page = None;
        let range = scope.range(from);
        let mut rest: Box<dyn Iterator<Item = _>> = match at {
            Some(rv) => self.store.scan_at(&scope.table, range, rv),
            None => Box::new(self.store.scan(&scope.table, range)),
        };
        let shown = at.unwrap_or_else(|| self.store.current_rv());
        let mut remaining = None;
        let mut last = None;
        while let Some((key, object)) = rest.next() {
            // Whether what follows is meant is not known before it is looked at: a page follows in any case.
            if limit > 0 && items.len() == limit {
                page = last.map(|last: &Arc<str>| Page { rv: Some(shown), start: format!("{last}\0") });
                remaining = scope.is_whole().then(|| rest.count() + 1);
                break;
            }
            last = Some(key);
            if scope.selects(key, object) {
                items.push((key, object));
            }
        }
        let mut head = Map::new();
        head.insert("resourceVersion".into(), shown.to_string().into());
        if let Some(page) = page {
            head.insert("continue".into(), page.token(scope.prefix()).into());
            meta::set(&mut head, "remainingItemCount", remaining.map(Value::from));
        }
        (Value::Object(head), items)
    }

    /// The version to list at, if it is not the latest, and the first key.
    pub(super) fn place(&self, scope: &Scope, options: &ListOptions) -> Result<(Option<u64>, String), Unread> {
        let wanted = parse_version(&options.resource_version)
            .map_err(|fault| ApiError::bad_request(format!("invalid resource version: {fault}")))?;
        let (table, prefix) = (&scope.table, scope.prefix());
        if !options.continue_token.is_empty() {
            if wanted.is_some_and(|rv| rv != 0) {
                let why = "specifying resource version is not allowed when using continue";
                return Err(ApiError::bad_request(why).into());
            }
            let page = Page::parse(&options.continue_token, prefix)?;
            return match page.rv {
                Some(rv) if self.store.is_too_old_to_list(table, rv) => {
                    Err(ApiError::expired_page(Page { rv: None, start: page.start }.token(prefix)).into())
                }
                Some(rv) => {
                    self.reached(Some(rv))?;
                    Ok((Some(rv), page.start))
                }
                None => Ok((None, page.start)),
            };
        }
        self.reached(wanted)?;
        // A limit with a version and no match is meant as it was before there was a match: exactly.
        let exact = match options.version_match {
            Some(Match::Exact) => true,
            Some(Match::NotOlderThan) => false,
            None => options.limit > 0 && !scope.is_of_one(),
        };
        match wanted {
            Some(rv) if rv != 0 && exact && self.store.is_too_old_to_list(table, rv) => {
                Err(ApiError::expired("The resourceVersion for the provided list is too old.").into())
            }
            Some(rv) if rv != 0 && exact => Ok((Some(rv), String::new())),
            _ => Ok((None, String::new())),
        }
    }
}

/// An object as a whole answer.
pub(crate) fn answer_one(
    resource: &Resource,
    object: &Object,
    status: StatusCode,
    accepted: Accepted,
    look: Look,
    now: Timestamp,
) -> Result<http::Response<bytes::Bytes>, ApiError> {
    let body = look.one(resource, object, now)?;
    Ok(reply::written(status, body, accepted.media))
}

/// A list as a whole answer.
pub(crate) fn answer_list(
    resource: &Resource,
    head: Value,
    items: &[&Arc<Object>],
    accepted: Accepted,
    look: Look,
    now: Timestamp,
) -> http::Response<bytes::Bytes> {
    if let Form::Table(version) = accepted.form {
        let values: Vec<Value> = items.iter().map(|object| look.value(resource, object)).collect();
        let values: Vec<&Value> = values.iter().collect();
        let table = look.table(resource, version, &head, &values, Header::Columns, now);
        return reply::object(StatusCode::OK, &table, accepted.media);
    }
    let mut head = head;
    if matches!(accepted.form, Form::Object) && !is_builtin(resource) {
        // Lists of custom resources say that nothing follows.
        meta::members(&mut head).entry("continue").or_insert_with(|| "".into());
    }
    let (kind, api_version) = match accepted.form {
        Form::Metadata { version, .. } => ("PartialObjectMetadataList", format!("meta.k8s.io/{version}")),
        _ => (resource.list_kind.as_str(), resource.api_version()),
    };
    let mut list = Map::new();
    list.insert("kind".into(), kind.into());
    list.insert("apiVersion".into(), api_version.into());
    list.insert("metadata".into(), head);
    let mut body = bytes_of(&Value::Object(list));
    body.pop();
    if items.is_empty() && matches!(accepted.form, Form::Metadata { .. }) {
        body.extend_from_slice(b",\"items\":null}");
        return reply::written(StatusCode::OK, body, accepted.media);
    }
    body.extend_from_slice(b",\"items\":[");
    for (index, object) in items.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        look.item(&mut body, resource, object);
    }
    body.extend_from_slice(b"]}");
    reply::written(StatusCode::OK, body, accepted.media)
}

/// Whether a resource is one of Kubernetes' own.
pub(crate) fn is_builtin(resource: &Resource) -> bool {
    matches!(resource.shape, Shape::Builtin(_))
}
