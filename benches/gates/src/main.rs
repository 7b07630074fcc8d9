//! Gates: how many instructions an object of each kind may take, from the bytes of a watch's line to the bytes that the
//! cache keeps, and from there to the few fields that a callback asks for.
//!
//! Instructions are counted by valgrind's callgrind, so that a busy machine counts as an idle one does. Each gate runs
//! twice, the second time three times as long: the difference is free of what the program's start takes.
//!
//! `gates` runs all of them and fails if one is too high; `gates pod 1000` is what callgrind runs.

#![expect(dead_code, reason = "the rooms are taken as they stand, and a gate needs a part of them")]

#[path = "../../src/corpus.rs"]
mod corpus;
#[path = "../../src/template.rs"]
mod template;
mod cache;
mod json;
mod watch;

use std::env;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use corpus::Corpus;
use serde::Deserialize;
use template::{Face, Template};
use watch::Scan;

/// What is done with an object, and what it may cost in instructions.
struct Gate {
    name: &'static str,
    corpus: Corpus,
    work: Work,
    most: u64,
}

enum Work {
    /// The scan of a line, the copy of what is kept, and the copy's end.
    Strip,
    /// One field is decoded, and the rest passed over.
    Decode,
}

const GATES: [Gate; 4] = [
    Gate { name: "pod", corpus: Corpus::PodLarge, work: Work::Strip, most: 15_000 },
    Gate { name: "configmap", corpus: Corpus::ConfigMap, work: Work::Strip, most: 6_000 },
    Gate { name: "widget", corpus: Corpus::Widget, work: Work::Strip, most: 8_000 },
    Gate { name: "field-of-pod", corpus: Corpus::PodBare, work: Work::Decode, most: 12_000 },
];

/// What a callback that needs little asks for.
#[derive(Deserialize)]
struct Stamp {
    metadata: StampMeta,
}

#[derive(Deserialize)]
struct StampMeta {
    annotations: StampAnnotations,
}

#[derive(Deserialize)]
struct StampAnnotations {
    #[serde(rename = "bench/at")]
    at: String,
}

/// How often the work is done in the shorter run.
const ROUNDS: u64 = 400;

/// Different objects, so that the scan meets no line twice in a row.
const OBJECTS: u32 = 16;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => judge(),
        [name, rounds] => {
            let gate =
                GATES.iter().find(|gate| gate.name == name).with_context(|| format!("no gate is named {name}"))?;
            gate.run(rounds.parse().context("how often is a number")?)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("usage: gates, or gates NAME TIMES"),
    }
}

fn judge() -> anyhow::Result<ExitCode> {
    println!("| gate | bytes | instructions | at most | |\n| --- | --- | --- | --- | --- |");
    let mut verdict = ExitCode::SUCCESS;
    for gate in &GATES {
        let counted = (gate.count(3 * ROUNDS)? - gate.count(ROUNDS)?) / (2 * ROUNDS);
        let word = if counted <= gate.most { "holds" } else { "too many" };
        if counted > gate.most {
            verdict = ExitCode::FAILURE;
        }
        println!("| {} | {} | {counted} | {} | {word} |", gate.name, gate.corpus.sizes().bytes, gate.most);
    }
    Ok(verdict)
}

impl Gate {
    /// The instructions of a whole run.
    fn count(&self, rounds: u64) -> anyhow::Result<u64> {
        let program = env::current_exe().context("this program's path")?;
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
        let run = command.args([self.name, &rounds.to_string()]).output().context("valgrind is needed to count")?;
        let said = String::from_utf8_lossy(&run.stderr);
        if !run.status.success() {
            bail!("{} failed under valgrind:\n{said}", self.name);
        }
        let counted = said.lines().find_map(|line| line.split("Collected :").nth(1));
        counted.context("callgrind gave no count")?.trim().parse().context("callgrind's count is a number")
    }

    fn run(&self, rounds: u64) -> anyhow::Result<()> {
        let text = match self.work {
            Work::Strip => format!("{{\"type\":\"MODIFIED\",\"object\":{}}}", self.corpus.text()),
            Work::Decode => self.corpus.text(),
        };
        let template = Template::new(text);
        let texts: Vec<Vec<u8>> = (1..=OBJECTS).map(|number| render(&template, number)).collect();
        let scan = Scan::new(self.corpus.api_version(), self.corpus.kind());
        for text in texts.iter().cycle().take(usize::try_from(rounds)?) {
            match self.work {
                Work::Strip => drop(black_box(scan.strip(text)).context("the corpus holds objects")?),
                Work::Decode => drop(black_box(json::decode::<Stamp>(black_box(text))?)),
            }
        }
        Ok(())
    }
}

fn render(template: &Template, number: u32) -> Vec<u8> {
    let mut text = Vec::with_capacity(template.size());
    template
        .render(Face { number, version: template::FIRST_VERSION + u64::from(number), ..Face::default() }, &mut text);
    text
}
