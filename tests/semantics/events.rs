//! The events that callbacks leave on their objects.

use controller_core::prelude::*;
use controller_testkit::{Cluster, Refusal, Requests};
use k8s_openapi::api::core::v1::Event as CoreEvent;
use kube::api::{Api, ListParams};

use super::stage::{Data, Hand, pass, quiet_cluster};
use crate::log::Log;

/// Leaves as many events as its object says, and then ends as it says.
struct Herald;

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", timeout = "5s", reconcile_delay = off)]
impl Herald {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        let (count, end) = obj.v().split_once(' ').unwrap_or((obj.v(), ""));
        for nth in 0..count.parse()? {
            // Half of them say the same.
            let words = if nth % 2 == 0 { "the same".to_owned() } else { format!("number {nth}") };
            cx.event(Event::normal("Said", words));
        }
        match end {
            "fails" => Err("it went wrong".into()),
            "panics" => panic!("the callback lost the plot"),
            "hangs" => std::future::pending().await,
            "waits" => {
                pass(secs(1)).await;
                Ok(Action::AwaitChange)
            }
            _ => Ok(Action::AwaitChange),
        }
    }
}

fn start(cluster: &Cluster) -> Running {
    Operator::new("test").client(cluster.client()).chance(1).controller(Herald).spawn()
}

/// The events in the cluster, and how often each was counted.
async fn counted(cluster: &Cluster) -> Vec<(String, i32)> {
    let api: Api<CoreEvent> = Api::namespaced(cluster.steady_client(), "default");
    let events = api.list(&ListParams::default()).await.expect("listed").items.into_iter();
    let mut counted: Vec<_> =
        events.map(|event| (event.message.unwrap_or_default(), event.count.unwrap_or_default())).collect();
    counted.sort();
    counted
}

#[tokio::test(start_paused = true)]
async fn events_are_written_after_the_callback_however_it_ended() {
    for end in ["", "waits", "fails", "panics", "hangs"] {
        let cluster = quiet_cluster();
        Hand::of(&cluster).create("a", &format!("2 {end}")).await;
        let operator = start(&cluster);
        pass(millis(3)).await;
        // Collected while it runs, written once it ended.
        let early = if matches!(end, "waits" | "hangs") { 0 } else { 2 };
        assert_eq!(counted(&cluster).await.len(), early, "{end}");
        pass(secs(6)).await;
        let counted = counted(&cluster).await;
        assert_eq!(counted.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>(), ["number 1", "the same"]);
        operator.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_event_again_counts_up_the_one_that_is_there() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    let operator = start(&cluster);
    for n in 1..=4 {
        operator.settled().await;
        assert_eq!(counted(&cluster).await, [("the same".to_owned(), n)]);
        hand.change("a", &format!("1 {n}")).await;
    }
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_has_25_events_at_once_and_then_one_more_every_five_minutes() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "60").await;
    hand.create("b", "4").await;
    let operator = start(&cluster);
    operator.settled().await;
    let sum = async || counted(&cluster).await.iter().map(|(_, count)| count).sum::<i32>();
    // Those of another object are its own.
    assert_eq!(sum().await, 25 + 4);
    for n in 1..=3 {
        pass(secs(300)).await;
        hand.change("a", &format!("60 {n}")).await;
        operator.settled().await;
        assert_eq!(sum().await, 25 + 4 + n);
    }
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_can_not_be_written_is_logged_and_fails_no_run() {
    for refusal in [403, 500, 503] {
        let cluster = quiet_cluster();
        Hand::of(&cluster).create("a", "1").await;
        cluster.faults().on(Requests::of("events")).always().answer(Refusal::status(refusal));
        let log = Log::listen();
        let operator = start(&cluster);
        operator.settled().await;
        let everything = log.everything();
        assert!(everything.contains("event") && everything.contains("Said"), "{refusal}: {everything}");
        let metrics = operator.handle().metrics();
        let went_well = r#"controller_runtime_reconcile_total{controller="herald",result="success"} 1"#;
        assert!(metrics.lines().any(|line| line == went_well), "{refusal}: {metrics}");
        operator.stop().await;
    }
}
