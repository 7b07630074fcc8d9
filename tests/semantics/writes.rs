//! Writing through the context: the read-your-own-writes barrier, lost replies, and what each refusal leads to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use controller_core::prelude::*;
use controller_testkit::{Cluster, Refusal, Requests};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, PostParams};
use serde_json::json;

use super::stage::{Data, Hand, Play, map, pass, quiet_cluster};

/// Counts up in its own object, so often, from what it is given.
struct Counting {
    play: Play,
    runs: u32,
}

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", reconcile_delay = off, writes(ConfigMap))]
impl Counting {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        self.play.say(format!("{} {}", cx.key(), obj.v()));
        let count: u32 = obj.v().parse()?;
        if count >= self.runs {
            return Ok(Action::Done);
        }
        let patch = Patch::Merge(json!({"data": {"v": (count + 1).to_string()}}));
        cx.patch::<ConfigMap>(cx.key().name(), &patch).await?;
        Ok(Action::Requeue(millis(1)))
    }
}

fn counting(cluster: &Cluster, runs: u32) -> (Play, Running) {
    let play = Play::well();
    let controller = Counting { play: play.clone(), runs };
    (play, Operator::new("test").client(cluster.client()).controller(controller).spawn())
}

async fn stored(cluster: &Cluster, name: &str) -> String {
    let found = Hand::of(cluster).maps("default").get(name).await.expect("it is there");
    found.data.and_then(|data| data.get("v").cloned()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn no_run_starts_on_a_view_older_than_the_last_write_of_its_key() {
    for lag in [0, 3, 400, 4_000] {
        let cluster = quiet_cluster();
        Hand::of(&cluster).create("a", "0").await;
        cluster.faults().watches_of("configmaps").delay(millis(lag));
        let (play, operator) = counting(&cluster, 5);
        pass(secs(30)).await;
        let mut said = play.take();
        said.dedup();
        assert_eq!(said, (0..=5).map(|n| format!("default/a {n}")).collect::<Vec<_>>(), "{lag} ms late");
        operator.stop().await;
    }
}

/// Runs against a watch that shows nothing more.
#[tokio::test(start_paused = true)]
async fn a_key_waits_five_seconds_at_most_and_that_is_counted() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "0").await;
    let play = Play::well();
    let silence = Arc::new(std::sync::Mutex::new(None));
    let operator = Operator::new("test")
        .client(cluster.client())
        .controller(Blind { play: play.clone(), cluster: cluster.clone(), silence: Arc::clone(&silence) })
        .spawn();
    pass(secs(12)).await;
    let timed = play.timed();
    let waited = timed[1].0 - timed[0].0;
    assert!(waited >= secs(5) && waited < millis(5_100), "{timed:?}");
    let text = operator.handle().metrics();
    let counted = r#"controller_rs_stale_runs_total{controller="blind"} 1"#;
    assert!(text.lines().any(|line| line == counted), "{text}");
    operator.stop().await;
}

/// Writes while its watch stands still.
struct Blind {
    play: Play,
    cluster: Cluster,
    silence: Arc<std::sync::Mutex<Option<controller_testkit::Fault>>>,
}

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", reconcile_delay = off, writes(ConfigMap))]
impl Blind {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        self.play.say(format!("{} {}", cx.key(), obj.v()));
        if cx.cause() != &Cause::Start {
            return Ok(Action::AwaitChange);
        }
        *self.silence.lock().expect("no writer panics") = Some(self.cluster.faults().watches_of("configmaps").hold());
        cx.patch::<ConfigMap>("a", &Patch::Merge(json!({"data": {"v": "1"}}))).await?;
        Ok(Action::Requeue(millis(1)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_reply_was_lost_is_asked_for_before_the_next_run() {
    for lag in [0, 900] {
        let cluster = quiet_cluster();
        Hand::of(&cluster).create("a", "0").await;
        cluster.faults().watches_of("configmaps").delay(millis(lag));
        cluster.faults().on(Requests::verb(controller_testkit::Verb::Patch)).times(2).reset_after_commit();
        // The server does not answer the question at once either.
        cluster.faults().on(Requests::get("configmaps")).times(1).answer(Refusal::status(500));
        let (play, operator) = counting(&cluster, 4);
        pass(secs(30)).await;
        let mut said = play.take();
        said.dedup();
        assert_eq!(said, (0..=4).map(|n| format!("default/a {n}")).collect::<Vec<_>>(), "{lag} ms late");
        assert_eq!(stored(&cluster, "a").await, "4");
        operator.stop().await;
    }
}

/// Writes, and is dropped at its timeout before the answer comes.
struct Hasty {
    play: Play,
    tries: AtomicU32,
}

#[controller(
    api_version = "v1",
    kind = "ConfigMap",
    plural = "configmaps",
    reconcile_delay = off,
    timeout = "1s",
    writes(ConfigMap)
)]
impl Hasty {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result {
        self.play.say(format!("{} {}", cx.key(), obj.v()));
        if self.tries.fetch_add(1, Ordering::Relaxed) == 0 {
            cx.patch::<ConfigMap>("a", &Patch::Merge(json!({"data": {"v": "1"}}))).await?;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_of_a_run_that_was_dropped_is_asked_for_before_the_next_run() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "0").await;
    cluster.faults().watches_of("configmaps").delay(millis(2_500));
    cluster.faults().on(Requests::verb(controller_testkit::Verb::Patch)).times(1).hang();
    let log = cluster.log();
    let play = Play::well();
    let hasty = Hasty { play: play.clone(), tries: AtomicU32::new(0) };
    let operator = Operator::new("test").client(cluster.client()).controller(hasty).spawn();
    pass(secs(20)).await;
    // The request hung before it was committed: the question shows that nothing was written.
    assert_eq!(play.take(), ["default/a 0", "default/a 0"]);
    let asked = |uri: &str| uri.ends_with("/configmaps/a");
    assert!(log.take().iter().any(|exchange| exchange.method == "GET" && asked(&exchange.uri)));
    operator.stop().await;
}

/// Writes secrets, which nobody watches.
struct Writer {
    play: Play,
}

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", reconcile_delay = off, writes(Secret))]
impl Writer {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        let mut secret = Secret::default();
        secret.metadata.name = Some(obj.v().to_owned());
        let answer = cx.create(&secret).await;
        self.play.say(format!("{} {:?}", obj.v(), answer.as_ref().map_err(Error::code).map(|_| ())));
        if let Err(error) = answer {
            return Err(error.into());
        }
        cx.delete::<Secret>(obj.v(), Preconditions::default()).await?;
        // What is gone already is deleted.
        cx.delete::<Secret>(obj.v(), Preconditions::default()).await?;
        Ok(Action::Done)
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_lead_to_what_can_help() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let taken: Api<Secret> = Api::namespaced(cluster.steady_client(), "default");
    let mut secret = Secret::default();
    secret.metadata.name = Some("taken".to_owned());
    taken.create(&PostParams::default(), &secret).await.expect("created");
    for (name, v) in [("good", "fine"), ("bad", "Not_A_Name"), ("there", "taken")] {
        hand.maps("default").create(&PostParams::default(), &map(name, v)).await.expect("created");
    }
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Writer { play: play.clone() }).spawn();
    pass(secs(2)).await;
    let said = play.take();
    let count = |line: &str| said.iter().filter(|said| *said == line).count();
    assert_eq!(count("fine Ok(())"), 1, "{said:?}");
    // A name that is none stays one; an object in the way may go.
    assert_eq!(count("Not_A_Name Err(Some(422))"), 1, "{said:?}");
    assert!(count("taken Err(Some(409))") > 3, "{said:?}");
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "fine").await;
    let busy = Refusal::status(429).retry_after(secs(7));
    cluster.faults().on(Requests::verb(controller_testkit::Verb::Create)).times(1).answer(busy);
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Writer { play: play.clone() }).spawn();
    pass(secs(10)).await;
    let timed = play.timed();
    assert_eq!(timed.len(), 2, "{timed:?}");
    assert_eq!((timed[1].0 - timed[0].0).as_secs(), 7, "{timed:?}");
    operator.stop().await;
}

/// Keeps a settings object as its own object wishes.
struct Applier {
    play: Play,
}

#[controller(
    api_version = "v1",
    kind = "ConfigMap",
    plural = "configmaps",
    labels = "app",
    reconcile_delay = off,
    reads(Secret),
    writes(Secret)
)]
impl Applier {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result {
        let mut secret = Secret::default();
        secret.metadata.name = Some("settings".to_owned());
        let labels = obj.v().split(',').map(|label| (label.to_owned(), String::new()));
        secret.metadata.labels = Some(labels.collect());
        let applied = cx.apply(&secret).await?;
        let shown = |secret: &Secret| {
            secret.metadata.labels.iter().flatten().map(|(key, _)| key.clone()).collect::<Vec<_>>().join("+")
        };
        self.play.say(format!(
            "{} {}",
            shown(&applied),
            cx.get::<Secret>("settings")?.as_deref().map_or_else(String::new, shown)
        ));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn apply_takes_away_what_it_applied_before_and_leaves_what_others_own() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let mut primary = map("a", "x,y");
    primary.metadata.labels = Some([("app".to_owned(), String::new())].into());
    hand.maps("default").create(&PostParams::default(), &primary).await.expect("created");
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Applier { play: play.clone() }).spawn();
    operator.settled().await;
    assert_eq!(play.take(), ["x+y "]);
    let secrets: Api<Secret> = Api::namespaced(cluster.steady_client(), "default");
    let foreign = Patch::Merge(json!({"metadata": {"labels": {"foreign": "1", "x": "taken"}}}));
    secrets.patch("settings", &kube::api::PatchParams::default(), &foreign).await.expect("patched");
    primary.data = map("a", "y,z").data;
    hand.maps("default").replace("a", &PostParams::default(), &primary).await.expect("changed");
    operator.settled().await;
    assert_eq!(play.take(), ["foreign+x+y+z foreign+x+y"]);
    let settings = secrets.get("settings").await.expect("it is there");
    let managers = settings.metadata.managed_fields.unwrap_or_default();
    let mine = managers.iter().find(|entry| entry.operation.as_deref() == Some("Apply")).expect("it was applied");
    assert_eq!(mine.manager.as_deref(), Some("applier"));
    operator.stop().await;
}
