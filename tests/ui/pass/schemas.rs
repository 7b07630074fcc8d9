//! Schemas in a file, inline with Rust's raw strings, and from the object's type.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;
use schemars::JsonSchema;
use serde::Deserialize;

struct FromFile;

#[controller(schema = "ui/schemas/pod.json")]
impl FromFile {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

struct Inline;

#[controller(schema({
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": ["object", "null"],
    "properties": {
        "metadata": { "properties": { "name": { "pattern": r"^\w+(-\w+)*$", "maxLength": 63 } } },
        "spec": { "$ref": "#/$defs/spec" },
    },
    "$defs": { "spec": { "type": "object", "minProperties": 1, "not": { "required": ["hostPID"] } } },
    "examples": [{ "a": -1.5e3, "b": null, "c": [true, false, -2] }],
}))]
impl Inline {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

#[derive(Deserialize, JsonSchema)]
struct Small {
    spec: Option<Spec>,
}

#[derive(Deserialize, JsonSchema)]
struct Spec {
    #[schemars(range(min = 1))]
    size: u32,
}

struct Derived;

#[controller(api_version = "example.com/v1", kind = "Small", schema = derive)]
impl Derived {
    async fn reconcile(&self, small: &Small, _cx: &Context<Self>) {
        let _ = small.spec.as_ref().map(|spec| spec.size);
    }
}

pub(super) fn main() {
    let small = serde_json::json!({ "spec": { "size": 0 } });
    assert!(Derived::validate_resource(&small).is_err());
    drop(Operator::new("x").controller(FromFile).controller(Inline).controller(Derived));
}
