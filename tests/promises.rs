//! Holds `docs/semantics.md` to its word: each promise names its tests, and each test that it names is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package stands in the workspace").to_owned()
}

/// One row of a table of promises: its line, and the tests that it names.
struct Row {
    line: usize,
    text: String,
    tests: Vec<String>,
}

/// The rows of each table whose last column is `test`, under the heading that they stand below.
fn rows(page: &str) -> Vec<(String, Vec<Row>)> {
    let mut sections: Vec<(String, Vec<Row>)> = Vec::new();
    let mut in_table = false;
    for (line, text) in (1..).zip(page.lines()) {
        if let Some(heading) = text.strip_prefix("## ") {
            sections.push((heading.to_owned(), Vec::new()));
        }
        if !text.starts_with('|') {
            in_table = false;
            continue;
        }
        let cells: Vec<&str> = text.trim_matches('|').split(" | ").map(str::trim).collect();
        let Some(last) = cells.last() else { continue };
        if *last == "test" {
            in_table = true;
        } else if in_table && !last.starts_with("---") {
            let tests = last.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let row = Row { line, text: cells[0].to_owned(), tests };
            sections.last_mut().expect("tables stand below a heading").1.push(row);
        }
    }
    sections
}

/// Where a module may stand: its own file, or the file of the module around it.
fn files(modules: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for base in ["controller-core/src", "tests/semantics", "tests"] {
        let path = root().join(base).join(modules.join("/"));
        files.push(path.with_extension("rs"));
        files.push(path.join("mod.rs"));
    }
    // `mod tests { .. }` at the end of a file.
    if let [around @ .., "tests"] = modules
        && !around.is_empty()
    {
        files.extend(self::files(around));
    }
    files
}

/// Whether this source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_it = |line: &str| {
        let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with('('))
    };
    lines.iter().enumerate().any(|(at, line)| {
        let above = lines.get(at.saturating_sub(3)..at).unwrap_or_default();
        is_it(line) && above.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

/// Whether a test of this name is there: `module::name`, or the file of a case.
fn exists(test: &str) -> bool {
    if test.contains('/') {
        return root().join(test).is_file();
    }
    let parts: Vec<&str> = test.split("::").collect();
    let Some((name, modules)) = parts.split_last() else { return false };
    !modules.is_empty()
        && files(modules).iter().filter_map(|file| fs::read_to_string(file).ok()).any(|source| has_test(&source, name))
}

#[test]
fn each_promise_has_its_test() {
    let page = fs::read_to_string(root().join("docs/semantics.md")).expect("the page is there");
    let sections = rows(&page);
    let mut broken = Vec::new();
    for (heading, rows) in &sections {
        if rows.is_empty() && heading != "What is not there yet" {
            broken.push(format!("`{heading}` promises nothing that a test holds"));
        }
        for Row { line, text, tests } in rows {
            if tests.is_empty() {
                broken.push(format!("docs/semantics.md:{line}: no test for: {text}"));
            }
            for test in tests.iter().filter(|test| !exists(test)) {
                broken.push(format!("docs/semantics.md:{line}: there is no test `{test}`"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
    let promises: usize = sections.iter().map(|(_, rows)| rows.len()).sum();
    assert!(promises > 80, "the page is read wrongly: {promises} promises");
}

#[test]
fn a_test_that_is_not_there_is_seen() {
    assert!(exists("promises::a_test_that_is_not_there_is_seen"));
    assert!(exists("queue::priority::tests::events_come_first_and_nothing_starves"));
    assert!(exists("tests/ui/fail/no-callback.rs"));
    for missing in [
        "promises::exists",
        "promises::a_test_that_is_not_there",
        "nowhere::each_promise_has_its_test",
        "each_promise_has_its_test",
        "tests/ui/fail/no-such-case.rs",
    ] {
        assert!(!exists(missing), "{missing}");
    }
    let page = "## A\n| promise | test |\n| --- | --- |\n| one | `a::b`, `c` |\n| two | |\n\n| x | y |\n| --- | --- |\n| z | w |\n";
    let found: Vec<_> = rows(page).into_iter().flat_map(|(_, rows)| rows).map(|row| (row.line, row.tests)).collect();
    assert_eq!(found, [(4, vec!["a::b".to_owned(), "c".to_owned()]), (5, vec![])]);
}
