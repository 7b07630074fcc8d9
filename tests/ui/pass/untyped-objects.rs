//! Projections need nothing but `Deserialize`, and `serde_json::Value` takes any kind.

use controller_core::prelude::*;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Phase {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    phase: Option<String>,
}

struct Phases;

#[controller(api_version = "v1", kind = "Pod")]
impl Phases {
    async fn modify(&self, Phase { status }: &Phase, _cx: &Context<Self>) {
        let _ = status.phase.as_deref();
    }
}

struct Anything;

#[controller(api_version = "example.com/v1", kind = "Thing", plural = "things")]
impl Anything {
    async fn reconcile(&self, thing: &Value, _cx: &Context<Self>) -> Result<(), std::io::Error> {
        let _ = thing["spec"].as_object();
        Ok(())
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Phases).controller(Anything));
}
