//! Owns the trail of one run: what it writes to its own object, by whichever way it goes to the server.

use http::Method;

use super::reach::RunReach;
use super::resolve::Resource;
use super::rewrites::OwnWrite;
use crate::cache::ResourceVersion;
use crate::env::{Tracer, Wrote};
use crate::key::Key;

impl Tracer for RunReach {
    fn begins(&self, method: &Method, path: &str) -> Option<usize> {
        if !is_own(self.resource(), self.key(), method, path) {
            return None;
        }
        let mut trail = self.trail().lock();
        trail.push(Some(OwnWrite::Unsure));
        Some(trail.len() - 1)
    }

    fn ends(&self, write: usize, answer: Wrote) {
        let own = match answer {
            // What was created may be another object of the kind.
            Wrote::At { name, version } if name == self.key().name() => {
                Some(OwnWrite::At(ResourceVersion::new(&version)))
            }
            Wrote::At { .. } | Wrote::Nothing => None,
        };
        if let Some(slot) = self.trail().lock().get_mut(write) {
            *slot = own;
        }
    }
}

/// Whether a request may write the object of this key: it names the object or something below it, in whichever version
/// of its group, or creates an object beside it.
fn is_own(resource: &Resource, key: &Key, method: &Method, path: &str) -> bool {
    let mut steps = path.split('/').filter(|step| !step.is_empty());
    let group = match steps.next() {
        Some("api") => Some(""),
        Some("apis") => steps.next(),
        _ => None,
    };
    let _version = steps.next();
    let mut rest: Vec<&str> = steps.collect();
    if let Some(namespace) = key.namespace() {
        if rest.len() < 3 || rest[..2] != ["namespaces", namespace] {
            return false;
        }
        rest.drain(..2);
    }
    let names = match rest.as_slice() {
        [plural] if method == Method::POST => *plural == resource.plural,
        [plural, name, ..] => *plural == resource.plural && *name == key.name(),
        _ => false,
    };
    names && group == Some(&resource.group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(group: &str, plural: &str, key: &Key, request: &str, expect: bool) {
        let resource = Resource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            api_version: "v1".to_owned(),
            kind: "Kind".to_owned(),
            plural: plural.to_owned(),
            namespaced: key.namespace().is_some(),
        };
        let (method, path) = request.split_once(' ').expect("a request is a method and a path");
        let method = method.parse().expect("a method");
        assert_eq!(is_own(&resource, key, &method, path), expect, "{request} of {key}");
    }

    #[test]
    fn the_own_object_is_known_by_its_path() {
        let web = Key::namespaced("shop", "web");
        for request in [
            "PATCH /apis/apps/v1/namespaces/shop/deployments/web",
            "PUT /apis/apps/v1beta1/namespaces/shop/deployments/web/status",
            "DELETE /apis/apps/v1/namespaces/shop/deployments/web",
            "POST /apis/apps/v1/namespaces/shop/deployments",
        ] {
            check("apps", "deployments", &web, request, true);
        }
        for request in [
            "PATCH /apis/apps/v1/namespaces/shop/deployments/web-2",
            "PATCH /apis/apps/v1/namespaces/other/deployments/web",
            "PATCH /apis/apps/v1/namespaces/shop/statefulsets/web",
            "PATCH /apis/extensions/v1/namespaces/shop/deployments/web",
            "PATCH /api/v1/namespaces/shop/deployments/web",
            "DELETE /apis/apps/v1/namespaces/shop/deployments",
            "POST /apis/apps/v1/namespaces/other/deployments",
            "PATCH /apis/apps/v1/deployments/web",
            "POST /healthz",
            "POST /",
        ] {
            check("apps", "deployments", &web, request, false);
        }
        let shop = Key::cluster("shop");
        check("", "namespaces", &shop, "PUT /api/v1/namespaces/shop/finalize", true);
        check("", "namespaces", &shop, "PATCH /api/v1/namespaces/shop", true);
        check("", "namespaces", &shop, "PATCH /api/v1/namespaces/shop-2", false);
        check("", "nodes", &Key::cluster("a"), "PATCH /api/v1/nodes/a/status", true);
        check("", "pods", &Key::namespaced("shop", "a"), "PATCH /api/v1/namespaces/shop/pods/a", true);
    }
}
