//! Levels and versions, and the labels of a namespace that name them.

use std::fmt;

use serde_json::{Map, Value};

use crate::field::{FieldError, Path};

const PREFIX: &str = "pod-security.kubernetes.io/";

/// How much is allowed: the strictest comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// What was asked of pods at a version of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// By the minor part of the version.
    Minor(i64),
    /// Whichever is the newest.
    Latest,
}

/// A level as it was at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standard {
    pub(crate) level: Level,
    pub(crate) version: Version,
}

/// What a namespace asks of its pods. What is to be audited goes to a log that the server does not have: the labels for
/// it are read, as they may be wrong, and mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// What breaks it is refused.
    pub(crate) enforce: Standard,
    /// What breaks it is told.
    pub(crate) warn: Standard,
}

/// What a label says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label<T> {
    Absent,
    Says(T),
    Wrong,
}

impl<T> Label<T> {
    fn or(self, absent: T, wrong: T) -> T {
        match self {
            Self::Absent => absent,
            Self::Says(it) => it,
            Self::Wrong => wrong,
        }
    }
}

impl Level {
    const NAMES: [(&str, Self); 3] =
        [("privileged", Self::Privileged), ("baseline", Self::Baseline), ("restricted", Self::Restricted)];

    fn read(text: &str) -> Result<Self, &'static str> {
        let known = Self::NAMES.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, level)| level).ok_or("must be one of privileged, baseline, restricted")
    }
}

impl Version {
    fn read(text: &str) -> Result<Self, &'static str> {
        let minor = text.strip_prefix("v1.").filter(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'))
        });
        match (text, minor.and_then(|digits| digits.parse().ok())) {
            ("latest", _) => Ok(Self::Latest),
            (_, Some(minor)) => Ok(Self::Minor(minor)),
            _ => Err("must be \"latest\" or \"v1.x\""),
        }
    }

    /// Whether it is one of those from this minor version on.
    pub(super) fn is_since(self, minor: i64) -> bool {
        self >= Self::Minor(minor)
    }
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Level::NAMES.iter().find(|(_, level)| *level == self.level).map_or("", |(name, _)| name);
        match self.version {
            Version::Minor(minor) => write!(f, "{name}:v1.{minor}"),
            Version::Latest => write!(f, "{name}:latest"),
        }
    }
}

impl Policy {
    /// What the labels ask for, and what is wrong with them. A level that is none is the strictest where it is enforced.
    pub(crate) fn of(labels: Option<&Map<String, Value>>) -> (Self, Vec<FieldError>) {
        let mut faults = Vec::new();
        let [enforce, _, warn] = ["enforce", "audit", "warn"].map(|mode| {
            let level = label(labels, mode, Level::read, &mut faults);
            (level, label(labels, &format!("{mode}-version"), Version::read, &mut faults))
        });
        let standard = |level, version| Standard { level, version };
        let enforced = standard(
            enforce.0.or(Level::Privileged, Level::Restricted),
            enforce.1.or(Version::Latest, Version::Latest),
        );
        // Who says only what is refused is told of it too.
        let usual = match (enforce.0, warn.0) {
            (Label::Says(level), Label::Absent) => standard(level, enforced.version),
            _ => standard(Level::Privileged, Version::Latest),
        };
        let warned = standard(warn.0.or(usual.level, Level::Privileged), warn.1.or(usual.version, Version::Latest));
        (Self { enforce: enforced, warn: warned }, faults)
    }
}

fn label<T>(
    labels: Option<&Map<String, Value>>,
    name: &str,
    read: fn(&str) -> Result<T, &'static str>,
    faults: &mut Vec<FieldError>,
) -> Label<T> {
    let name = format!("{PREFIX}{name}");
    let Some(text) = labels.and_then(|labels| labels.get(&name)?.as_str()) else { return Label::Absent };
    match read(text) {
        Ok(it) => Label::Says(it),
        Err(why) => {
            faults.push(FieldError::invalid(Path::new("metadata.labels").key(&name), text, why));
            Label::Wrong
        }
    }
}
