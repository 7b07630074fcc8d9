//! The figures as Markdown: medians over the rounds, with what they were measured on.

use crate::meter;
use crate::server::{Load, Round};
use crate::subject::{Kind, Line};

/// Prints the table of docs/performance.md.
pub fn print(load: Load, sent: usize, rounds: &[Round]) {
    println!(
        "{} pods of {:.1} KB as sent, {} changes, {} rounds; HTTPS on loopback, operator and server each a process; \
         controller-core {}, load of the machine at the end {}.\n",
        load.objects,
        sent as f64 / 1000.0,
        load.events,
        load.rounds,
        env!("CARGO_PKG_VERSION"),
        meter::machine_load(),
    );
    println!("| | lazy (a projection of one annotation) | typed (`Pod`) |");
    println!("| --- | --- | --- |");
    let objects = load.objects as f64;
    let events = load.events as f64;
    row("first sync, CPU per object", rounds, "µs", |round| cpu_between(&round.start, &round.sync) / objects);
    row("memory per object after it", rounds, "KB", |round| grown(&round.start, &round.sync) / objects);
    row("peak memory of the first sync over what stays", rounds, "%", |round| {
        (round.sync.peak_bytes as f64 / round.sync.resident_bytes as f64 - 1.0) * 100.0
    });
    row("firehose, CPU per event", rounds, "µs", |round| cpu_between(&round.sync, &round.firehose) / events);
    row("change to callback at 500 a second, p50", rounds, "µs", |round| percentile(&round.rated, 50));
    row("change to callback at 500 a second, p99", rounds, "µs", |round| percentile(&round.rated, 99));
}

fn row(what: &str, rounds: &[Round], unit: &str, figure: impl Fn(&Round) -> f64) {
    let cell = |kind: Kind| {
        let mut figures: Vec<f64> = rounds.iter().filter(|round| round.kind == kind).map(&figure).collect();
        figures.sort_by(f64::total_cmp);
        let (least, most) = (figures.first().copied().unwrap_or(f64::NAN), figures.last().copied().unwrap_or(f64::NAN));
        let median = figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN);
        format!("{median:.1} {unit} ({least:.1} to {most:.1})")
    };
    println!("| {what} | {} | {} |", cell(Kind::Lazy), cell(Kind::Typed));
}

fn cpu_between(from: &Line, to: &Line) -> f64 {
    to.cpu_ns.saturating_sub(from.cpu_ns) as f64 / 1000.0
}

fn grown(from: &Line, to: &Line) -> f64 {
    to.resident_bytes.saturating_sub(from.resident_bytes) as f64 / 1000.0
}

fn percentile(line: &Line, percent: usize) -> f64 {
    let at = line.latencies.len() * percent / 100;
    line.latencies.get(at.min(line.latencies.len().saturating_sub(1))).map_or(f64::NAN, |ns| *ns as f64 / 1000.0)
}
