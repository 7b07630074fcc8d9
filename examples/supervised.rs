//! Two controllers under a rest_for_one supervisor. The first crashes when a config map says so; it is revived, and
//! the second, which was started after it, is started again with it. `cargo run --example supervised -- --admin
//! 127.0.0.1:8080` shows the tree on http://127.0.0.1:8080/.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use controller_core::kube::api::{Api, PostParams};
use controller_core::kube::{self, Client};
use controller_core::prelude::*;
use examples::Stage;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};

/// Reads the stock from config maps, and crashes when one is named `crash`.
#[derive(Default)]
pub struct Stock {
    /// A restart reuses the value, so it remembers that it crashed and does not crash again.
    crashed: AtomicBool,
}

#[controller(api_version = "v1", kind = "ConfigMap", escalate(panics = 1, within = "10s"), reconcile_delay = off)]
impl Stock {
    async fn reconcile(&self, _config: &ConfigMap, cx: &Context<Self>) {
        if cx.key().name() == "crash" && !self.crashed.swap(true, Ordering::SeqCst) {
            panic!("asked to crash");
        }
        tracing::info!("stock: reconcile {}", cx.key());
    }
}

/// Ships pods. It counts on the stock, so it is started after it.
pub struct Shipping;

#[controller(api_version = "v1", kind = "Pod", reconcile_delay = off)]
impl Shipping {
    async fn reconcile(&self, _pod: &Pod, cx: &Context<Self>) {
        tracing::info!("shipping: reconcile {}", cx.key());
    }
}

/// The tree: a crash of the first child restarts it and those after it.
pub fn warehouse() -> Supervisor {
    Supervisor::new("warehouse", Strategy::RestForOne)
        .intensity(3, Duration::from_secs(5))
        .child(Stock::default().child_spec())
        .child(Shipping.child_spec())
}

/// A pod to ship, and a second later the config map that makes the stock crash.
async fn accident(client: Client) -> Result<(), kube::Error> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let pod = serde_json::json!({
        "metadata": { "name": "parcel" },
        "spec": { "containers": [{ "name": "parcel", "image": "nginx" }] },
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).map_err(kube::Error::SerdeError)?).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    let mut crash = ConfigMap::default();
    crash.metadata.name = Some("crash".into());
    maps.create(&PostParams::default(), &crash).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let stage = match Stage::open("supervised").await {
        Ok(stage) => stage,
        Err(code) => return code,
    };
    stage.play(accident);
    stage.operator("supervised").supervisor(warehouse()).run().await
}
