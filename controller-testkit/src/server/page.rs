//! Continue tokens: where the next page of a list begins, and at which resourceVersion.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::status::ApiError;

/// The place at which a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The version that all pages show; none once consistency was given up.
    pub(crate) rv: Option<u64>,
    /// The first key of the next page.
    pub(crate) start: String,
}

#[derive(Serialize, Deserialize)]
struct Token {
    #[serde(default)]
    v: String,
    #[serde(default)]
    rv: i64,
    #[serde(default)]
    start: String,
}

const VERSION: &str = "meta.k8s.io/v1";

impl Page {
    /// As a client gets it, who lists what has this prefix.
    pub(crate) fn token(&self, prefix: &str) -> String {
        let rv = self.rv.and_then(|rv| i64::try_from(rv).ok()).unwrap_or(-1);
        let start = relative(&self.start, prefix);
        // One that gives up consistency is cut from the whole key, without the slash.
        let start = if rv == -1 { start.trim_start_matches('/').to_owned() } else { start };
        let token = Token { v: VERSION.to_owned(), rv, start };
        // A struct of texts and a number always has a JSON form.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }

    pub(crate) fn parse(token: &str, prefix: &str) -> Result<Self, ApiError> {
        let refuse =
            |why: String| ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .or_else(|_| URL_SAFE.decode(token))
            .map_err(|fault| refuse(fault.to_string()))?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|fault| refuse(fault.to_string()))?;
        if token.v != VERSION {
            return Err(refuse(format!("server does not recognize this encoded version {}", token.v)));
        }
        if token.rv == 0 {
            return Err(refuse("incorrect encoded start resourceVersion (version meta.k8s.io/v1)".into()));
        }
        if token.start.is_empty() {
            return Err(refuse("encoded start key empty (version meta.k8s.io/v1)".into()));
        }
        Ok(Self { rv: u64::try_from(token.rv).ok(), start: absolute(&token.start, prefix) })
    }
}

/// A key without its prefix; what is left of one in a namespace begins with the slash that ends the prefix.
fn relative(key: &str, prefix: &str) -> String {
    let rest = key.strip_prefix(prefix).unwrap_or(key);
    if prefix.is_empty() { rest.to_owned() } else { format!("/{rest}") }
}

fn absolute(key: &str, prefix: &str) -> String {
    let rest = if prefix.is_empty() { key } else { key.trim_start_matches('/') };
    format!("{prefix}{rest}")
}
