//! The read-your-own-writes barrier under load: watches that are held back for n writes, replies that are lost, and
//! requests that fail by chance.
//!
//! The controllers here are the only ones who write what they read. So each run can be held to more than the promise:
//! what it is given is what the server has at that moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use controller_core::prelude::*;
use controller_core::testing::Probe;
use controller_testkit::{Cluster, Fault, On, Refusal, Requests, Verb, World};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, ListParams, ObjectMeta};
use serde_json::json;

use super::stage::{Data, Hand, Play, pass, quiet_cluster};
use crate::log::Log;

/// Counts up in its own object, and does something to secrets beside it.
#[derive(Clone)]
struct Count {
    until: u32,
    /// How many secrets it writes in each run.
    beside: u32,
    cluster: Cluster,
    log: controller_testkit::Log,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Requests as `METHOD uri code`, and `run key`, in their order.
    story: Mutex<Vec<String>>,
    /// What a run was given that is not what the server had.
    wrong: Mutex<Vec<String>>,
    writes: AtomicU32,
    runs: AtomicU32,
}

#[controller(
    name = "count",
    api_version = "v1",
    kind = "ConfigMap",
    plural = "configmaps",
    concurrency = 4,
    timeout = "2s",
    reconcile_delay = off,
    reads(Secret),
    writes(ConfigMap, Secret)
)]
impl Count {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        self.compare(obj, cx).await?;
        let next = obj.v().parse::<u32>()? + 1;
        if next > self.until {
            return Ok(Action::AwaitChange);
        }
        for nth in 0..self.beside {
            self.write_beside(nth, next, cx).await?;
            self.seen.writes.fetch_add(1, Ordering::Relaxed);
        }
        let patch = Patch::Merge(json!({"data": {"v": next.to_string()}}));
        cx.patch::<ConfigMap>(cx.key().name(), &patch).await?;
        self.seen.writes.fetch_add(1, Ordering::Relaxed);
        Ok(Action::Requeue(millis(1)))
    }
}

fn count_of(secret: &Secret) -> String {
    let label = secret.metadata.labels.as_ref().and_then(|labels| labels.get("count"));
    format!("{} {}", secret.metadata.uid.as_deref().unwrap_or_default(), label.map_or("-", String::as_str))
}

fn beside(key: &Key, nth: u32) -> String {
    format!("{}-{nth}", key.name())
}

impl Count {
    fn of(cluster: &Cluster, until: u32, beside: u32) -> Self {
        Self { until, beside, cluster: cluster.clone(), log: cluster.log(), seen: Arc::default() }
    }

    fn operator(&self) -> Running {
        Operator::new("test").client(self.cluster.client()).chance(1).controller(self.clone()).spawn()
    }

    /// One is applied, one created and then patched, one comes and goes.
    async fn write_beside(&self, nth: u32, next: u32, cx: &Context<Self>) -> Result {
        let mut secret = Secret::default();
        secret.metadata.name = Some(beside(cx.key(), nth));
        secret.metadata.labels = Some([("count".to_owned(), next.to_string())].into());
        let there = cx.get::<Secret>(&beside(cx.key(), nth))?;
        match (nth % 3, there) {
            (0, _) => drop(cx.apply(&secret).await?),
            (_, None) => drop(cx.create(&secret).await?),
            (1, Some(_)) => {
                let patch = Patch::Merge(json!({"metadata": {"labels": {"count": next.to_string()}}}));
                cx.patch::<Secret>(&beside(cx.key(), nth), &patch).await?;
            }
            (_, Some(there)) => {
                let same = Preconditions { uid: there.metadata.uid.clone(), ..Preconditions::default() };
                cx.delete::<Secret>(&beside(cx.key(), nth), same).await?;
            }
        }
        Ok(())
    }

    /// Compares what the run is given with what the server has.
    async fn compare(&self, obj: &Data, cx: &Context<Self>) -> Result {
        self.seen.runs.fetch_add(1, Ordering::Relaxed);
        let said = self
            .log
            .take()
            .into_iter()
            .map(|exchange| format!("{} {} {}", exchange.method, exchange.uri, exchange.code.unwrap_or_default()));
        let said = said.chain([format!("run {}", cx.key().name())]);
        self.seen.story.lock().expect("no writer panics").extend(said);
        let given = self.view(cx, obj.v().to_owned(), |name| Ok(cx.get::<Secret>(name)?.as_deref().map(count_of)))?;
        // Lists, so that the log tells them from the engine's questions.
        let maps = Hand::of(&self.cluster).maps("default").list(&ListParams::default()).await?;
        let secrets: Api<Secret> = Api::namespaced(self.cluster.steady_client(), "default");
        let secrets = secrets.list(&ListParams::default()).await?;
        let here = |meta: &ObjectMeta, name: &str| meta.name.as_deref() == Some(name);
        let own = maps.items.iter().find(|map| here(&map.metadata, cx.key().name()));
        let v = own.and_then(|map| map.data.as_ref()?.get("v").cloned()).unwrap_or_default();
        let stored = self
            .view(cx, v, |name| Ok(secrets.items.iter().find(|secret| here(&secret.metadata, name)).map(count_of)))?;
        if given != stored {
            let said = format!("{}: given {given:?} where the server has {stored:?}", cx.key());
            self.seen.wrong.lock().expect("no writer panics").push(said);
        }
        Ok(())
    }

    fn view(
        &self,
        cx: &Context<Self>,
        own: String,
        secret: impl Fn(&str) -> Result<Option<String>>,
    ) -> Result<Vec<String>> {
        let mut view = vec![own];
        for nth in 0..self.beside {
            view.push(secret(&beside(cx.key(), nth))?.unwrap_or_default());
        }
        Ok(view)
    }

    /// Until each of these objects counts as far as it should.
    async fn is_done(&self, keys: u32) {
        for _ in 0..600 {
            let maps = Hand::of(&self.cluster).maps("default").list(&ListParams::default()).await.expect("listed");
            let done =
                |map: &&ConfigMap| map.data.as_ref().and_then(|data| data.get("v")) == Some(&self.until.to_string());
            if maps.items.iter().filter(done).count() == usize::try_from(keys).expect("a few") {
                return;
            }
            pass(secs(1)).await;
        }
        panic!("it never counts to its end: {:?}", self.story());
    }

    fn story(&self) -> Vec<String> {
        self.seen.story.lock().expect("no writer panics").clone()
    }

    /// No run was given less than its own last write, none gave up waiting, and no unsure write was left unasked.
    #[track_caller]
    fn check(&self, operator: &Running, when: &str) {
        let wrong = self.seen.wrong.lock().expect("no writer panics");
        assert!(wrong.is_empty(), "{when}: {wrong:#?}");
        let stale = r#"controller_rs_stale_runs_total{controller="count"} 0"#;
        assert!(operator.handle().metrics().lines().any(|line| line == stale), "{when}: a run did not wait");
        let mut unsure: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in self.story() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["run", key] => {
                    let left: Vec<_> = unsure.remove(key).unwrap_or_default();
                    assert!(left.is_empty(), "{when}: {key} ran before the server was asked for {left:?}");
                }
                [_, _, "409"] => panic!("{when}: {line}: it was not known what is there"),
                ["GET", uri, "200" | "404"] if !uri.contains("resourceVersion") => {
                    unsure.values_mut().for_each(|left| left.retain(|path| path != uri));
                }
                ["PATCH" | "DELETE", uri, "0" | "500" | "503" | "504"] => {
                    let path = uri.split('?').next().unwrap_or_default();
                    let name = path.rsplit('/').next().unwrap_or_default();
                    let key = name.split('-').next().unwrap_or_default();
                    unsure.entry(key.to_owned()).or_default().push(path.to_owned());
                }
                _ => {}
            }
        }
    }
}

async fn keys(cluster: &Cluster, keys: u32) {
    for key in 0..keys {
        Hand::of(cluster).create(&format!("k{key}"), "0").await;
    }
}

/// Holds the watches of both kinds until so many writes were made and a second has passed, again and again.
async fn hold_for(writes: u32, count: Count) {
    let faults = count.cluster.faults();
    let hold = || ["configmaps", "secrets"].map(|kind| faults.watches_of(kind).hold());
    let mut held = hold();
    loop {
        let [before, runs] = [&count.seen.writes, &count.seen.runs].map(|counter| counter.load(Ordering::Relaxed));
        while count.seen.writes.load(Ordering::Relaxed) < before + writes {
            pass(millis(5)).await;
        }
        pass(secs(1)).await;
        let made = count.seen.writes.load(Ordering::Relaxed) - before;
        let ran = count.seen.runs.load(Ordering::Relaxed) - runs;
        if made != writes || ran > writes {
            let said = format!("{ran} runs and {made} writes while the watches were held for {writes} writes");
            count.seen.wrong.lock().expect("no writer panics").push(said);
        }
        held.iter().for_each(Fault::lift);
        held = hold();
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_watch_is_held_back_for_n_writes_no_run_starts_on_an_older_view() {
    for n in 1..=10 {
        // All of one run, and one of each of n keys.
        for (objects, beside) in [(1, n - 1), (n, 0)] {
            let cluster = quiet_cluster();
            keys(&cluster, objects).await;
            let count = Count::of(&cluster, 4, beside);
            let operator = count.operator();
            let mut probes = operator.probes();
            tokio::select! {
                biased;
                () = count.is_done(objects) => {}
                () = hold_for(n, count.clone()) => {}
            }
            cluster.faults().clear();
            operator.settled().await;
            let when = format!("{n} writes by {objects} keys");
            count.check(&operator, &when);
            // Each key ran once for each number, and once more at its end.
            let started = probes.so_far().into_iter().filter(|probe| matches!(probe, Probe::Started { .. })).count();
            let least = 5 * usize::try_from(objects).expect("a few");
            assert!((least..=2 * least).contains(&started), "{when}: {started} runs");
            operator.stop().await;
        }
    }
}

type Arm = fn(On) -> Fault;

/// Whether the server did it or not: the client can't know.
const LOST: [(&str, Arm); 9] = [
    ("done, reset", |on| on.reset_after_commit()),
    ("done, 500", |on| on.answer_after_commit(Refusal::status(500))),
    ("done, 503", |on| on.answer_after_commit(Refusal::status(503))),
    ("done, 504", |on| on.answer_after_commit(Refusal::status(504))),
    ("reset", |on| on.reset()),
    ("500", |on| on.answer(Refusal::status(500))),
    ("503", |on| on.answer(Refusal::status(503))),
    ("504", |on| on.answer(Refusal::status(504))),
    ("no answer within the run's timeout", |on| on.hang()),
];

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_unsure_and_settled_by_a_consistent_get() {
    let requests = [
        Requests::patch("configmaps"),
        Requests::patch("secrets").name("k0-0"),
        Requests::create("secrets"),
        Requests::patch("secrets").name("k0-1"),
        Requests::delete("secrets"),
    ];
    for (way, lose) in LOST {
        for (at, lost) in requests.iter().enumerate() {
            for lag in [0, 900] {
                let cluster = quiet_cluster();
                keys(&cluster, 1).await;
                let faults = cluster.faults();
                for kind in ["configmaps", "secrets"] {
                    faults.watches_of(kind).delay(millis(lag));
                }
                let fault = lose(faults.on(lost.clone()));
                // The question is not answered at once either.
                faults.on(Requests::verb(Verb::Get)).times(2).answer(Refusal::status(500));
                let count = Count::of(&cluster, 5, 3);
                let operator = count.operator();
                count.is_done(1).await;
                operator.settled().await;
                let when = format!("{way}, write {at}, {lag} ms late");
                count.check(&operator, &when);
                assert_eq!(fault.fired(), 1, "{when}");
                let asked =
                    count.story().iter().filter(|line| line.starts_with("GET") && line.ends_with(" 200")).count();
                assert!(asked > 0, "{when}: {:?}", count.story());
                operator.stop().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_requests_fail_by_chance_no_run_starts_on_a_view_older_than_its_own_last_write() {
    for seed in 0..16 {
        let cluster = Cluster::builder().seed(seed).world(World::none()).build();
        let mut rng = fastrand::Rng::with_seed(seed);
        let objects = rng.u32(1..=4);
        keys(&cluster, objects).await;
        let faults = cluster.faults();
        for kind in ["configmaps", "secrets"] {
            faults.watches_of(kind).delay(millis(rng.u64(0..3_000)));
        }
        for (_, lose) in LOST {
            lose(faults.on(Requests::writes()).share(0.02 + 0.02 * rng.f64()));
        }
        faults.on(Requests::verb(Verb::Get)).share(0.3).answer(Refusal::status(500));
        faults.on(Requests::verb(Verb::Get)).share(0.1).reset();
        let count = Count::of(&cluster, 6, 3);
        let operator = count.operator();
        count.is_done(objects).await;
        count.check(&operator, &format!("seed {seed}"));
        let story = count.story();
        assert!(story.iter().any(|line| line.starts_with("GET ")), "seed {seed} lost no reply");
        operator.stop().await;
    }
}

/// Writes secrets, which none of its caches shows, and says when.
struct Unwatched {
    play: Play,
    generated: bool,
    runs: AtomicU32,
}

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", reconcile_delay = off, writes(Secret))]
impl Unwatched {
    async fn reconcile(&self, _: &Data, cx: &Context<Self>) -> Result<Action> {
        self.play.say(String::new());
        let mut secret = Secret::default();
        if self.generated {
            secret.metadata.generate_name = Some("s-".to_owned());
        } else {
            secret.metadata.name = Some(format!("s{:?}", cx.now().as_nanosecond()).to_lowercase());
        }
        cx.create(&secret).await?;
        let again = self.runs.fetch_add(1, Ordering::Relaxed) < 3;
        Ok(if again { Action::Requeue(millis(1)) } else { Action::AwaitChange })
    }
}

/// The time between its first two runs.
async fn gap(generated: bool, arm: impl FnOnce(&Cluster)) -> Duration {
    let cluster = quiet_cluster();
    keys(&cluster, 1).await;
    arm(&cluster);
    let play = Play::well();
    let controller = Unwatched { play: play.clone(), generated, runs: AtomicU32::new(0) };
    let operator = Operator::new("test").client(cluster.client()).controller(controller).spawn();
    pass(secs(20)).await;
    operator.stop().await;
    let runs = play.timed();
    runs[1].0 - runs[0].0
}

#[tokio::test(start_paused = true)]
async fn what_no_cache_of_the_controller_shows_is_not_waited_for() {
    for generated in [true, false] {
        assert!(gap(generated, |_| ()).await < millis(10));
    }
    // Not even where no answer came: there is nothing to be unsure of that a run could read.
    assert!(
        gap(false, |cluster| drop(cluster.faults().on(Requests::writes()).reset_after_commit())).await < millis(20)
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_reply_to_a_create_whose_name_the_server_chose_the_key_waits_five_seconds() {
    let waited = gap(true, |cluster| drop(cluster.faults().on(Requests::writes()).reset_after_commit())).await;
    assert!((secs(5)..millis(5_100)).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn who_may_not_ask_for_an_unsure_write_is_told_so_and_waits() {
    let cluster = quiet_cluster();
    keys(&cluster, 2).await;
    let faults = cluster.faults();
    faults.on(Requests::patch("configmaps").name("k0")).reset_after_commit();
    let forbidden = faults.on(Requests::get("configmaps")).always().answer(Refusal::forbidden());
    let log = Log::listen();
    let count = Count::of(&cluster, 3, 0);
    let operator = count.operator();
    pass(secs(300)).await;
    let said = log.take(&["may not ask"]);
    assert!(
        said.len() == 1 && said[0].contains("grant get on configmaps") && said[0].contains("default/k0"),
        "{said:?}"
    );
    // Others go on.
    let runs = |key: &str| count.story().iter().filter(|line| *line == &format!("run {key}")).count();
    assert_eq!((runs("k0"), runs("k1")), (1, 4));
    forbidden.lift();
    count.is_done(2).await;
    operator.settled().await;
    count.check(&operator, "after the permission was granted");
    operator.stop().await;
}
