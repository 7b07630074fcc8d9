//! `kubectl` beside a real API server: the same commands, and what it printed when a kube-apiserver v1.37 answered.
//!
//! `transcripts/` holds the commands, one story a file, in the form that `transcript` reads; `recorded/VERSION/` what a
//! `kubectl` of that version printed, without what differs from run to run (`normal`). `accepted.md` lists the
//! differences that are meant, each with its reason; docs/apiserver.md prints it.
//!
//! The `kubectl` on the PATH plays them in every `cargo test` if there is a recording of its version, and so do those
//! that `KUBECTL` names, with a colon between two. `just kubectl` plays two versions, `just record-kubectl` makes the
//! recordings anew, and `TRANSCRIPT=edits` leaves all others out of either.

#[path = "../differential/accepted.rs"]
mod accepted;
mod normal;
mod play;
#[path = "../differential/real.rs"]
#[expect(dead_code, reason = "only the differential test looks into its etcd")]
mod real;
mod record;
mod transcript;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use controller_testkit::{Cluster, Serve, User, World};

use accepted::Accepted;
use play::{Kubectl, Shell};
use transcript::Transcript;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kubectl")
}

/// Every transcript, or the one that was asked for, by name.
fn transcripts() -> Result<Vec<Transcript>> {
    let wanted = std::env::var("TRANSCRIPT").ok();
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder().join("transcripts"))?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut transcripts = Vec::new();
    for path in paths {
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a name in plain letters")?;
        if wanted.as_ref().is_none_or(|wanted| name.starts_with(wanted.as_str())) {
            let text = fs::read_to_string(&path)?;
            transcripts.push(Transcript::parse(name, &text).with_context(|| path.display().to_string())?);
        }
    }
    ensure!(!transcripts.is_empty(), "no transcript is named {wanted:?}");
    Ok(transcripts)
}

/// What the embedded server makes a `kubectl` print.
fn embedded(kubectl: &Kubectl, transcript: &Transcript) -> Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let served = runtime.block_on(async {
        let cluster = Cluster::builder()
            .world(World::none())
            .token("admin-token", User::new("admin").uid("1").group("system:masters"))
            .token("bob-token", User::new("bob").uid("2").group("people"))
            .build();
        cluster.serve_with(Serve::https()).await
    })?;
    Shell::open(kubectl, served.url(), transcript)?.play()
}

/// All transcripts, two at a time: most of the time goes into starting `kubectl`.
fn embedded_all(kubectl: &Kubectl, transcripts: &[Transcript]) -> Result<Vec<Vec<String>>> {
    let (even, odd) = std::thread::scope(|scope| {
        let odd = scope.spawn(|| transcripts.iter().skip(1).step_by(2).map(|it| embedded(kubectl, it)).collect());
        let even: Vec<Result<_>> = transcripts.iter().step_by(2).map(|it| embedded(kubectl, it)).collect();
        let odd: Vec<Result<_>> = odd.join().expect("a panic of the other thread is one of the test");
        (even, odd)
    });
    let mut odd = odd.into_iter();
    even.into_iter().flat_map(|first| [Some(first), odd.next()]).flatten().collect()
}

#[test]
fn kubectl_prints_what_a_real_server_makes_it_print() -> Result<()> {
    let transcripts = transcripts()?;
    if record::wanted() {
        return record::run(&transcripts);
    }
    let mut accepted = Accepted::read()?;
    let (mut told, mut all_played, mut sums) = (Vec::new(), true, Vec::new());
    for kubectl in Kubectl::installed()? {
        if !kubectl.recordings().exists() {
            println!("skipped: there are no recordings of kubectl {}", kubectl.version);
            all_played = false;
            continue;
        }
        let (mut commands, mut equal, mut explained) = (0, 0, 0);
        for (transcript, ours) in transcripts.iter().zip(embedded_all(&kubectl, &transcripts)?) {
            let real = record::read(&kubectl, transcript)?;
            for ((command, real), ours) in transcript.commands().zip(&real).zip(&ours) {
                commands += 1;
                let found = differences(real, ours);
                let open: Vec<_> =
                    found.iter().filter(|line| !accepted.explains(&transcript.name, command, line)).collect();
                match (found.is_empty(), open.is_empty()) {
                    (true, _) => equal += 1,
                    (_, true) => explained += 1,
                    _ => {
                        told.push(format!("{} {}: {command}", kubectl.version, transcript.name));
                        told.extend(open.iter().map(|line| format!("    {line}")));
                    }
                }
            }
        }
        sums.push(format!(
            "kubectl {}: {equal} of {commands} commands print the same, {explained} explained",
            kubectl.version
        ));
    }
    ensure!(told.is_empty(), "{}\n{}", told.join("\n"), sums.join("\n"));
    if all_played && sums.len() > 1 && std::env::var_os("TRANSCRIPT").is_none() {
        accepted.all_are_needed()?;
    }
    println!("{}", sums.join("\n"));
    Ok(())
}

/// The lines of one text that the other lacks: `- ` a real one, `+ ` one of ours.
fn differences(real: &str, ours: &str) -> Vec<String> {
    if real == ours {
        return Vec::new();
    }
    let without = |lines: &str, others: &str| -> Vec<String> {
        let mut others: Vec<&str> = others.lines().collect();
        let lacks = |line: &&str| match others.iter().position(|other| other == line) {
            Some(at) => {
                others.remove(at);
                false
            }
            None => true,
        };
        lines.lines().filter(lacks).map(str::to_owned).collect()
    };
    let mut found: Vec<String> = without(real, ours).iter().map(|line| format!("- {line}")).collect();
    found.extend(without(ours, real).iter().map(|line| format!("+ {line}")));
    if found.is_empty() {
        found.push("the lines come in another order".to_owned());
    }
    found
}

#[test]
fn differences_are_lines() {
    assert_eq!(differences("a\nb\n", "a\nb\n"), [] as [&str; 0]);
    assert_eq!(differences("a\nb\nb\n", "a\nb\nc\n"), ["- b", "+ c"]);
    assert_eq!(differences("a\nb\n", "b\na\n"), ["the lines come in another order"]);
}

#[test]
fn the_accepted_differences_are_printed_in_the_docs() -> Result<()> {
    let docs = fs::read_to_string(folder().join("../../docs/apiserver.md"))?;
    let table = fs::read_to_string(folder().join("accepted.md"))?;
    ensure!(docs.contains(table.trim()), "docs/apiserver.md is to print tests/kubectl/accepted.md as it is");
    Ok(())
}
