//! The embedded API server beside a real one: the same requests, and what a kube-apiserver v1.37 answered to them.
//!
//! `scenarios/` holds the requests, one story a file, in the form that `scenario` reads; `recorded/` the real answers,
//! one line a request, without what differs from run to run (`normal`). `accepted.md` lists the differences that are
//! meant, each with its reason; docs/apiserver.md prints it.
//!
//! `just differential` tells how many answers are equal, `just record-apiserver` makes the recordings anew, and
//! `SCENARIO=watches,lists` leaves all others out of either.

mod accepted;
mod difference;
mod explore;
mod normal;
mod play;
mod protobuf;
mod real;
mod record;
mod scenario;
mod websocket;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use controller_testkit::{Cluster, User, World};
use serde_json::Value;

use accepted::Accepted;
use difference::differences;
use play::{Past, Player};
use scenario::Scenario;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("differential")
}

/// Every scenario, or those that were asked for, by the beginnings of their names.
fn scenarios() -> Result<Vec<Scenario>> {
    let wanted = std::env::var("SCENARIO").ok();
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder().join("scenarios"))?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut scenarios = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "http")) {
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a name in plain letters")?;
        if wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|wanted| name.starts_with(wanted))) {
            let text = fs::read_to_string(path)?;
            scenarios.push(Scenario::parse(name, &text).with_context(|| path.display().to_string())?);
        }
    }
    ensure!(!scenarios.is_empty(), "no scenario is named {wanted:?}");
    Ok(scenarios)
}

/// What is recorded for a scenario, a line for each of its answers.
fn recording(scenario: &Scenario) -> Result<Vec<Value>> {
    let path = folder().join("recorded").join(&scenario.name).with_extension("jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("{}: `just record-apiserver`", path.display()))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The embedded server's answers to a scenario, on paused time.
fn embedded(scenario: &Scenario) -> Result<Vec<Value>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    runtime.block_on(async {
        let cluster = Cluster::builder()
            .world(World::none())
            .token("admin-token", User::new("admin").uid("1").group("system:masters"))
            .token("bob-token", User::new("bob").uid("2").group("people"))
            .token("nobody-token", User::new("nobody").uid("3"))
            .build();
        let forget = || cluster.faults().forget();
        let player = Player { client: cluster.client(), now: &|| cluster.now(), past: Past::Embedded(&forget) };
        player.play(scenario).await
    })
}

#[test]
fn answers_are_those_of_a_real_server() -> Result<()> {
    if record::wanted() {
        return record::run(&scenarios()?);
    }
    let mut accepted = Accepted::read()?;
    let (mut requests, mut equal, mut explained, mut told) = (0, 0, 0, Vec::new());
    for scenario in scenarios()? {
        let (real, ours) = (recording(&scenario)?, embedded(&scenario)?);
        ensure!(real.len() == ours.len(), "{}: `just record-apiserver` after a change of a scenario", scenario.name);
        for (real, ours) in real.iter().zip(&ours) {
            requests += 1;
            let request = real["request"].as_str().unwrap_or_default();
            ensure!(real["request"] == ours["request"], "{}: {request}: recorded before it was changed", scenario.name);
            let found = differences(real, ours);
            let open: Vec<_> =
                found.iter().filter(|found| !accepted.explains(&scenario.name, request, &found.place)).collect();
            match (found.is_empty(), open.is_empty()) {
                (true, _) => equal += 1,
                (_, true) => explained += 1,
                _ => {
                    told.push(format!("{}: {request}", scenario.name));
                    told.extend(open.iter().map(|found| format!("    {found}")));
                }
            }
        }
    }
    let sum = format!("{equal} of {requests} requests equal, {explained} explained");
    ensure!(told.is_empty(), "{}\n{sum}", told.join("\n"));
    if std::env::var_os("SCENARIO").is_none() {
        accepted.all_are_needed()?;
    }
    println!("{sum}");
    Ok(())
}

#[test]
fn the_accepted_differences_are_printed_in_the_docs() -> Result<()> {
    let docs = fs::read_to_string(folder().join("../../docs/apiserver.md"))?;
    let table = fs::read_to_string(folder().join("accepted.md"))?;
    ensure!(docs.contains(table.trim()), "docs/apiserver.md is to print tests/differential/accepted.md as it is");
    Ok(())
}
