//! Owns the wait for an operator that has nothing left to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::core::Request;
use kube::core::params::ListParams;
use serde::Deserialize;

use crate::cache::View;
use crate::dispatch::{Engine, Live};
use crate::watch::WatchSpec;

/// The time between two looks at the server.
const PACE: Duration = Duration::from_millis(5);

/// Waits until all controllers run and are settled, and their stores show what the server has.
///
/// The server is asked with consistent lists: no other way tells that no event is under way.
pub(crate) async fn settled(live: &Live) {
    loop {
        let engines = live.until(all_settled).await;
        if are_current(&engines).await && all_settled(live).is_some() {
            return;
        }
        tokio::time::sleep(PACE).await;
    }
}

fn all_settled(live: &Live) -> Option<Vec<Arc<Engine>>> {
    live.engines().filter(|engines| engines.iter().all(|engine| engine.is_settled()))
}

async fn are_current(engines: &[Arc<Engine>]) -> bool {
    for engine in engines {
        for (spec, view) in engine.watched() {
            if !is_current(engine, &spec, &view).await {
                return false;
            }
        }
    }
    true
}

#[derive(Debug, Deserialize)]
struct Listing {
    #[serde(default)]
    metadata: ListMetadata,
    items: Vec<Item>,
}

#[derive(Debug, Default, Deserialize)]
struct ListMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Item {
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: Option<String>,
    name: String,
    resource_version: String,
}

/// The name and the version of each object.
type Versions = BTreeMap<(Option<String>, String), String>;

/// Whether the cache has each object of the server in its version, and no other.
async fn is_current(engine: &Engine, spec: &WatchSpec, view: &View) -> bool {
    let cached: Versions = view
        .snapshot()
        .into_iter()
        .map(|(_, entry)| {
            let key = (entry.namespace().map(str::to_owned), entry.name().to_owned());
            (key, entry.version().to_string())
        })
        .collect();
    // What the cache showed first, the controllers may hear of a moment later, on another thread.
    if !view.is_told() {
        return false;
    }
    served(engine, spec).await.is_some_and(|served| served == cached)
}

/// What the server has; none where it does not answer now.
async fn served(engine: &Engine, spec: &WatchSpec) -> Option<Versions> {
    let mut params = ListParams::default();
    params.label_selector.clone_from(&spec.labels);
    params.field_selector.clone_from(&spec.fields);
    let mut served = Versions::new();
    loop {
        let request = Request::new(spec.path()).list(&params).ok()?;
        let Listing { metadata, items } = engine.client().request(request).await.ok()?;
        served.extend(
            items.into_iter().map(|Item { metadata }| ((metadata.namespace, metadata.name), metadata.resource_version)),
        );
        params.continue_token = metadata.next.filter(|next| !next.is_empty());
        if params.continue_token.is_none() {
            return Some(served);
        }
    }
}
