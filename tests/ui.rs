//! What the attribute accepts and what it refuses.
//!
//! Accepted programs stand in `ui/pass` and are modules of this binary: they compile once, with everything else, and
//! their `main`s run. Refused ones stand in `ui/fail`, one rule a file, and trybuild compares what the compiler says;
//! `TRYBUILD=overwrite` writes that down anew. Each line with a mistake is marked, and there are as many errors as
//! mistakes: the use of the controller at the end of each case shows that none is followed by a second one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The accepted programs, and a test for each.
macro_rules! accepted {
    ($($file:literal $name:ident,)*) => {
        $(#[path = $file] mod $name;)*

        const ACCEPTED: &[&str] = &[$($file),*];

        $(#[test] fn $name() { $name::main(); })*
    };
}

accepted! {
    "ui/pass/answers.rs" answers,
    "ui/pass/attributes-and-docs.rs" attributes_and_docs,
    "ui/pass/custom-resource.rs" custom_resource,
    "ui/pass/every-option.rs" every_option,
    "ui/pass/four-callbacks.rs" four_callbacks,
    "ui/pass/generic-controllers.rs" generic_controllers,
    "ui/pass/helpers.rs" helpers,
    "ui/pass/kind-from-the-type.rs" kind_from_the_type,
    "ui/pass/made-by-a-macro.rs" made_by_a_macro,
    "ui/pass/names-of-the-runtime.rs" names_of_the_runtime,
    "ui/pass/places.rs" places,
    "ui/pass/runtime-by-another-path.rs" runtime_by_another_path,
    "ui/pass/untyped-objects.rs" untyped_objects,
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

#[test]
fn every_mistake_is_one_error() {
    let mut wrong = Vec::new();
    for case in cases("ui/fail", "rs") {
        let marked = fs::read_to_string(&case).expect("a case can be read").matches("//~ mistake").count();
        let told = fs::read_to_string(case.with_extension("stderr")).expect("each case has its errors written down");
        let errors = told.lines().filter(|line| line.starts_with("error:") || line.starts_with("error[")).count();
        let warnings = told.lines().filter(|line| line.starts_with("warning")).count();
        if marked == 0 || errors != marked || warnings > 0 {
            wrong.push(format!("{}: {marked} mistakes, {errors} errors, {warnings} warnings", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
