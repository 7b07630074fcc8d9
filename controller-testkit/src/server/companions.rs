//! Objects that the server keeps beside others: the IPAddress of each address of a service, and the APIService of each
//! version that definitions serve.
//!
//! They look as those that a fresh server has of its own.

use jiff::Timestamp;
use serde_json::Value;

use super::{Server, first, meta};
use crate::catalog::Resource;
use crate::store::{Range, write_object};

/// Where the addresses stand that services have.
pub(super) const ADDRESSES: &str = "networking.k8s.io/ipaddresses";
const SERVICES: &str = "apiregistration.k8s.io/apiservices";
/// Which of the latter the server itself brings and takes away.
const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// The first object that a fresh server has in a table, with its marks.
fn model(table: &str) -> Option<Value> {
    let line = first::objects().find(|line| line.split(' ').next() == Some(table))?;
    serde_json::from_str(line.splitn(3, ' ').nth(2)?).ok()
}

/// The addresses of a service; none of what is no service.
fn addresses(resource: &Resource, object: &Value) -> Vec<String> {
    if resource.plural != "services" || !resource.group.is_empty() {
        return Vec::new();
    }
    let all = object.pointer("/spec/clusterIPs").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).filter(|address| *address != "None").map(str::to_owned).collect()
}

impl Server {
    /// Notes the addresses of a service that is about to be written.
    pub(super) fn allocate(&mut self, resource: &Resource, service: &Value, now: Timestamp, rng: &mut fastrand::Rng) {
        for address in addresses(resource, service) {
            let Some(mut object) = model(ADDRESSES).filter(|_| self.store.get(ADDRESSES, &address).is_none()) else {
                continue;
            };
            object["metadata"]["name"] = address.as_str().into();
            object["spec"]["parentRef"]["name"] = meta::name(service).into();
            object["spec"]["parentRef"]["namespace"] = meta::namespace(service).into();
            self.keep(ADDRESSES, &address, &object, now, rng);
        }
    }

    /// Gives back what a service has had and has no more.
    pub(super) fn release(&mut self, resource: &Resource, old: &Value, kept: &Value) {
        let kept = addresses(resource, kept);
        for address in addresses(resource, old).iter().filter(|address| !kept.contains(address)) {
            let parent =
                |of: &Value| of.pointer("/spec/parentRef/name").and_then(Value::as_str) == Some(meta::name(old));
            let object = self.store.get(ADDRESSES, address).map(|object| (*object.value()).clone());
            if let Some(object) = object.filter(parent) {
                self.store.delete_as(ADDRESSES, address, object);
            }
        }
    }

    /// Has an APIService for each version of a group that definitions serve, and for no other.
    pub(super) fn register(&mut self, group: &str, now: Timestamp, rng: &mut fastrand::Rng) {
        let group_served = self.catalog.group(group);
        let versions: Vec<String> = group_served.map(|group| group.versions.clone()).unwrap_or_default();
        let name = |version: &str| format!("{version}.{group}");
        for version in &versions {
            let name = name(version);
            let Some(mut object) = model(SERVICES).filter(|_| self.store.get(SERVICES, &name).is_none()) else {
                continue;
            };
            object["metadata"]["name"] = name.as_str().into();
            object["metadata"]["labels"][MANAGED] = "true".into();
            object["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:group"] = serde_json::json!({});
            object["spec"] = serde_json::json!({
                "group": group, "groupPriorityMinimum": 1000, "version": version, "versionPriority": 100,
            });
            self.keep(SERVICES, &name, &object, now, rng);
        }
        let served: Vec<String> = versions.iter().map(|version| name(version)).collect();
        let of_group = |object: &Value| {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
            text("/spec/group") == Some(group)
                && meta::labels(object).is_some_and(|labels| labels.get(MANAGED) == Some(&"true".into()))
        };
        let all = self.store.scan(SERVICES, Range { prefix: "", from: "" });
        let gone: Vec<(String, Value)> = all
            .filter(|(name, _)| !served.iter().any(|served| **served == ***name))
            .map(|(name, object)| (name.to_string(), (*object.value()).clone()))
            .filter(|(_, object)| of_group(object))
            .collect();
        for (name, object) in gone {
            self.store.delete_as(SERVICES, &name, object);
        }
    }

    fn keep(&mut self, table: &str, key: &str, object: &Value, now: Timestamp, rng: &mut fastrand::Rng) {
        let mut line = format!("{table} {key} ").into_bytes();
        write_object(&mut line, object);
        self.furnish(String::from_utf8(line).iter().map(String::as_str), now, rng);
    }
}
