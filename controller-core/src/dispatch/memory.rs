//! Owns the look at the process's memory: a callback that allocates without end is named before the kernel ends the
//! process without a word.
//!
//! The limit is that of the control group, as Kubernetes sets it. Where there is none, nothing is said.

use std::fmt;
use std::fs;

/// From this share of the limit on it is told, and told again only after it was below [`CALM`].
const FULL: f64 = 0.9;
const CALM: f64 = 0.8;

/// Where the kernel tells the limit, the use and its parts: control groups 2, then 1.
const FILES: [[&str; 3]; 2] = [
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"],
    [
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ],
];

/// How full the memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fill {
    used: u64,
    limit: u64,
}

impl Fill {
    fn share(self) -> f64 {
        self.used as f64 / self.limit.max(1) as f64
    }

    /// What the kernel's files say. The part of the files' cache that can be dropped at any time is not counted, as
    /// the kubelet does not count it: <https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/>.
    fn parse(limit: &str, used: &str, parts: &str) -> Option<Self> {
        let limit = limit.trim().parse().ok()?;
        let used: u64 = used.trim().parse().ok()?;
        let droppable = parts.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse().ok());
        // Control groups 1 write "no limit" as a number beyond any machine's memory.
        (limit < 1 << 60).then_some(Self { used: used.saturating_sub(droppable.unwrap_or(0)), limit })
    }

    fn read() -> Option<Self> {
        let read = |path: &str| fs::read_to_string(path).ok();
        FILES.iter().find_map(|[limit, used, parts]| Self::parse(&read(limit)?, &read(used)?, &read(parts)?))
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB of the {} MiB that the container may have", self.used >> 20, self.limit >> 20)
    }
}

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Memory {
    told: bool,
}

impl Memory {
    /// What there is to tell now.
    pub(super) fn look(&mut self) -> Option<Fill> {
        self.judge(Fill::read()?)
    }

    fn judge(&mut self, fill: Fill) -> Option<Fill> {
        if fill.share() < CALM {
            self.told = false;
        }
        let tells = fill.share() >= FULL && !self.told;
        self.told |= tells;
        tells.then_some(fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_memory_is_told_once_until_it_was_calm() {
        let mut memory = Memory::default();
        let mut tells = |used| memory.judge(Fill { used, limit: 100 }).is_some();
        let uses = [50, 89, 90, 99, 85, 95, 79, 91];
        assert_eq!(uses.map(&mut tells), [false, false, true, false, false, false, false, true]);
    }

    #[test]
    fn no_limit_is_no_fill() {
        assert_eq!(Fill::parse("max\n", "5\n", ""), None);
        assert_eq!(Fill::parse("9223372036854771712\n", "5\n", ""), None);
        let fill = Fill::parse("104857600\n", "52428800\n", "anon 1\ninactive_file 10485760\nunevictable 0\n");
        assert_eq!(
            fill.map(|fill| fill.to_string()).as_deref(),
            Some("40 MiB of the 100 MiB that the container may have")
        );
    }
}
