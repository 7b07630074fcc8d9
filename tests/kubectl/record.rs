//! Makes the recordings and reads them: with a real server, twice for each `kubectl`, the second time with the
//! transcripts in the opposite order. A transcript that differs between the two is not recorded.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::differences;
use super::normal::by_manager;
use super::play::{Kubectl, Shell};
use super::real::Real;
use super::transcript::Transcript;

/// The folder with the programs `kube-apiserver` and `etcd`, if recordings are to be made.
fn programs() -> Option<PathBuf> {
    std::env::var_os("RECORD").map(PathBuf::from)
}

pub(crate) fn wanted() -> bool {
    programs().is_some()
}

pub(crate) fn run(transcripts: &[Transcript]) -> Result<()> {
    let programs = programs().context("RECORD names the folder with kube-apiserver and etcd")?;
    for kubectl in Kubectl::installed()? {
        let forth = play(&programs, &kubectl, transcripts.iter())?;
        let mut back = play(&programs, &kubectl, transcripts.iter().rev())?;
        back.reverse();
        fs::create_dir_all(kubectl.recordings())?;
        let mut told = Vec::new();
        for ((transcript, first), second) in transcripts.iter().zip(&forth).zip(&back) {
            let before = told.len();
            for ((command, first), second) in transcript.commands().zip(first).zip(second) {
                let found = differences(first, second);
                if !found.is_empty() {
                    told.push(format!("{}: {command}", transcript.name));
                    told.extend(found.iter().map(|line| format!("    {line}")));
                }
            }
            if told.len() == before {
                fs::write(path(&kubectl, transcript), written(transcript, first))?;
            }
        }
        ensure!(told.is_empty(), "the real server does not answer twice alike:\n{}", told.join("\n"));
        println!("{} transcripts recorded with kubectl {}", transcripts.len(), kubectl.version);
    }
    Ok(())
}

fn play<'a>(
    programs: &Path,
    kubectl: &Kubectl,
    transcripts: impl Iterator<Item = &'a Transcript>,
) -> Result<Vec<Vec<String>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let real = runtime.block_on(Real::start(programs))?;
    transcripts.map(|transcript| Shell::open(kubectl, &real.url, transcript)?.play()).collect()
}

fn path(kubectl: &Kubectl, transcript: &Transcript) -> PathBuf {
    kubectl.recordings().join(&transcript.name).with_extension("txt")
}

/// A line that holds a command, and what it printed behind four blanks.
fn written(transcript: &Transcript, printed: &[String]) -> String {
    let mut text = String::new();
    for (command, printed) in transcript.commands().zip(printed) {
        writeln!(text, "{command}").expect("text can be written");
        for line in printed.lines() {
            writeln!(text, "{}", format!("    {line}").trim_end()).expect("text can be written");
        }
    }
    text
}

/// What is recorded for a transcript, a text for each of its commands.
pub(crate) fn read(kubectl: &Kubectl, transcript: &Transcript) -> Result<Vec<String>> {
    let path = path(kubectl, transcript);
    let text = fs::read_to_string(&path).with_context(|| format!("{}: `just record-kubectl`", path.display()))?;
    let mut printed: Vec<String> = Vec::new();
    let mut commands = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("    "), printed.last_mut()) {
            (Some(inner), Some(last)) => last.push_str(&format!("{inner}\n")),
            (None, Some(last)) if line.is_empty() => last.push('\n'),
            _ => {
                commands.push(line);
                printed.push(String::new());
            }
        }
    }
    ensure!(
        commands.iter().copied().eq(transcript.commands()),
        "{}: `just record-kubectl` after a change of a transcript",
        path.display()
    );
    Ok(printed.iter().map(|printed| by_manager(printed)).collect())
}
