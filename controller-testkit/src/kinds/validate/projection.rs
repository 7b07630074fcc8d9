//! What is put together in one volume: files of secrets and config maps, what a Pod tells of itself, tokens, bundles of
//! trust and certificates.

use super::at::{At, Faults};
use super::config::signer;
use super::selector::selector;
use super::texts::file_path;
use crate::field::name;

/// The places of files that are in a volume already.
type Places<'a> = Vec<&'a str>;

/// A volume of several sources, no two of which have a file at one place.
pub(super) fn projected(source: &At<'_>, f: &mut Faults) {
    mode(&source.field("defaultMode"), f);
    let mut places = Places::new();
    for part in source.field("sources").items() {
        let kinds =
            ["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate"];
        let given: Vec<&str> = kinds.into_iter().filter(|kind| part.field(kind).is_set()).collect();
        for kind in &given {
            let own = part.field(kind);
            match *kind {
                "secret" | "configMap" => {
                    f.needs(&own.field("name"));
                    for item in own.field("items").items() {
                        file(&item, f);
                        let shown = own.field("name").text();
                        take(item.field("path").text(), shown, source, &mut places, f);
                    }
                }
                "downwardAPI" => {
                    for item in own.field("items").items() {
                        told(&item, &own, f);
                        let path = item.field("path").text();
                        take(path, path, source, &mut places, f);
                    }
                }
                "serviceAccountToken" => token(&own, source, f),
                "clusterTrustBundle" => {
                    bundle(&own, f);
                    let path = own.field("path").text();
                    if places.contains(&path) {
                        f.invalid_as(source, path, CLASH);
                    }
                    places.push(path);
                }
                _ => certificate(&own, source, &mut places, f),
            }
        }
        if given.len() > 1 {
            f.forbidden(&part, "may not specify more than 1 volume type per source");
        }
    }
}

const CLASH: &str = "conflicting duplicate paths";

/// Puts a file at a place, if it has one.
fn take<'a>(path: &'a str, shown: &str, volume: &At<'_>, places: &mut Places<'a>, f: &mut Faults) {
    if path.is_empty() {
        return;
    }
    match places.contains(&path) {
        true => f.invalid_as(volume, shown, CLASH),
        false => places.push(path),
    }
}

/// A source of files: a ConfigMap or a Secret.
pub(super) fn files(source: &At<'_>, named: &str, f: &mut Faults) {
    f.needs(&source.field(named));
    mode(&source.field("defaultMode"), f);
    source.field("items").items().iter().for_each(|item| file(item, f));
}

fn file(item: &At<'_>, f: &mut Faults) {
    f.needs(&item.field("key"));
    f.needs(&item.field("path"));
    f.follows(&item.field("path"), file_path);
    mode(&item.field("mode"), f);
}

pub(super) fn mode(mode: &At<'_>, f: &mut Faults) {
    if mode.is_set() && !(0..=0o777).contains(&mode.number()) {
        f.invalid(mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

/// A file that tells something of the Pod; what is wrong is told of the whole volume.
pub(super) fn told(item: &At<'_>, whole: &At<'_>, f: &mut Faults) {
    let place = |name: &str| item.field(name).told_as(whole.field(name).path);
    let (path, field, resource) = (place("path"), place("fieldRef"), place("resourceFieldRef"));
    f.needs(&path);
    f.follows(&path, file_path);
    if field.is_set() {
        pod_field(&field, Reader::File, f);
        if resource.is_set() {
            f.invalid_as(whole, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
        }
    } else if resource.is_set() {
        resource_field(&resource, Reader::File, f);
    } else {
        f.required(whole, "one of fieldRef and resourceFieldRef is required");
    }
    mode(&place("mode"), f);
}

fn token(token: &At<'_>, volume: &At<'_>, f: &mut Faults) {
    let (lifetime, path) = (token.field("expirationSeconds"), token.field("path").told_as(volume.field("path").path));
    match lifetime.value.as_i64() {
        None => f.required(&lifetime, ""),
        Some(..600) => f.invalid(&lifetime, "may not specify a duration less than 10 minutes"),
        Some(4_294_967_297..) => f.invalid(&lifetime, "may not specify a duration larger than 2^32 seconds"),
        Some(_) => {}
    }
    if f.needs(&path) {
        f.follows(&path, file_path);
    }
}

fn bundle(bundle: &At<'_>, f: &mut Faults) {
    let (own, by, labels) = (bundle.field("name"), bundle.field("signerName"), bundle.field("labelSelector"));
    match (own.is_set(), by.is_set()) {
        (true, true) => f.invalid(bundle, "only one of name and signerName may be used"),
        (true, false) => {
            if own.is_empty() {
                f.required(&own, "must be a valid object name");
            }
            for wrong in bundle_name(own.text()) {
                f.invalid(&own, format!("not a valid clustertrustbundlename: {wrong}"));
            }
            if labels.is_set() {
                f.invalid(&labels, "labelSelector must be unset if name is specified");
            }
        }
        (false, true) => {
            if by.is_empty() {
                f.required(&by, "must be a valid signer name");
            }
            signer(&by, f);
            selector(&labels, f);
        }
        (false, false) => f.required(bundle, "either name or signerName must be specified"),
    }
    f.needs(&bundle.field("path"));
    f.follows(&bundle.field("path"), file_path);
}

/// A bundle of a signer has its name before its own.
fn bundle_name(name: &str) -> Vec<String> {
    match name.rsplit_once(':') {
        Some(("", _)) => vec!["ClusterTrustBundle without signer name must not have \":\" in its name".to_owned()],
        Some((_, own)) => name::dns1123_subdomain(own),
        None => name::dns1123_subdomain(name),
    }
}

fn certificate<'a>(own: &At<'a>, volume: &At<'_>, places: &mut Places<'a>, f: &mut Faults) {
    const KEYS: [&str; 6] = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
    let by = own.field("signerName");
    signer(&by, f);
    let notes = own.field("userAnnotations");
    for key in notes.entries().iter().map(|(key, _)| key.to_lowercase()) {
        let mut wrong = name::qualified(&key);
        if wrong.is_empty() && !key.contains('/') {
            wrong.push("must be a domain-prefixed key (such as \"acme.io/foo\")".to_owned());
        }
        wrong.into_iter().for_each(|wrong| f.invalid_as(&notes, &key, wrong));
    }
    f.one_of(&own.field("keyType"), &KEYS);
    let lifetime = own.field("maxExpirationSeconds");
    if lifetime.is_set() {
        const DAY: i64 = 24 * 60 * 60;
        let domain = format!(".{}", by.text().split('/').next().unwrap_or_default());
        let longest = if domain.ends_with(".kubernetes.io") { DAY } else { 91 * DAY };
        if lifetime.number() < 3600 {
            f.invalid(&lifetime, "if provided, maxExpirationSeconds must be >= 3600");
        }
        if lifetime.number() > longest {
            f.invalid(&lifetime, format!("if provided, maxExpirationSeconds must be <= {longest}"));
        }
    }
    let files = ["credentialBundlePath", "keyPath", "certificateChainPath"].map(|file| own.field(file));
    for file in files.iter().filter(|file| !file.is_empty()) {
        f.follows(file, file_path);
        take(file.text(), file.text(), volume, places, f);
    }
    if files.iter().all(At::is_empty) {
        f.required(own, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath");
    }
}

/// Who reads a field of the Pod that it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Variable,
    File,
}

/// A reference to a field of the Pod.
pub(super) fn pod_field(reference: &At<'_>, reader: Reader, f: &mut Faults) {
    const BOTH: [&str; 3] = ["metadata.name", "metadata.namespace", "metadata.uid"];
    const VARIABLES: [&str; 6] = [
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ];
    const FILES: [&str; 2] = ["metadata.labels", "metadata.annotations"];
    /// What can be selected by, and is told to nobody.
    const NEITHER: [&str; 3] = ["spec.restartPolicy", "spec.schedulerName", "status.phase"];
    let (version, path) = (reference.field("apiVersion"), reference.field("fieldPath"));
    if !f.needs(&version) || !f.needs(&path) {
        return;
    }
    let convert = |why: String| format!("error converting fieldPath: {why}");
    if version.text() != "v1" {
        return f.invalid(&path, convert(format!("unsupported pod version: {}", version.text())));
    }
    // It is an old name of another field.
    let text = if path.text() == "spec.host" { "spec.nodeName" } else { path.text() };
    let subscript = text.strip_suffix("']").and_then(|text| text.split_once("['"));
    if let Some((field, key)) = subscript {
        match field {
            "metadata.annotations" => {
                let key = key.to_lowercase();
                name::qualified(&key).into_iter().for_each(|wrong| f.invalid_as(reference, &key, wrong));
            }
            "metadata.labels" => {
                name::qualified(key).into_iter().for_each(|wrong| f.invalid_as(reference, key, wrong));
            }
            _ => f.invalid(&path, convert(format!("field label does not support subscript: {text}"))),
        }
        return;
    }
    let (known, others): (&[&str], &[&str]) = match reader {
        Reader::Variable => (&VARIABLES, &FILES),
        Reader::File => (&FILES, &VARIABLES),
    };
    if BOTH.contains(&text) || known.contains(&text) {
        return;
    }
    if !others.contains(&text) && !NEITHER.contains(&text) {
        return f.invalid(&path, convert(format!("field label not supported: {text}")));
    }
    let mut fitting: Vec<&str> = BOTH.iter().chain(known).copied().collect();
    fitting.sort_unstable();
    f.not_supported(&path, text, &fitting);
}

/// A resource of a container, in whole parts of some size.
pub(super) fn resource_field(reference: &At<'_>, reader: Reader, f: &mut Faults) {
    const KNOWN: [&str; 6] = [
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
    ];
    const SIZES: [&str; 13] = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let (container, resource) = (reference.field("containerName"), reference.field("resource"));
    let is_huge = ["limits.hugepages-", "requests.hugepages-"].iter().any(|known| resource.text().starts_with(known));
    if reader == Reader::File && container.is_empty() {
        f.required(&container, "");
    } else if f.needs(&resource) && !is_huge {
        f.one_of(&resource, &KNOWN);
    }
    let part = reference.field("divisor");
    let all = SIZES.join(", ");
    let (sizes, said, what): (&[&str], _, _) = match resource.text() {
        _ if matches!(part.text(), "" | "0") => return,
        "limits.cpu" | "requests.cpu" => (&["1m", "1"], "1m and 1", "cpu"),
        "limits.memory" | "requests.memory" => (&SIZES, all.as_str(), "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (&SIZES, all.as_str(), "local ephemeral storage"),
        _ if is_huge => (&SIZES, all.as_str(), "hugepages"),
        _ => return,
    };
    if !sizes.contains(&part.text()) {
        let why = format!("only divisor's values {said} are supported with the {what} resource");
        f.invalid_as(&part, resource.text(), why);
    }
}
