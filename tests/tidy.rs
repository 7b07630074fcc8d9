//! The rules of the house, kept by reading the sources: see ARCHITECTURE.md.
//!
//! It reads lines, not syntax trees: a rule that needs more than a line to see is not one that a reader would
//! notice broken either.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of controller-core from the lowest layer up. A room may name its own layer and those below.
const LAYERS: &[&[&str]] = &[
    &["env"],
    &["json"],
    &["error", "key", "outcome", "raw", "context", "descriptor", "controller", "erased"],
    &["log"],
    &["watch", "cache"],
    &["queue", "schema", "status"],
    &["dispatch"],
    &["supervisor"],
    &["admin"],
    &["operator", "controller_ext", "testing", "prelude", "__private", "lib"],
];

/// Arrows that point up, each with its reason.
const ACCEPTED: &[(&str, &str, &str)] =
    &[("descriptor", "supervisor", "Restart and Shutdown are plain words that the attribute writes down")];

/// Files that decide and do nothing else: no runtime, no client, no log, no file, no lock.
const PURE: &[&str] = &[
    "controller-core/src/json",
    "controller-core/src/watch/frame.rs",
    "controller-core/src/watch/scan.rs",
    "controller-core/src/watch/list.rs",
    "controller-core/src/watch/stream.rs",
    "controller-core/src/watch/backoff.rs",
    "controller-core/src/watch/health.rs",
    "controller-core/src/queue",
    "controller-core/src/dispatch/decide.rs",
    "controller-core/src/dispatch/ledger.rs",
    "controller-core/src/dispatch/pause.rs",
    "controller-core/src/dispatch/rewrites.rs",
    "controller-core/src/dispatch/run.rs",
    "controller-core/src/schema/report.rs",
    "controller-core/src/supervisor/rule.rs",
    "controller-core/src/supervisor/policy",
    "controller-core/src/admin/health.rs",
    "controller-core/src/admin/report.rs",
    "controller-core/src/admin/page.rs",
    "controller-core/src/admin/classic.rs",
    "controller-testkit/src/store",
    "controller-testkit/src/admission",
    "controller-testkit/src/security",
    "controller-testkit/src/auth",
    "controller-testkit/src/server",
    "controller-testkit/src/patch",
    "controller-testkit/src/apply",
    "controller-testkit/src/schema",
    "controller-testkit/src/cel",
    "controller-testkit/src/crd",
    "controller-testkit/src/kinds",
    "controller-testkit/src/protobuf",
    "controller-testkit/src/discovery",
    "controller-testkit/src/openapi",
    "controller-testkit/src/table",
];

const IMPURE: &[&str] = &[
    "tokio::",
    "kube::Client",
    "kube::client",
    "tracing::",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "parking_lot",
    "Clock",
];

/// The rooms that own time, tasks and chance.
const OWNERS: &[&str] = &[
    "controller-core/src/env/",
    "controller-testkit/src/front/",
    "controller-testkit/src/cluster",
    "controller-testkit/src/bin/",
    "controller-testkit/src/playground.rs",
    "controller-testkit/src/world/task.rs",
];

const BANNED: &[(&str, &str)] = &[
    ("Instant::now", "time is an argument"),
    ("SystemTime::now", "time is an argument"),
    ("Timestamp::now", "time is an argument"),
    ("tokio::spawn", "tasks have one room"),
    ("tokio::task::spawn", "tasks have one room"),
    ("spawn_blocking", "a blocking thread is outside paused time"),
    ("rand::rng", "chance is an argument"),
    ("fastrand::u64", "chance is an argument"),
    ("Rng::new()", "chance is an argument"),
    ("tokio::sync::watch", "its waiters wake in no fixed order: Notify does"),
    ("futures::select!", "it starts at a random branch"),
    ("StreamMap", "it starts at a random stream"),
    ("std::collections::HashMap", "its order changes between runs: BTreeMap, or hashbrown with a fixed hasher"),
    ("std::collections::HashSet", "its order changes between runs: BTreeSet, or hashbrown with a fixed hasher"),
    ("collections::{HashMap", "its order changes between runs"),
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Lines of code with their numbers: comments, and what stands below `#[cfg(test)]`, are left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let test = self.path.ends_with("tests.rs") || self.path.contains("/tests/");
        let lines = self.text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        lines.take_while(move |(_, line)| !test && *line != "#[cfg(test)]").filter(|(_, line)| !line.starts_with("//"))
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package stands in the workspace").to_owned()
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() >= folders.len(), "no sources found in {folders:?}");
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(folder).expect("the folder is there").flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let path = path.strip_prefix(root()).expect("it is inside the workspace").display().to_string();
            found.push(Source { path, text });
        }
    }
}

const CRATES: &[&str] = &["controller-macros/src", "controller-core/src", "controller-testkit/src"];

#[track_caller]
fn no(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn layer_of(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

/// `controller-core/src/watch/scan.rs` stands in the room `watch`.
fn room_of(path: &str) -> &str {
    let inside = path.trim_start_matches("controller-core/src/");
    inside.split(['/', '.']).next().unwrap_or(inside)
}

#[test]
fn arrows_between_the_rooms_of_core_point_down() {
    let mut broken = Vec::new();
    for source in sources(&["controller-core/src"]) {
        let room = room_of(&source.path);
        let Some(layer) = layer_of(room) else {
            broken.push(source.at(1, &format!("the room `{room}` is not in LAYERS")));
            continue;
        };
        for (at, line) in source.code() {
            for named in line.split("crate::").skip(1) {
                let named: String = named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let above = layer_of(&named).is_some_and(|other| other > layer);
                if above && !ACCEPTED.iter().any(|(from, to, _)| *from == room && *to == named) {
                    broken.push(source.at(at, &format!("`{room}` names `{named}`, which stands above it")));
                }
            }
        }
    }
    no(broken);
}

#[test]
fn pure_rooms_decide_and_do_nothing_else() {
    let mut broken = Vec::new();
    for source in sources(CRATES).iter().filter(|s| PURE.iter().any(|pure| s.path.starts_with(pure))) {
        for (at, line) in source.code() {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                broken.push(source.at(at, &format!("a pure room names `{word}`")));
            }
        }
    }
    no(broken);
}

#[test]
fn time_tasks_and_chance_stay_in_their_rooms() {
    let mut broken = Vec::new();
    for source in sources(CRATES).iter().filter(|s| !OWNERS.iter().any(|owner| s.path.starts_with(owner))) {
        let code: Vec<_> = source.code().collect();
        for (index, (at, line)) in code.iter().enumerate() {
            for (word, why) in BANNED.iter().filter(|(word, _)| line.contains(word)) {
                broken.push(source.at(*at, &format!("`{word}`: {why}")));
            }
            let next = code.get(index + 1).map_or("", |(_, line)| line);
            if line.contains("select! {") && !line.contains("biased") && !next.starts_with("biased;") {
                broken.push(source.at(*at, "`select!` without `biased` takes a random branch"));
            }
        }
    }
    no(broken);
}

#[test]
fn nothing_decodes_between_the_socket_and_the_worker() {
    let mut broken = Vec::new();
    for source in sources(&["controller-core/src/watch", "controller-core/src/queue"]) {
        for (at, line) in source.code() {
            if line.contains("serde") {
                broken.push(source.at(at, "serde has no place on the data's way: scan the bytes"));
            }
        }
    }
    no(broken);
}

#[test]
fn the_macro_knows_no_kubernetes_type() {
    let mut broken = Vec::new();
    for source in sources(&["controller-macros/src"]) {
        for (at, line) in source.code() {
            if line.contains("kube::") || line.contains("use k8s_openapi") {
                broken.push(source.at(at, "the macro names a Kubernetes type"));
            }
        }
    }
    no(broken);
}

#[test]
fn the_testkit_knows_the_wire_and_not_the_types() {
    let mut broken = Vec::new();
    for source in sources(&["controller-testkit/src"]) {
        for (at, line) in source.code() {
            if line.contains("k8s_openapi") {
                broken.push(source.at(at, "an object is JSON here: the types are for tests"));
            }
        }
    }
    no(broken);
}

#[test]
fn crates_depend_in_one_direction() {
    let dependencies = |of: &str| -> BTreeMap<String, Vec<String>> {
        let text = fs::read_to_string(root().join(of).join("Cargo.toml")).expect("the manifest is there");
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut table = String::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                table = name.to_owned();
            } else if let Some((name, _)) = line.split_once('=') {
                let name = name.trim().trim_end_matches(".workspace").to_owned();
                tables.entry(table.clone()).or_default().push(name);
            }
        }
        tables
    };
    let has = |of: &str, table: &str, name: &str| {
        dependencies(of).get(table).is_some_and(|names| names.iter().any(|found| found == name))
    };
    for kubernetes in ["kube", "k8s-openapi", "controller-core", "controller-testkit"] {
        assert!(!has("controller-macros", "dependencies", kubernetes), "controller-macros depends on {kubernetes}");
    }
    assert!(has("controller-core", "dev-dependencies", "controller-testkit"), "the manifest is read wrongly");
    assert!(!has("controller-core", "dependencies", "controller-testkit"), "core must not depend on the testkit");
    assert!(!has("controller-testkit", "dependencies", "controller-core"), "the testkit must not depend on core");
}

#[test]
fn files_are_named_by_the_noun_they_own_and_stay_short() {
    let mut broken = Vec::new();
    for source in sources(CRATES) {
        let stem = Path::new(&source.path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if ["util", "utils", "helper", "helpers", "common", "misc"].contains(&stem) {
            broken.push(source.at(1, "a file is named by the noun it owns"));
        }
        if !source.text.starts_with("//!") && stem != "tests" {
            broken.push(source.at(1, "a file starts with what it owns: `//! ...`"));
        }
        let doc: String = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
        let lines = source.text.lines().count();
        if lines > 600 && !doc.contains("long because") && !source.path.ends_with("tests.rs") {
            broken.push(
                source.at(lines, "past 600 lines: find the second noun, or say `long because` in the module doc"),
            );
        }
    }
    no(broken);
}

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    let mut broken = Vec::new();
    for source in sources(CRATES) {
        let emits_code = source.path.starts_with("controller-macros/");
        for (at, line) in source.code() {
            if (line.starts_with("#[allow(") || line.starts_with("#![allow(")) && !emits_code {
                broken.push(source.at(at, "write #[expect(.., reason = \"..\")]: it says when it is no longer needed"));
            }
            if line.contains("TODO") || line.contains("FIXME") {
                broken.push(source.at(at, "a note without a place where it is tracked"));
            }
        }
    }
    no(broken);
}
