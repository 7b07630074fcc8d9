//! What the documentation shows, held to what comes out.

use proc_macro2::TokenStream;

use super::{cases, expand, print};
use crate::path::Dependency;

/// The blocks of Rust in a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Code as it is printed, whatever its layout.
fn reprint(code: &str) -> String {
    print(code.parse().expect("it is code"))
}

/// The documentation for users: its expansion is the expansion of what stands above it, and its table has the options.
#[test]
fn the_page_about_the_attribute_is_true() {
    let text = include_str!("../../../docs/attribute.md");
    let shown = reprint(blocks(text).last().expect("an expansion"));
    let options = "api_version = \"v1\", kind = \"Pod\"";
    let item = "impl PodWatcher {
        async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result { Ok(()) }
    }";
    assert_eq!(shown, print(expand(options, item).0));

    let rows = text.lines().skip_while(|line| !line.starts_with("| option |")).skip(2);
    let named: Vec<&str> =
        rows.take_while(|line| line.starts_with('|')).filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(named, crate::options::NAMES);
}

/// The README shows the expansion of its own operator.
#[test]
fn the_readme_is_true() {
    let text = include_str!("../../../README.md");
    let [operator, shown] = blocks(text)[..] else { panic!("the README shows an operator and its expansion") };
    let (_, item) = operator.split_once("impl PodWatcher").expect("an impl block");
    let (item, _) = item.split_once("\n}\n").expect("it ends");
    let item = format!("impl PodWatcher {item}\n}}");
    assert_eq!(reprint(shown), print(expand("api_version = \"v1\", kind = \"Pod\"", &item).0));
}

/// The page about expansions: each source is one that the `tests` crate compiles, and what stands below it comes out.
#[test]
fn the_page_about_expansions_is_true() {
    let page = include_str!("../../../docs/expansion.md");
    let program = include_str!("../../../tests/ui/pass/shown-expansions.rs");
    let compiled = cases::attributes(program);
    let blocks = blocks(page);
    let pairs: Vec<(&str, &str)> = blocks.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    assert_eq!(pairs.len(), compiled.len(), "each controller of the program is shown");
    for ((source, shown), (options, item)) in pairs.into_iter().zip(compiled) {
        let (_, written) = cases::attributes(source).remove(0);
        assert_eq!(written.to_string(), item.to_string(), "the program has another source");
        let undented = |text: &str| text.lines().map(str::trim).collect::<String>();
        assert!(undented(program).contains(&undented(source)), "the program has other options:\n{source}");
        let (expansion, errors) = crate::expansion(options, item, Dependency::Named);
        assert!(errors.is_empty() && errors.hints().is_empty());
        assert_eq!(reprint(shown), print(expansion));
    }
}

/// The impl of data of a printed expansion, line by line.
fn described(expansion: &str) -> Vec<&str> {
    let lines = expansion.lines().skip_while(|line| !line.contains("__private::Described for"));
    let mut lines: Vec<&str> = lines.collect();
    let end = lines.iter().position(|line| *line == "    }").expect("it ends");
    lines.truncate(end + 1);
    lines
}

#[test]
fn an_expansion_is_data_that_could_be_written_by_hand() {
    let program = include_str!("../../../tests/ui/pass/shown-expansions.rs");
    for (at, (options, item)) in cases::attributes(program).into_iter().enumerate() {
        let expansion = print(crate::expansion(options, item, Dependency::Named).0);
        let described = described(&expansion);
        assert!(at > 0 || described.len() <= 25, "the pod watcher's takes {} lines", described.len());
        let tokens: TokenStream = described.join("\n").parse().expect("it is code");
        let words = ["if", "match", "loop", "while", "for", "return", "unsafe", "async"];
        // The `for` of the impl's head is the only one.
        let found = tokens.into_iter().skip_while(|token| token.to_string() != "Described").skip(2);
        let found: Vec<String> = found.map(|token| token.to_string()).collect();
        assert!(!words.iter().any(|word| found.join(" ").split_whitespace().any(|found| found == *word)), "{found:?}");
        for word in ["automatically_derived", "clippy", "unused_variables", "dead_code", "warnings"] {
            assert!(!expansion.contains(word), "{word} in {expansion}");
        }
    }
}
