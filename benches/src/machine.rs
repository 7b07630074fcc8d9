//! What was measured on, and with which versions.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// The machine and the versions, as they go into the file of figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The model of the CPU.
    pub cpu: String,
    /// How many there are.
    pub cores: usize,
    /// Memory in GB.
    pub memory_gb: u64,
    /// The kernel.
    pub kernel: String,
    /// The load over the last minute.
    pub load: String,
    /// What was built with what.
    pub versions: Vec<String>,
}

impl Machine {
    /// This one, now.
    pub fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (cpuinfo, meminfo) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let after_colon = |text: &str, field: &str| {
            let line = text.lines().find(|line| line.starts_with(field))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kilobytes = after_colon(&meminfo, "MemTotal")
            .and_then(|value| value.split(' ').next()?.parse::<u64>().ok())
            .unwrap_or(0);
        Self {
            cpu: after_colon(&cpuinfo, "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(0, Into::into),
            memory_gb: kilobytes >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or("unknown").to_owned(),
            versions: versions(),
        }
    }
}

fn versions() -> Vec<String> {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|said| !said.is_empty())
    };
    [Some(format!("controller-core {}", env!("CARGO_PKG_VERSION"))), said("rustc", "--version"), said("go", "version")]
        .into_iter()
        .flatten()
        .collect()
}
