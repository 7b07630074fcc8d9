//! The order in which the members of these documents are written: that of the real server's own types. Nothing depends
//! on it but those who read a document as text.

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;

/// Of two members of one object, the one that stands here first comes first, and so do those that do not stand here.
const ORDER: [&str; 26] = [
    "apiVersion",
    "metadata",
    "name",
    "singularName",
    "namespaced",
    "groupVersion",
    "group",
    "version",
    "kind",
    "subresource",
    "resource",
    "responseKind",
    "scope",
    "singularResource",
    "verbs",
    "shortNames",
    "categories",
    "storageVersionHash",
    "subresources",
    "groups",
    "versions",
    "resources",
    "freshness",
    "preferredVersion",
    "serverAddressByClientCIDRs",
    "items",
];

/// A document as JSON.
pub(crate) fn written(document: &Value) -> Vec<u8> {
    serde_json::to_vec(&Ordered { value: document, depth: 0 }).unwrap_or_default()
}

/// A value whose objects are written in that order.
struct Ordered<'a> {
    value: &'a Value,
    depth: usize,
}

impl Serialize for Ordered<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let below = |value| Ordered { value, depth: self.depth + 1 };
        match self.value {
            Value::Array(items) => serializer.collect_seq(items.iter().map(below)),
            Value::Object(members) => {
                // What a document itself is, it says before all else.
                let is_head = |name: &str| self.depth == 0 && name == "kind";
                let rank = |name: &str| (!is_head(name), ORDER.iter().position(|member| *member == name));
                let mut names: Vec<&String> = members.keys().collect();
                names.sort_by_key(|name| rank(name));
                let mut map = serializer.serialize_map(Some(names.len()))?;
                for name in names {
                    map.serialize_entry(name, &below(&members[name]))?;
                }
                map.end()
            }
            other => other.serialize(serializer),
        }
    }
}
