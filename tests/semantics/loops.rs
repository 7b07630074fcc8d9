//! The hot-loop breaker: an object that its own runs rewrite without end is slowed, named and shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use controller_core::prelude::*;
use controller_testkit::Cluster;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PatchParams};
use serde_json::json;

use super::stage::{Data, Hand, Play, map, pass, quiet_cluster};
use crate::log::Log;

/// By which way a run writes its own object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Patch,
    Apply,
    Run,
    Client,
    /// Through the client, on a task of its own, until the three hundredth run.
    Elsewhere,
    /// Server-side apply that changes nothing.
    ApplyTheSame,
    Nothing,
}

/// Writes its own object in each run, where it is told to.
#[derive(Clone)]
struct Restless {
    play: Play,
    way: Arc<std::sync::Mutex<Way>>,
    count: Arc<AtomicU32>,
}

impl Restless {
    fn new(way: Way) -> Self {
        Self { play: Play::well(), way: Arc::new(way.into()), count: Arc::default() }
    }

    fn set(&self, way: Way) {
        *self.way.lock().expect("no writer panics") = way;
    }

    async fn write(&self, obj: &Data, cx: &Context<Self>) -> Result {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let text = count.to_string();
        let patch = json!({"metadata": {"annotations": {"example.com/count": text}}});
        let name = cx.key().name().to_owned();
        let mut whole = map(&name, obj.v());
        let annotations: std::collections::BTreeMap<_, _> = [("example.com/count".to_owned(), text)].into();
        let way = *self.way.lock().expect("no writer panics");
        // As long as nothing slows it no time passes, so a loop that nobody slows ends by itself.
        let most = if way == Way::Elsewhere { 300 } else { 3_000 };
        match way {
            _ if count > most => {}
            Way::Patch => drop(cx.patch::<ConfigMap>(&name, &Patch::Merge(patch)).await?),
            Way::Apply => {
                whole.metadata.annotations = Some(annotations);
                cx.apply(&whole).await?;
            }
            Way::Run => {
                let patch = Patch::Merge(patch);
                cx.run(Operation::patch::<ConfigMap>(cx.key(), &PatchParams::default(), &patch)).await?;
            }
            Way::Client | Way::Elsewhere => {
                let maps: Api<ConfigMap> = Api::namespaced(cx.client(), "default");
                let write = async move { maps.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await };
                if way == Way::Elsewhere {
                    tokio::spawn(write).await??;
                } else {
                    write.await?;
                }
            }
            Way::ApplyTheSame => drop(cx.apply(&whole).await?),
            Way::Nothing => {}
        }
        Ok(())
    }
}

#[controller(
    api_version = "v1",
    kind = "ConfigMap",
    plural = "configmaps",
    reconcile_delay = off,
    writes(ConfigMap),
    concurrency = 2
)]
impl Restless {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result {
        self.play.say(format!("{} {}", cx.key(), obj.v()));
        if cx.key().name() == "hot" {
            self.write(obj, cx).await?;
        }
        Ok(())
    }
}

fn spawn(cluster: &Cluster, controller: &Restless) -> Running {
    Operator::new("test").client(cluster.client()).controller(controller.clone()).spawn()
}

/// When runs of this object began since the last look.
fn runs(controller: &Restless, name: &str) -> Vec<Duration> {
    let timed = controller.play.timed();
    timed.into_iter().filter(|(_, line)| line.starts_with(&format!("default/{name} "))).map(|(at, _)| at).collect()
}

#[track_caller]
fn has(operator: &Running, line: &str) {
    let text = operator.handle().metrics();
    assert!(text.lines().any(|found| found == line), "no line {line} in:\n{text}");
}

#[tokio::test(start_paused = true)]
async fn whichever_way_an_object_is_rewritten_by_its_own_runs_they_are_slowed() {
    for way in [Way::Patch, Way::Apply, Way::Run, Way::Client] {
        let cluster = quiet_cluster();
        Hand::of(&cluster).create("hot", "1").await;
        let controller = Restless::new(way);
        let operator = spawn(&cluster, &controller);
        pass(secs(60)).await;
        let began = runs(&controller, "hot");
        assert!((15..30).contains(&began.len()), "{way:?}: {} runs in a minute", began.len());
        assert!(began[10] - began[0] < millis(50), "{way:?}: the first ones are not slowed: {began:?}");
        for (run, wait) in (11..).zip([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800]) {
            let waited = (began[run] - began[run - 1]).as_millis();
            assert!((wait..wait + 10).contains(&waited), "{way:?}: run {run} waited {waited} ms, not {wait}");
        }
        has(&operator, r#"controller_rs_hot_keys{controller="restless"} 1.0"#);
        has(&operator, r#"controller_rs_hot_loops_total{controller="restless"} 1"#);
        operator.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_is_named_once_in_the_log_and_on_the_object_and_slows_no_other() {
    let log = Log::listen();
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("hot", "1").await;
    hand.create("calm", "1").await;
    let controller = Restless::new(Way::Patch);
    let operator = spawn(&cluster, &controller);
    pass(secs(30)).await;
    runs(&controller, "");
    for v in ["2", "3", "4"] {
        hand.change("calm", v).await;
        pass(millis(20)).await;
    }
    assert_eq!(runs(&controller, "calm").len(), 3);
    operator.stop().await;
    let told = log.everything();
    let named: Vec<&str> = told.lines().filter(|line| line.contains("in a row were caused by nothing but")).collect();
    assert_eq!(named.len(), 1, "{told}");
    for part in ["11 runs in a row", "write only what differs", "when(generation)", "restless", "key=default/hot"] {
        assert!(named[0].contains(part), "{}", named[0]);
    }
    let events: Vec<String> = hand.events().await.into_iter().filter(|event| event.contains("HotLoop")).collect();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].starts_with("Warning HotLoop hot: 11 runs of restless in a row"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_is_mended_is_over_and_a_change_from_outside_runs_at_once() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("hot", "1").await;
    let controller = Restless::new(Way::Client);
    let operator = spawn(&cluster, &controller);
    pass(secs(60)).await;
    runs(&controller, "hot");
    // The change from outside runs at once, and what follows from it is a chain of its own.
    hand.change("hot", "2").await;
    pass(millis(20)).await;
    assert!(runs(&controller, "hot").len() >= 11);
    has(&operator, r#"controller_rs_hot_loops_total{controller="restless"} 2"#);
    controller.set(Way::Nothing);
    pass(secs(60)).await;
    assert_eq!(runs(&controller, "hot").len(), 1, "the run that was slowed is the last one");
    has(&operator, r#"controller_rs_hot_keys{controller="restless"} 0.0"#);
    operator.settled().await;
    controller.set(Way::Patch);
    hand.change("hot", "3").await;
    pass(millis(20)).await;
    assert!(runs(&controller, "hot").len() >= 11, "it is a new loop, with new patience");
    // Whoever deletes it does not wait either.
    hand.delete("hot").await;
    operator.settled().await;
    has(&operator, r#"controller_rs_hot_keys{controller="restless"} 0.0"#);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_is_no_loop_and_what_others_change_is_none() {
    let log = Log::listen();
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("hot", "1").await;
    // It takes its fields over once, and then applies what is there.
    let controller = Restless::new(Way::ApplyTheSame);
    let operator = spawn(&cluster, &controller);
    operator.settled().await;
    assert!(runs(&controller, "hot").len() <= 2);
    // Each change of another is answered by one write, as a status is.
    for v in 2..60 {
        hand.change("hot", &v.to_string()).await;
        operator.settled().await;
    }
    assert!(runs(&controller, "hot").len() >= 58);
    // A task of its own is not seen; the object is busy, and nothing is slowed.
    controller.set(Way::Elsewhere);
    hand.change("hot", "60").await;
    operator.settled().await;
    assert!(runs(&controller, "hot").len() > 30);
    has(&operator, r#"controller_rs_hot_loops_total{controller="restless"} 0"#);
    operator.stop().await;
    assert!(!log.everything().contains("HotLoop"), "{}", log.everything());
}
