//! What a process has used, read from /proc.

use std::fs;
use std::io;
use std::time::Duration;

/// CPU time and memory of this process up to now.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    pub cpu: Duration,
    pub resident_bytes: u64,
    pub peak_bytes: u64,
}

/// Reads them for this process.
///
/// CPU time is summed over the threads from schedstat, in nanoseconds: the ticks of /proc/self/stat are too coarse.
pub fn used() -> io::Result<Used> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += schedstat.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let kilobytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Ok(Used {
        cpu: Duration::from_nanos(nanoseconds),
        resident_bytes: kilobytes("VmRSS:").unwrap_or(0) * 1024,
        peak_bytes: kilobytes("VmHWM:").unwrap_or(0) * 1024,
    })
}

/// The load of the machine over the last minute, for the report.
pub fn machine_load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
