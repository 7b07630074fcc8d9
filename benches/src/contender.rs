//! Who is measured: our engine in its modes, and the peers, each with the command that starts it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::subject::{Mode, Options};

/// A subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// Our engine; the callback gets two annotations.
    Lazy,
    /// Our engine; the callback gets the whole object.
    Typed,
    /// The first, over a cache that compresses what nobody asks for.
    Compressed,
    /// The first on jemalloc.
    LazyJemalloc,
    /// The second on jemalloc.
    TypedJemalloc,
    /// No engine: a thread that reads the bytes, and keeps nothing.
    Floor,
    /// kube-runtime's Controller as it comes.
    Kube,
    /// The same with managedFields cleared, streaming lists, 16 workers, and jemalloc.
    KubeTuned,
    /// controller-runtime as it comes: protobuf for built-in kinds.
    Go,
    /// The same with managedFields stripped and 16 workers.
    GoTuned,
    /// controller-runtime on JSON: what a custom resource costs there.
    GoJson,
}

impl Contender {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 11] = [
        Self::Lazy,
        Self::Typed,
        Self::Compressed,
        Self::LazyJemalloc,
        Self::TypedJemalloc,
        Self::Floor,
        Self::Kube,
        Self::KubeTuned,
        Self::Go,
        Self::GoTuned,
        Self::GoJson,
    ];

    /// As the command line and the tables write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lazy => "lazy",
            Self::Typed => "typed",
            Self::Compressed => "compressed",
            Self::LazyJemalloc => "lazy-jemalloc",
            Self::TypedJemalloc => "typed-jemalloc",
            Self::Floor => "floor",
            Self::Kube => "kube-runtime",
            Self::KubeTuned => "kube-runtime-tuned",
            Self::Go => "controller-runtime",
            Self::GoTuned => "controller-runtime-tuned",
            Self::GoJson => "controller-runtime-json",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contender| contender.name() == name)
    }

    /// Whether it is our engine.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Lazy | Self::Typed | Self::Compressed | Self::LazyJemalloc | Self::TypedJemalloc)
    }

    /// Whether it is the Go peer.
    pub fn is_go(self) -> bool {
        matches!(self, Self::Go | Self::GoTuned | Self::GoJson)
    }

    /// Whether its program is there.
    pub fn is_built(self) -> bool {
        self.program().is_some_and(|program| program.is_file())
    }

    /// Its program.
    pub fn program(self) -> Option<PathBuf> {
        let own = std::env::current_exe().ok()?;
        let beside = |name: &str| Some(own.parent()?.join(name));
        match self {
            Self::Lazy | Self::Typed | Self::Compressed | Self::Floor => beside("bench"),
            Self::LazyJemalloc | Self::TypedJemalloc => beside("bench-jemalloc"),
            Self::Kube => beside("peer-kube-runtime"),
            Self::KubeTuned => beside("peer-kube-runtime-tuned"),
            Self::Go | Self::GoTuned | Self::GoJson => beside("peer-controller-runtime"),
        }
    }

    /// How it is started.
    pub fn command(self, options: &Options) -> anyhow::Result<Command> {
        let program = self.program().unwrap_or_else(|| Path::new("bench").to_owned());
        let mut command = Command::new(program);
        let mode = match (self, options.mode) {
            (Self::GoTuned, _) => "tuned",
            (Self::GoJson, _) => "json",
            (Self::Compressed, _) => "compressed",
            (Self::Floor, _) => "floor",
            (Self::Lazy | Self::LazyJemalloc, Mode::Lazy) => "lazy",
            _ => "typed",
        };
        if self.is_ours() || self == Self::Floor {
            command.arg("subject");
        }
        command.args(["--server", &options.server, "--mode", mode]);
        for (flag, value) in [
            ("--concurrency", u64::from(options.concurrency)),
            ("--sleep-ms", options.sleep.as_millis() as u64),
            ("--lookups", u64::from(options.lookups)),
            ("--objects", u64::from(options.objects)),
        ] {
            if value > 0 {
                command.args([flag, &value.to_string()]);
            }
        }
        for (flag, given) in
            [("--configmaps", options.configmaps), ("--resync", options.resync), ("--hold", options.hold)]
        {
            if given {
                command.arg(flag);
            }
        }
        Ok(command)
    }
}
