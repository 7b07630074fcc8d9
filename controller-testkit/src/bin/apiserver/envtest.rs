//! The program under the names `kube-apiserver` and `etcd`: what envtest and its like start.
//!
//! They start both from one folder, with the flags of the real ones, and wait for both to say that they are well. There is
//! no store of its own here, so `etcd` only says so.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use controller_testkit::{Authorization, Serve};

use super::{Fault, Options, Verbosity, World, read};

/// As whom the program was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    KubeApiserver,
    Etcd,
}

impl Name {
    /// By the name that it was started by.
    pub(crate) fn of(program: &str) -> Option<Name> {
        match program {
            "kube-apiserver" => Some(Name::KubeApiserver),
            "etcd" => Some(Name::Etcd),
            _ => None,
        }
    }
}

const KUBE_APISERVER: &str = "\
The embedded API server of controller-testkit, under kube-apiserver's name and with its flags.

Flags:
  --secure-port N                    Listen on this loopback port
  --bind-address ADDRESS             127.0.0.1 alone
  --cert-dir DIR                     Show the certificate apiserver.crt of this folder, with the key apiserver.key
  --tls-cert-file FILE, --tls-private-key-file FILE
                                     Show this certificate
  --client-ca-file FILE              Know users by the certificates that this authority has signed
  --token-auth-file FILE             Know users by their tokens
  --authorization-mode MODE          RBAC or AlwaysAllow
  --disable-admission-plugins LIST   ServiceAccount, which is not there
  --v N                              Log every request, from 1 on

Without effect, as there is no such thing, or it is always so: --advertise-address --allow-privileged --anonymous-auth
--enable-priority-and-fairness --etcd-servers --etcd-prefix --event-ttl --external-hostname --max-requests-inflight
--max-mutating-requests-inflight --service-account-issuer --service-account-key-file --service-account-signing-key-file
--service-cluster-ip-range --shutdown-delay-duration --storage-backend. Any other flag is refused.
";

/// The flags that are taken and change nothing.
const WITHOUT_EFFECT: [&str; 16] = [
    "advertise-address",
    "allow-privileged",
    "anonymous-auth",
    "enable-priority-and-fairness",
    "etcd-servers",
    "etcd-prefix",
    "event-ttl",
    "external-hostname",
    "max-requests-inflight",
    "max-mutating-requests-inflight",
    "service-account-issuer",
    "service-account-key-file",
    "service-account-signing-key-file",
    "service-cluster-ip-range",
    "shutdown-delay-duration",
    "storage-backend",
];

/// Puts the program under both names into a folder, and says where.
pub(crate) fn lay_out(folder: &Path) -> Result<String, Fault> {
    let program = std::env::current_exe()?;
    std::fs::create_dir_all(folder)?;
    let folder = std::path::absolute(folder)?;
    for name in ["kube-apiserver", "etcd"] {
        let path = folder.join(name);
        let at = |source: io::Error| format!("{}: {source}", path.display());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(error).into()),
            _ => {}
        }
        std::os::unix::fs::symlink(&program, &path).map_err(at)?;
    }
    Ok(format!("export KUBEBUILDER_ASSETS='{}'\n", folder.to_string_lossy().replace('\'', "'\\''")))
}

/// What a kube-apiserver is to do by its flags.
pub(crate) enum Wanted {
    Serve(Box<Options>),
    /// Tell of the flags.
    Help(&'static str),
}

/// Reads the flags of a kube-apiserver.
pub(crate) fn kube_apiserver(words: impl IntoIterator<Item = OsString>) -> Result<Wanted, Fault> {
    let mut options = Options {
        serve: Serve::https(),
        world: World::none(),
        stages: Vec::new(),
        state: None,
        forget_after: None,
        // As a real one has it that is told nothing.
        authorization: Authorization::AlwaysAllow,
        tokens: Vec::new(),
        token_files: Vec::new(),
        verbosity: Verbosity::Quiet,
    };
    let (mut certificate, mut key, mut accounts_off) = (None, None, false);
    for (name, value) in flags(words)? {
        let fault = |why: &str| Err(format!("--{name}={value}: {why}").into());
        match name.as_str() {
            "help" => return Ok(Wanted::Help(KUBE_APISERVER)),
            "secure-port" => match value.parse() {
                Ok(port) => options.serve = options.serve.port(port),
                Err(_) => return fault("it is a port"),
            },
            "bind-address" if value == "127.0.0.1" || value == "localhost" => {}
            "bind-address" => return fault("it serves on 127.0.0.1 alone"),
            "cert-dir" => {
                let file = |name: &str| Some(Path::new(&value).join(name)).filter(|path| path.exists());
                certificate = certificate.or_else(|| file("apiserver.crt"));
                key = key.or_else(|| file("apiserver.key"));
            }
            "tls-cert-file" => certificate = Some(PathBuf::from(&value)),
            "tls-private-key-file" => key = Some(PathBuf::from(&value)),
            "client-ca-file" => options.serve = options.serve.client_authority(read(Path::new(&value))?),
            "token-auth-file" => options.token_files.push(PathBuf::from(&value)),
            "authorization-mode" if value.split(',').any(|mode| mode == "AlwaysAllow") => {}
            "authorization-mode" if value.split(',').any(|mode| mode == "RBAC") => {
                options.authorization = Authorization::Rbac;
            }
            "authorization-mode" => return fault("it is RBAC or AlwaysAllow"),
            "disable-admission-plugins" if value == "ServiceAccount" => accounts_off = true,
            "disable-admission-plugins" => return fault("ServiceAccount alone can be without effect"),
            "v" => {
                if value != "0" {
                    options.verbosity = Verbosity::Requests;
                }
            }
            other if WITHOUT_EFFECT.contains(&other) => {}
            _ => return fault("this flag is not modelled: see --help for those that are"),
        }
    }
    if !accounts_off {
        return Err("no controller makes service accounts here: say --disable-admission-plugins=ServiceAccount".into());
    }
    match (certificate, key) {
        (Some(certificate), Some(key)) => options.serve = options.serve.certificate(read(&certificate)?, read(&key)?),
        (None, None) => {}
        _ => return Err("a certificate and its key are given together: --tls-cert-file, --tls-private-key-file".into()),
    }
    Ok(Wanted::Serve(Box::new(options)))
}

/// The flags as Go reads them: `--name=value`, `--name value`, and `--name` alone, which is true.
fn flags(words: impl IntoIterator<Item = OsString>) -> Result<Vec<(String, String)>, Fault> {
    let mut flags = Vec::new();
    let mut words = words.into_iter().map(|word| word.to_string_lossy().into_owned()).peekable();
    while let Some(word) = words.next() {
        let name = word.trim_start_matches('-');
        if name.len() == word.len() {
            return Err(format!("`{word}` is no flag").into());
        }
        let is_value = |next: &String| !next.starts_with('-');
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (name, words.next_if(is_value).unwrap_or_else(|| "true".to_owned())),
        };
        flags.push((if name == "h" { "help" } else { name }.to_owned(), value));
    }
    Ok(flags)
}

/// How long a client of etcd may take to ask.
const PATIENCE: Duration = Duration::from_secs(1);

/// Says on the port of an etcd's clients that it is well, until it is killed.
pub(crate) fn etcd(words: impl IntoIterator<Item = OsString>) -> Result<ExitCode, Fault> {
    let flags = flags(words)?;
    let urls = flags.iter().find(|(name, _)| name == "listen-client-urls").map(|(_, value)| value.as_str());
    let address = urls.and_then(|urls| urls.split(',').next()).and_then(|url| url.strip_prefix("http://"));
    let Some(address) = address else {
        return Err(
            "etcd is played for others on a loopback port alone: say --listen-client-urls=http://127.0.0.1:PORT".into(),
        );
    };
    let listener = TcpListener::bind(address).map_err(|error| format!("{address}: {error}"))?;
    if !listener.local_addr()?.ip().is_loopback() {
        return Err(format!("{address} is no loopback address").into());
    }
    for client in listener.incoming() {
        // Whoever has gone again is not told.
        let _ = client.and_then(|mut client| {
            client.set_read_timeout(Some(PATIENCE))?;
            let mut asked = [0; 1024];
            let _ = client.read(&mut asked)?;
            let body = "{\"health\":\"true\",\"reason\":\"\"}";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            write!(client, "{head}Content-Length: {}\r\n\r\n{body}", body.len())
        });
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(words: &[&str]) -> String {
        let words = words.iter().map(OsString::from);
        kube_apiserver(words).err().map(|fault| fault.to_string()).unwrap_or_default()
    }

    #[test]
    fn flags_are_read_as_go_reads_them() {
        let words = ["--a=1", "-b", "2", "--c", "--d=x=y", "-h"].map(OsString::from);
        let read = flags(words).expect("flags");
        let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "1"), ("b", "2"), ("c", "true"), ("d", "x=y"), ("help", "true")]);
    }

    #[test]
    fn what_is_not_modelled_is_refused() {
        const OFF: &str = "--disable-admission-plugins=ServiceAccount";
        for (words, why) in [
            (&[OFF, "--feature-gates=A=true"][..], "--feature-gates=A=true: this flag is not modelled"),
            (&[OFF, "--bind-address=0.0.0.0"], "it serves on 127.0.0.1 alone"),
            (&[OFF, "--authorization-mode=Node"], "it is RBAC or AlwaysAllow"),
            (&[OFF, "--tls-cert-file=/x"], "a certificate and its key are given together"),
            (&["--secure-port=1"], "no controller makes service accounts here"),
            (&["word"], "`word` is no flag"),
        ] {
            let told = refused(words);
            assert!(told.contains(why), "{words:?}: {told}");
        }
        assert_eq!(refused(&[OFF, "--advertise-address=127.0.0.1", "--authorization-mode=Node,RBAC"]), "");
    }
}
