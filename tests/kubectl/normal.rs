//! What was printed, without what differs from run to run: addresses, uids, times, ages, versions, drawn names. What
//! holds in every run stays: equal uids are equal, and a later resourceVersion is later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A pattern, and what stands for it. `$1` is its first group.
type Rule = (Regex, &'static str);

fn rule(pattern: &str, instead: &'static str) -> Rule {
    (Regex::new(pattern).expect("the pattern is one"), instead)
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    vec![
        rule(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(Z| \+0000)", "<fine time>"),
        rule(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
        rule(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC", "<time>"),
        rule(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", "<time>"),
        rule(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "<token>"),
        rule(r"\b10\.\d+\.\d+\.\d+\b", "<address>"),
        rule(r"\b3[0-2]\d{3}(/TCP|$)", "<port>$1"),
        rule(r"\b(LIVE|MERGED|kubectl-edit)-\d+", "$1-#"),
        rule(r"((?:Client|Kustomize) Version: ).*", "$1<version>"),
        rule(r"(^|\s)(?:\d+[smh]){1,2}(\s|$)", "$1<age>$2"),
        // What stands below it may be longer or shorter.
        rule(r"(\S)\s{2,}", "$1  "),
    ]
});

static UID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("the pattern is one"));
static VERSION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"((?i:resource ?version)"?: *"?)(\d+)"#).expect("the pattern is one"));
static DRAWN: LazyLock<Regex> = LazyLock::new(|| Regex::new("drawn-[a-z0-9]{5}").expect("the pattern is one"));

pub(crate) struct Normal {
    server: String,
    folder: String,
    /// Every version that is shown: it becomes its place among them.
    versions: BTreeSet<u64>,
    /// Uids and drawn names, and what they are called here.
    names: BTreeMap<String, String>,
}

impl Normal {
    pub(crate) fn new(url: &str, folder: &str) -> Self {
        let server = url.trim_start_matches("https://").to_owned();
        Normal { server, folder: folder.to_owned(), versions: BTreeSet::new(), names: BTreeMap::new() }
    }

    /// All texts have to be seen before the first is written.
    pub(crate) fn learn(&mut self, text: &str) {
        self.versions.extend(VERSION.captures_iter(text).filter_map(|found| found[2].parse::<u64>().ok()));
        for (pattern, kind) in [(&UID, "uid"), (&DRAWN, "drawn")] {
            for found in pattern.find_iter(text) {
                let number = self.names.values().filter(|name| name.contains(kind)).count() + 1;
                self.names.entry(found.as_str().to_owned()).or_insert_with(|| format!("<{kind} {number}>"));
            }
        }
    }

    pub(crate) fn text(&self, text: &str) -> String {
        let text = text.replace(&self.server, "<server>").replace(&self.folder, "<folder>");
        let named = |found: &Captures<'_>| self.names.get(&found[0]).cloned().unwrap_or_default();
        let text = UID.replace_all(&text, named);
        let text = DRAWN.replace_all(&text, named);
        let text = VERSION.replace_all(&text, |found: &Captures<'_>| {
            let place = found[2].parse::<u64>().map_or(0, |version| self.versions.range(..=version).count());
            format!("{}<{place}>", &found[1])
        });
        let lines: String = text.lines().map(|line| format!("{}\n", Self::line(line))).collect();
        by_manager(&lines)
    }

    fn line(line: &str) -> String {
        let mut line = line.trim_end().to_owned();
        for (pattern, instead) in RULES.iter() {
            line = pattern.replace_all(&line, *instead).into_owned();
        }
        line
    }
}

/// Managers that wrote within one second are listed by their names, and others by their times: how quick a run was is
/// not told.
pub(crate) fn by_manager(text: &str) -> String {
    let mut sorted = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        sorted.push_str(&format!("{line}\n"));
        let Some(indent) = line.strip_suffix("managedFields:").filter(|indent| indent.trim().is_empty()) else {
            continue;
        };
        let (first, next) = (format!("{indent}- "), format!("{indent}  "));
        let mut items: Vec<String> = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with(&first) || line.starts_with(&next)) {
            if line.starts_with(&first) {
                items.push(String::new());
            }
            if let Some(item) = items.last_mut() {
                item.push_str(&format!("{line}\n"));
            }
        }
        items.sort();
        sorted.extend(items);
    }
    sorted
}

#[test]
fn managers_come_in_no_order() {
    let text = "metadata:\n  managedFields:\n  - manager: b\n    time: 1\n  - manager: a\n  name: one\nspec: {}\n";
    let expect = "metadata:\n  managedFields:\n  - manager: a\n  - manager: b\n    time: 1\n  name: one\nspec: {}\n";
    assert_eq!(by_manager(text), expect);
}

#[test]
fn what_differs_from_run_to_run_is_not_told() {
    let mut normal = Normal::new("https://127.0.0.1:40001", "/tmp/x");
    let uid = "0a0a0a0a-1b1b-2c2c-3d3d-4e4e4e4e4e4e";
    let text = format!(
        "NAME   AGE\none    12s\nuid: {uid}\n    resourceVersion: \"120\"\n  \"resourceVersion\": \"7\"\n\
         Creation: Thu, 26 Nov 2026 19:54:06 +0000\nat https://127.0.0.1:40001 in /tmp/x\nsame {uid} drawn-abc24\n"
    );
    normal.learn(&text);
    let expect = "NAME  AGE\none  <age>\nuid: <uid 1>\n    resourceVersion: \"<2>\"\n  \"resourceVersion\": \"<1>\"\n\
                  Creation: <time>\nat https://<server> in <folder>\nsame <uid 1> <drawn 1>\n";
    assert_eq!(normal.text(&text), expect);
}
