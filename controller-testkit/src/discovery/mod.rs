//! The documents by which clients learn what is served: the legacy lists and the aggregated discovery.
//!
//! Each is a pure function of the catalog. A built-in resource and a custom one are listed as the real server lists
//! them, which differs: aggregated discovery leaves out the group and version of a built-in kind.

use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Group, Resource, Shape, Subresource, api_version};

mod order;
#[cfg(test)]
mod tests;

pub(crate) use order::written;

/// Which of the two roots a document describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `/api`: the core group.
    Api,
    /// `/apis`: every other group.
    Apis,
}

/// `GET /api`. `address` is where clients reach the server, such as `127.0.0.1:6443`.
pub(crate) fn api_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": address }],
    })
}

/// `GET /apis`.
pub(crate) fn api_groups(catalog: &Catalog) -> Value {
    let groups: Vec<Value> = named_groups(catalog).map(group_entry).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `GET /apis/GROUP`; `None` where no version of the group is served.
pub(crate) fn api_group(catalog: &Catalog, name: &str) -> Option<Value> {
    let mut entry = named_groups(catalog).find(|group| group.name == name).map(group_entry)?;
    entry["kind"] = "APIGroup".into();
    entry["apiVersion"] = "v1".into();
    Some(entry)
}

/// `GET /api/v1` and `GET /apis/GROUP/VERSION`; `None` where the version is not served.
pub(crate) fn resource_list(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    if !catalog.serves(group, version) {
        return None;
    }
    let mut resources = Vec::new();
    for resource in catalog.resources(group, version) {
        resources.push(list_entry(resource));
        resources.extend(resource.subresources.iter().map(|subresource| list_subentry(resource, subresource)));
    }
    let mut list = json!({
        "kind": "APIResourceList",
        "groupVersion": api_version(group, version),
        "resources": resources,
    });
    if !group.is_empty() {
        // The core list predates the field, and the real server still leaves it out there.
        list["apiVersion"] = "v1".into();
    }
    Some(list)
}

/// `GET /api` or `GET /apis` for a client that accepts an `APIGroupDiscoveryList`.
pub(crate) fn aggregated(catalog: &Catalog, root: Root) -> Value {
    let items: Vec<Value> = catalog
        .groups()
        .iter()
        .filter(|group| group.name.is_empty() == (root == Root::Api))
        .map(|group| aggregated_group(catalog, group))
        .collect();
    let version = "apidiscovery.k8s.io/v2";
    json!({ "kind": "APIGroupDiscoveryList", "apiVersion": version, "metadata": {}, "items": items })
}

fn named_groups(catalog: &Catalog) -> impl Iterator<Item = &Group> {
    catalog.groups().iter().filter(|group| !group.name.is_empty())
}

fn group_entry(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| json!({ "groupVersion": api_version(&group.name, version), "version": version }))
        .collect();
    json!({ "name": group.name, "preferredVersion": versions.first(), "versions": versions })
}

fn list_entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if let Some(hash) = &resource.storage_version_hash {
        entry["storageVersionHash"] = json!(hash);
    }
    entry
}

fn list_subentry(resource: &Resource, subresource: &Subresource) -> Value {
    let mut entry = json!({
        "name": format!("{}/{}", resource.plural, subresource.name),
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": subresource.kind,
        "verbs": subresource.verbs,
    });
    if is_foreign(resource, subresource) {
        entry["group"] = json!(subresource.group);
        entry["version"] = json!(subresource.version);
    }
    entry
}

/// Whether the body of a subresource belongs to another group or version than the resource.
fn is_foreign(resource: &Resource, subresource: &Subresource) -> bool {
    (&subresource.group, &subresource.version) != (&resource.group, &resource.version)
}

fn aggregated_group(catalog: &Catalog, group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| {
            let resources: Vec<Value> =
                catalog.resources(&group.name, version).map(|resource| aggregated_resource(resource)).collect();
            json!({ "version": version, "resources": resources, "freshness": "Current" })
        })
        .collect();
    let mut metadata = Map::new();
    if !group.name.is_empty() {
        metadata.insert("name".into(), json!(group.name));
    }
    json!({ "metadata": metadata, "versions": versions })
}

fn aggregated_resource(resource: &Resource) -> Value {
    let names_its_group = matches!(resource.shape, Shape::Custom(_));
    let own_kind = |kind: &str| {
        let (group, version) =
            if names_its_group { (resource.group.as_str(), resource.version.as_str()) } else { ("", "") };
        json!({ "group": group, "version": version, "kind": kind })
    };
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": own_kind(&resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    let subresources: Vec<Value> = resource
        .subresources
        .iter()
        .map(|subresource| {
            let kind = if is_foreign(resource, subresource) {
                json!({ "group": subresource.group, "version": subresource.version, "kind": subresource.kind })
            } else {
                own_kind(&subresource.kind)
            };
            json!({ "subresource": subresource.name, "responseKind": kind, "verbs": subresource.verbs })
        })
        .collect();
    if !subresources.is_empty() {
        entry["subresources"] = json!(subresources);
    }
    entry
}
