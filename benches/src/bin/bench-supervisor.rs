//! What the supervisor costs: starting and stopping a large tree, a restart, and a child at rest.
//!
//! `just bench-supervisor` prints the table, `just bench-supervisor --write-docs` writes it to docs/supervision.md. Each
//! figure is the CPU time or the memory of this process alone, on one thread; times are medians of some rounds.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use controller_core::{ChildContext, ChildSpec, Exit, Strategy, Supervisor};

/// The children of the large tree.
const CHILDREN: u32 = 10_000;

/// The children whose memory is measured: more, since the system counts in pages.
const RESTING: u32 = 100_000;

/// The restarts of one child that are measured in one go.
const RESTARTS: u32 = 100_000;

const ROUNDS: usize = 7;

/// One figure, and the most that it may be.
struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    most: f64,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench-supervisor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether each figure is within its goal.
fn run() -> anyhow::Result<bool> {
    // First: what the others give back to the allocator would be taken for nothing.
    let at_rest = at_rest()?;
    let figures = [
        Figure {
            name: format!("starting and stopping a tree of {CHILDREN} children, CPU"),
            unit: "ms",
            value: median(|| start_and_stop(CHILDREN))?.as_secs_f64() * 1e3,
            most: 100.0,
        },
        Figure {
            name: "a restart beyond the child's own start, CPU".to_owned(),
            unit: "µs",
            value: (median(restarts)?.saturating_sub(median(bare_starts)?) / RESTARTS).as_secs_f64() * 1e6,
            most: 20.0,
        },
        Figure { name: "a child at rest, its task included".to_owned(), unit: "bytes", value: at_rest, most: 1_024.0 },
    ];
    let mut table = String::from("| what | measured | goal |\n| --- | ---: | ---: |\n");
    for Figure { name, unit, value, most } in &figures {
        table += &format!("| {name} | {value:.*} {unit} | at most {most} {unit} |\n", usize::from(*value < 100.0));
    }
    println!("{table}");
    if std::env::args().any(|argument| argument == "--write-docs") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/supervision.md");
        let page = std::fs::read_to_string(path).with_context(|| format!("{path} can't be read"))?;
        let page =
            benches::docs::filled(&page, "supervisor", &table).context("the page has no block for the figures")?;
        std::fs::write(path, page)?;
    }
    Ok(figures.iter().all(|figure| figure.value <= figure.most))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_time().build()?)
}

fn tree(children: u32) -> Supervisor {
    let tree = Supervisor::new("tree", Strategy::OneForOne).intensity(u32::MAX, Duration::from_secs(1));
    (0..children).fold(tree, |tree, number| {
        tree.child(ChildSpec::worker(format!("child-{number}"), |cx: ChildContext| async {
            cx.ready();
            cx.stopped().await;
        }))
    })
}

fn start_and_stop(children: u32) -> anyhow::Result<Duration> {
    let runtime = runtime()?;
    let tree = tree(children);
    let before = cpu()?;
    runtime.block_on(async {
        let running = tree.start().await?;
        running.stop().await;
        anyhow::Ok(())
    })?;
    Ok(cpu()?.saturating_sub(before))
}

/// One child that ends as soon as it is ready, again and again.
fn restarts() -> anyhow::Result<Duration> {
    let runtime = runtime()?;
    let starts = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&starts);
    let ends = ChildSpec::worker("ends", move |cx: ChildContext| {
        let start = seen.fetch_add(1, Ordering::Relaxed);
        async move {
            cx.ready();
            if start < RESTARTS {
                return Exit::Killed;
            }
            cx.stopped().await;
            Exit::Normal
        }
    });
    let tree = Supervisor::new("tree", Strategy::OneForOne).intensity(u32::MAX, Duration::from_secs(1)).child(ends);
    let before = cpu()?;
    runtime.block_on(async {
        let running = tree.start().await?;
        while starts.load(Ordering::Relaxed) <= RESTARTS {
            tokio::task::yield_now().await;
        }
        running.stop().await;
        anyhow::Ok(())
    })?;
    Ok(cpu()?.saturating_sub(before))
}

/// The same future as a task of its own, as often.
fn bare_starts() -> anyhow::Result<Duration> {
    let runtime = runtime()?;
    let before = cpu()?;
    runtime.block_on(async {
        for _ in 0..RESTARTS {
            tokio::spawn(async { Exit::Killed }).await?;
        }
        anyhow::Ok(())
    })?;
    Ok(cpu()?.saturating_sub(before))
}

/// What one of many children keeps, in bytes.
fn at_rest() -> anyhow::Result<f64> {
    let runtime = runtime()?;
    let before = resident()?;
    runtime.block_on(async {
        let running = tree(RESTING).start().await?;
        let kept = resident()?.saturating_sub(before);
        running.stop().await;
        anyhow::Ok(kept as f64 / f64::from(RESTING))
    })
}

fn median(measure: impl Fn() -> anyhow::Result<Duration>) -> anyhow::Result<Duration> {
    let mut times = (0..ROUNDS).map(|_| measure()).collect::<anyhow::Result<Vec<_>>>()?;
    times.sort();
    Ok(times[ROUNDS / 2])
}

/// The CPU time of this thread, which does everything here.
fn cpu() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("the kernel tells no CPU time")?;
    let nanos = text.split(' ').next().context("no first field")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}

fn resident() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no resident memory")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1_024)
}
