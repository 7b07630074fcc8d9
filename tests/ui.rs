//! What the attribute accepts and what it refuses.
//!
//! Accepted programs stand in `ui/pass` and are modules of this binary: they compile once, with everything else, and
//! their `main`s run. Refused ones stand in `ui/fail`, one rule a file, and trybuild compares what the compiler says;
//! `TRYBUILD=overwrite` writes that down anew. Each line with a mistake is marked (`//~ mistake`), and that is where the
//! errors are and how many: the use of the controller at the end of each case shows that none is followed by a second
//! one. Below it stands what to write (`//~ right: ..`), which is compiled, too, and shown in `docs/errors.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use controller_core::prelude::*;
use controller_testkit::{Cluster, World};

use crate::log::Log;

/// The accepted programs, and a test for each.
macro_rules! accepted {
    ($($file:literal $name:ident,)*) => {
        $(#[path = $file] mod $name;)*

        const ACCEPTED: &[&str] = &[$($file),*];

        $(#[test] fn $name() { $name::main(); })*
    };
}

accepted! {
    "ui/pass/allow-and-expect.rs" allow_and_expect,
    "ui/pass/answers.rs" answers,
    "ui/pass/arguments.rs" arguments,
    "ui/pass/attributes-and-docs.rs" attributes_and_docs,
    "ui/pass/bodies.rs" bodies,
    "ui/pass/cfg-on-callbacks.rs" cfg_on_callbacks,
    "ui/pass/custom-resource.rs" custom_resource,
    "ui/pass/denied-warnings.rs" denied_warnings,
    "ui/pass/every-option.rs" every_option,
    "ui/pass/four-callbacks.rs" four_callbacks,
    "ui/pass/generic-controllers.rs" generic_controllers,
    "ui/pass/helpers.rs" helpers,
    "ui/pass/in-functions.rs" in_functions,
    "ui/pass/kind-from-the-type.rs" kind_from_the_type,
    "ui/pass/made-by-a-macro.rs" made_by_a_macro,
    "ui/pass/names-of-the-runtime.rs" names_of_the_runtime,
    "ui/pass/names-that-shadow.rs" names_that_shadow,
    "ui/pass/object-types.rs" object_types,
    "ui/pass/pedantic.rs" pedantic,
    "ui/pass/places.rs" places,
    "ui/pass/runtime-by-another-path.rs" runtime_by_another_path,
    "ui/pass/schemas.rs" schemas,
    "ui/pass/several-in-a-module.rs" several_in_a_module,
    "ui/pass/shown-expansions.rs" shown_expansions,
    "ui/pass/state.rs" state,
    "ui/pass/tracing-instrument.rs" tracing_instrument,
    "ui/pass/untyped-objects.rs" untyped_objects,
    "ui/pass/visibilities.rs" visibilities,
    "ui/pass/where-clauses.rs" where_clauses,
}

#[tokio::test(start_paused = true)]
async fn the_kind_of_a_custom_resource_is_checked_at_the_start() {
    let log = Log::listen();
    let cluster = Cluster::builder().world(World::none()).build();
    let mut operator = Operator::new("test").client(cluster.client()).controller(custom_resource::Misnamed).spawn();
    assert_eq!(operator.ended().await, ExitCode::from(1));
    let told = log.everything();
    let words = "`kind = \"Limit\"` but the resource type says \"Quota\"; write that, or change the object type";
    assert!(told.contains(words), "{told}");
}

/// The refused programs again, with what their messages say to write. It compiles; that is the test.
#[allow(
    dead_code,
    dropping_references,
    unused,
    clippy::all,
    reason = "they are small programs, and nothing calls them"
)]
mod mended {
    include!(concat!(env!("OUT_DIR"), "/mended.rs"));
}

#[test]
fn refused() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

/// The files of a folder of cases with this ending.
fn cases(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("the cases are there");
    let paths = entries.map(|entry| entry.expect("a case can be listed").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == ending)).collect()
}

/// The lines that are marked with a word, each as often as it is.
fn marked_lines(source: &str, word: &str) -> Vec<usize> {
    let marks = |line: &str| line.matches(&format!("//~ {word}")).count();
    source.lines().zip(1..).flat_map(|(line, number)| std::iter::repeat_n(number, marks(line))).collect()
}

/// The lines that what the compiler said begins on: those of its errors, and those of its warnings.
fn told_lines(stderr: &str) -> (Vec<usize>, Vec<usize>) {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let mut lines = stderr.lines();
    while let Some(line) = lines.next() {
        let told = match line {
            _ if line.starts_with("error") => &mut errors,
            _ if line.starts_with("warning") => &mut warnings,
            _ => continue,
        };
        // The first place after the message is the culprit's.
        let place = lines.next().and_then(|line| line.trim_start().strip_prefix("--> "));
        let number = place.and_then(|place| place.rsplit(':').nth(1)).and_then(|number| number.parse().ok());
        told.push(number.unwrap_or(0));
    }
    errors.sort_unstable();
    warnings.sort_unstable();
    (errors, warnings)
}

#[test]
fn every_mistake_is_one_error_where_it_was_made() {
    let mut wrong = Vec::new();
    for case in cases("ui/fail", "rs") {
        let source = fs::read_to_string(&case).expect("a case can be read");
        let (marked, hinted) = (marked_lines(&source, "mistake"), marked_lines(&source, "hint"));
        let told = fs::read_to_string(case.with_extension("stderr")).expect("each case has its errors written down");
        let (errors, warnings) = told_lines(&told);
        if marked.is_empty() || errors != marked || warnings != hinted {
            let case = case.display();
            wrong.push(format!(
                "{case}: mistakes on {marked:?}, errors on {errors:?}; hints on {hinted:?}, warnings on {warnings:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cases that leave nothing to use: there is no type, or it is not the mistake's own.
const WITHOUT_A_CONTROLLER: [&str; 4] = ["attribute-on-a-macro", "on-a-function", "on-a-trait", "type-without-a-name"];

#[test]
fn every_case_uses_its_controller_after_the_mistake() {
    let mut idle = Vec::new();
    for case in cases("ui/fail", "rs") {
        let name = case.file_stem().and_then(|name| name.to_str()).expect("a case has a name");
        let source = fs::read_to_string(&case).expect("a case can be read");
        let used = source.split_once("fn main()").is_some_and(|(_, main)| {
            main.contains(".child_spec()") && main.contains("Operator::new(\"x\").controller(")
        });
        if used == WITHOUT_A_CONTROLLER.contains(&name) {
            idle.push(name.to_owned());
        }
    }
    assert!(idle.is_empty(), "their `main` uses no controller, or does and is listed: {idle:?}");
}

#[test]
fn places_are_read_from_what_the_compiler_says() {
    let source = "a //~ mistake\nb //~ hint\nc //~ mistake //~ mistake";
    assert_eq!(marked_lines(source, "mistake"), [1, 3, 3]);
    let stderr = "error: x\n  --> ui/fail/a.rs:3:7\n   |\n --> b.rs:9:1\n\nwarning: y\n --> a.rs:1:2\nerror[E1]: z\n --> a.rs:1:1\n";
    assert_eq!(told_lines(stderr), (vec![1, 3], vec![1]));
}

#[test]
fn every_case_is_compiled() {
    let listed: BTreeSet<&str> = ACCEPTED.iter().copied().collect();
    let found = cases("ui/pass", "rs");
    let names = found.iter().filter_map(|path| path.file_name()?.to_str()).map(|name| format!("ui/pass/{name}"));
    let forgotten: Vec<String> = names.filter(|name| !listed.contains(name.as_str())).collect();
    assert!(forgotten.is_empty(), "add to the list in tests/ui.rs: {forgotten:?}");
    let known: BTreeSet<PathBuf> = cases("ui/fail", "rs").into_iter().collect();
    let orphans: Vec<PathBuf> =
        cases("ui/fail", "stderr").into_iter().filter(|path| !known.contains(&path.with_extension("rs"))).collect();
    assert!(orphans.is_empty(), "errors without a case: {orphans:?}");
}
