//! Makes the recordings: with a real server, twice, the second time with the scenarios in the opposite order. What
//! differs between the two is not recorded.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;

use super::difference::differences;
use super::play::{Past, Player};
use super::real::Real;
use super::scenario::Scenario;

/// The folder with the programs `kube-apiserver` and `etcd`, if recordings are to be made.
pub(crate) fn programs() -> Option<PathBuf> {
    std::env::var_os("RECORD").map(PathBuf::from)
}

pub(crate) fn wanted() -> bool {
    programs().is_some()
}

pub(crate) fn run(scenarios: &[Scenario]) -> Result<()> {
    let programs = programs().context("RECORD names the folder with kube-apiserver and etcd")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut order: Vec<&Scenario> = scenarios.iter().collect();
    let forth = runtime.block_on(play(&programs, &order))?;
    order.reverse();
    let mut back = runtime.block_on(play(&programs, &order))?;
    back.reverse();
    let mut told = Vec::new();
    for ((scenario, first), second) in scenarios.iter().zip(&forth).zip(&back) {
        for (first, second) in first.iter().zip(second) {
            let found = differences(first, second);
            if !found.is_empty() {
                told.push(format!("{}: {}", scenario.name, first["request"]));
                told.extend(found.iter().map(|found| format!("    {found}")));
            }
        }
    }
    ensure!(told.is_empty(), "the real server does not answer twice alike:\n{}", told.join("\n"));
    for (scenario, answers) in scenarios.iter().zip(&forth) {
        let lines: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
        let path = super::folder().join("recorded").join(&scenario.name).with_extension("jsonl");
        fs::write(path, lines)?;
    }
    println!("{} scenarios recorded", scenarios.len());
    Ok(())
}

/// The answers to each, in the order of the scenarios. What makes the server forget is played after all others, which
/// would be met by a server that has forgotten.
async fn play(programs: &Path, scenarios: &[&Scenario]) -> Result<Vec<Vec<Value>>> {
    let real = Real::start(programs).await?;
    let mut answers = vec![Vec::new(); scenarios.len()];
    for last in [false, true] {
        for (scenario, answers) in scenarios.iter().zip(&mut answers).filter(|(scenario, _)| scenario.forgets() == last)
        {
            let now = &Timestamp::now;
            let past = Past::Real(&real);
            *answers = Player { client: real.client()?, now, past }.play(scenario).await?;
        }
    }
    Ok(answers)
}
