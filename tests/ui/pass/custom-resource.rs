//! A custom resource of kube's derive, with its schema from the type.

use controller_core::prelude::*;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Quota", namespaced)]
pub(super) struct QuotaSpec {
    limit: u32,
}

struct QuotaGuard;

#[controller(schema = derive, on_start = reconcile)]
impl QuotaGuard {
    async fn reconcile(&self, quota: &Quota, _cx: &Context<Self>) -> Result<Action> {
        if quota.spec.limit == 0 {
            return Err(Error::invalid("/spec/limit", "must not be zero").into());
        }
        Ok(Action::Done)
    }
}

/// It compiles, since kube's types say their kind only when they are asked: an operator asks at its start.
pub(super) struct Misnamed;

#[controller(kind = "Limit")]
impl Misnamed {
    async fn reconcile(&self, _quota: &Quota, _cx: &Context<Self>) {}
}

pub(super) fn main() {
    let quota = Quota::new("a", QuotaSpec { limit: 3 });
    assert_eq!(quota.spec.limit, 3);
    drop(Operator::new("x").controller(QuotaGuard));
}
