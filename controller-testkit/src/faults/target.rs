//! What a request is about, read from its method and path alone: enough for a fault to pick it.
//!
//! The server routes by its catalog; this room knows the grammar of the paths only, so it can name the target of
//! requests that the server will refuse too.

use std::collections::BTreeMap;

/// What a request asks the API server to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read a collection.
    List,
    /// Follow a collection.
    Watch,
    /// Create an object.
    Create,
    /// Replace an object.
    Update,
    /// Change a part of an object.
    Patch,
    /// Delete an object.
    Delete,
    /// Delete a collection.
    DeleteCollection,
    /// Anything that names no resource: discovery, OpenAPI, health.
    Other,
}

/// A request as faults see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) verb: Verb,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    pub(crate) query: BTreeMap<String, String>,
}

impl Target {
    /// Reads a request's method, path and query.
    pub(crate) fn of(method: &http::Method, uri: &http::Uri) -> Target {
        let query = query(uri.query().unwrap_or_default());
        let mut parts = uri.path().split('/').filter(|part| !part.is_empty()).map(decoded).peekable();
        let mut target = Target {
            verb: Verb::Other,
            group: String::new(),
            resource: String::new(),
            namespace: None,
            name: None,
            subresource: None,
            query,
        };
        match parts.next().as_deref() {
            Some("api") => {}
            Some("apis") => match parts.next() {
                Some(group) => target.group = group,
                None => return target,
            },
            _ => return target,
        }
        if parts.next().is_none() {
            return target;
        }
        let prefixed = parts.peek().is_some_and(|part| part == "watch");
        if prefixed {
            parts.next();
        }
        let parts: Vec<String> = parts.collect();
        let rest = match parts.as_slice() {
            // `namespaces/a` and `namespaces/a/status` speak of the namespace itself.
            [first, namespace, rest @ ..]
                if first == "namespaces"
                    && !rest.is_empty()
                    && !matches!(rest, [only] if only == "status" || only == "finalize") =>
            {
                target.namespace = Some(namespace.clone());
                rest
            }
            other => other,
        };
        let Some(resource) = rest.first() else { return target };
        target.resource = resource.clone();
        target.name = rest.get(1).cloned();
        target.subresource = (rest.len() > 2).then(|| rest[2..].join("/"));
        target.verb = target.verb_of(method, prefixed);
        target
    }

    fn verb_of(&self, method: &http::Method, prefixed: bool) -> Verb {
        let watching = prefixed || self.query.get("watch").is_some_and(|value| value != "0" && value != "false");
        match (method.as_str(), &self.name) {
            ("GET" | "HEAD", _) if prefixed => Verb::Watch,
            ("GET" | "HEAD", None) if watching => Verb::Watch,
            ("GET" | "HEAD", None) => Verb::List,
            ("GET" | "HEAD", Some(_)) => Verb::Get,
            ("POST", _) => Verb::Create,
            ("PUT", _) => Verb::Update,
            ("PATCH", _) => Verb::Patch,
            ("DELETE", None) => Verb::DeleteCollection,
            ("DELETE", Some(_)) => Verb::Delete,
            _ => Verb::Other,
        }
    }
}

/// The parameters of a query string. The first of a repeated name counts, as for the server.
pub(crate) fn query(text: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.entry(decoded(&name.replace('+', " "))).or_insert_with(|| decoded(&value.replace('+', " ")));
    }
    parameters
}

fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
