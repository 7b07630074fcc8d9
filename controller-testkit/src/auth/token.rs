//! The tokens of service accounts: given out for a time, and known again by their signature.
//!
//! The signature is one that only this server can make, not one that others could check: no key is published.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::User;

/// What signs tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seal(pub(super) [u64; 2]);

/// A token that this server has given out and that is still good.
pub(crate) struct Known {
    pub(crate) namespace: String,
    pub(crate) account: String,
    pub(crate) account_uid: String,
    pub(crate) audiences: Vec<String>,
    id: String,
}

impl Seal {
    /// The token with these claims.
    pub(crate) fn token(self, claims: &Value) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let head = encode(&json!({"alg": "RS256", "typ": "JWT"}).to_string());
        let body = format!("{head}.{}", encode(&claims.to_string()));
        let signature = self.signature(&body);
        format!("{body}.{signature}")
    }

    fn signature(self, body: &str) -> String {
        let mut bytes = Vec::new();
        for round in 0..4 {
            let mut hasher = DefaultHasher::new();
            (self.0, round, body, self.0).hash(&mut hasher);
            bytes.extend(hasher.finish().to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token says, if it is one of ours and its time has not run out.
    pub(crate) fn read(self, token: &str, now: Timestamp) -> Option<Known> {
        let (body, signature) = token.rsplit_once('.')?;
        if self.signature(body) != signature {
            return None;
        }
        let (_, claims) = body.split_once('.')?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let number = |member: &str| claims.get(member).and_then(Value::as_i64);
        if number("exp")? <= now.as_second() {
            return None;
        }
        let text = |pointer: &str| claims.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let audiences = claims.get("aud").and_then(Value::as_array).into_iter().flatten();
        Some(Known {
            namespace: text("/kubernetes.io/namespace")?,
            account: text("/kubernetes.io/serviceaccount/name")?,
            account_uid: text("/kubernetes.io/serviceaccount/uid")?,
            audiences: audiences.filter_map(Value::as_str).map(str::to_owned).collect(),
            id: text("/jti")?,
        })
    }
}

impl Known {
    /// The service account as a user.
    pub(crate) fn user(&self) -> User {
        let user = User::service_account(&self.namespace, &self.account).uid(&self.account_uid);
        user.extra("authentication.kubernetes.io/credential-id", format!("JTI={}", self.id)).arrived()
    }
}
