//! The side that serves: it fills the embedded API server, starts the subjects and drives their load.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use controller_testkit::{Cluster, World};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::subject::{Kind, Line, MARKER};
use crate::{corpus, report};

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub objects: usize,
    pub events: usize,
    pub rounds: usize,
}

/// Changes a second in the latency phase, and for how long.
const RATE: u32 = 500;
const RATED_FOR: Duration = Duration::from_secs(4);

/// What one subject did in one round.
pub struct Round {
    pub kind: Kind,
    pub start: Line,
    pub sync: Line,
    pub firehose: Line,
    pub rated: Line,
}

/// Runs lazy and typed in turn, the order reversed every other round, and prints the medians.
pub async fn engine(load: Load) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().world(World::none()).build();
    let pods: Api<Pod> = Api::namespaced(cluster.client(), "default");
    for number in 0..load.objects {
        cluster.restore(corpus::pod(number))?;
    }
    let mut rounds = Vec::new();
    for round in 0..load.rounds {
        let mut kinds = [Kind::Lazy, Kind::Typed];
        if round % 2 == 1 {
            kinds.reverse();
        }
        for kind in kinds {
            rounds.push(measure(&cluster, &pods, kind, load).await?);
        }
    }
    report::print(load, corpus::pod(0).to_string().len(), &rounds);
    Ok(())
}

async fn measure(cluster: &Cluster, pods: &Api<Pod>, kind: Kind, load: Load) -> Result<Round, Box<dyn Error>> {
    // The marker stands last in the list, so it is the last key of the first sync to be run.
    mark(pods, "sync").await?;
    let served = cluster.serve().await?;
    let mut subject = Subject::start(kind, &served.kubeconfig_path().display().to_string())?;
    // What the process costs without objects is not the objects' cost.
    let start = subject.line("start")?;
    let sync = subject.line("sync")?;

    // The changes are held back until all are made: what is measured is the operator, not the server's pace.
    let held = cluster.faults().watches_of("pods").hold();
    for event in 0..load.events {
        touch(pods, event % load.objects, event, 0).await?;
    }
    mark(pods, "firehose").await?;
    held.lift();
    let firehose = subject.line("firehose")?;

    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let events = RATE * u32::try_from(RATED_FOR.as_secs())?;
    for event in 0..events as usize {
        ticks.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        touch(pods, event * 7 % load.objects, event, now).await?;
    }
    mark(pods, "rated").await?;
    let rated = subject.line("rated")?;
    subject.stop();
    served.stop().await;
    Ok(Round { kind, start, sync, firehose, rated })
}

/// Changes two annotations, and nothing of the object's size. A time of 0 is not counted as a latency.
async fn touch(pods: &Api<Pod>, number: usize, event: usize, at: u128) -> Result<(), kube::Error> {
    let event = format!("{event:010}-{}", if at == 0 { "firehose" } else { "rated---" });
    let patch = json!({ "metadata": { "annotations": { "bench/at": corpus::at(at), "bench/event": event } } });
    pods.patch(&format!("web-{number:06}"), &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Ends a phase: the subject reports when it sees the marker change.
async fn mark(pods: &Api<Pod>, phase: &str) -> Result<(), kube::Error> {
    let marker = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": MARKER, "annotations": { "bench/phase": phase } },
        "spec": { "containers": [{ "name": "none", "image": "none" }] },
    });
    if pods.get_opt(MARKER).await?.is_none() {
        let marker = serde_json::from_value(marker).map_err(kube::Error::SerdeError)?;
        pods.create(&PostParams::default(), &marker).await?;
    } else {
        let patch = json!({ "metadata": { "annotations": { "bench/phase": phase } } });
        pods.patch(MARKER, &PatchParams::default(), &Patch::Merge(patch)).await?;
    }
    Ok(())
}

/// The measured process.
struct Subject {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Subject {
    fn start(kind: Kind, kubeconfig: &str) -> Result<Self, Box<dyn Error>> {
        let name = match kind {
            Kind::Lazy => "subject-lazy",
            Kind::Typed => "subject-typed",
        };
        let mut child = Command::new(std::env::current_exe()?)
            .arg(name)
            .env("KUBECONFIG", kubeconfig)
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("the subject's output is piped")?).lines();
        Ok(Self { child, lines })
    }

    /// The report of a phase. Reports of an earlier marker are passed over.
    fn line(&mut self, phase: &str) -> Result<Line, Box<dyn Error>> {
        tokio::task::block_in_place(|| {
            for line in self.lines.by_ref() {
                let line: Line = serde_json::from_str(&line?)?;
                if line.phase == phase {
                    return Ok(line);
                }
            }
            Err(format!("the subject ended before the phase {phase}").into())
        })
    }

    fn stop(mut self) {
        // A subject that has already ended is stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
