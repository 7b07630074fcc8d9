//! Nothing is written that the object type says; and each half may be written alone, quoted or bare.

use controller_core::prelude::*;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Node;

struct Nodes;

#[controller]
impl Nodes {
    async fn reconcile(&self, _node: &Node, _cx: &Context<Self>) {}
}

struct Deployments;

#[controller(kind = Deployment)]
impl Deployments {
    async fn reconcile(&self, _deployment: &Deployment, _cx: &Context<Self>) {}
}

struct Rollouts;

#[controller(api_version = "apps/v1")]
impl Rollouts {
    async fn modify(&self, _deployment: &Deployment, _cx: &Context<Self>) {}
}

struct Empty;

#[controller()]
impl Empty {
    async fn delete(&self, _: &k8s_openapi::api::core::v1::ConfigMap, _: &controller_core::Context<Self>) {}
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Nodes).controller(Deployments).controller(Rollouts).controller(Empty));
}
