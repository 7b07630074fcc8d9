//! What a served cluster is to its user: how to start it, where it is, how to stop it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Door;
use super::certificate::{Authority, ClientCertificate, Credentials, ServerCertificate};
use super::https::{Address, Front};
use super::kubeconfig::{self, Trust};
use crate::auth::{Caller, User};

/// Why a cluster can't be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// No listening on that port.
    #[error("listening on {address} failed: choose another port, or 0 for a free one")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The kubeconfig could not be written.
    #[error("writing the kubeconfig{} failed: name a file in a folder that you may write to", at(.path))]
    Kubeconfig {
        /// Where, if a path was given.
        path: Option<PathBuf>,
        /// Why.
        source: io::Error,
    },
    /// The kubeconfig just written could not be read back by kube's client.
    #[error("making a client from the kubeconfig failed")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No certificate could be made.
    #[error("making a certificate failed")]
    Certificate(#[from] rcgen::Error),
    /// A certificate or a key that was given is not in PEM.
    #[error("reading {what} failed: give it in PEM")]
    Pem {
        /// Which of them.
        what: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The TLS library refused its settings.
    #[error("setting up TLS failed")]
    Tls(#[from] rustls::Error),
    /// The TLS library refused the authority for the certificates of clients.
    #[error("setting up the verification of client certificates failed")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

fn at(path: &Option<PathBuf>) -> String {
    path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default()
}

/// How to serve a cluster.
///
/// ```
/// use controller_testkit::Serve;
///
/// let fixed = Serve::https().port(6443).kubeconfig("/tmp/my cluster/kubeconfig");
/// # let _ = fixed;
/// ```
#[derive(Debug, Clone)]
#[must_use = "hand it to `Cluster::serve_with`"]
pub struct Serve {
    port: u16,
    transport: Transport,
    kubeconfig: Option<PathBuf>,
    certificate: Option<ServerCertificate>,
    client_authorities: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Https,
    Plain,
}

impl Serve {
    /// HTTPS on a free loopback port, for whoever has the token in the kubeconfig.
    pub fn https() -> Self {
        Serve {
            port: 0,
            transport: Transport::Https,
            kubeconfig: None,
            certificate: None,
            client_authorities: Vec::new(),
        }
    }

    /// Plain HTTP on a free loopback port. Everyone on the machine is an administrator.
    pub fn plain() -> Self {
        Serve { transport: Transport::Plain, ..Serve::https() }
    }

    /// On this port; 0 is a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Writes the kubeconfig to this file, which stays when the server stops; without it, a fresh temporary file is
    /// written and removed again.
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(path.into());
        self
    }

    /// Shows this certificate over HTTPS, in PEM with those that lead to its authority, in place of one that the
    /// cluster's own authority has signed. As nobody says who vouches for it, the kubeconfig does not verify it.
    ///
    /// ```no_run
    /// use controller_testkit::Serve;
    ///
    /// let serve = Serve::https()
    ///     .certificate(std::fs::read_to_string("tls.crt")?, std::fs::read_to_string("tls.key")?)
    ///     .client_authority(std::fs::read_to_string("clients.crt")?);
    /// # drop(serve);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn certificate(mut self, chain_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        self.certificate = Some(ServerCertificate { chain_pem: chain_pem.into(), key_pem: key_pem.into() });
        self
    }

    /// Knows the users whose certificates this authority has signed too: over HTTPS, one or more certificates in PEM.
    pub fn client_authority(mut self, pem: impl Into<String>) -> Self {
        self.client_authorities.push(pem.into());
        self
    }

    #[expect(clippy::disallowed_methods, reason = "a front on a socket owns a task, outside every simulation")]
    pub(crate) async fn start(self, door: Door) -> Result<Served, ServeError> {
        let address = Address::reserve(self.port)?;
        let port = address.port();
        let (url, text, tls, token, authority) = match self.transport {
            Transport::Https => {
                let (authority, token) = secrets(&door)?;
                let own = self.certificate.as_ref();
                let credentials = Credentials::new(authority, own, &self.client_authorities)?;
                let url = format!("https://127.0.0.1:{port}");
                let authority_pem = own.is_none().then(|| credentials.authority.pem());
                let trust = Trust::Tls { authority_pem: authority_pem.as_deref(), token: &token };
                let text = kubeconfig::text(&url, &trust);
                (url, text, Some(TlsAcceptor::from(credentials.tls)), Some(token), Some(credentials.authority))
            }
            Transport::Plain => {
                let url = format!("http://127.0.0.1:{port}");
                let text = kubeconfig::text(&url, &Trust::Plain);
                (url, text, None, None, None)
            }
        };
        let file = match &self.kubeconfig {
            Some(path) => kubeconfig::File::at(path, &text),
            None => kubeconfig::File::fresh(&text),
        };
        let file = file.map_err(|source| ServeError::Kubeconfig { path: self.kubeconfig, source })?;
        let (config, client) = read_back(&text).await.map_err(ServeError::Client)?;
        let stop = CancellationToken::new();
        let caller = token.as_ref().map(|_| Caller::Bearer);
        if let Some(token) = token {
            door.hub().step(|state| state.server.gate().know(token, User::administrator()));
        }
        if let Some(authority) = &authority {
            let (hub, pem) = (door.hub(), authority.pem());
            let now = hub.clock.now();
            hub.with(|state| state.world.trust(pem, &state.server, now));
        }
        let front = Front::new(door, tls, caller, stop.clone());
        let task = tokio::spawn(front.run(address));
        Ok(Served { url, port, text, file, config, client, authority, stop, task: Some(task) })
    }
}

/// A cluster that is served on a port, until it is stopped or dropped.
#[must_use = "dropping it stops the server"]
pub struct Served {
    url: String,
    port: u16,
    text: String,
    file: kubeconfig::File,
    config: Config,
    client: Client,
    authority: Option<Authority>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Served {
    /// The server's address: `https://127.0.0.1:34567`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The absolute path of the kubeconfig.
    pub fn kubeconfig_path(&self) -> &Path {
        self.file.path()
    }

    /// The line `export KUBECONFIG=<path>`, as a shell takes it.
    pub fn export(&self) -> String {
        format!("export KUBECONFIG={}", kubeconfig::quoted(self.kubeconfig_path()))
    }

    /// What the kubeconfig says.
    pub fn kubeconfig(&self) -> &str {
        &self.text
    }

    /// A client that goes through the socket, as made from the kubeconfig, without kube's own retries: what fails is
    /// seen by whoever asked.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The configuration of that client, for programs that make their own:
    ///
    /// ```no_run
    /// # async fn example(cluster: controller_testkit::Cluster) -> Result<(), Box<dyn std::error::Error>> {
    /// let served = cluster.serve().await?;
    /// let client = kube::Client::try_from(served.config())?;
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// A certificate by which a client is this user, in these groups; none over plain HTTP, which has no place for it.
    ///
    /// # Errors
    /// A name that no certificate can carry.
    pub fn certificate(&self, user: &str, groups: &[&str]) -> Result<Option<ClientCertificate>, ServeError> {
        self.authority.as_ref().map(|authority| authority.vouch(user, groups)).transpose()
    }

    /// Stops it in order: no new connections, watches end, running requests get their answers. What has not ended
    /// by then is cut off after two seconds.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // A front that has panicked is stopped too.
            let _ = task.await;
        }
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Reads the kubeconfig back as any program would.
async fn read_back(text: &str) -> Result<(Config, Client), Box<dyn std::error::Error + Send + Sync>> {
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::from_yaml(text)?, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    let client = Client::try_from(config.clone())?;
    Ok((config, client))
}

/// The authority and the administrator's token: those of the last time where there is a state file, so that a
/// kubeconfig holds for as long as the file does.
fn secrets(door: &Door) -> Result<(Authority, String), ServeError> {
    const NOTE: &str = "credentials";
    let kept = door.hub().step(|state| state.journal().and_then(|journal| journal.note(NOTE)));
    let kept = |member: &str| kept.as_ref().and_then(|kept| kept[member].as_str());
    if let (Some(key), Some(token)) = (kept("authorityKey"), kept("token")) {
        return Ok((Authority::with_key(Some(key))?, token.to_owned()));
    }
    let (authority, token) = (Authority::with_key(None)?, token());
    let note = json!({"authorityKey": authority.key_pem(), "token": token});
    door.hub().step(|state| state.journal().map(|journal| journal.set_note(NOTE, note)));
    Ok((authority, token))
}

/// A bearer token that no other run has.
#[expect(clippy::disallowed_methods, reason = "a secret must not follow from a seed")]
fn token() -> String {
    let mut rng = fastrand::Rng::new();
    std::iter::repeat_with(|| rng.alphanumeric()).take(40).collect()
}
