//! The option `when`: which changes are worth a run.

use controller_core::prelude::*;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, PatchParams, PostParams};
use serde_json::json;

use super::stage::{Answer, Hand, Play, map, player, quiet_cluster};

player!(Labelled(when(label("size"), field("/data/v")), reconcile_delay = off) add modify delete);
player!(Unstamped(when(generation), reconcile_delay = off) modify);
player!(Checked(
    when(label("size")),
    reconcile_delay = off,
    schema({ "properties": { "data": { "properties": { "v": { "pattern": "^[0-9]$" } } } } })
) reconcile modify);

async fn labelled(hand: &Hand, name: &str, labels: &[(&str, &str)], v: &str) {
    let mut changed = map(name, v);
    changed.metadata.labels = Some(labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect());
    hand.maps("default").replace(name, &PostParams::default(), &changed).await.expect("changed");
}

#[tokio::test(start_paused = true)]
async fn only_changes_of_the_parts_that_when_names_are_worth_a_run() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Labelled(play.clone())).spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    operator.settled().await;
    labelled(&hand, "a", &[("other", "x")], "1").await;
    operator.settled().await;
    assert_eq!(play.take(), ["add default/a 1"]);
    labelled(&hand, "a", &[("size", "3")], "1").await;
    operator.settled().await;
    labelled(&hand, "a", &[("size", "3"), ("other", "y")], "1").await;
    operator.settled().await;
    labelled(&hand, "a", &[("size", "3"), ("other", "y")], "2").await;
    operator.settled().await;
    assert_eq!(play.take(), ["modify default/a 1 after 1", "modify default/a 2 after 1"]);
    hand.delete("a").await;
    operator.settled().await;
    assert_eq!(play.take(), ["delete default/a 2"]);
    let text = operator.handle().metrics();
    let skipped = r#"controller_rs_skipped_total{controller="labelled",reason="filtered"} 2"#;
    assert!(text.lines().any(|line| line == skipped), "{text}");
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn generation_is_all_but_metadata_and_status_where_an_object_has_none() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Unstamped(play.clone())).spawn();
    operator.settled().await;
    labelled(&hand, "a", &[("size", "3")], "1").await;
    operator.settled().await;
    assert_eq!(play.take(), [""; 0]);
    labelled(&hand, "a", &[("size", "3")], "2").await;
    operator.settled().await;
    assert_eq!(play.take(), ["modify default/a 2 after 1"]);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_invalid_object_is_tried_again_with_every_change_whatever_when_says() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "bad").await;
    let play = Play::new(|_| Answer::Done);
    let operator = Operator::new("test").client(cluster.client()).controller(Checked(play.clone())).spawn();
    operator.settled().await;
    assert_eq!(play.take(), [""; 0]);
    hand.change("a", "2").await;
    operator.settled().await;
    assert_eq!(play.take(), ["reconcile default/a 2"]);
    hand.change("a", "3").await;
    operator.settled().await;
    assert_eq!(play.take(), [""; 0]);
    operator.stop().await;
}

struct Replicas(Play);

#[controller(when(generation), reconcile_delay = off)]
impl Replicas {
    async fn modify(&self, obj: &Deployment, cx: &Context<Self>) {
        let replicas = obj.spec.replicas;
        self.0.say(format!("{} {replicas:?}", cx.key()));
    }
}

#[tokio::test(start_paused = true)]
async fn status_noise_is_not_worth_a_run() {
    let cluster = quiet_cluster();
    let api: Api<Deployment> = Api::namespaced(cluster.steady_client(), "default");
    let deployment = json!({
        "metadata": {"name": "a"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    });
    let deployment: Deployment = serde_json::from_value(deployment).expect("a deployment");
    api.create(&PostParams::default(), &deployment).await.expect("created");
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Replicas(play.clone())).spawn();
    operator.settled().await;
    let status = Patch::Merge(json!({"status": {"replicas": 1}}));
    api.patch_status("a", &PatchParams::default(), &status).await.expect("patched");
    operator.settled().await;
    assert_eq!(play.take(), [""; 0]);
    let spec = Patch::Merge(json!({"spec": {"replicas": 2}}));
    api.patch("a", &PatchParams::default(), &spec).await.expect("patched");
    operator.settled().await;
    assert_eq!(play.take(), ["default/a Some(2)"]);
    operator.stop().await;
}
