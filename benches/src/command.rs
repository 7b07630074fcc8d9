//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;

use crate::bench::{Bench, Plan};
use crate::contender::Contender;
use crate::corpus::Corpus;
use crate::figure::Figures;
use crate::subject::{Mode, Options};
use crate::workload::Workload;
use crate::{docs, goal, mock, plot, profile, report, subject};

const USAGE: &str = "\
Usage: bench [WORKLOAD..] [--only SUBJECT].. [--rounds N] [--quick] [--append] [--out FOLDER] [--write-docs]
       bench report [--out FOLDER] [--write-docs]
       bench profile SUBJECT.. [--out FOLDER]

  WORKLOAD        w1 first sync, w2 firehose, w3 hot keys, w4 latency, w5 relist, w6 delete storm, w7 slow callbacks,
                  w8 lookups, w9 idle, w10 small objects, tls, scale; all of them if none is named
  --only SUBJECT  lazy, typed, lazy-jemalloc, typed-jemalloc, kube-runtime, kube-runtime-tuned, controller-runtime,
                  controller-runtime-tuned, controller-runtime-json; all that are built if none is named
  --rounds N      rounds of which the medians are taken (3; 2 if quick)
  --quick         10000 objects, and a few minutes
  --append        keeps the figures that are there, and adds to them
  --out FOLDER    where figures.jsonl, report.md and plot.svg go (target/bench)
  --write-docs    writes the figures into docs/performance.md, and the plot beside it
  profile         where the time of a subject goes in the firehose, by `perf`; the report takes it up
  report          measures nothing: makes the report of the figures that are there
";

/// The blocks of docs/performance.md.
pub const BLOCKS: [&str; 4] = ["machine", "goals", "figures", "profile"];

/// What the command line asks for.
enum Asked {
    Help,
    Bench { plan: Plan, measure: bool, write_docs: bool },
    Mock(mock::Options),
    Subject(Options),
    Profile(Vec<Contender>, PathBuf),
}

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    let done = match asked() {
        Ok(Asked::Help) => {
            print!("{USAGE}");
            Ok(())
        }
        Ok(Asked::Bench { plan, measure, write_docs }) => bench(plan, measure, write_docs),
        Ok(Asked::Profile(contenders, folder)) => profile::run(&contenders, &folder).map(|table| print!("{table}")),
        Ok(Asked::Mock(options)) => mock::run(&options),
        Ok(Asked::Subject(options)) => subject::run(options),
        Err(error) => {
            eprint!("bench: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(plan: Plan, measure: bool, write_docs: bool) -> anyhow::Result<()> {
    let folder = plan.folder.clone();
    if measure {
        Bench::run(plan)?;
    }
    let (machine, figures) = Figures::read(&folder)?;
    let (heading, tables) = (report::heading(&machine, &figures), report::tables(&figures));
    let verdicts = goal::judge(&figures);
    let (goals, plot) = (goal::table(&verdicts), plot::svg(&figures));
    std::fs::write(folder.join("report.md"), format!("{heading}{tables}\n### Goals\n\n{goals}"))?;
    std::fs::write(folder.join("plot.svg"), &plot)?;
    if write_docs {
        let profile = std::fs::read_to_string(folder.join(profile::FILE)).unwrap_or_else(|_| "Not taken.".to_owned());
        let blocks: Vec<_> = BLOCKS.into_iter().zip([&*heading, &goals, &tables, &profile]).collect();
        docs::write(Path::new("."), &blocks, &plot)?;
    }
    print!("{heading}{tables}\n### Goals\n\n{goals}\n{}\n", goal::line(&verdicts));
    Ok(())
}

fn asked() -> Result<Asked, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let first = parser.try_raw_args().and_then(|args| args.peek()?.to_str().map(str::to_owned));
    match first.as_deref() {
        Some("mock") => mock_options(parser).map(Asked::Mock),
        Some("subject") => subject_options(parser).map(Asked::Subject),
        Some("profile") => profile_of(parser),
        Some("report") => {
            parser.next()?;
            plan(parser, false)
        }
        _ => plan(parser, true),
    }
}

fn plan(mut parser: lexopt::Parser, measure: bool) -> Result<Asked, lexopt::Error> {
    let mut plan = Plan {
        workloads: Vec::new(),
        contenders: Vec::new(),
        rounds: 0,
        quick: false,
        append: false,
        folder: PathBuf::from("target/bench"),
    };
    let mut write_docs = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Asked::Help),
            Long("rounds") => plan.rounds = parser.value()?.parse()?,
            Long("quick") => plan.quick = true,
            Long("append") => plan.append = true,
            Long("write-docs") => write_docs = true,
            Long("out") => plan.folder = parser.value()?.into(),
            Long("only") => plan.contenders.push(contender(parser.value()?)?),
            Value(value) => {
                let name = value.string()?;
                plan.workloads.push(Workload::named(&name).ok_or_else(|| format!("no workload is named {name}"))?);
            }
            other => return Err(other.unexpected()),
        }
    }
    if plan.rounds == 0 {
        plan.rounds = if plan.quick { 2 } else { 3 };
    }
    Ok(Asked::Bench { plan, measure, write_docs })
}

fn profile_of(mut parser: lexopt::Parser) -> Result<Asked, lexopt::Error> {
    let (mut contenders, mut folder) = (Vec::new(), PathBuf::from("target/bench"));
    parser.next()?;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("out") => folder = parser.value()?.into(),
            Value(value) => contenders.push(contender(value)?),
            other => return Err(other.unexpected()),
        }
    }
    if contenders.is_empty() {
        return Err("name a subject".into());
    }
    Ok(Asked::Profile(contenders, folder))
}

fn contender(name: std::ffi::OsString) -> Result<Contender, lexopt::Error> {
    let name = name.string()?;
    Contender::named(&name).ok_or_else(|| format!("no subject is named {name}").into())
}

fn mock_options(mut parser: lexopt::Parser) -> Result<mock::Options, lexopt::Error> {
    let mut options = mock::Options { corpus: Corpus::PodLarge, objects: 10_000, protobuf: None, tls: false };
    parser.next()?;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("objects") => options.objects = parser.value()?.parse()?,
            Long("tls") => options.tls = true,
            Long("protobuf") => options.protobuf = Some(parser.value()?.into()),
            Long("corpus") => {
                let name = parser.value()?.string()?;
                options.corpus = Corpus::named(&name).ok_or_else(|| format!("no corpus is named {name}"))?;
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

fn subject_options(mut parser: lexopt::Parser) -> Result<Options, lexopt::Error> {
    let mut options = Options::default();
    parser.next()?;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("server") => options.server = parser.value()?.string()?,
            Long("mode") => {
                options.mode = match &*parser.value()?.string()? {
                    "lazy" => Mode::Lazy,
                    "typed" => Mode::Typed,
                    "compressed" => Mode::Compressed,
                    "floor" => Mode::Floor,
                    other => return Err(format!("no mode is named {other}").into()),
                }
            }
            Long("configmaps") => options.configmaps = true,
            Long("resync") => options.resync = true,
            Long("hold") => options.hold = true,
            Long("concurrency") => options.concurrency = parser.value()?.parse()?,
            Long("sleep-ms") => options.sleep = Duration::from_millis(parser.value()?.parse()?),
            Long("lookups") => options.lookups = parser.value()?.parse()?,
            Long("objects") => options.objects = parser.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}
