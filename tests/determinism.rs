//! One seed is one run: the same trace in every thread and in every process.
//!
//! The whole system (API server, world, operator) runs on paused time in one thread. Its trace is what the engine
//! tells of itself and what the server was asked, with times. `just determinism` compares 200 seeds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use controller_core::env::Clock;
use controller_core::prelude::*;
use controller_testkit::{Cluster, Refusal, Requests};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde::Deserialize;
use serde_json::json;

/// Objects of the workload.
const OBJECTS: usize = 200;

/// Changes after the start.
const CHANGES: usize = 200;

/// A process that is asked for a trace finds the seeds here.
const SEEDS: &str = "DETERMINISM_SEEDS";

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// Fails, requeues and awaits, as its object says.
struct Mixed;

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", concurrency = 8, reconcile_delay = "20s")]
impl Mixed {
    async fn add(&self, map: &Data, cx: &Context<Self>) -> Result<Action> {
        self.reconcile(map, cx).await
    }

    async fn modify(&self, map: &Data, cx: &Context<Self>) -> Result<Action> {
        self.reconcile(map, cx).await
    }

    async fn delete(&self, _: &Data, cx: &Context<Self>) {
        cx.event(Event::normal("Gone", "it was there"));
    }

    async fn reconcile(&self, map: &Data, cx: &Context<Self>) -> Result<Action> {
        let nth: u64 = map.data.get("n").and_then(|n| n.parse().ok()).unwrap_or_default();
        match nth % 5 {
            0 if cx.attempt() < 3 => Err("not yet".into()),
            1 => Ok(Action::Requeue(secs(5 + nth % 7))),
            2 => {
                tokio::time::sleep(Duration::from_millis(100 * (nth % 13))).await;
                Ok(Action::AwaitChange)
            }
            3 => {
                cx.event(Event::normal("Seen", format!("change {nth}")));
                Ok(Action::Done)
            }
            _ => Ok(Action::Done),
        }
    }
}

/// Writes what it sees into a secret of the same name.
struct Writer;

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", concurrency = 3, reconcile_delay = off)]
impl Writer {
    async fn reconcile(&self, map: &Data, cx: &Context<Self>) -> Result {
        let secrets: Api<Secret> = Api::namespaced(cx.client(), cx.key().namespace().unwrap_or("default"));
        let copy = json!({ "stringData": map.data });
        match secrets.patch(cx.key().name(), &PatchParams::default(), &Patch::Merge(&copy)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let mut secret = Secret::default();
                secret.metadata.name = Some(cx.key().name().to_owned());
                secret.string_data = Some(map.data.clone());
                secrets.create(&PostParams::default(), &secret).await?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Follows what the other one writes.
struct Reader;

#[controller(api_version = "v1", kind = "Secret", plural = "secrets", reconcile_delay = "1m")]
impl Reader {
    async fn reconcile(&self, _: &Data, _: &Context<Self>) {}
    async fn delete(&self, _: &Data, _: &Context<Self>) {}
}

fn map(nth: usize, n: u64) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(format!("map-{nth}"));
    map.data = Some([("n".to_owned(), n.to_string())].into());
    map
}

/// What a run of this seed tells.
fn trace(seed: u64) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(run(seed))
}

async fn run(seed: u64) -> Vec<String> {
    let started = "2026-01-01T00:00:00Z";
    let started: Timestamp = started.parse().expect("a time");
    let cluster = Cluster::builder().seed(seed).started_at(started).build();
    let log = cluster.log();
    let hand: Api<ConfigMap> = Api::namespaced(cluster.steady_client(), "default");
    let mut rng = fastrand::Rng::with_seed(seed);
    for nth in 0..OBJECTS {
        hand.create(&PostParams::default(), &map(nth, rng.u64(0..100))).await.expect("created");
    }
    let faults = cluster.faults();
    // One request of ten: each rule is asked of those that the rules before it let pass.
    let mut passed = 1.0;
    for (share, refusal) in [(0.04, 503), (0.03, 500), (0.03, 429)] {
        faults.on(Requests::any()).share(share / passed).answer(Refusal::status(refusal));
        passed -= share;
    }
    let operator = Operator::new("determinism")
        .client(cluster.client())
        .clock(Clock::starting_at(started))
        .chance(seed)
        .controller(Mixed)
        .controller(Writer)
        .controller(Reader)
        .spawn();
    let mut probes = operator.probes();
    for _ in 0..CHANGES {
        tokio::time::sleep(Duration::from_millis(rng.u64(0..500))).await;
        let nth = rng.usize(0..OBJECTS);
        let name = format!("map-{nth}");
        let there = hand.get_opt(&name).await.expect("read").is_some();
        match (there, rng.u8(0..10)) {
            (false, _) => drop(hand.create(&PostParams::default(), &map(nth, rng.u64(0..100))).await.expect("created")),
            (true, 0) => drop(hand.delete(&name, &DeleteParams::default()).await.expect("deleted")),
            (true, 1) => faults.watches().cut().lift(),
            (true, 2) => faults.forget(),
            (true, _) => {
                hand.replace(&name, &PostParams::default(), &map(nth, rng.u64(0..100))).await.expect("changed");
            }
        }
    }
    faults.clear();
    tokio::time::sleep(secs(120)).await;
    operator.stop().await;
    let secrets: Api<Secret> = Api::namespaced(cluster.steady_client(), "default");
    let written = secrets.list(&ListParams::default()).await.expect("listed");
    let probes = probes.so_far().into_iter().map(|probe| format!("{probe:?}"));
    let asked = log.take().into_iter().map(|exchange| exchange.to_string());
    let written = written.items.into_iter().map(|secret| format!("{:?}", secret.metadata));
    probes.chain(asked).chain(written).collect()
}

/// The seeds to compare: 5, or as many as are asked for.
fn seeds() -> u64 {
    std::env::var("DETERMINISM_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5)
}

/// FNV-1a: the same in every process.
fn digest(trace: &[String]) -> u64 {
    let bytes = trace.iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The first line that differs, with its place.
fn difference(one: &[String], other: &[String]) -> Option<String> {
    let at = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at))?;
    Some(format!("line {at}:\n  {:?}\n  {:?}", one.get(at), other.get(at)))
}

#[test]
fn a_seed_is_one_run_in_two_threads_and_in_a_second_process() {
    if let Ok(asked) = std::env::var(SEEDS) {
        // This is the second process.
        let digests = asked.split(',').filter_map(|seed| seed.parse().ok()).fold(String::new(), |mut text, seed| {
            let _ = write!(text, "digest {seed} {:016x};", digest(&trace(seed)));
            text
        });
        println!("{digests}");
        return;
    }
    let seeds: Vec<u64> = (0..seeds()).collect();
    let asked: Vec<String> = seeds.iter().map(ToString::to_string).collect();
    let second = Command::new(std::env::current_exe().expect("this program"))
        .args(["determinism::a_seed_is_one_run_in_two_threads_and_in_a_second_process", "--exact", "--nocapture"])
        .env(SEEDS, asked.join(","))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a second process");
    let compared: Vec<(u64, u64)> = seeds
        .iter()
        .map(|seed| {
            let seed = *seed;
            let one = trace(seed);
            let other = std::thread::spawn(move || trace(seed)).join().expect("no panic");
            assert!(one.len() > 10 * OBJECTS, "a run of {} lines shows little", one.len());
            if let Some(difference) = difference(&one, &other) {
                panic!("seed {seed} differs between two threads, {difference}");
            }
            (seed, digest(&one))
        })
        .collect();
    let said = second.wait_with_output().expect("the second process ends");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    for (seed, digest) in &compared {
        assert!(
            said.contains(&format!("digest {seed} {digest:016x};")),
            "seed {seed} differs in a second process: {said}"
        );
    }
    let all_differ = compared.iter().map(|(_, digest)| digest).collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(all_differ, compared.len(), "seeds give different runs");
    println!("{} of {}", compared.len(), seeds.len());
}
