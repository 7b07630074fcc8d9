//! Owns the figures of the process, as Prometheus' clients name them. They are read where the kernel tells them
//! (Linux); elsewhere there are none.

use std::fs;

/// The kernel counts processor time in hundredths of a second for every program.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the process used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    /// Seconds since 1970.
    pub(super) started: f64,
    pub(super) open_files: Option<usize>,
}

impl Process {
    pub(super) fn read() -> Option<Self> {
        let read = |path: &str| fs::read_to_string(path).ok();
        let files = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        Self::parse(&read("/proc/self/stat")?, &read("/proc/self/status")?, &read("/proc/stat")?, files)
    }

    /// See proc_pid_stat(5), proc_pid_status(5) and proc_stat(5).
    fn parse(stat: &str, status: &str, system: &str, open_files: Option<usize>) -> Option<Self> {
        // The name of the program stands in parentheses and may hold anything.
        let (_, after_name) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        // The state is field 3; user time, system time and start are fields 14, 15 and 22.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
        };
        let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())?;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / TICKS_PER_SECOND,
            resident_bytes: bytes("VmRSS")?,
            virtual_bytes: bytes("VmSize")?,
            started: boot + field(22)? / TICKS_PER_SECOND,
            open_files,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 3 0 12345 1 2 3";
        let status = "Name:\ta\nVmSize:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        let expect = Process {
            cpu_seconds: 2.0,
            resident_bytes: 1024 * 1024,
            virtual_bytes: 2048 * 1024,
            started: 1_123.45,
            open_files: Some(3),
        };
        assert_eq!(Process::parse(stat, status, "cpu 1 2\nbtime 1000\n", Some(3)), Some(expect));
        assert_eq!(Process::parse("nonsense", status, "btime 1", None), None);
    }
}
