//! The quickstart, followed to the letter in a folder outside the workspace: nothing in it may lean on the
//! workspace's features, lints or lock file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const TEXT: &str = include_str!("../docs/quickstart.md");

/// The code block that follows the file's name.
fn block(file: &str) -> &'static str {
    let (_, after) = TEXT.split_once(&format!("`{file}`:")).expect("the quickstart names the file");
    let (_, after) = after.split_once("```").expect("a code block follows");
    let (_, code) = after.split_once('\n').expect("the block has lines");
    code.split_once("```").expect("the block ends").0
}

#[test]
fn the_quickstart_is_as_short_as_it_promises() {
    assert!(block("Cargo.toml").lines().filter(|line| !line.is_empty()).count() <= 10);
    assert!(block("src/main.rs").lines().count() <= 30);
}

#[test]
fn the_quickstart_builds_and_runs_outside_the_workspace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package stands in the workspace");
    let folder = tempfile::Builder::new().prefix("my operator ").tempdir().expect("a temporary folder");
    let manifest = block("Cargo.toml").replace("../controller/", &format!("{}/", root.display()));
    fs::create_dir(folder.path().join("src")).expect("a fresh folder");
    fs::write(folder.path().join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(folder.path().join("src/main.rs"), block("src/main.rs")).expect("a program");

    // A folder of its own for what it builds, kept from run to run: the workspace's would lend it features.
    let target = root.join("target/quickstart");
    let build = |network: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.arg("build").args(network).current_dir(&folder).env("CARGO_TARGET_DIR", &target);
        cargo.output().expect("cargo runs")
    };
    // The registry may be out of reach on a second run; what the first one downloaded is enough.
    let mut built = build(&[]);
    if !built.status.success() {
        built = build(&["--offline"]);
    }
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let mut program = Command::new(target.join("debug/my-operator")).stdout(Stdio::piped()).spawn().expect("it runs");
    let lines = BufReader::new(program.stdout.take().expect("its output is piped")).lines();
    let mut wanted = vec!["export KUBECONFIG=", "add default/", "reconcile default/"];
    let mut seen = Vec::new();
    for line in lines.map_while(Result::ok) {
        wanted.retain(|start| !line.starts_with(start));
        seen.push(line);
        if wanted.is_empty() {
            break;
        }
    }
    let stopped = Command::new("kill").args(["-TERM", &program.id().to_string()]).status();
    let status = program.wait().expect("it ends");
    assert!(wanted.is_empty(), "no line with {wanted:?} in {seen:#?}");
    assert!(stopped.is_ok_and(|kill| kill.success()) && status.success(), "it ended with {status}");
}
