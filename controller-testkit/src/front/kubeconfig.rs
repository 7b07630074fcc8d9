//! The kubeconfig of a served cluster: one file with everything embedded, so that it may be moved or copied.
//!
//! Every value is written as a JSON string, which is YAML too; the layout is the one that `kubectl config view`
//! prints, since some clients read it with simple parsers.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The name of the cluster, the user and the context in the file.
const NAME: &str = "controller-testkit";

/// How a client proves who it is and knows the server.
pub(crate) enum Trust<'a> {
    /// HTTPS with this authority, if one is known, and this bearer token.
    Tls { authority_pem: Option<&'a str>, token: &'a str },
    /// Plain HTTP: clients send no credentials over it, and some insist on being told that it is meant.
    Plain,
}

/// The text of a kubeconfig for the server at `url`.
pub(crate) fn text(url: &str, trust: &Trust<'_>) -> String {
    let quoted = |value: &str| serde_json::Value::from(value).to_string();
    let unverified = "insecure-skip-tls-verify: true".to_owned();
    let (verification, user) = match trust {
        Trust::Tls { authority_pem, token } => {
            let verification = authority_pem.map(|pem| format!("certificate-authority-data: {}", STANDARD.encode(pem)));
            (verification.unwrap_or(unverified), format!("\n    token: {}", quoted(token)))
        }
        Trust::Plain => (unverified, " {}".to_owned()),
    };
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: {NAME}\n  cluster:\n    {verification}\n    server: {url}\n\
         contexts:\n\
         - name: {NAME}\n  context:\n    cluster: {NAME}\n    namespace: default\n    user: {NAME}\n\
         current-context: {NAME}\n\
         preferences: {{}}\n\
         users:\n\
         - name: {NAME}\n  user:{user}\n",
        url = quoted(url),
    )
}

/// A kubeconfig on the disk, and the folder that was made for it, which goes with it.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    folder: Option<PathBuf>,
}

impl File {
    /// Writes the text to this path, readable by its owner alone. A file that stands there is replaced.
    pub(crate) fn at(path: &Path, text: &str) -> io::Result<File> {
        let path = std::path::absolute(path)?;
        // A fresh file rather than the old one's pages, whose mode might be wider.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        write(&path, text)?;
        Ok(File { path, folder: None })
    }

    /// Writes the text into a fresh folder of its own among the temporary ones.
    pub(crate) fn fresh(text: &str) -> io::Result<File> {
        let folder = fresh_folder()?;
        let path = folder.join("kubeconfig");
        let file = File { path, folder: Some(folder) };
        write(&file.path, text)?;
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // What can't be removed any more was removed by someone else: nobody is there to be told.
        if let Some(folder) = &self.folder {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_dir(folder);
        }
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

fn fresh_folder() -> io::Result<PathBuf> {
    let parent = std::path::absolute(std::env::temp_dir())?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let mut number = u64::from(std::process::id());
    loop {
        let folder = parent.join(format!("controller-testkit-{number:x}"));
        match builder.create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number = number.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            }
            Err(error) => return Err(error),
        }
    }
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if !path.is_empty() && path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubes_own_loader_reads_it() {
        let check = |trust: Trust<'_>, insecure: Option<bool>, token: bool| {
            let text = text("https://127.0.0.1:6443", &trust);
            let config = kube::config::Kubeconfig::from_yaml(&text).expect("a kubeconfig");
            assert_eq!(config.current_context.as_deref(), Some(NAME));
            let cluster = config.clusters[0].cluster.as_ref().expect("a cluster");
            assert_eq!(cluster.server.as_deref(), Some("https://127.0.0.1:6443"));
            assert_eq!(cluster.insecure_skip_tls_verify, insecure);
            let user = config.auth_infos[0].auth_info.as_ref().expect("a user");
            assert_eq!(user.token.is_some(), token);
        };
        check(Trust::Tls { authority_pem: Some("-----BEGIN"), token: "a\"b" }, None, true);
        check(Trust::Plain, Some(true), false);
    }

    #[test]
    fn the_file_is_its_owners_alone_and_goes_with_its_handle() {
        let file = File::fresh("text").expect("a file in the temporary folder");
        let path = file.path().to_owned();
        assert!(path.is_absolute());
        assert_eq!(fs::read_to_string(&path).expect("the file"), "text");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let again = File::at(&path, "other").expect("the same path");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "other");
        drop(again);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_shell_gets_the_path_as_one_word() {
        let check = |path: &str, expect: &str| assert_eq!(quoted(Path::new(path)), expect);
        check("/tmp/a-1/kubeconfig", "/tmp/a-1/kubeconfig");
        check("/tmp/my cluster/k", "'/tmp/my cluster/k'");
        check("/tmp/it's", r"'/tmp/it'\''s'");
        check("$HOME", "'$HOME'");
    }
}
