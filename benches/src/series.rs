//! Series: which sessions the workloads need, what is done in each, and what is noted of it.

use std::time::Duration;

use crate::bench::Bench;
use crate::contender::Contender;
use crate::corpus::Corpus;
use crate::session::{Phase, Session};
use crate::subject::{Mode, Options};
use crate::workload::Workload::{self, Firehose, Hot, Idle, Rated, Relist, Secure, Small, Storm, Sync};
use crate::workload::what;

/// Sessions of one kind: one for each subject and round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// A sync, and then whatever of W2 to W6 and W9 is wanted.
    Main { corpus: Corpus, objects: u32, steps: &'static [Workload] },
    /// A sync and a firehose over TLS.
    Secure { objects: u32 },
    /// W7.
    Sleep { milliseconds: u32, concurrency: u32 },
    /// W8.
    Lookups { reads: u32 },
    /// W9 with a cache that compresses: it takes two rounds over the objects, of a minute each.
    Cold { objects: u32 },
    /// W9 with a tick of 30 seconds.
    Resync { objects: u32, seconds: u32 },
    /// The scale of caches.
    Scale { objects: u32 },
    /// The scale of keys that wait.
    Waiting,
}

/// What is run, in this order.
pub fn all(quick: bool) -> Vec<Series> {
    let main = |corpus, objects, steps| Series::Main { corpus, objects, steps };
    let large = Corpus::PodLarge;
    if quick {
        return vec![
            main(large, 10_000, &[Sync, Firehose, Hot, Rated, Relist, Storm]),
            main(Corpus::ConfigMap, 10_000, &[Small]),
            Series::Resync { objects: 100_000, seconds: 30 },
        ];
    }
    let mut all = vec![
        main(large, 1000, &[Sync]),
        main(large, 10_000, &[Sync, Firehose, Hot, Rated]),
        main(large, 100_000, &[Sync, Idle, Relist, Storm]),
        main(Corpus::PodBare, 10_000, &[Sync, Firehose]),
        main(Corpus::PodMid, 10_000, &[Sync, Firehose]),
        main(Corpus::PodSmall, 10_000, &[Sync, Firehose]),
        main(Corpus::ConfigMap, 10_000, &[Small]),
        Series::Secure { objects: 10_000 },
    ];
    for milliseconds in [1, 10, 100] {
        all.extend([1, 16, 256].map(|concurrency| Series::Sleep { milliseconds, concurrency }));
    }
    all.extend([1, 4, 16].map(|reads| Series::Lookups { reads }));
    all.push(Series::Cold { objects: 100_000 });
    all.push(Series::Resync { objects: 100_000, seconds: 60 });
    all.extend([1000, 10_000, 100_000, 1_000_000].map(|objects| Series::Scale { objects }));
    all.push(Series::Waiting);
    all
}

impl Series {
    /// The workloads that it serves.
    pub fn workloads(self) -> &'static [Workload] {
        match self {
            Self::Main { steps, .. } => steps,
            Self::Secure { .. } => &[Secure],
            Self::Sleep { .. } => &[Workload::Sleep],
            Self::Lookups { .. } => &[Workload::Lookups],
            Self::Cold { .. } | Self::Resync { .. } => &[Workload::Idle],
            Self::Scale { .. } | Self::Waiting => &[Workload::Scale],
        }
    }

    /// Whether this subject has a part in it.
    pub fn takes(self, contender: Contender, quick: bool) -> bool {
        match self {
            Self::Main { corpus, .. } if contender == Contender::Floor => corpus == Corpus::PodLarge,
            _ if contender == Contender::Floor => false,
            _ if contender == Contender::Compressed => matches!(self, Self::Cold { .. }),
            Self::Cold { .. } => false,
            Self::Main { .. } | Self::Secure { .. } => true,
            Self::Sleep { .. } => matches!(contender, Contender::Lazy | Contender::Kube | Contender::Go),
            Self::Lookups { .. } => contender != Contender::Lazy && contender != Contender::LazyJemalloc,
            Self::Resync { .. } if quick => contender == Contender::Lazy,
            Self::Resync { .. } => {
                matches!(contender, Contender::Lazy | Contender::Typed | Contender::KubeTuned | Contender::Go)
            }
            Self::Scale { .. } | Self::Waiting => contender == Contender::Lazy,
        }
    }

    /// Whether one round is enough: what takes minutes and hardly spreads, or what no goal is about.
    pub fn is_once(self, contender: Contender, quick: bool) -> bool {
        let beside =
            !matches!(self, Self::Main { corpus: Corpus::PodLarge, objects: ..100_000, .. } | Self::Lookups { .. });
        let variant = matches!(contender, Contender::LazyJemalloc | Contender::TypedJemalloc | Contender::GoJson);
        beside || (quick && variant)
    }

    /// Measures one subject.
    pub fn run(self, bench: &mut Bench, contender: Contender) -> anyhow::Result<()> {
        match self {
            Self::Main { corpus, objects, steps } => main(bench, contender, corpus, objects, steps),
            Self::Secure { objects } => secure(bench, contender, objects),
            Self::Sleep { milliseconds, concurrency } => sleep(bench, contender, milliseconds, concurrency),
            Self::Lookups { reads } => lookups(bench, contender, reads),
            Self::Cold { objects } => cold(bench, contender, objects),
            Self::Resync { objects, seconds } => resync(bench, contender, objects, seconds),
            Self::Scale { objects } => scale(bench, contender, objects),
            Self::Waiting => waiting(bench, contender),
        }
    }
}

/// Our modes are one program.
pub fn options(contender: Contender) -> Options {
    let mode = match contender {
        Contender::Lazy | Contender::LazyJemalloc => Mode::Lazy,
        Contender::Compressed => Mode::Compressed,
        Contender::Floor => Mode::Floor,
        _ => Mode::Typed,
    };
    Options { mode, ..Options::default() }
}

fn start(
    bench: &Bench,
    contender: Contender,
    corpus: Corpus,
    objects: u32,
    options: &Options,
) -> anyhow::Result<Session> {
    Session::start(contender, corpus, objects, bench.protobuf(contender, corpus), false, options)
}

fn main(
    bench: &mut Bench,
    contender: Contender,
    corpus: Corpus,
    objects: u32,
    steps: &[Workload],
) -> anyhow::Result<()> {
    let case = format!("{objects} {}", corpus.name());
    let small = steps.contains(&Small);
    let mut session = start(bench, contender, corpus, objects, &options(contender))?;
    let synced = session.sync(objects)?;
    // What a runtime gives back, it gives back now.
    std::thread::sleep(Duration::from_millis(500));
    if bench.wants(if small { Small } else { Sync }) {
        let steady = session.memory()?;
        let grown = steady.resident.saturating_sub(session.baseline().resident) as f64;
        let name = if small { Small } else { Sync }.name();
        let mut note = |what, value| bench.note(name, &case, contender, what, value);
        note(what::CPU_OBJECT, micros(synced.cpu) / f64::from(objects));
        note(what::WALL, synced.wall.as_secs_f64());
        note(what::MEMORY_OBJECT, grown / 1e3 / f64::from(objects));
        if contender != Contender::Floor {
            note(what::BEYOND, grown / f64::from(objects) - corpus.sizes().stripped as f64);
        }
        note(what::MEMORY, steady.resident as f64 / 1e6);
        note(what::PEAK, steady.peak.saturating_sub(steady.resident) as f64 / 1e6);
    }
    // Who only reads can't begin anew where a watch ends.
    let can = |step: Workload| contender != Contender::Floor || matches!(step, Firehose | Hot | Rated | Idle);
    for &step in steps.iter().filter(|step| bench.wants(**step) && can(**step)).collect::<Vec<_>>() {
        match step {
            Firehose | Small => firehose(bench, contender, &mut session, step.name(), &case, objects, objects)?,
            Hot => firehose(bench, contender, &mut session, step.name(), &case, objects, objects / 100)?,
            Rated => rated(bench, contender, &mut session, objects)?,
            Idle => {
                let idle = session.idle(Duration::from_secs(60))?;
                note_idle(bench, contender, &format!("{case}, no tick"), &idle);
            }
            Relist => relist(bench, contender, &mut session, &case, objects)?,
            Storm => {
                let stormed = session.delete(objects / 2)?;
                let mut note = |what, value| bench.note(step.name(), &case, contender, what, value);
                note(what::CPU_EVENT, micros(stormed.cpu) / f64::from(objects / 2));
                note(what::MEMORY, stormed.memory.resident as f64 / 1e6);
            }
            _ => {}
        }
    }
    Ok(())
}

fn secure(bench: &mut Bench, contender: Contender, objects: u32) -> anyhow::Result<()> {
    let corpus = Corpus::PodLarge;
    let protobuf = bench.protobuf(contender, corpus);
    let mut session = Session::start(contender, corpus, objects, protobuf, true, &options(contender))?;
    let synced = session.sync(objects)?;
    let case = format!("{objects} {}", corpus.name());
    bench.note(Secure.name(), &case, contender, what::CPU_OBJECT, micros(synced.cpu) / f64::from(objects));
    firehose(bench, contender, &mut session, Secure.name(), &case, objects, objects)
}

/// Events of a firehose: enough for the fastest subject to use CPU time that can be measured.
fn events(bench: &Bench) -> u32 {
    if bench.quick() { 20_000 } else { 50_000 }
}

fn firehose(
    bench: &mut Bench,
    contender: Contender,
    session: &mut Session,
    name: &'static str,
    case: &str,
    objects: u32,
    keys: u32,
) -> anyhow::Result<()> {
    // Merging shows with half as many, too.
    let events = if name == Hot.name() { events(bench) / 2 } else { events(bench) };
    if name != Hot.name() {
        // Caches, allocators and branch predictors warm up.
        session.firehose(events / 5, objects)?;
    }
    let phase = session.firehose(events, keys.max(1))?;
    note_firehose(bench, contender, name, case, events, &phase);
    Ok(())
}

fn note_firehose(bench: &mut Bench, contender: Contender, name: &str, case: &str, events: u32, phase: &Phase) {
    let events = f64::from(events);
    let mut note = |what, value| bench.note(name, case, contender, what, value);
    note(what::CPU_EVENT, micros(phase.cpu) / events);
    note(what::RATE, events / phase.wall.as_secs_f64());
    note(what::RUNS, phase.callbacks as f64 / events);
    note(what::SERVER_CPU, micros(phase.server_cpu) / events);
}

fn rated(bench: &mut Bench, contender: Contender, session: &mut Session, objects: u32) -> anyhow::Result<()> {
    let rates: &[u32] = if bench.quick() { &[1000, 20_000] } else { &[500, 1000, 2000, 5000, 20_000] };
    let time = Duration::from_secs(if bench.quick() { 2 } else { 4 });
    session.rated(500, Duration::from_millis(500), objects)?;
    for &rate in rates {
        let case = format!("{rate} a second");
        // Whoever can't keep up would need minutes for what piles up.
        let fastest = bench.spread(Firehose, contender, what::RATE).unwrap_or(f64::from(rate));
        if fastest < f64::from(rate) {
            bench.note(Rated.name(), &case, contender, what::LATE, 100.0);
            continue;
        }
        let phase = session.rated(rate, time, objects)?;
        let changes = f64::from(rate) * time.as_secs_f64();
        let mut note = |what, value| bench.note(Rated.name(), &case, contender, what, value);
        note(what::P50, phase.latency(500));
        note(what::P90, phase.latency(900));
        note(what::P99, phase.latency(990));
        note(what::P999, phase.latency(999));
        note(what::MOST, phase.latency(1000));
        note(what::LATE, f64::from(phase.late) * 100.0 / changes);
        note(what::CPU_EVENT, micros(phase.cpu) / changes);
    }
    Ok(())
}

fn relist(
    bench: &mut Bench,
    contender: Contender,
    session: &mut Session,
    case: &str,
    objects: u32,
) -> anyhow::Result<()> {
    let before = session.memory()?.resident as f64;
    let phase = session.relist(objects)?;
    let mut note = |what, value| bench.note(Relist.name(), case, contender, what, value);
    note(what::CPU_OBJECT, micros(phase.cpu) / f64::from(objects));
    note(what::WALL, phase.wall.as_secs_f64());
    note(what::PEAK_SHARE, (phase.memory.peak as f64 / before - 1.0) * 100.0);
    note(what::MEMORY, phase.memory.resident as f64 / 1e6);
    Ok(())
}

fn note_idle(bench: &mut Bench, contender: Contender, case: &str, idle: &Phase) {
    let mut note = |what, value| bench.note(Idle.name(), case, contender, what, value);
    note(what::CPU_SHARE, idle.cpu.as_secs_f64() * 100.0 / idle.wall.as_secs_f64());
    note(what::MEMORY, idle.memory.resident as f64 / 1e6);
    note("callbacks a second", idle.callbacks as f64 / idle.wall.as_secs_f64());
}

fn sleep(bench: &mut Bench, contender: Contender, milliseconds: u32, concurrency: u32) -> anyhow::Result<()> {
    // A second's work for all workers, if there are objects for it.
    let keys = (concurrency * 1000 / milliseconds).min(10_000);
    let sleep = Duration::from_millis(milliseconds.into());
    let options = Options { sleep, concurrency, ..options(contender) };
    let mut session = start(bench, contender, Corpus::PodSmall, keys, &options)?;
    session.sync(keys)?;
    let phase = session.burst(keys)?;
    let case = format!("{milliseconds} ms, {concurrency} at once");
    let ideal = f64::from(keys) * f64::from(milliseconds) / f64::from(concurrency);
    let mut note = |what, value| bench.note(Workload::Sleep.name(), &case, contender, what, value);
    note(what::P50, phase.latency(500));
    note(what::MOST, phase.latency(1000));
    note(what::OVER_IDEAL, phase.latency(1000) / ideal);
    note(what::CPU_EVENT, micros(phase.cpu) / f64::from(keys));
    Ok(())
}

fn lookups(bench: &mut Bench, contender: Contender, reads: u32) -> anyhow::Result<()> {
    let objects = 10_000;
    let options = Options { lookups: reads, ..options(contender) };
    let mut session = start(bench, contender, Corpus::PodLarge, objects, &options)?;
    session.sync(objects)?;
    let events = 20_000;
    let phase = session.firehose(events, objects)?;
    let case = format!("{reads} reads");
    note_firehose(bench, contender, Workload::Lookups.name(), &case, events, &phase);
    bench.note(
        Workload::Lookups.name(),
        &case,
        contender,
        "CPU per callback, µs",
        micros(phase.cpu) / phase.callbacks.max(1) as f64,
    );
    Ok(())
}

/// Objects that nobody asked for since they were found, in two rounds of the tier.
const COOLING: Duration = Duration::from_secs(130);

fn cold(bench: &mut Bench, contender: Contender, objects: u32) -> anyhow::Result<()> {
    let mut session = start(bench, contender, Corpus::PodLarge, objects, &options(contender))?;
    session.sync(objects)?;
    let idle = session.idle(COOLING)?;
    let case = format!("{objects} pod-large, compressed");
    let grown = idle.memory.resident.saturating_sub(session.baseline().resident) as f64;
    bench.note(Idle.name(), &case, contender, what::MEMORY_OBJECT, grown / 1e3 / f64::from(objects));
    note_idle(bench, contender, &case, &idle);
    Ok(())
}

fn resync(bench: &mut Bench, contender: Contender, objects: u32, seconds: u32) -> anyhow::Result<()> {
    let options = Options { resync: true, ..options(contender) };
    let mut session = start(bench, contender, Corpus::PodLarge, objects, &options)?;
    session.sync_with_ticks(objects)?;
    let steady = session.memory()?;
    let case = format!("{objects} pod-large, tick of 30 s");
    let grown = steady.resident.saturating_sub(session.baseline().resident) as f64;
    let beyond = grown / f64::from(objects) - Corpus::PodLarge.sizes().stripped as f64;
    bench.note(Idle.name(), &case, contender, what::BEYOND, beyond);
    let idle = session.idle(Duration::from_secs(seconds.into()))?;
    note_idle(bench, contender, &case, &idle);
    Ok(())
}

/// How long the only worker is held while keys wait.
const HOLD: Duration = Duration::from_secs(4);

/// Changes while it is held.
pub const HELD: u32 = 400_000;

/// Changes of the scale: small objects take little time.
const SCALED: u32 = 200_000;

fn scale(bench: &mut Bench, contender: Contender, objects: u32) -> anyhow::Result<()> {
    let mut session = start(bench, contender, Corpus::ConfigMap, objects, &options(contender))?;
    session.sync(objects)?;
    session.firehose(SCALED / 4, objects)?;
    // The same keys in caches of all sizes: with more of them fewer changes would meet a key that waits.
    let phase = least(|| session.firehose(SCALED, 1000), |phase| phase.cpu)?;
    note_firehose(bench, contender, Workload::Scale.name(), &format!("{objects} cached"), SCALED, &phase);
    Ok(())
}

fn waiting(bench: &mut Bench, contender: Contender) -> anyhow::Result<()> {
    let objects = 10_000;
    let mut session = start(bench, contender, Corpus::ConfigMap, objects, &holding(contender))?;
    session.sync(objects)?;
    session.firehose(SCALED / 4, objects)?;
    for keys in [1, 10, 100, 1000, objects] {
        let waiting = least(|| session.held(HELD, keys), |waiting| *waiting)?;
        let case = format!("{keys} waiting");
        bench.note(Workload::Scale.name(), &case, contender, what::CPU_EVENT, micros(waiting) / f64::from(HELD));
    }
    Ok(())
}

/// What a subject is told whose only worker one change can hold.
pub fn holding(contender: Contender) -> Options {
    Options { sleep: HOLD, hold: true, ..options(contender) }
}

/// Of five phases that of the least cost: what else the machine does in some of them is not the engine's, and one size is
/// compared with another.
fn least<T>(mut phase: impl FnMut() -> anyhow::Result<T>, cpu: impl Fn(&T) -> Duration) -> anyhow::Result<T> {
    let mut least = phase()?;
    for _ in 1..5 {
        let other = phase()?;
        if cpu(&other) < cpu(&least) {
            least = other;
        }
    }
    Ok(least)
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}
