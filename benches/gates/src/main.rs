//! Gates: how many instructions the scan may take for an object of each kind, from the bytes of a watch's line to the
//! bytes that the cache keeps.
//!
//! Instructions are counted by valgrind's callgrind, so that a busy machine counts as an idle one does. Each gate runs
//! twice, the second time three times as long: the difference is free of what the program's start takes.
//!
//! `gates` runs all of them and fails if one is too high; `gates pod-large 1000` is what callgrind runs.

#![expect(dead_code, reason = "the rooms are taken as they stand, and a gate needs a part of them")]

#[path = "../../src/corpus.rs"]
mod corpus;
#[path = "../../src/template.rs"]
mod template;
mod json;
mod watch;

use std::env;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use corpus::Corpus;
use template::{Face, Template};
use watch::Scan;

/// What an object may cost in instructions, its copy and the copy's end included.
const GATES: [(Corpus, u64); 3] = [(Corpus::PodLarge, 15_000), (Corpus::ConfigMap, 6_000), (Corpus::Widget, 8_000)];

/// How often an object is scanned in the shorter run.
const ROUNDS: u64 = 400;

/// Different objects, so that the scan meets no line twice in a row.
const OBJECTS: u32 = 16;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => judge(),
        [name, rounds] => {
            let corpus = Corpus::named(name).with_context(|| format!("there is no object {name}"))?;
            scan(corpus, rounds.parse().context("how often is a number")?)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("usage: gates, or gates OBJECT TIMES"),
    }
}

fn judge() -> anyhow::Result<ExitCode> {
    println!("| object | bytes | kept | instructions | at most | |\n| --- | --- | --- | --- | --- | --- |");
    let mut verdict = ExitCode::SUCCESS;
    for (corpus, most) in GATES {
        let counted = (count(corpus, 3 * ROUNDS)? - count(corpus, ROUNDS)?) / (2 * ROUNDS);
        let word = if counted <= most { "holds" } else { "too many" };
        if counted > most {
            verdict = ExitCode::FAILURE;
        }
        let sizes = corpus.sizes();
        println!("| {} | {} | {} | {counted} | {most} | {word} |", corpus.name(), sizes.bytes, sizes.stripped);
    }
    Ok(verdict)
}

/// The instructions of a whole run.
fn count(corpus: Corpus, rounds: u64) -> anyhow::Result<u64> {
    let program = env::current_exe().context("this program's path")?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let run = command.args([corpus.name(), &rounds.to_string()]).output().context("valgrind is needed to count")?;
    let said = String::from_utf8_lossy(&run.stderr);
    if !run.status.success() {
        bail!("{} failed under valgrind:\n{said}", corpus.name());
    }
    let counted = said.lines().find_map(|line| line.split("Collected :").nth(1)).context("callgrind gave no count")?;
    counted.trim().parse().context("callgrind's count is a number")
}

fn scan(corpus: Corpus, rounds: u64) -> anyhow::Result<()> {
    let template = Template::new(format!("{{\"type\":\"MODIFIED\",\"object\":{}}}", corpus.text()));
    let lines: Vec<Vec<u8>> = (1..=OBJECTS).map(|number| line(&template, number)).collect();
    let scan = Scan::new(corpus.api_version(), corpus.kind());
    for line in lines.iter().cycle().take(usize::try_from(rounds)?) {
        black_box(scan.strip(line)).context("the corpus holds objects")?;
    }
    Ok(())
}

fn line(template: &Template, number: u32) -> Vec<u8> {
    let mut line = Vec::with_capacity(template.size());
    template
        .render(Face { number, version: template::FIRST_VERSION + u64::from(number), ..Face::default() }, &mut line);
    line
}
