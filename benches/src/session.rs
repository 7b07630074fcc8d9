//! One subject with a server of its own: what is done to it, and what it took.

use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::contender::Contender;
use crate::corpus::Corpus;
use crate::figure::permille;
use crate::mock::{Command, Done};
use crate::process::{Memory, Process};
use crate::subject::Options;
use crate::tally::Report;

/// How often a subject is asked how far it is.
const POLL: Duration = Duration::from_millis(50);

/// A subject that calls nothing back for so long, and uses no CPU to speak of, is at its end.
const STILL: Duration = Duration::from_millis(300);

/// CPU time that a subject may use in [`STILL`] and be at its end: runtimes tick.
const TICKING: Duration = Duration::from_millis(15);

/// Whoever has not done its work by then has lost it.
const LOST: Duration = Duration::from_secs(400);

/// A server and a subject.
#[derive(Debug)]
pub struct Session {
    mock: Process,
    subject: Process,
    /// What the process used before it knew of a server.
    baseline: Memory,
    seen: Report,
    latencies: Vec<u64>,
    /// The URL of the server.
    pub server: String,
}

/// What a phase took.
#[derive(Debug, Clone, Default)]
pub struct Phase {
    /// CPU time of the subject.
    pub cpu: Duration,
    /// CPU time of the server.
    pub server_cpu: Duration,
    /// Until the last callback.
    pub wall: Duration,
    /// How many callbacks there were.
    pub callbacks: u64,
    /// Memory at the end.
    pub memory: Memory,
    /// From changes to callbacks in nanoseconds, sorted; only of rated changes.
    pub latencies: Vec<u64>,
    /// Rated changes that had to wait for the subject to read.
    pub late: u32,
}

impl Phase {
    /// Milliseconds below which so many of a thousand latencies lie.
    pub fn latency(&self, of_thousand: usize) -> f64 {
        permille(&self.latencies, of_thousand).map_or(f64::NAN, |nanoseconds| nanoseconds as f64 / 1e6)
    }
}

/// What a phase ends with.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    callbacks: u64,
    event: u64,
}

impl Session {
    /// Starts both. The subject waits until it is told to sync.
    pub fn start(
        contender: Contender,
        corpus: Corpus,
        objects: u32,
        protobuf: Option<&Path>,
        tls: bool,
        options: &Options,
    ) -> anyhow::Result<Self> {
        let mut mock = Process::start("the server", &mut mock_program(corpus, objects, protobuf, tls)?)?;
        let server = mock.line()?;
        let options =
            Options { server: server.clone(), objects, configmaps: corpus == Corpus::ConfigMap, ..options.clone() };
        let mut subject = Process::start(contender.name(), &mut contender.command(&options)?)?;
        subject.line()?;
        let baseline = subject.memory()?;
        let (seen, latencies) = (Report::default(), Vec::new());
        Ok(Self { mock, subject, baseline, seen, latencies, server })
    }

    /// What the process had before it knew of a server.
    pub fn baseline(&self) -> Memory {
        self.baseline
    }

    /// The process of the subject.
    pub fn subject_id(&self) -> u32 {
        self.subject.id()
    }

    /// The memory of the subject now.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        self.subject.memory()
    }

    /// The first list: from nothing to a callback for each object, and a watch.
    pub fn sync(&mut self, objects: u32) -> anyhow::Result<Phase> {
        let wanted = Wanted { callbacks: u64::from(objects), event: 0 };
        let phase = self.phase(|session| {
            session.subject.say("go")?;
            Ok((wanted, 0))
        })?;
        self.wait_for_watch()?;
        Ok(phase)
    }

    /// The first list of a subject that runs its objects again and again, and so is never still.
    pub fn sync_with_ticks(&mut self, objects: u32) -> anyhow::Result<()> {
        let began = Instant::now();
        self.subject.say("go")?;
        while self.report()?.callbacks < u64::from(objects) {
            if began.elapsed() > LOST {
                bail!("the subject has seen {} of {objects} objects", self.seen.callbacks);
            }
            std::thread::sleep(POLL);
        }
        self.wait_for_watch()
    }

    /// Changes as fast as the subject reads them.
    pub fn firehose(&mut self, events: u32, keys: u32) -> anyhow::Result<Phase> {
        self.changes(Command::Firehose { events, keys })
    }

    /// A firehose while one change holds the only worker, so that all keys wait. Gives the CPU time until they all do;
    /// the callbacks come after that.
    pub fn held(&mut self, events: u32, keys: u32) -> anyhow::Result<Duration> {
        self.mock.ask::<Done>(&Command::Burst { keys: 1 })?;
        // The worker takes it.
        std::thread::sleep(POLL);
        let before = self.subject.cpu()?;
        let done: Done = self.mock.ask(&Command::Firehose { events, keys })?;
        let waiting = self.settle(Wanted::default())?.saturating_sub(before);
        self.settle(Wanted { callbacks: 0, event: u64::from(done.event) })?;
        Ok(waiting)
    }

    /// One change for each of the keys.
    pub fn burst(&mut self, keys: u32) -> anyhow::Result<Phase> {
        self.changes(Command::Burst { keys })
    }

    /// Changes at an even pace.
    pub fn rated(&mut self, per_second: u32, time: Duration, keys: u32) -> anyhow::Result<Phase> {
        let milliseconds = time.as_millis() as u32;
        self.changes(Command::Rated { per_second, milliseconds, keys })
    }

    /// The watch ends as too old; every 20th object has changed and every 100th is gone.
    pub fn relist(&mut self, objects: u32) -> anyhow::Result<Phase> {
        self.subject.forget_peak()?;
        let before = self.seen.callbacks;
        let phase = self.phase(|session| {
            session.mock.ask::<Done>(&Command::Expire { changed: 20, deleted: 100 })?;
            Ok((Wanted { callbacks: before + u64::from(objects / 20), event: 0 }, 0))
        })?;
        self.wait_for_watch()?;
        Ok(phase)
    }

    /// So many objects are deleted at once.
    pub fn delete(&mut self, objects: u32) -> anyhow::Result<Phase> {
        self.phase(|session| {
            session.mock.ask::<Done>(&Command::Delete { objects })?;
            Ok((Wanted { callbacks: session.seen.callbacks, event: 0 }, 0))
        })
    }

    /// Nothing happens.
    pub fn idle(&mut self, time: Duration) -> anyhow::Result<Phase> {
        let (cpu, callbacks) = (self.subject.cpu()?, self.report()?.callbacks);
        std::thread::sleep(time);
        let cpu = self.subject.cpu()?.saturating_sub(cpu);
        let callbacks = self.report()?.callbacks - callbacks;
        Ok(Phase { cpu, wall: time, callbacks, memory: self.subject.memory()?, ..Phase::default() })
    }

    fn changes(&mut self, command: Command) -> anyhow::Result<Phase> {
        self.phase(|session| {
            let done: Done = session.mock.ask(&command)?;
            Ok((Wanted { callbacks: 0, event: u64::from(done.event) }, done.late))
        })
    }

    fn phase(&mut self, begin: impl FnOnce(&mut Self) -> anyhow::Result<(Wanted, u32)>) -> anyhow::Result<Phase> {
        self.report()?;
        self.latencies.clear();
        let started = unix_now();
        let before = (self.subject.cpu()?, self.mock.cpu()?, self.seen.callbacks);
        let (wanted, late) = begin(self)?;
        let cpu = self.settle(wanted)?;
        let mut latencies = std::mem::take(&mut self.latencies);
        latencies.sort_unstable();
        Ok(Phase {
            cpu: cpu.saturating_sub(before.0),
            server_cpu: self.mock.cpu()?.saturating_sub(before.1),
            wall: Duration::from_nanos(self.seen.last.saturating_sub(started)),
            callbacks: self.seen.callbacks - before.2,
            memory: self.subject.memory()?,
            latencies,
            late,
        })
    }

    /// Waits until what is wanted was seen and the subject is still. Gives its CPU time up to then.
    fn settle(&mut self, wanted: Wanted) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let mut still = (began, self.subject.cpu()?, self.seen.callbacks);
        loop {
            std::thread::sleep(POLL);
            self.report()?;
            if began.elapsed() > LOST {
                bail!("the subject does not see {wanted:?}: {} callbacks so far", self.seen.callbacks);
            }
            let cpu = self.subject.cpu()?;
            if self.seen.callbacks != still.2 || cpu.saturating_sub(still.1) > TICKING {
                still = (Instant::now(), cpu, self.seen.callbacks);
                continue;
            }
            let reached = self.seen.callbacks >= wanted.callbacks && self.seen.event >= wanted.event;
            if reached && still.0.elapsed() >= STILL {
                return Ok(cpu);
            }
        }
    }

    fn wait_for_watch(&mut self) -> anyhow::Result<()> {
        for _ in 0..200 {
            let done: Done = self.mock.ask(&Command::Watching)?;
            if done.watchers > 0 {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        bail!("the subject does not watch")
    }

    fn report(&mut self) -> anyhow::Result<&Report> {
        let mut report: Report = self.subject.ask(&"report")?;
        self.latencies.append(&mut report.latencies);
        self.seen = report;
        Ok(&self.seen)
    }
}

fn mock_program(corpus: Corpus, objects: u32, protobuf: Option<&Path>, tls: bool) -> anyhow::Result<Program> {
    let mut program = Program::new(std::env::current_exe().context("where this program is")?);
    program.args(["mock", "--corpus", corpus.name(), "--objects", &objects.to_string()]);
    if let Some(protobuf) = protobuf {
        program.args([PathBuf::from("--protobuf"), protobuf.to_owned()]);
    }
    if tls {
        program.arg("--tls");
    }
    Ok(program)
}

fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
