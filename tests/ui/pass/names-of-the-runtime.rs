//! A user's types may have the names of the runtime's own.

use controller_core::{Context, controller};
use serde::Deserialize;

/// prometheus-operator has this kind.
#[derive(Deserialize)]
struct Probe {}

struct Descriptor;

#[controller(api_version = "monitoring.coreos.com/v1", kind = "Probe")]
impl Descriptor {
    async fn reconcile(&self, _probe: &Probe, _cx: &Context<Self>) {}
}

#[derive(Deserialize)]
struct Declare {}

struct Callback;

#[controller(api_version = "example.com/v1", kind = "Declare")]
impl Callback {
    async fn add(&self, _object: &Declare, _cx: &Context<Self>) {}
}

#[derive(Deserialize)]
struct Controller {}

struct Described;

#[controller(api_version = "example.com/v1", kind = "Controller")]
impl Described {
    async fn delete(&self, _object: &Controller, _cx: &Context<Self>) {}
}

pub(super) fn main() {
    drop(controller_core::Operator::new("x").controller(Descriptor).controller(Callback).controller(Described));
}
