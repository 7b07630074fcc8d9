//! What is kept of objects, who shares it, and objects that nobody decodes.

use controller_core::prelude::*;
use controller_testkit::Cluster;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt as _;
use kube::api::PostParams;

use super::stage::{Hand, Play, map, pass, player, quiet_cluster};

/// Says of each object how much of it came.
struct Metadata(Play);

#[controller(api_version = "v1", kind = "ConfigMap", cache(metadata), reconcile_delay = off, reads(PartialObjectMeta<Secret>))]
impl Metadata {
    async fn reconcile(&self, map: &PartialObjectMeta<ConfigMap>, cx: &Context<Self>) -> Result {
        let secret = cx.get::<PartialObjectMeta<Secret>>("s")?;
        let secret = secret.map_or_else(String::new, |secret| format!(" beside {}", secret.name_any()));
        self.0.say(format!("{} labelled {:?}{secret}", cx.key(), map.labels().get("tier")));
        Ok(())
    }
}

/// Says how many bytes there are of each object.
struct Sizes(Play);

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", cache(metadata), reconcile_delay = off)]
impl Sizes {
    async fn reconcile(&self, map: &Raw, cx: &Context<Self>) {
        let data = map.text("/data/v").unwrap_or_else(|| "no data".to_owned());
        self.0.say(format!("{} {data}", cx.key()));
    }
}

async fn labelled(cluster: &Cluster, name: &str, tier: &str) {
    let mut map = map(name, "1");
    map.metadata.labels = Some([("tier".to_owned(), tier.to_owned())].into());
    Hand::of(cluster).maps("default").create(&PostParams::default(), &map).await.expect("created");
}

#[tokio::test(start_paused = true)]
async fn a_controller_can_ask_for_metadata_alone() {
    let cluster = quiet_cluster();
    let mut secret = Secret::default();
    secret.metadata.name = Some("s".to_owned());
    let secrets: kube::Api<Secret> = kube::Api::namespaced(cluster.steady_client(), "default");
    secrets.create(&PostParams::default(), &secret).await.expect("created");
    labelled(&cluster, "a", "front").await;
    let (play, sizes) = (Play::well(), Play::well());
    let operator = Operator::new("test").client(cluster.client());
    let operator = operator.controller(Metadata(play.clone())).controller(Sizes(sizes.clone())).spawn();
    operator.settled().await;
    assert_eq!(play.take(), ["default/a labelled Some(\"front\") beside s"]);
    // The other one shares the watch, and sees for itself that the data never came.
    assert_eq!(sizes.take(), ["default/a no data"]);
    assert_eq!(cluster.faults().open_watches(), 2);
    Hand::of(&cluster).change("a", "2").await;
    operator.settled().await;
    assert_eq!(play.take(), ["default/a labelled None beside s"]);
    operator.stop().await;
}

/// Says who owns fields.
struct Managers(Play);

#[controller(api_version = "v1", kind = "ConfigMap", cache(managed_fields), reconcile_delay = off)]
impl Managers {
    async fn reconcile(&self, map: &ConfigMap, cx: &Context<Self>) {
        let managers = map.managed_fields().iter().filter_map(|entry| entry.manager.as_deref()).collect::<Vec<_>>();
        self.0.say(format!("{} {}", cx.key(), managers.join(" ")));
    }
}

/// The same of a controller that does not ask for them.
struct Plain(Play);

#[controller(api_version = "v1", kind = "ConfigMap", reconcile_delay = off)]
impl Plain {
    async fn reconcile(&self, map: &ConfigMap, cx: &Context<Self>) {
        self.0.say(format!("{} {}", cx.key(), map.managed_fields().len()));
    }
}

#[tokio::test(start_paused = true)]
async fn managed_fields_are_kept_where_they_are_asked_for() {
    let cluster = quiet_cluster();
    let parameters = PostParams { field_manager: Some("somebody".to_owned()), ..PostParams::default() };
    Hand::of(&cluster).maps("default").create(&parameters, &map("a", "1")).await.expect("created");
    let (kept, cut) = (Play::well(), Play::well());
    let operator = Operator::new("test").client(cluster.client());
    let operator = operator.controller(Managers(kept.clone())).controller(Plain(cut.clone())).spawn();
    operator.settled().await;
    assert_eq!(kept.take(), ["default/a somebody"]);
    assert_eq!(cut.take(), ["default/a 0"]);
    operator.stop().await;
}

player!(Wide() reconcile delete);
player!(Narrow(name = "narrow", namespace = "default", labels = "tier=front") reconcile delete);

#[tokio::test(start_paused = true)]
async fn a_wider_watch_serves_a_narrower_declaration() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.namespace("other").await;
    labelled(&cluster, "a", "front").await;
    labelled(&cluster, "b", "back").await;
    hand.maps("other").create(&PostParams::default(), &map("c", "1")).await.expect("created");
    let (narrow, wide) = (Play::well(), Play::well());
    let operator = Operator::new("test").client(cluster.client());
    // The narrow one starts first, and waits for no second watch of its own.
    let operator = operator.controller(Narrow(narrow.clone())).controller(Wide(wide.clone())).spawn();
    operator.settled().await;
    assert_eq!(cluster.faults().open_watches(), 1);
    assert_eq!(narrow.take(), ["reconcile default/a 1"]);
    assert_eq!(wide.take().len(), 3);
    // It leaves the selector: for one it is gone, for the other it changed.
    hand.change("a", "2").await;
    hand.change("b", "2").await;
    operator.settled().await;
    assert_eq!(narrow.take(), ["delete default/a 1"]);
    assert_eq!(wide.take(), ["reconcile default/a 2", "reconcile default/b 2"]);
    hand.delete("a").await;
    labelled(&cluster, "a", "front").await;
    operator.settled().await;
    assert_eq!(narrow.take(), ["reconcile default/a 1"]);
    operator.stop().await;
}

/// Keeps what nobody asks for compressed.
struct Compressed(Play);

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", cache(compressed), reconcile_delay = off)]
impl Compressed {
    async fn modify(&self, map: &Raw, cx: &Context<Self>) {
        let before = cx.previous().and_then(|before| before.text("/data/v"));
        self.0.say(format!("{} {:?} after {before:?}", cx.key(), map.text("/data/v")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_compressed_is_delivered_as_it_was() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for number in 0..300 {
        hand.create(&format!("m{number}"), "1").await;
    }
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Compressed(play.clone())).spawn();
    operator.settled().await;
    // Two rounds over all objects.
    pass(Duration::from_secs(180)).await;
    hand.change("m7", "2").await;
    operator.settled().await;
    assert_eq!(play.take(), ["default/m7 Some(\"2\") after Some(\"1\")"]);
    operator.stop().await;
}
