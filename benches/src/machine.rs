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
    let locked = |text: &str, name: &str| {
        let (_, package) = text.split_once(&format!("name = \"{name}\"\n"))?;
        let version = package.lines().next()?.trim_start_matches("version = ").trim_matches('"').to_owned();
        Some(format!("{name} {version}"))
    };
    let module = |name: &str| {
        let text = include_str!("../peers/controller-runtime/go.mod");
        let line = text.lines().find(|line| line.contains(&format!("{name} v")))?;
        line.split_whitespace().last().map(|version| format!("{} {version}", name.rsplit('/').next().unwrap_or(name)))
    };
    let peer = include_str!("../peers/kube-runtime/Cargo.lock");
    [
        Some(format!("controller-core {}", env!("CARGO_PKG_VERSION"))),
        locked(peer, "kube-runtime"),
        module("sigs.k8s.io/controller-runtime"),
        module("k8s.io/client-go"),
        said("rustc", "--version"),
        said("go", "version"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_the_peers_are_those_that_are_built() {
        let versions = versions();
        let says = |name: &str| versions.iter().any(|version| version.starts_with(name) && version.contains('.'));
        for name in ["controller-core ", "kube-runtime ", "controller-runtime v", "client-go v", "rustc "] {
            assert!(says(name), "{name}: {versions:?}");
        }
    }
}
