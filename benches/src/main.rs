//! What the engine costs: `just bench engine` prints Markdown.
//!
//! The API server is this process; the operator that is measured is a child process, so that neither's CPU time nor
//! memory is counted with the other's.

mod corpus;
mod meter;
mod report;
mod server;
mod subject;

use std::process::ExitCode;

use lexopt::prelude::*;

const USAGE: &str = "\
Usage: bench engine [--objects N] [--events N] [--rounds N]

  engine          sync, firehose and latency of the engine, lazy and typed
  --objects N     pods in the cluster (10000)
  --events N      changes in the firehose (20000)
  --rounds N      rounds of which the medians are printed (3)
";

/// What the command line asks for.
enum Asked {
    Help,
    Engine(server::Load),
    Subject(subject::Kind),
}

#[tokio::main]
async fn main() -> ExitCode {
    let answer = match asked() {
        Ok(Asked::Help) => {
            print!("{USAGE}");
            Ok(())
        }
        Ok(Asked::Engine(load)) => server::engine(load).await,
        Ok(Asked::Subject(kind)) => subject::run(kind).await,
        Err(error) => {
            eprint!("bench: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked() -> Result<Asked, lexopt::Error> {
    let mut load = server::Load { objects: 10_000, events: 20_000, rounds: 3 };
    let mut parser = lexopt::Parser::from_env();
    let mut what = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Asked::Help),
            Long("objects") => load.objects = parser.value()?.parse()?,
            Long("events") => load.events = parser.value()?.parse()?,
            Long("rounds") => load.rounds = parser.value()?.parse()?,
            Value(value) if what.is_none() => what = Some(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    match what.as_deref() {
        Some("engine") => Ok(Asked::Engine(load)),
        Some("subject-lazy") => Ok(Asked::Subject(subject::Kind::Lazy)),
        Some("subject-typed") => Ok(Asked::Subject(subject::Kind::Typed)),
        Some(other) => Err(format!("no bench is named {other}").into()),
        None => Err("say what to measure".into()),
    }
}
