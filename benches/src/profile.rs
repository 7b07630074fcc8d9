//! Where a subject's time goes in a firehose: samples of `perf`, added up by what the code is part of.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::contender::Contender;
use crate::corpus::Corpus;
use crate::series::{self, HELD};
use crate::session::Session;

/// What symbols are part of, by words in them; the first that fits counts. What fits none is the rest.
const PARTS: &[(&str, &[&str])] = &[
    ("decode (`json::decode`, serde)", &["json::decode", "serde", "k8s_openapi", "Visitor"]),
    ("scan (`json`, `watch::scan`)", &["fearless_simd", "controller_core::json", "watch::scan", "from_utf8"]),
    ("framing and pumping (`watch`)", &["controller_core::watch", "memchr"]),
    ("cache and look-ups of keys", &["controller_core::cache", "hashbrown"]),
    ("queue", &["controller_core::queue"]),
    ("dispatch, with its metrics and watchdog", &["controller_core::", "prometheus_client", "clock_gettime", "sort::"]),
    (
        "allocator",
        &["alloc", "free", "unlink_chunk", "je_", "arena", "tcache", "drop_slow", "drop_in_place", "drop_glue"],
    ),
    ("copies and comparisons", &["mem"]),
    ("tokio, hyper and tower", &["tokio", "hyper", "tower", "http", "bytes::", "futures", "kube_client"]),
];
const KERNEL: &str = "kernel: sockets, scheduler";
const REST: &str = "rest";

const EVENTS: u32 = 200_000;
const OBJECTS: u32 = 10_000;

/// The file in the folder of a bench.
pub const FILE: &str = "profile.md";

/// How many keys wait in the profiles of those that do.
const WAITING: [u32; 2] = [1, OBJECTS];

/// Takes a profile of each, and leaves them as Markdown.
pub fn run(contenders: &[Contender], folder: &Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(folder)?;
    let mut columns = Vec::new();
    for &contender in contenders {
        ensure!(!contender.is_go(), "symbols of Go are not added up: use pprof");
        let mut session =
            Session::start(contender, Corpus::PodLarge, OBJECTS, None, false, &series::options(contender))?;
        session.sync(OBJECTS)?;
        session.firehose(EVENTS / 10, OBJECTS)?;
        let data = folder.join(format!("{}.perf", contender.name()));
        let (shares, _) = sampled(session, &data, |session| session.firehose(EVENTS, OBJECTS))?;
        columns.push((contender.name().to_owned(), shares));
    }
    let mut out = table("share of CPU time, %", &columns, 0);
    if contenders.contains(&Contender::Lazy) {
        let columns = WAITING.map(|keys| waiting(keys, folder)).into_iter().collect::<Result<Vec<_>, _>>()?;
        let _ = write!(out, "\n{}", table("CPU time of an event while keys wait, µs", &columns, 2));
    }
    std::fs::write(folder.join(FILE), &out)?;
    Ok(out)
}

/// What an event costs by part, in microseconds, while so many keys wait.
fn waiting(keys: u32, folder: &Path) -> anyhow::Result<(String, BTreeMap<&'static str, f64>)> {
    let options = series::holding(Contender::Lazy);
    let mut session = Session::start(Contender::Lazy, Corpus::ConfigMap, OBJECTS, None, false, &options)?;
    session.sync(OBJECTS)?;
    session.firehose(EVENTS / 10, OBJECTS)?;
    let data = folder.join(format!("{keys}-waiting.perf"));
    let (mut shares, cpu) = sampled(session, &data, |session| session.held(HELD, keys))?;
    for share in shares.values_mut() {
        *share *= cpu.as_nanos() as f64 / 1e3 / 100.0 / f64::from(HELD);
    }
    Ok((format!("{keys} waiting"), shares))
}

/// What is sampled while a subject does this, by part, in percent.
fn sampled<T>(
    mut session: Session,
    data: &Path,
    phase: impl FnOnce(&mut Session) -> anyhow::Result<T>,
) -> anyhow::Result<(BTreeMap<&'static str, f64>, T)> {
    let mut perf = Command::new("perf")
        .args(["record", "--quiet", "--freq", "1999", "--pid", &session.subject_id().to_string(), "--output"])
        .arg(data)
        .spawn()
        .context("perf does not start")?;
    std::thread::sleep(Duration::from_millis(500));
    let done = phase(&mut session)?;
    // It ends with the process that it looks at, and then writes its file.
    drop(session);
    ensure!(perf.wait()?.success(), "perf has failed");
    let report = Command::new("perf")
        .args(["report", "--no-children", "--sort", "symbol", "--input"])
        .arg(data)
        .stderr(Stdio::null())
        .output()?;
    Ok((shares(&String::from_utf8_lossy(&report.stdout)), done))
}

fn table(title: &str, columns: &[(String, BTreeMap<&'static str, f64>)], digits: usize) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| &**name).collect();
    let mut out = format!("| {title} | {} |\n|{}\n", names.join(" | "), " --- |".repeat(names.len() + 1));
    for part in PARTS.iter().map(|(part, _)| *part).chain([KERNEL, REST]) {
        let cells = columns.iter().map(|(_, parts)| format!("{:.digits$}", parts.get(part).unwrap_or(&0.0)));
        let _ = writeln!(out, "| {part} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    out
}

/// Percent by part.
fn shares(report: &str) -> BTreeMap<&'static str, f64> {
    let mut shares = BTreeMap::new();
    for line in report.lines() {
        let Some((percent, symbol)) = line.trim().split_once('%') else { continue };
        let Ok(percent) = percent.parse::<f64>() else { continue };
        *shares.entry(part_of(symbol.trim())).or_insert(0.0) += percent;
    }
    shares
}

fn part_of(symbol: &str) -> &'static str {
    if symbol.starts_with("[k]") {
        return KERNEL;
    }
    let fits = |(_, words): &&(&str, &[&str])| words.iter().any(|word| symbol.contains(word));
    PARTS.iter().find(fits).map_or(REST, |(part, _)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_added_up_by_what_the_code_is_part_of() {
        let report = "# Overhead  Symbol\n\
                      \x20    9.50%  [.] serde_json::read::SliceRead::skip_to_escape    -      -\n\
                      \x20    5.00%  [k] _copy_to_iter\n\
                      \x20    4.00%  [.] controller_core::json::brackets::end_of_array\n\
                      \x20    0.50%  [.] <serde_json::read::SliceRead as serde_json::read::Read>::parse_str\n\
                      \x20    3.00%  [.] _int_malloc\n\
                      \x20    2.00%  [.] __memmove_avx512_unaligned_erms\n\
                      \x20    1.00%  [.] something_else\n";
        let shares = shares(report);
        let check = |part: &str, expect: f64| assert_eq!(shares.get(part).copied(), Some(expect), "{part}");
        check("decode (`json::decode`, serde)", 10.0);
        check(KERNEL, 5.0);
        check("scan (`json`, `watch::scan`)", 4.0);
        check("allocator", 3.0);
        check("copies and comparisons", 2.0);
        check(REST, 1.0);
    }
}
