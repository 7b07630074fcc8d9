//! A shell in which a transcript's commands run, and the `kubectl` that it finds there.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::normal::Normal;
use super::transcript::{Step, Transcript};

/// How long a line of what goes on may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many seconds a command may take. Those that wait for something have limits of their own, far below this.
const LIMIT: &str = "60";
/// What `timeout` answers for a command that it had to end.
const TOOK_TOO_LONG: i32 = 124;

pub(crate) struct Kubectl {
    path: PathBuf,
    /// Such as `1.37`: what it prints is the same for every patch.
    pub(crate) version: String,
}

impl Kubectl {
    /// The one on the PATH, and those that `KUBECTL` names.
    pub(crate) fn installed() -> Result<Vec<Self>> {
        let named = std::env::var_os("KUBECTL").unwrap_or_default();
        let named: Vec<PathBuf> = std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect();
        let mut found = Vec::new();
        for path in &named {
            found.push(Kubectl::at(path)?.with_context(|| format!("KUBECTL: no kubectl at {}", path.display()))?);
        }
        if named.is_empty() {
            let paths = std::env::var_os("PATH").unwrap_or_default();
            let path = std::env::split_paths(&paths).map(|folder| folder.join("kubectl")).find(|path| path.is_file());
            match path.map(|path| Kubectl::at(&path)).transpose()?.flatten() {
                Some(kubectl) => found.push(kubectl),
                None => println!("skipped: there is no kubectl on the PATH"),
            }
        }
        Ok(found)
    }

    fn at(path: &Path) -> Result<Option<Self>> {
        let Ok(told) = Command::new(path).args(["version", "--client", "-o", "json"]).output() else { return Ok(None) };
        if !told.status.success() {
            return Ok(None);
        }
        let told: serde_json::Value = serde_json::from_slice(&told.stdout)?;
        let part = |member: &str| told["clientVersion"][member].as_str().unwrap_or_default().trim_end_matches('+');
        Ok(Some(Kubectl { path: path.canonicalize()?, version: format!("{}.{}", part("major"), part("minor")) }))
    }

    pub(crate) fn recordings(&self) -> PathBuf {
        super::folder().join("recorded").join(&self.version)
    }
}

/// A folder of its own, with a kubeconfig for two users and nothing else to read.
pub(crate) struct Shell<'a> {
    transcript: &'a Transcript,
    url: String,
    folder: TempDir,
}

/// A command that goes on.
struct Running {
    child: Child,
    printed: String,
    lines: Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Shell<'a> {
    pub(crate) fn open(kubectl: &Kubectl, url: &str, transcript: &'a Transcript) -> Result<Self> {
        let shell = Shell { transcript, url: url.to_owned(), folder: tempfile::tempdir()? };
        for folder in ["bin", "tmp", "work"] {
            fs::create_dir(shell.folder.path().join(folder))?;
        }
        std::os::unix::fs::symlink(&kubectl.path, shell.folder.path().join("bin/kubectl"))?;
        fs::write(shell.folder.path().join("kubeconfig"), kubeconfig(url, &transcript.name))?;
        let made = shell.run(&format!("kubectl create namespace {}", transcript.name))?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(shell)
    }

    fn command(&self, words: &[&str]) -> Command {
        let folder = self.folder.path();
        let paths = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(folder.join("work"))
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", format!("{}:{paths}", folder.join("bin").display()))
            .env("KUBECONFIG", folder.join("kubeconfig"))
            .env("HOME", folder)
            .env("TMPDIR", folder.join("tmp"))
            .env("TZ", "UTC")
            .env("LC_ALL", "C");
        command
    }

    fn run(&self, line: &str) -> Result<Output> {
        let output = self.command(&["timeout", LIMIT, "sh", "-c", line]).output().with_context(|| line.to_owned())?;
        ensure!(output.status.code() != Some(TOOK_TOO_LONG), "it does not end");
        Ok(output)
    }

    /// What each command printed, without what differs from run to run.
    pub(crate) fn play(&self) -> Result<Vec<String>> {
        let mut printed = Vec::new();
        let mut running = None;
        for step in &self.transcript.steps {
            let told = self.step(step, &mut running).with_context(|| format!("{}: {step:?}", self.transcript.name))?;
            printed.extend(told);
        }
        let mut normal = Normal::new(&self.url, &self.folder.path().display().to_string());
        printed.iter().for_each(|text| normal.learn(text));
        Ok(printed.iter().map(|text| normal.text(text)).collect())
    }

    fn step(&self, step: &Step, running: &mut Option<Running>) -> Result<Option<String>> {
        match step {
            Step::File { name, text } => {
                fs::write(self.folder.path().join("work").join(name), text)?;
                Ok(None)
            }
            Step::Run { command, .. } => Ok(Some(told(&self.run(command)?))),
            Step::Start { command, lines, .. } => {
                let started = running.insert(self.start(command)?);
                started.wait(*lines)?;
                Ok(Some(String::new()))
            }
            Step::End { lines, .. } => {
                let mut ended = running.take().context("nothing goes on")?;
                ended.wait(*lines)?;
                Ok(Some(std::mem::take(&mut ended.printed)))
            }
        }
    }

    fn start(&self, line: &str) -> Result<Running> {
        let line = format!("exec {line}");
        let mut child = self.command(&["sh", "-c", &line]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, lines) = channel();
        let out = child.stdout.take().context("a pipe")?;
        let faults = child.stderr.take().context("a pipe")?;
        let read = move |out: Box<dyn Read + Send>, sign: &'static str| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    // Nobody listens any more once it has been ended.
                    let _ = sender.send(format!("{sign}{line}\n"));
                }
            })
        };
        read(Box::new(out), "");
        read(Box::new(faults), "! ");
        Ok(Running { child, printed: String::new(), lines })
    }
}

impl Running {
    fn wait(&mut self, lines: usize) -> Result<()> {
        while self.printed.lines().count() < lines {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.printed.push_str(&line),
                Err(_) => bail!("{lines} lines are waited for, and these have come:\n{}", self.printed),
            }
        }
        Ok(())
    }
}

/// Whether a line is of the log of kubectl's libraries, which tells when things happened to come: `I1126 20:25:51.1 ..`.
fn is_log(line: &str) -> bool {
    let mut letters = line.bytes();
    letters.next().is_some_and(|letter| b"IWEF".contains(&letter))
        && letters.by_ref().take(4).all(|letter| letter.is_ascii_digit())
        && letters.next() == Some(b' ')
}

/// What a command left: its output, its errors behind `! `, and its exit code where that is not zero.
fn told(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in String::from_utf8_lossy(&output.stderr).lines().filter(|line| !is_log(line)) {
        text.push_str(&format!("! {line}\n"));
    }
    if output.status.code() != Some(0) {
        text.push_str(&format!("[{}]\n", output.status.code().unwrap_or(-1)));
    }
    text
}

fn kubeconfig(url: &str, namespace: &str) -> String {
    let user = |name: &str| format!("{{name: {name}, user: {{token: {name}-token}}}}");
    let context =
        |name: &str| format!("{{name: {name}, context: {{cluster: here, user: {name}, namespace: {namespace}}}}}");
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: admin\n\
         clusters: [{{name: here, cluster: {{server: '{url}', insecure-skip-tls-verify: true}}}}]\n\
         contexts: [{}, {}]\nusers: [{}, {}]\n",
        context("admin"),
        context("bob"),
        user("admin"),
        user("bob"),
    )
}
