//! Who may approve and sign requests for certificates and vouch for bundles, and which requests nobody may make.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Server;
use super::access::lets_go_only;
use super::read::subject;
use crate::admission::{Change, Operation};
use crate::auth::{Ask, User};
use crate::status::ApiError;

const GROUP: &str = "certificates.k8s.io";
/// Whose certificates make a client known to the server.
const CLIENTS: &str = "kubernetes.io/kube-apiserver-client";
/// Whoever is of this group may do everything.
const MASTERS: &[u8] = b"system:masters";

impl Server {
    /// Refuses what only some may do in the name of a signer.
    pub(super) fn vouch(&self, change: &Change<'_>, user: &User) -> Result<(), ApiError> {
        let Some(new) = change.new.filter(|_| change.resource.group == GROUP) else { return Ok(()) };
        let signer =
            |object: &Value| object.pointer("/spec/signerName").and_then(Value::as_str).unwrap_or_default().to_owned();
        let forbid = |why: &str| Err(ApiError::forbidden(subject(change.resource), change.name, why));
        match (change.resource.plural.as_str(), change.part, change.operation, change.old) {
            ("certificatesigningrequests", "", Operation::Create, _) => match signer(new).as_str() {
                CLIENTS if asks_for(new, MASTERS) => {
                    forbid(&format!("use of {CLIENTS} signer with system:masters group is not allowed"))
                }
                _ => Ok(()),
            },
            ("certificatesigningrequests", "approval", Operation::Update, Some(old)) => {
                let signer = signer(old);
                match self.may_be("approve", &signer, user) {
                    true => Ok(()),
                    false => forbid(&format!("user not permitted to approve requests with signerName {signer:?}")),
                }
            }
            ("certificatesigningrequests", "status", Operation::Update, Some(old)) => {
                let signer = signer(old);
                let is_same = |part: &str| new.pointer(part) == old.pointer(part);
                let is_signed = ["/status/certificate", "/status/conditions"].into_iter().all(is_same);
                match is_signed || self.may_be("sign", &signer, user) {
                    true => Ok(()),
                    false => forbid(&format!("user not permitted to sign requests with signerName {signer:?}")),
                }
            }
            ("clustertrustbundles", _, Operation::Create | Operation::Update, old) => {
                let signer = signer(new);
                let is_free = signer.is_empty() || old.is_some_and(|old| lets_go_only(old, new));
                match is_free || self.may_be("attest", &signer, user) {
                    true => Ok(()),
                    false => forbid(&format!("user not permitted to attest for signerName {signer:?}")),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether a user may do that for a signer, or for all signers of its domain.
    fn may_be(&self, verb: &str, signer: &str, user: &User) -> bool {
        let domain = signer.split('/').next().unwrap_or_default();
        [signer.to_owned(), format!("{domain}/*")].into_iter().any(|name| {
            let ask = Ask {
                verb: verb.to_owned(),
                group: GROUP.to_owned(),
                version: "*".to_owned(),
                resource: "signers".to_owned(),
                name,
                ..Ask::default()
            };
            self.gate.decide(&self.store, user, &ask).allowed
        })
    }
}

/// Whether a request for a certificate, in PEM, is of somebody in that organization.
fn asks_for(request: &Value, organization: &[u8]) -> bool {
    let text = request.pointer("/spec/request").and_then(Value::as_str).unwrap_or_default();
    let der = STANDARD.decode(text).ok().and_then(|pem| from_pem(&pem));
    let Some((_, request, _)) = der.as_deref().and_then(value) else { return false };
    let Some((_, about, _)) = value(request) else { return false };
    // The version comes before who it is.
    let Some((_, subject)) = values(about).nth(1) else { return false };
    let names = values(subject).flat_map(|(_, set)| values(set));
    names.into_iter().any(|(_, name)| {
        let mut parts = values(name).map(|(_, part)| part);
        parts.next() == Some(ORGANIZATION) && parts.next() == Some(organization)
    })
}

/// 2.5.4.10, as DER writes it.
const ORGANIZATION: &[u8] = &[0x55, 4, 10];

/// What stands between the first two lines of dashes.
fn from_pem(pem: &[u8]) -> Option<Vec<u8>> {
    let lines = std::str::from_utf8(pem).ok()?.lines().map(str::trim);
    let inner = lines.skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let inner: String = inner.take_while(|line| !line.starts_with("-----END")).collect();
    STANDARD.decode(inner).ok()
}

/// The first value of some DER, by its tag and its content, and what comes after it.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        short => (usize::from(short), rest),
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The values of some DER, one after another.
fn values(der: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = der;
    std::iter::from_fn(move || {
        let (tag, content, after) = value(rest)?;
        rest = after;
        Some((tag, content))
    })
}
