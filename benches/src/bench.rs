//! A run: its series in rounds, the order of the subjects reversed every other round, and the figures as they come.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::contender::Contender;
use crate::corpus::Corpus;
use crate::figure::{Figure, Figures};
use crate::machine::Machine;
use crate::series;
use crate::workload::Workload;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Empty for all.
    pub workloads: Vec<Workload>,
    /// Empty for all.
    pub contenders: Vec<Contender>,
    /// Of which the medians are taken.
    pub rounds: u32,
    /// All subjects, fewer objects.
    pub quick: bool,
    /// Keep the figures that are there.
    pub append: bool,
    /// Where the figures go.
    pub folder: PathBuf,
}

/// A run under way.
#[derive(Debug)]
pub struct Bench {
    plan: Plan,
    figures: Figures,
    lines: File,
    round: u32,
    protobuf: BTreeMap<Corpus, PathBuf>,
}

impl Bench {
    /// Runs the plan, and leaves its figures in a file.
    pub fn run(plan: Plan) -> anyhow::Result<()> {
        fs::create_dir_all(&plan.folder)?;
        let path = plan.folder.join(Figures::FILE);
        let lines = File::options().create(true).write(true).append(plan.append).truncate(!plan.append).open(&path);
        let lines = lines.with_context(|| format!("{} can't be written", path.display()))?;
        let mut bench = Self { plan, figures: Figures::default(), lines, round: 0, protobuf: BTreeMap::new() };
        bench.line(&Machine::now())?;
        let chosen = &bench.plan.contenders;
        let (built, missing): (Vec<_>, Vec<_>) = Contender::ALL
            .into_iter()
            .filter(|contender| chosen.is_empty() || chosen.contains(contender))
            .partition(|contender| contender.is_built());
        for missing in missing {
            eprintln!(
                "bench: {} is not built, and left out: `just bench` builds what it has a toolchain for",
                missing.name()
            );
        }
        if let Some(go) = built.iter().find(|contender| contender.is_go()) {
            bench.encode(*go)?;
        }
        bench.rounds(&built)?;
        // The load at the end.
        bench.line(&Machine::now())?;
        Ok(())
    }

    fn rounds(&mut self, contenders: &[Contender]) -> anyhow::Result<()> {
        for round in 0..self.plan.rounds {
            self.round = round;
            for series in series::all(self.plan.quick) {
                let wanted = series.workloads().iter().any(|workload| self.wants(*workload));
                if !wanted {
                    continue;
                }
                let mut contenders = contenders.to_vec();
                if round % 2 == 1 {
                    contenders.reverse();
                }
                let quick = self.plan.quick;
                contenders.retain(|contender| series.takes(*contender, quick));
                contenders.retain(|contender| round == 0 || !series.is_once(*contender, quick));
                for contender in contenders {
                    eprintln!("bench: round {}, {series:?}, {}", round + 1, contender.name());
                    // One subject that fails leaves the others their figures.
                    if let Err(error) = series.run(self, contender) {
                        eprintln!("bench: {} fails: {error:#}", contender.name());
                    }
                }
            }
        }
        Ok(())
    }

    /// The objects in protobuf come from the Go peer, which has Kubernetes' own types.
    fn encode(&mut self, go: Contender) -> anyhow::Result<()> {
        let program = go.program().context("the Go peer is built")?;
        let kinds = ["Pod", "ConfigMap"];
        for corpus in Corpus::ALL.into_iter().filter(|corpus| kinds.contains(&corpus.kind())) {
            let path = self.plan.folder.join(format!("{}.protobuf", corpus.name()));
            let mut encoder = Command::new(&program)
                .args(["--encode", corpus.kind()])
                .stdin(Stdio::piped())
                .stdout(File::create(&path)?)
                .spawn()?;
            encoder.stdin.take().context("it is piped")?.write_all(corpus.text().as_bytes())?;
            anyhow::ensure!(encoder.wait()?.success(), "{} does not encode {}", program.display(), corpus.name());
            self.protobuf.insert(corpus, path);
        }
        Ok(())
    }

    /// The object in protobuf, where this subject asks for it.
    pub fn protobuf(&self, contender: Contender, corpus: Corpus) -> Option<&Path> {
        if contender.is_go() { self.protobuf.get(&corpus).map(PathBuf::as_path) } else { None }
    }

    /// Whether the workload is part of the plan.
    pub fn wants(&self, workload: Workload) -> bool {
        self.plan.workloads.is_empty() || self.plan.workloads.contains(&workload)
    }

    /// Whether it is to be quick.
    pub fn quick(&self) -> bool {
        self.plan.quick
    }

    /// The median so far of a figure of a workload, whatever its case.
    pub fn spread(&self, workload: Workload, contender: Contender, what: &str) -> Option<f64> {
        let (_, [median]) = self.figures.medians(workload.name(), what, [contender.name()])?;
        Some(median)
    }

    /// Keeps a figure.
    pub fn note(&mut self, workload: &str, case: &str, contender: Contender, what: &str, value: f64) {
        let figure = Figure {
            workload: workload.to_owned(),
            case: case.to_owned(),
            subject: contender.name().to_owned(),
            what: what.to_owned(),
            round: self.round,
            value,
        };
        if let Err(error) = self.line(&figure) {
            eprintln!("bench: a figure is not written: {error:#}");
        }
        self.figures.0.push(figure);
    }

    fn line(&mut self, line: &impl serde::Serialize) -> anyhow::Result<()> {
        writeln!(self.lines, "{}", serde_json::to_string(line)?)?;
        Ok(())
    }
}
