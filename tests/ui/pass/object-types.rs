//! Everything that an object may be decoded into.

use std::collections::BTreeMap;

use controller_core::Raw;
use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

struct Undecoded;

#[controller(api_version = "v1", kind = "Pod")]
impl Undecoded {
    async fn reconcile(&self, pod: &Raw, _cx: &Context<Self>) -> Result {
        let _: Option<String> = pod.get("/metadata/name")?;
        Ok(())
    }
}

struct Metadata;

#[controller(cache(metadata))]
impl Metadata {
    async fn reconcile(&self, secret: &PartialObjectMeta<Secret>, _cx: &Context<Self>) {
        drop(secret.metadata.name.clone());
    }
}

/// An envelope for many kinds.
#[derive(Deserialize)]
struct Envelope<S> {
    metadata: ObjectMeta,
    spec: S,
}

#[derive(Deserialize)]
struct Replicas {
    replicas: Option<u32>,
}

struct Enveloped;

#[controller(api_version = "example.com/v1", kind = "App", plural = "apps")]
impl Enveloped {
    async fn reconcile(&self, app: &Envelope<Replicas>, _cx: &Context<Self>) {
        let _ = (app.metadata.name.as_deref(), app.spec.replicas);
    }
}

#[derive(Deserialize)]
#[serde(tag = "kind")]
enum Either {
    Thing {
        size: u8,
    },
    #[serde(other)]
    Other,
}

struct Variants;

#[controller(api_version = "example.com/v1", kind = "Thing")]
impl Variants {
    async fn reconcile(&self, thing: &Either, _cx: &Context<Self>) {
        let _ = matches!(thing, Either::Thing { size: 1.. } | Either::Other);
    }
}

type Fields = BTreeMap<String, Value>;

struct Maps;

#[controller(api_version = "example.com/v1", kind = "Thing", name = "maps-of-things")]
impl Maps {
    async fn reconcile(&self, thing: &Fields, _cx: &Context<Self>) {
        let _ = thing.get("spec");
    }
}

/// A struct of another crate.
struct Elsewhere;

#[controller(api_version = "v1", kind = "Pod")]
impl Elsewhere {
    async fn reconcile(&self, pod: &renamed::Phase, _cx: &Context<Self>) {
        let _ = pod.status.phase.as_deref();
    }
}

pub(super) fn main() {
    let operator = Operator::new("x").controller(Undecoded).controller(Metadata).controller(Enveloped);
    drop(operator.controller(Variants).controller(Maps).controller(Elsewhere));
}
