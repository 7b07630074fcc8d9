//! `docs/errors.md`, made from the table of messages and the refused programs.

use std::fmt::Write as _;

use expect_test::expect_file;

use super::cases::{Case, refused};
use crate::message::Message;

/// Where each part of the table begins, and what it is about.
const PARTS: [(&str, &str); 6] = [
    ("NotAnImpl", "The item"),
    ("MisspeltCallback", "The callbacks"),
    ("StrayComma", "The list of options"),
    ("UnknownOption", "Every option"),
    ("ApiVersionGrammar", "One option each"),
    ("SchemaForm", "Schemas"),
];

const ABOUT: &str = "# Errors

Every message of `#[controller]`, with a line that is wrong and what to write in its place. One mistake is one error, on
the words that have to change, and all mistakes show in one compile.

A test writes this page (`just bless`) from the table of messages and from the programs in `tests/ui/fail`, which are
compiled wrong and mended: it can't be out of date.
";

const OF_THE_COMPILER: &str = "
## What the compiler finds

The attribute sees words, not types. What is wrong with types, the compiler says, where it can in the words of our traits,
and always on your own code.
";

/// `MisspeltCallback` and `odd-answer` as `Misspelt callback` and `Odd answer`.
fn title(name: &str) -> String {
    let mut title = String::new();
    for letter in name.chars() {
        match letter {
            _ if title.is_empty() => title.extend(letter.to_uppercase()),
            '-' => title.push(' '),
            upper if upper.is_uppercase() => {
                title.push(' ');
                title.extend(upper.to_lowercase());
            }
            other => title.push(other),
        }
    }
    title
}

/// Lines without the indentation that they share, and without what deleted lines leave.
fn block(lines: &[String]) -> String {
    let indent = |line: &String| line.len() - line.trim_start().len();
    let shared = lines.iter().filter(|line| !line.is_empty()).map(indent).min().unwrap_or(0);
    let mut lines: Vec<&str> = lines.iter().map(|line| line.get(shared..).unwrap_or_default()).collect();
    lines.dedup_by(|line, above| line.is_empty() && (above.is_empty() || above.ends_with('{')));
    lines.join("\n").trim_matches('\n').to_owned()
}

fn entry(page: &mut String, name: &str, told: &str, shown: &Case, cases: &[&Case]) {
    let (wrong, right) = shown.parts();
    let names: Vec<String> = cases.iter().map(|case| format!("`{}`", case.name)).collect();
    let right = match block(&right) {
        right if right.is_empty() => String::from("Remove it."),
        right => format!("Write\n\n```rust\n{right}\n```"),
    };
    write!(
        page,
        "\n### {}\n\n```text\n{told}\n```\n\n```rust\n{}\n```\n\n{right}\n\n<sub>{}</sub>\n",
        title(name),
        block(&wrong),
        names.join(", ")
    )
    .expect("text can be written");
}

/// The words of the compiler that say something about the mistake: the first line of each error, and its notes.
fn words(told: &str) -> String {
    let noise =
        ["originates in", "required for", "required by", "`#[warn", "`#[deny", "impl doesn't", "for more", "signature"];
    let lines = told.lines().map(str::trim_start).filter(|line| {
        let says = ["error", "warning", "= note: ", "note: future", "note: captured", "= help: consider"];
        says.iter().any(|start| line.starts_with(start)) && !noise.iter().any(|noise| line.contains(noise))
    });
    let mut lines: Vec<&str> = lines.collect();
    lines.dedup();
    lines.join("\n")
}

#[test]
fn the_page_of_errors_is_current() {
    let cases = refused();
    let mut listed = Vec::new();
    let mut page = String::from(ABOUT);
    for name in Message::NAMES {
        if let Some((_, part)) = PARTS.iter().find(|(first, _)| first == name) {
            write!(page, "\n## {part}\n").expect("text can be written");
        }
        let said = |case: &Case| {
            let mut all = case.mistakes.iter().chain(&case.hints);
            all.find(|message| message.name() == *name).map(ToString::to_string)
        };
        let of_name: Vec<&Case> = cases.iter().filter(|case| said(case).is_some()).collect();
        // The one that shows nothing else.
        let shown = of_name.iter().min_by_key(|case| case.mistakes.len()).expect("every message has a case");
        let hint = shown.mistakes.is_empty();
        let told = said(shown).unwrap_or_default();
        entry(&mut page, name, &format!("{}: {told}", if hint { "warning" } else { "error" }), shown, &of_name);
        listed.extend(of_name.iter().map(|case| case.name.as_str()));
    }
    page.push_str(OF_THE_COMPILER);
    for case in cases.iter().filter(|case| case.mistakes.is_empty() && case.hints.is_empty()) {
        let told = words(case.told.as_deref().expect("the compiler was asked"));
        entry(&mut page, &case.name, &told, case, &[case]);
        listed.push(&case.name);
    }
    for (first, _) in PARTS {
        assert!(Message::NAMES.contains(&first), "no message is called {first}");
    }
    let forgotten: Vec<&str> = cases.iter().map(|case| &*case.name).filter(|name| !listed.contains(name)).collect();
    assert!(forgotten.is_empty(), "cases without an entry: {forgotten:?}");
    expect_file!["../../../docs/errors.md"].assert_eq(&page);
}
