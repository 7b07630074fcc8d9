//! What becomes of objects that go.

use std::collections::BTreeMap;

use controller_core::prelude::*;
use kube::api::PostParams;
use serde::Deserialize;

use super::stage::{Answer, Hand, Play, map, pass, player, quiet_cluster};

player!(Four(reconcile_delay = off) add modify delete reconcile);

#[tokio::test(start_paused = true)]
async fn what_went_while_no_operator_ran_is_never_told() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("goes", "1").await;
    hand.create("stays", "1").await;
    let (first, second) = (Play::well(), Play::well());
    let operator = Operator::new("test").client(cluster.client()).controller(Four(first.clone())).spawn();
    operator.settled().await;
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    hand.delete("goes").await;
    let operator = Operator::new("test").client(cluster.client()).controller(Four(second.clone())).spawn();
    operator.settled().await;
    assert_eq!(first.take(), ["reconcile default/goes 1", "reconcile default/stays 1"]);
    assert_eq!(second.take(), ["reconcile default/stays 1"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn an_object_found_at_start_that_goes_before_its_turn_gets_its_delete() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("busy", "1").await;
    hand.create("found", "1").await;
    let play = Play::new(|call| match (call.callback, call.name.as_str()) {
        ("reconcile", "busy") => Answer::After(secs(10), Ok(Action::Done)),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    pass(secs(1)).await;
    hand.delete("found").await;
    operator.settled().await;
    assert_eq!(play.take(), ["reconcile default/busy 1", "reconcile default/busy ends", "delete default/found 1"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_answers_requeue_is_called_again_with_the_last_version_seen() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let calls = std::sync::atomic::AtomicU32::new(0);
    let play = Play::new(move |call| match call.callback {
        "delete" if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2 => {
            Answer::Say(Ok(Action::Requeue(secs(40))))
        }
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    hand.create("a", "1").await;
    operator.settled().await;
    hand.change("a", "2").await;
    operator.settled().await;
    play.take();
    hand.delete("a").await;
    pass(secs(600)).await;
    let timed = play.timed();
    assert!(timed.iter().all(|(_, line)| line == "delete default/a 2"), "{timed:?}");
    let gaps: Vec<u64> = timed.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_secs()).collect();
    assert_eq!(gaps, [40, 40]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

/// Objects whose `v` is something else do not decode.
#[derive(Deserialize)]
struct Sized {
    data: BTreeMap<String, Size>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Size {
    Small,
    Large,
}

struct Sizes(Play);

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", reconcile_delay = off)]
impl Sizes {
    async fn add(&self, obj: &Sized, cx: &Context<Self>) {
        self.0.say(format!("add {} {:?}", cx.key(), obj.data["v"]));
    }

    async fn modify(&self, obj: &Sized, cx: &Context<Self>) {
        self.0.say(format!("modify {} {:?}", cx.key(), obj.data["v"]));
    }

    async fn delete(&self, obj: &Sized, cx: &Context<Self>) {
        self.0.say(format!("delete {} {:?}", cx.key(), obj.data["v"]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_whose_last_version_does_not_decode_gets_the_one_delivered_last() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Sizes(play.clone())).spawn();
    operator.settled().await;
    hand.create("a", "small").await;
    operator.settled().await;
    for v in ["large", "huge"] {
        hand.change("a", v).await;
        operator.settled().await;
    }
    hand.delete("a").await;
    // One that no callback ever saw goes without a word.
    hand.maps("default").create(&PostParams::default(), &map("b", "huge")).await.expect("created");
    operator.settled().await;
    hand.delete("b").await;
    operator.settled().await;
    assert_eq!(play.take(), ["add default/a Small", "modify default/a Large", "delete default/a Large"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}
