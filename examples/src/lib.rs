//! What the examples share: the command line, the cluster to run on, and the log.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;

use controller_core::{Operator, kube, log};
use controller_testkit::Playground;
use kube::Client;
use lexopt::{Arg, ValueExt as _};

/// Where an example runs: on the embedded API server, or on the cluster that your kubeconfig names.
#[derive(Debug)]
pub struct Stage {
    playground: Option<Playground>,
    demo: Demo,
    admin: Option<SocketAddr>,
}

/// Whether somebody moves the objects about, so that the callbacks have something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demo {
    Played,
    LeftToTheUser,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Help,
    Run { cluster: bool, demo: bool, admin: Option<SocketAddr> },
}

const OPTIONS: &str = "\
Options:
      --no-demo   leave the embedded server's objects to you
      --admin A   show the operator on this address, 127.0.0.1:8080 say: open http://127.0.0.1:8080/
      --cluster   run against the cluster that KUBECONFIG, ~/.kube/config or the pod's service account names
  -h, --help      print this text
";

impl Stage {
    /// Reads the command line, starts the log and, unless a cluster is asked for, the embedded API server.
    ///
    /// # Errors
    /// The exit code to leave with: 0 after `--help`, 2 after a usage error, 1 where the server can't start.
    pub async fn open(example: &str) -> Result<Self, ExitCode> {
        Self::with(example, Workload::Own).await
    }

    /// As [`open`](Stage::open), with pods that appear, become Ready, change and go.
    ///
    /// # Errors
    /// As [`open`](Stage::open).
    pub async fn with_pods(example: &str) -> Result<Self, ExitCode> {
        Self::with(example, Workload::Pods).await
    }

    async fn with(example: &str, workload: Workload) -> Result<Self, ExitCode> {
        let usage =
            format!("Usage: cargo run --example {example} -- [--no-demo] [--admin ADDRESS] [--cluster]\n\n{OPTIONS}");
        let (cluster, demo, admin) = match asked(lexopt::Parser::from_env()) {
            Ok(Asked::Help) => {
                show(&usage);
                return Err(ExitCode::SUCCESS);
            }
            Ok(Asked::Run { cluster, demo, admin }) => {
                (cluster, if demo { Demo::Played } else { Demo::LeftToTheUser }, admin)
            }
            Err(error) => {
                complain(&format!("{example}: {error}\n\n{usage}"));
                return Err(ExitCode::from(2));
            }
        };
        log::init();
        if cluster {
            return Ok(Self { playground: None, demo: Demo::LeftToTheUser, admin });
        }
        let mut playground = Playground::builder();
        if demo == Demo::LeftToTheUser || workload == Workload::Own {
            playground = playground.without_demo();
        }
        match playground.start().await {
            Ok(playground) => {
                show(format!("{}\n\nTry, in another terminal:\n", playground.export()));
                for hint in playground.hints() {
                    show(format!("  {hint}\n"));
                }
                show("\n");
                Ok(Self { playground: Some(playground), demo, admin })
            }
            Err(error) => {
                complain(&format!("{example}: the embedded API server can't start: {error}\n"));
                Err(ExitCode::FAILURE)
            }
        }
    }

    /// An operator on this stage.
    pub fn operator(&self, name: &str) -> Operator {
        let operator = match &self.playground {
            Some(playground) => Operator::new(name).client(playground.client()),
            None => Operator::new(name),
        };
        match self.admin {
            Some(address) => operator.admin(address),
            None => operator,
        }
    }

    /// Runs `scene` beside the operator, where the demo was not declined.
    ///
    /// # Errors
    /// Those of `scene`, which ends the demo and nothing else.
    pub fn play<S, F>(&self, scene: S)
    where
        S: FnOnce(Client) -> F,
        F: Future<Output = Result<(), kube::Error>> + Send + 'static,
    {
        if let (Some(playground), Demo::Played) = (&self.playground, self.demo) {
            let scene = scene(playground.client());
            tokio::spawn(async move {
                if let Err(error) = scene.await {
                    tracing::warn!(%error, "the demo ended early");
                }
            });
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Workload {
    Pods,
    Own,
}

fn asked(mut arguments: lexopt::Parser) -> Result<Asked, lexopt::Error> {
    let (mut cluster, mut demo, mut admin) = (false, true, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Asked::Help),
            Arg::Long("cluster") => cluster = true,
            Arg::Long("no-demo") => demo = false,
            Arg::Long("admin") => admin = Some(arguments.value()?.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Asked::Run { cluster, demo, admin })
}

#[expect(clippy::print_stdout, reason = "what a newcomer copies into a shell is the program's output, not its log")]
fn show(text: impl fmt::Display) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "usage errors go to standard error")]
fn complain(text: &str) {
    eprint!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read_as_documented() {
        let check = |arguments: &[&str], expect: Result<Asked, &str>| {
            let found = asked(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string());
            assert_eq!(found, expect.map_err(str::to_owned));
        };
        check(&[], Ok(Asked::Run { cluster: false, demo: true, admin: None }));
        check(&["--no-demo"], Ok(Asked::Run { cluster: false, demo: false, admin: None }));
        check(&["--cluster"], Ok(Asked::Run { cluster: true, demo: true, admin: None }));
        let admin = Some(([127, 0, 0, 1], 8080).into());
        check(&["--admin", "127.0.0.1:8080"], Ok(Asked::Run { cluster: false, demo: true, admin }));
        check(&["--admin"], Err("missing argument for option '--admin'"));
        check(&["--admin=8080"], Err("cannot parse argument \"8080\": invalid socket address syntax"));
        check(&["-h"], Ok(Asked::Help));
        check(&["--nodemo"], Err("invalid option '--nodemo'"));
        check(&["pods"], Err("unexpected argument \"pods\""));
    }
}
