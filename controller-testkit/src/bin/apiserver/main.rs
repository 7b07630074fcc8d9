//! The embedded API server as a program of its own: for `kubectl`, for other languages, for a bench in two processes.

mod envtest;
mod log;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use controller_testkit::{Authorization, Cluster, Serve, Stage, User, World};
use jiff::SignedDuration;
use tokio::signal::unix::{Signal, SignalKind, signal};

const USAGE: &str = "\
An embedded Kubernetes API server: for kubectl, and for every client in any language.

Usage: apiserver [OPTIONS]

Options:
  --port N            Listen on this loopback port; without it, or with 0, on a free one
  --kubeconfig FILE   Write an administrator's kubeconfig to this file, which stays; without it, to a temporary one
  --state FILE        Keep everything in this file, which is made where it is missing: nothing that a client has been
                      told is lost when the program ends, whatever ends it. Without it, all is gone with the program
  --forget-after AGE  Forget the history of changes at this age, such as 30s, 5m or 10m (the default): a watch or a page
                      from before that is answered with 410
  --world full|none   Let the cluster's own controllers work (full, the default), or none of them
  --stages FILE       Play the stages of this file too, before the world's own: YAML in the form of kwok's Stage; may be
                      given several times
  --authorization rbac|always-allow
                      Let the roles in the cluster decide what a user may do (rbac, the default), or let everyone who is
                      known do everything
  --token TOKEN=USER[,GROUP...]
                      Take whoever bears this token for that user; may be given several times
  --token-auth-file FILE
                      The same for a whole file, as kube-apiserver reads it: token,user,uid,\"group1,group2\" in each line
  --plain             Speak HTTP instead of HTTPS, and take everyone on this machine for an administrator
  --envtest DIR       Serve nothing, but put this program into a folder under the names `kube-apiserver` and `etcd`, for
                      envtest and whatever else starts those two: `export KUBEBUILDER_ASSETS=DIR`
  -v, --verbose       Log every request
  -h, --help          Print this text

It prints where it serves once it is ready, and stops in order on SIGTERM or SIGINT.
";

struct Options {
    serve: Serve,
    world: World,
    stages: Vec<PathBuf>,
    state: Option<PathBuf>,
    forget_after: Option<Duration>,
    authorization: Authorization,
    tokens: Vec<(String, User)>,
    token_files: Vec<PathBuf>,
    verbosity: Verbosity,
}

enum Verbosity {
    Quiet,
    Requests,
}

enum Asked {
    Run(Box<Options>),
    LayOut(PathBuf),
    Help,
}

type Fault = Box<dyn std::error::Error>;

fn options(mut words: lexopt::Parser) -> Result<Asked, lexopt::Error> {
    use lexopt::prelude::{Long, Short, ValueExt};

    let (mut port, mut kubeconfig, mut serve) = (0, None, Serve::https as fn() -> Serve);
    let (mut world, mut state, mut forget_after, mut verbosity) = (World::full(), None, None, Verbosity::Quiet);
    let (mut authorization, mut tokens) = (Authorization::Rbac, Vec::new());
    let (mut token_files, mut stages) = (Vec::new(), Vec::new());
    while let Some(word) = words.next()? {
        match word {
            Long("port") => port = words.value()?.parse()?,
            Long("kubeconfig") => kubeconfig = Some(PathBuf::from(words.value()?)),
            Long("state") => state = Some(PathBuf::from(words.value()?)),
            Long("forget-after") => forget_after = Some(words.value()?.parse_with(age)?),
            Long("token") => tokens.push(words.value()?.parse_with(token)?),
            Long("token-auth-file") => token_files.push(PathBuf::from(words.value()?)),
            Long("authorization") => {
                authorization = words.value()?.parse_with(|value| match value {
                    "rbac" => Ok(Authorization::Rbac),
                    "always-allow" => Ok(Authorization::AlwaysAllow),
                    _ => Err("it is `rbac` or `always-allow`"),
                })?;
            }
            Long("stages") => stages.push(PathBuf::from(words.value()?)),
            Long("plain") => serve = Serve::plain,
            Long("envtest") => return Ok(Asked::LayOut(PathBuf::from(words.value()?))),
            Long("world") => {
                world = words.value()?.parse_with(|value| match value {
                    "full" => Ok(World::full()),
                    "none" => Ok(World::none()),
                    _ => Err("it is `full` or `none`"),
                })?;
            }
            Short('v') | Long("verbose") => verbosity = Verbosity::Requests,
            Short('h') | Long("help") => return Ok(Asked::Help),
            other => return Err(other.unexpected()),
        }
    }
    let mut serve = serve().port(port);
    if let Some(path) = kubeconfig {
        serve = serve.kubeconfig(path);
    }
    let options = Options { serve, world, stages, state, forget_after, authorization, tokens, token_files, verbosity };
    Ok(Asked::Run(Box::new(options)))
}

fn age(text: &str) -> Result<Duration, &'static str> {
    let age: SignedDuration = text.parse().map_err(|_| "it is an age such as `30s` or `5m`")?;
    Duration::try_from(age).map_err(|_| "an age is not negative")
}

fn token(text: &str) -> Result<(String, User), &'static str> {
    let (token, names) = text.split_once('=').ok_or("it is a token, `=`, a user and groups")?;
    let mut names = names.split(',');
    let user = User::new(names.next().unwrap_or_default());
    Ok((token.to_owned(), names.fold(user, User::group)))
}

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let path = PathBuf::from(words.next().unwrap_or_default());
    let program = path.file_name().unwrap_or_default().to_string_lossy();
    let done = match envtest::Name::of(&program) {
        Some(name) => under_name(name, words),
        None => match options(lexopt::Parser::from_args(words)) {
            Ok(Asked::Help) => Ok(say(&mut io::stdout(), USAGE)),
            Ok(Asked::LayOut(folder)) => envtest::lay_out(&folder).map(|told| say(&mut io::stdout(), &told)),
            Ok(Asked::Run(options)) => run(*options),
            Err(error) => {
                say(&mut io::stderr(), &format!("apiserver: {error}\n\n{USAGE}"));
                return ExitCode::from(2);
            }
        },
    };
    done.unwrap_or_else(|error| {
        say(&mut io::stderr(), &format!("{program}: {}\n", chain(error.as_ref())));
        ExitCode::FAILURE
    })
}

fn under_name(name: envtest::Name, words: impl IntoIterator<Item = OsString>) -> Result<ExitCode, Fault> {
    match name {
        envtest::Name::Etcd => envtest::etcd(words),
        envtest::Name::KubeApiserver => match envtest::kube_apiserver(words)? {
            envtest::Wanted::Serve(options) => run(*options),
            envtest::Wanted::Help(text) => Ok(say(&mut io::stdout(), text)),
        },
    }
}

#[tokio::main]
#[expect(
    clippy::disallowed_methods,
    reason = "another cluster each time: its uids must not be those of the last one's objects"
)]
async fn run(options: Options) -> Result<ExitCode, Fault> {
    if let Verbosity::Requests = options.verbosity {
        tracing::subscriber::set_global_default(log::Requests)?;
    }
    // Before the address is printed: whoever reads it may stop the program at once.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut world = options.world;
    for path in options.stages {
        let stages = Stage::read(&read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        world = world.stages(stages);
    }
    let mut builder = Cluster::builder().world(world).seed(fastrand::u64(..)).authorization(options.authorization);
    for (token, user) in options.tokens {
        builder = builder.token(token, user);
    }
    for path in options.token_files {
        builder = builder.token_table(&read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(age) = options.forget_after {
        builder = builder.forget_after(age);
    }
    let cluster = match &options.state {
        Some(path) => builder.open(path)?,
        None => builder.build(),
    };
    let served = cluster.serve_with(options.serve).await?;
    say(&mut io::stdout(), &format!("serving at {}\n{}\n", served.url(), served.export()));
    either(&mut interrupt, &mut terminate).await;
    tokio::select! {
        biased;
        () = served.stop() => Ok(ExitCode::SUCCESS),
        () = either(&mut interrupt, &mut terminate) => Ok(ExitCode::from(130)),
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn read(path: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// An error and what led to it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Nobody may be reading any more, which is no reason to stop.
fn say(out: &mut dyn Write, text: &str) -> ExitCode {
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}
