//! ConfigMaps and Secrets, quotas, classes of priority, and requests for certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::signing;
use super::at::{At, Faults};
use super::texts::config_key;
use crate::field::name;

/// The most bytes that the values of one object may have.
const LARGEST: usize = 1024 * 1024;

pub(super) fn config_map(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    if let Some(old) = old {
        sealed(new, old, &["data", "binaryData"], f);
    }
    let (data, binary) = (new.field("data"), new.field("binaryData"));
    for (key, value) in data.entries() {
        keys(key, &value, f);
        if binary.entry(key).is_set() {
            f.invalid_as(&value, key, "duplicate of key present in binaryData");
        }
    }
    binary.entries().iter().for_each(|(key, value)| keys(key, value, f));
    let size = data.entries().iter().map(|(_, value)| value.text().len()).sum::<usize>() + bytes(&binary);
    if size > LARGEST {
        // The place is the real server's word for the object itself, which has no name there.
        f.too_long(&new.entry(""), LARGEST.try_into().unwrap_or(i64::MAX));
    }
}

pub(super) fn secret(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    if let Some(old) = old {
        f.unchanged(&new.field("type"), &old.field("type"));
        sealed(new, old, &["data"], f);
    }
    let data = new.field("data");
    data.entries().iter().for_each(|(key, value)| keys(key, value, f));
    if bytes(&data) > LARGEST {
        f.too_long(&data, LARGEST.try_into().unwrap_or(i64::MAX));
    }
    let kind = new.field("type");
    match kind.text() {
        "kubernetes.io/service-account-token" => {
            f.needs(&new.at("metadata.annotations").entry("kubernetes.io/service-account.name"));
        }
        "kubernetes.io/dockercfg" => document(&data.entry(".dockercfg"), f),
        "kubernetes.io/dockerconfigjson" => document(&data.entry(".dockerconfigjson"), f),
        "kubernetes.io/basic-auth" => {
            let (user, password) = (data.entry("username"), data.entry("password"));
            if !user.is_set() && !password.is_set() {
                f.required(&user, "");
                f.required(&password, "");
            }
        }
        "kubernetes.io/ssh-auth" => {
            f.needs(&data.entry("ssh-privatekey"));
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if !data.entry(key).is_set() {
                    f.required(&data.entry(key), "");
                }
            }
        }
        _ => {}
    }
}

fn keys(key: &str, value: &At<'_>, f: &mut Faults) {
    config_key(key).into_iter().for_each(|wrong| f.invalid_as(value, key, wrong));
}

/// How many bytes the values of a map in base64 have.
fn bytes(map: &At<'_>) -> usize {
    let size = |text: &str| text.trim_end_matches('=').len() * 3 / 4;
    map.entries().iter().map(|(_, value)| size(value.text())).sum()
}

/// A value that is a JSON document.
fn document(value: &At<'_>, f: &mut Faults) {
    if !value.is_set() {
        f.required(value, "");
        return;
    }
    let bytes = STANDARD.decode(value.text()).unwrap_or_default();
    if serde_json::from_slice::<Value>(&bytes).is_err() {
        let text = String::from_utf8_lossy(&bytes);
        let why = match text.trim_start().chars().next() {
            None => "unexpected end of JSON input".to_owned(),
            Some(first) if !matches!(first, '{' | '[' | '"' | '-' | '0'..='9' | 't' | 'f' | 'n') => {
                format!("invalid character '{first}' looking for beginning of value")
            }
            Some(_) => "invalid JSON".to_owned(),
        };
        f.invalid_as(value, "<secret contents redacted>", why);
    }
}

/// What was declared immutable stays so, and so does its content.
fn sealed(new: &At<'_>, old: &At<'_>, fields: &[&str], f: &mut Faults) {
    if !old.field("immutable").is_true() {
        return;
    }
    const WHY: &str = "field is immutable when `immutable` is set";
    if !new.field("immutable").is_true() {
        f.forbidden(&new.field("immutable"), WHY);
    }
    for field in fields {
        if new.field(field).value != old.field(field).value {
            f.forbidden(&new.field(field), WHY);
        }
    }
}

/// A class's priority is that of pods which have it.
pub(super) fn priority_class(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let Some(old) = old else { return };
    let value = new.field("value");
    if value.number() != old.field("value").number() {
        f.forbidden(&value, "may not be changed in an update.");
    }
    f.unchanged(&new.field("preemptionPolicy"), &old.field("preemptionPolicy"));
}

/// What is to be signed is a request in PEM; whose it is and for which key is for the signer to judge.
pub(super) fn signing_request(new: &At<'_>, f: &mut Faults) {
    use base64::Engine;
    let request = new.at("spec.request");
    let text = base64::engine::general_purpose::STANDARD.decode(request.text()).unwrap_or_default();
    match in_pem(&String::from_utf8_lossy(&text)) {
        None => f.invalid(&request, "PEM block type must be CERTIFICATE REQUEST"),
        Some(der) => signing::fault(&der).into_iter().for_each(|why| f.invalid(&request, why)),
    }
    let usages = new.at("spec.usages");
    f.needs(&usages);
    let mut seen = Vec::new();
    for usage in usages.items() {
        f.one_of(&usage, &USAGES);
        if seen.contains(&usage.text()) {
            f.duplicate(&usage, usage.text());
        }
        seen.push(usage.text());
    }
    let signer = new.at("spec.signerName");
    self::signer(&signer, f);
    let duration = new.at("spec.expirationSeconds");
    if duration.is_set() && duration.number() < 600 {
        f.invalid(&duration, "may not specify a duration less than 600 seconds (10 minutes)");
    }
}

/// What is in a text that is one block in PEM, of a request.
fn in_pem(text: &str) -> Option<Vec<u8>> {
    const WORDS: [&str; 2] = ["-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"];
    let (inner, _) = text.split_once(WORDS[0])?.1.split_once(WORDS[1])?;
    STANDARD.decode(inner.replace(['\n', '\r'], "")).ok()
}

/// Who is to sign: a domain, and a path of it.
pub(super) fn signer(signer: &At<'_>, f: &mut Faults) {
    if !f.needs(signer) {
        return;
    }
    let parts: Vec<&str> = signer.text().split('/').collect();
    let [domain, path] = parts.as_slice() else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return f.invalid(signer, why);
    };
    let labels: Vec<&str> = domain.split('.').collect();
    // What is wrong is told of the first label where something is.
    let tell = |part: &str, labels: &[&str], grammar: fn(&str) -> Vec<String>, f: &mut Faults| {
        let wrong = labels.iter().map(|label| (label, grammar(label))).find(|(_, wrong)| !wrong.is_empty());
        for (label, wrong) in wrong.iter().flat_map(|(label, wrong)| wrong.iter().map(move |wrong| (label, wrong))) {
            f.invalid_as(signer, part, format!("validating label {label:?}: {wrong}"));
        }
    };
    tell(domain, &labels, name::dns1123_label, f);
    if labels.len() < 2 {
        f.invalid_as(signer, domain, "should be a domain with at least two segments separated by dots");
    }
    tell(path, &path.split('.').collect::<Vec<_>>(), name::dns1123_subdomain, f);
}

/// What a certificate may be used for.
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// A bundle that is not empty; its certificates are not read.
pub(super) fn trust_bundle(new: &At<'_>, f: &mut Faults) {
    let bundle = new.at("spec.trustBundle");
    if !bundle.text().contains("-----BEGIN CERTIFICATE-----") {
        f.invalid_as(&bundle, "<value omitted>", "at least one trust anchor must be provided");
    }
}
