//! Where a request goes: the path taken apart, and looked up in the catalog.
//!
//! A real server answers an unknown path in two ways: with plain text where no group of its own is named, and with a
//! Status where one is.

use std::sync::Arc;

use super::site::{Health, Page};
use crate::catalog::{Catalog, Resource, Shape};

/// The place that a path names.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    Root,
    Version,
    /// `healthz`, `livez` or `readyz`, or one check of it.
    Health {
        of: Health,
        check: Option<String>,
    },
    Metrics,
    /// The checks as metrics.
    Checks,
    Page(Page),
    /// Who signs tokens, and with what.
    Issuer,
    Keys,
    ApiVersions,
    ApiGroups,
    ApiGroup(String),
    ResourceList {
        group: String,
        version: String,
    },
    /// All of it in one document, as version 2 has it.
    OpenApiWhole,
    OpenApiIndex,
    OpenApiDocument {
        group: String,
        version: String,
    },
    /// A document about no version, by its path.
    OpenApiRoot(String),
    /// The answer is a 404 and nothing else.
    NoSuchDocument,
    Resource(Target),
    /// The answer is the text `404 page not found`.
    NoSuchPage,
    /// The answer is a Status.
    NoSuchResource,
    /// It begins with an old verb, `watch` or `proxy`, which has no object.
    NoVerb,
    /// It has a percent sign without its two digits.
    Unescapable,
}

/// A resource, or one object of it, or a part of that object.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) resource: Arc<Resource>,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    /// The path has the old `/watch/` prefix.
    pub(crate) watch: bool,
}

impl Route {
    pub(crate) fn find(catalog: &Catalog, path: &str) -> Self {
        if !is_escaped(path) {
            return Self::Unescapable;
        }
        // A slash is a slash, however it is written.
        let path = decode(path, false);
        let inner = path.strip_prefix('/').unwrap_or(&path);
        let ends_in_slash = inner.ends_with('/');
        let parts: Vec<&str> = inner.strip_suffix('/').unwrap_or(inner).split('/').collect();
        match parts.as_slice() {
            [""] | ["index.html"] if !ends_in_slash => Self::Root,
            ["version"] => Self::Version,
            ["version", ..] => Self::NoSuchResource,
            [".well-known", "openid-configuration"] => Self::Issuer,
            ["openid", "v1", "jwks"] => Self::Keys,
            // These are known by their whole path alone.
            ["healthz" | "livez" | "readyz" | "metrics" | "statusz" | "flagz", ..] | ["openapi", "v2"]
                if ends_in_slash =>
            {
                Self::NoSuchPage
            }
            ["openapi", "v3", ..] if ends_in_slash => Self::NoSuchDocument,
            ["metrics"] => Self::Metrics,
            ["metrics", "slis"] => Self::Checks,
            ["statusz"] => Self::Page(Page::Statusz),
            ["flagz"] => Self::Page(Page::Flagz),
            [of @ ("healthz" | "livez" | "readyz"), check @ ..] => match Health::of(of) {
                Some(of) => Self::Health { of, check: (!check.is_empty()).then(|| check.join("/")) },
                None => Self::NoSuchPage,
            },
            ["api"] => Self::ApiVersions,
            ["apis"] => Self::ApiGroups,
            ["apis", "", ..] => Self::NoSuchPage,
            ["api", _, "watch" | "proxy"] | ["apis", _, _, "watch" | "proxy"] => Self::NoVerb,
            ["openapi", "v2"] => Self::OpenApiWhole,
            ["openapi", "v3"] => Self::OpenApiIndex,
            ["openapi", "v3", "api", version] => {
                Self::OpenApiDocument { group: String::new(), version: (*version).to_owned() }
            }
            ["openapi", "v3", "apis", group, version] => {
                Self::OpenApiDocument { group: (*group).to_owned(), version: (*version).to_owned() }
            }
            ["openapi", "v3", path @ ..] => Self::OpenApiRoot(path.join("/")),
            ["api", version] if catalog.serves("", version) => {
                Self::ResourceList { group: String::new(), version: (*version).to_owned() }
            }
            ["api", version, rest @ ..] => Self::resource(catalog, "", version, rest),
            ["apis", group] if catalog.group(group).is_some() => Self::ApiGroup((*group).to_owned()),
            ["apis", group, version] if catalog.serves(group, version) => {
                Self::ResourceList { group: (*group).to_owned(), version: (*version).to_owned() }
            }
            ["apis", group, version, rest @ ..] => Self::resource(catalog, group, version, rest),
            _ => Self::NoSuchPage,
        }
    }

    fn resource(catalog: &Catalog, group: &str, version: &str, rest: &[&str]) -> Self {
        let named = rest.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        let rest = &rest[..named];
        let (watch, rest) = match rest {
            ["watch", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let target = |namespace: Option<&str>, plural: &str, rest: &[&str]| {
            let resource = catalog.get(group, version, plural)?;
            let place = |part: &str| Some(part.to_owned());
            // An object of a namespaced kind has no path without its namespace, and a cluster's none within one.
            if resource.namespaced != namespace.is_some() && (namespace.is_some() || !rest.is_empty()) {
                return None;
            }
            let (name, subresource) = match rest {
                [] => (None, None),
                [name] => (place(name), None),
                [name, subresource] => (place(name), place(subresource)),
                // What follows is for proxies, which are not modelled.
                [name, "proxy", ..] => (place(name), place("proxy")),
                _ => return None,
            };
            // What is only asked has no objects.
            if name.is_some() && !resource.is_stored() {
                return None;
            }
            // The old prefix stands before what can be watched, and nothing else.
            if watch
                && matches!(resource.shape, Shape::Builtin(_))
                && (subresource.is_some() || !resource.verbs.contains(&"watch"))
            {
                return None;
            }
            // A custom resource's path is its own, whatever part is asked for.
            if let Some(subresource) = &subresource
                && matches!(resource.shape, Shape::Builtin(_))
            {
                resource.subresource(subresource)?;
            }
            Some(Target {
                resource: resource.clone(),
                namespace: namespace.map(str::to_owned),
                name,
                subresource,
                watch,
            })
        };
        let found = match rest {
            ["namespaces", namespace, plural, rest @ ..] if !matches!((*plural, rest), ("status" | "finalize", [])) => {
                target(Some(namespace), plural, rest)
            }
            [plural, rest @ ..] => target(None, plural, rest),
            [] => None,
        };
        match found {
            Some(target) => Self::Resource(target),
            None if is_builtin(catalog, group) => Self::NoSuchResource,
            None => Self::NoSuchPage,
        }
    }
}

fn is_builtin(catalog: &Catalog, group: &str) -> bool {
    let resources = catalog
        .group(group)
        .into_iter()
        .flat_map(|found| found.versions.iter().flat_map(move |version| catalog.resources(group, version)));
    resources.into_iter().any(|resource| matches!(resource.shape, Shape::Builtin(_)))
}

/// Undoes percent encoding; in a query a plus is a blank.
pub(crate) fn decode(text: &str, plus: bool) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (b'+', _) if plus => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether two digits follow each percent sign.
pub(super) fn is_escaped(text: &str) -> bool {
    let mut codes = text.split('%').skip(1);
    codes.all(|code| matches!(code.as_bytes(), [high, low, ..] if digit(*high).is_some() && digit(*low).is_some()))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
