//! A real kube-apiserver on an etcd of its own, on loopback ports, with users that are known by tokens.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kube::{Client, Config};
use tempfile::TempDir;

/// A real server, until it is dropped.
pub(crate) struct Real {
    /// Its address: `https://127.0.0.1:6443`.
    pub(crate) url: String,
    /// That of its etcd.
    store: String,
    /// What runs the server.
    command: Mutex<Command>,
    server: Mutex<Program>,
    _etcd: Program,
    folder: TempDir,
}

/// A program that ends when it is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Real {
    /// Who it is, each request says by its own token.
    pub(crate) fn client(&self) -> Result<Client> {
        let mut config = Config::new(self.url.parse()?);
        config.accept_invalid_certs = true;
        config.default_retry = false;
        Ok(Client::try_from(config)?)
    }

    /// A client of its etcd.
    pub(crate) fn etcd(&self) -> Result<Client> {
        Ok(Client::try_from(Config::new(self.store.parse()?))?)
    }

    pub(crate) async fn start(programs: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str| folder.path().join(name).display().to_string();
        let [store, peers, port] = [free_port()?, free_port()?, free_port()?];
        let made = Command::new("openssl")
            .args(["genpkey", "-quiet", "-algorithm", "RSA", "-out", &file("accounts.key")])
            .status()
            .context("openssl makes the key of the service accounts")?;
        ensure!(made.success(), "openssl made no key");
        fs::write(
            file("tokens.csv"),
            "admin-token,admin,1,system:masters\nbob-token,bob,2,people\nnobody-token,nobody,3\n",
        )?;
        let store = format!("http://127.0.0.1:{store}");
        let peers = format!("http://127.0.0.1:{peers}");
        let command = |program: &str, arguments: &[String]| -> Result<Command> {
            let log = fs::File::create(file(&format!("{program}.log")))?;
            let mut command = Command::new(programs.join(program));
            command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            Ok(command)
        };
        let etcd = start(&mut command(
            "etcd",
            &[
                format!("--data-dir={}", file("etcd")),
                format!("--listen-client-urls={store}"),
                format!("--advertise-client-urls={store}"),
                format!("--listen-peer-urls={peers}"),
                format!("--initial-advertise-peer-urls={peers}"),
                format!("--initial-cluster=default={peers}"),
                "--unsafe-no-fsync".to_owned(),
            ],
        )?)?;
        let mut command = command(
            "kube-apiserver",
            &[
                format!("--etcd-servers={store}"),
                "--bind-address=127.0.0.1".to_owned(),
                format!("--secure-port={port}"),
                format!("--cert-dir={}", file("certificates")),
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
                format!("--service-account-key-file={}", file("accounts.key")),
                format!("--service-account-signing-key-file={}", file("accounts.key")),
                "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
                format!("--token-auth-file={}", file("tokens.csv")),
                "--authorization-mode=RBAC".to_owned(),
                "--allow-privileged=true".to_owned(),
                "--endpoint-reconciler-type=none".to_owned(),
                // Nobody makes the accounts that it would ask for.
                "--disable-admission-plugins=ServiceAccount".to_owned(),
            ],
        )?;
        let url = format!("https://127.0.0.1:{port}");
        let server = Mutex::new(start(&mut command)?);
        let real = Real { url, store, command: Mutex::new(command), server, _etcd: etcd, folder };
        real.ready().await?;
        Ok(real)
    }

    /// Stops the server and starts it again on the same etcd: what it remembered itself is gone.
    pub(crate) async fn restart(&self) -> Result<()> {
        {
            let mut server = self.server.lock().expect("nobody panics with it");
            // The port is free once the old one has ended.
            let _ = server.0.kill();
            let _ = server.0.wait();
            *server = start(&mut self.command.lock().expect("nobody panics with it"))?;
        }
        self.ready().await
    }

    async fn ready(&self) -> Result<()> {
        let client = self.client()?;
        for _ in 0..600 {
            let request = http::Request::get("/readyz").header("Authorization", "Bearer admin-token");
            if let Ok(answer) = client.send(request.body(Vec::new().into())?).await
                && answer.status().is_success()
            {
                // What it sets up for itself after that, it is to have done before the first version is seen.
                tokio::time::sleep(Duration::from_secs(3)).await;
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = fs::read_to_string(self.folder.path().join("kube-apiserver.log"))?;
        let end: Vec<&str> = log.lines().rev().take(20).collect();
        bail!("the real server does not get ready:\n{}", end.join("\n"))
    }
}

fn start(command: &mut Command) -> Result<Program> {
    let what = command.get_program().to_owned();
    command.spawn().map(Program).with_context(|| format!("{} is to be started", what.display()))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
