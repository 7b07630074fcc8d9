//! The workloads of docs/performance.md, and the names of the figures that come of them.

/// The figures' names, with their units. Goals and plots read them.
pub mod what {
    pub const CPU_OBJECT: &str = "CPU per object, µs";
    pub const CPU_EVENT: &str = "CPU per event, µs";
    pub const CPU_SHARE: &str = "CPU, % of a core";
    pub const MEMORY_OBJECT: &str = "memory per object, KB";
    pub const BEYOND: &str = "memory per object beyond its JSON without managedFields, B";
    pub const MEMORY: &str = "memory, MB";
    pub const PEAK: &str = "peak memory over what stays, MB";
    pub const PEAK_SHARE: &str = "peak memory over what stays, %";
    pub const WALL: &str = "wall, s";
    pub const RATE: &str = "events a second";
    pub const RUNS: &str = "callbacks per event";
    pub const SERVER_CPU: &str = "CPU of the server per event, µs";
    pub const LATE: &str = "changes held up, %";
    pub const P50: &str = "p50, ms";
    pub const P90: &str = "p90, ms";
    pub const P99: &str = "p99, ms";
    pub const P999: &str = "p99.9, ms";
    pub const MOST: &str = "greatest, ms";
    pub const OVER_IDEAL: &str = "greatest age of a key over the least possible";
}

/// A workload of docs/performance.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// The first list.
    Sync,
    /// Changes as fast as they are read, over all keys.
    Firehose,
    /// The same over a hundredth of the keys.
    Hot,
    /// Changes at an even pace.
    Rated,
    /// A list that has to be read again.
    Relist,
    /// Half of the objects are deleted.
    Storm,
    /// Callbacks that sleep.
    Sleep,
    /// Callbacks that read other objects.
    Lookups,
    /// Nothing happens.
    Idle,
    /// Small objects.
    Small,
    /// Over TLS.
    Secure,
    /// The cost of an event with more and more objects and keys.
    Scale,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Sync,
        Self::Firehose,
        Self::Hot,
        Self::Rated,
        Self::Relist,
        Self::Storm,
        Self::Sleep,
        Self::Lookups,
        Self::Idle,
        Self::Small,
        Self::Secure,
        Self::Scale,
    ];

    /// As the command line and the figures write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "w1",
            Self::Firehose => "w2",
            Self::Hot => "w3",
            Self::Rated => "w4",
            Self::Relist => "w5",
            Self::Storm => "w6",
            Self::Sleep => "w7",
            Self::Lookups => "w8",
            Self::Idle => "w9",
            Self::Small => "w10",
            Self::Secure => "tls",
            Self::Scale => "scale",
        }
    }

    /// What it is, for the report.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sync => "W1, first sync: from nothing to a callback for each object",
            Self::Firehose => "W2, firehose: changes drawn evenly over all keys, as fast as they are read",
            Self::Hot => "W3, hot keys: the firehose over one key in a hundred",
            Self::Rated => "W4, latency: changes at an even pace, from the write to the callback",
            Self::Relist => "W5, relist: the watch is too old, every 20th object has changed, every 100th is gone",
            Self::Storm => "W6, storm: half of the objects are deleted at once",
            Self::Sleep => "W7, slow callbacks: one change for each key, and callbacks that sleep",
            Self::Lookups => "W8, lookups: each callback reads other pods from the cache, typed",
            Self::Idle => "W9, idle: nothing happens, or each object is run again after 30 seconds",
            Self::Small => "W10, small objects: W1 and W2 with configmaps",
            Self::Secure => "TLS: W1 and W2 over HTTPS",
            Self::Scale => "Scale: the firehose with more and more configmaps and keys",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.name() == name)
    }
}
