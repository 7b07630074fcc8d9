//! What changed since the last time: `modify` with `cx.previous()`, on a projection of ConfigMap that decodes the
//! two fields it needs. `cargo run --example config_reloader`.

use std::collections::BTreeMap;
use std::time::Duration;

use controller_core::kube::api::{Api, Patch, PatchParams, PostParams};
use controller_core::kube::{self, Client};
use controller_core::prelude::*;
use examples::Stage;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Deserialize;

/// The part of a ConfigMap that this controller reads. Everything else in it is never decoded.
#[derive(Debug, Default, Deserialize)]
pub struct Config {
    /// The settings.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
}

/// Tells which settings of a config map changed.
pub struct ConfigReloader;

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", labels = "reload=true", on_start = add)]
impl ConfigReloader {
    async fn add(&self, config: &Config, cx: &Context<Self>) {
        tracing::info!("add {}: {} settings", cx.key(), config.data.len());
    }

    async fn modify(&self, config: &Config, cx: &Context<Self>) {
        let before = cx.previous().unwrap_or_default();
        for change in changes(&before.data, &config.data) {
            tracing::info!("modify {}: {change}", cx.key());
            cx.event(Event::normal("Reloaded", change));
        }
    }

    async fn delete(&self, config: &Config, cx: &Context<Self>) {
        tracing::info!("delete {}: {} settings are gone", cx.key(), config.data.len());
    }
}

/// What to say about each setting that differs, in the order of their names.
pub fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| match (before.get(name), after.get(name)) {
            (None, Some(new)) => Some(format!("{name} is new: {new}")),
            (Some(old), None) => Some(format!("{name} is gone, it was {old}")),
            (Some(old), Some(new)) if old != new => Some(format!("{name} went from {old} to {new}")),
            _ => None,
        })
        .collect()
}

/// A config map that somebody edits every second.
async fn edit(client: Client) -> Result<(), kube::Error> {
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    let config = serde_json::from_value(serde_json::json!({
        "metadata": { "name": "settings", "labels": { "reload": "true" } },
        "data": { "level": "info", "workers": "1" },
    }))
    .map_err(kube::Error::SerdeError)?;
    maps.create(&PostParams::default(), &config).await?;
    for workers in 2.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let data = serde_json::json!({ "data": { "workers": workers.to_string() } });
        maps.patch("settings", &PatchParams::default(), &Patch::Merge(data)).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let stage = match Stage::open("config_reloader").await {
        Ok(stage) => stage,
        Err(code) => return code,
    };
    stage.play(edit);
    stage.operator("config-reloader").controller(ConfigReloader).run().await
}
