//! What stores a volume's data: the kinds of storage that a Pod's volume and a persistent one have in common.

use super::at::{At, Faults};
use super::texts::{inner_path, no_back_steps};
use crate::field::name;

/// Whose volume it is: what it refers to is in the namespace of a Pod, or in one that it names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Pod,
    Cluster,
}

/// What a path of the host may be.
const HOST_PATHS: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// Members that a source must have.
const NEEDED: [(&str, &[&str]); 12] = [
    ("awsElasticBlockStore", &["volumeID"]),
    ("azureFile", &["secretName", "shareName"]),
    ("cephfs", &["monitors"]),
    ("cinder", &["volumeID"]),
    ("flexVolume", &["driver"]),
    ("gcePersistentDisk", &["pdName"]),
    ("gitRepo", &["repository"]),
    ("glusterfs", &["endpoints", "path"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("rbd", &["monitors", "image"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
];

/// Looks at a source of some kind, which stands at `source`.
pub(super) fn source(source: &At<'_>, kind: &str, owner: Owner, f: &mut Faults) {
    let needed = NEEDED.iter().find(|(known, _)| *known == kind).map(|(_, needed)| *needed).unwrap_or_default();
    for name in needed {
        f.needs(&source.field(name));
    }
    match kind {
        "awsElasticBlockStore" | "gcePersistentDisk" => {
            let part = source.field("partition");
            if !(0..=255).contains(&part.number()) {
                f.invalid(&part, "must be between 1 and 255, inclusive");
            }
        }
        "azureDisk" => azure_disk(source, f),
        "azureFile" => {
            let space = source.field("secretNamespace");
            if space.is_set() {
                f.needs(&space);
            }
        }
        "cinder" => secret(source, owner, f),
        "fc" => fibre_channel(source, f),
        "flexVolume" => {
            for (key, option) in source.field("options").entries() {
                let domain = format!(".{}", key.split('/').next().unwrap_or_default().to_lowercase());
                if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
                    f.invalid_as(&option, key, "kubernetes.io and k8s.io namespaces are reserved");
                }
            }
        }
        "flocker" => {
            let (name, uuid) = (source.field("datasetName"), source.field("datasetUUID"));
            match (name.is_empty(), uuid.is_empty()) {
                (true, true) => f.required(source, "one of datasetName and datasetUUID is required"),
                (false, false) => {
                    f.invalid_as(source, "resource", "datasetName and datasetUUID can not be specified simultaneously");
                }
                _ => {}
            }
            if name.text().contains('/') {
                f.invalid(&name, "must not contain '/'");
            }
        }
        "gitRepo" => f.follows(&source.field("directory"), inner_path),
        "glusterfs" => {
            let space = source.field("endpointsNamespace");
            match space.text() {
                "" if space.is_set() => {
                    f.invalid(&space, "if the endpointnamespace is set, it must be a valid namespace name");
                }
                _ => f.follows_if_set(&space, name::dns1123_label),
            }
        }
        "hostPath" => {
            let path = source.field("path");
            if f.needs(&path) {
                f.follows(&path, no_back_steps);
                f.one_of_if_set(&source.field("type"), &HOST_PATHS);
            }
        }
        "iscsi" => iscsi(source, owner, f),
        "nfs" => {
            let path = source.field("path");
            f.needs(&source.field("server"));
            f.needs(&path);
            if !path.text().starts_with('/') {
                f.invalid_as(&path, path.text(), "must be an absolute path");
            }
        }
        "quobyte" => quobyte(source, f),
        "storageos" => {
            let (name, space) = (source.field("volumeName"), source.field("volumeNamespace"));
            if f.needs(&name) {
                f.follows(&name, name::dns1123_label);
            }
            f.follows_if_set(&space, name::dns1123_label);
            secret(source, owner, f);
        }
        "vsphereVolume" => drop(f.needs(&source.field("volumePath"))),
        _ => {}
    }
}

/// A secret that a source refers to, if it does.
fn secret(source: &At<'_>, owner: Owner, f: &mut Faults) {
    let secret = source.field("secretRef");
    if secret.is_set() {
        f.needs(&secret.field("name"));
        if owner == Owner::Cluster {
            f.needs(&secret.field("namespace"));
        }
    }
}

fn azure_disk(source: &At<'_>, f: &mut Faults) {
    const MANAGED: &str =
        "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    let (uri, kind) = (source.field("diskURI"), source.field("kind"));
    f.needs(&source.field("diskName"));
    f.needs(&uri);
    f.one_of_if_set(&source.field("cachingMode"), &["None", "ReadOnly", "ReadWrite"]);
    f.one_of_if_set(&kind, &["Dedicated", "Managed", "Shared"]);
    if kind.text() == "Managed" && !uri.text().starts_with("/subscriptions/") {
        f.not_supported(&uri, uri.text(), &[MANAGED]);
    }
    if kind.is_set() && kind.text() != "Managed" && !uri.text().starts_with("https://") {
        f.not_supported(&uri, uri.text(), &[BLOB]);
    }
}

fn fibre_channel(source: &At<'_>, f: &mut Faults) {
    let (names, ids, unit) = (source.field("targetWWNs"), source.field("wwids"), source.field("lun"));
    match (names.is_empty(), ids.is_empty()) {
        (true, true) => f.required(&names, "must specify either targetWWNs or wwids, but not both"),
        (false, false) => f.invalid(&names, "targetWWNs and wwids can not be specified simultaneously"),
        _ => {}
    }
    match unit.is_set() {
        _ if names.is_empty() => {}
        true => f.between(&unit, 0, 255),
        false => f.required(&unit, "lun is required if targetWWNs is specified"),
    }
}

fn quobyte(source: &At<'_>, f: &mut Faults) {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let (registry, tenant) = (source.field("registry"), source.field("tenant"));
    if registry.is_empty() {
        f.required(&registry, PAIRS);
    } else if tenant.text().len() > 64 {
        f.required(&tenant, "must be a UUID and may not exceed a length of 64 characters");
    } else {
        let is_pair = |text: &str| match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").is_some_and(|(_, port)| !port.contains(['[', ']', ':'])),
            None => text.matches(':').count() == 1 && !text.contains(['[', ']']),
        };
        registry.text().split(',').filter(|text| !is_pair(text)).for_each(|_| f.invalid(&registry, PAIRS));
    }
    f.needs(&source.field("volume"));
}

fn iscsi(source: &At<'_>, owner: Owner, f: &mut Faults) {
    f.needs(&source.field("targetPortal"));
    let wrong = match owner {
        Owner::Pod => "must be valid format starting with iqn, eui, or naa",
        Owner::Cluster => "must be valid format",
    };
    let named = |name: &At<'_>, f: &mut Faults| match is_target(name.text()) {
        None => f.invalid(name, wrong),
        Some(false) => f.invalid(name, "must be valid format"),
        Some(true) => {}
    };
    let target = source.field("iqn");
    if f.needs(&target) {
        named(&target, f);
    }
    f.between(&source.field("lun"), 0, 255);
    let secret = source.field("secretRef");
    let asks = ["chapAuthDiscovery", "chapAuthSession"].iter().any(|field| source.field(field).is_true());
    if asks && !secret.is_set() {
        f.required(&secret, "");
    }
    if owner == Owner::Cluster && secret.is_set() {
        f.needs(&secret.field("name"));
    }
    let initiator = source.field("initiatorName");
    if initiator.is_set() {
        named(&initiator.told_as(source.field("initiatorname").path), f);
    }
}

/// Whether a name of something in iSCSI is well formed; none if it is of none of the three forms.
fn is_target(name: &str) -> Option<bool> {
    let all = |text: &str, is: fn(char) -> bool| !text.is_empty() && text.chars().all(is);
    let letters = |text: &str, count: usize| {
        let (dot, rest) = text.split_at_checked(1)?;
        Some(dot != "\n" && rest.len() == count && all(rest, |c| c.is_ascii_alphanumeric()))
    };
    let is_date = |date: &str| {
        date.len() == 7 && date.char_indices().all(|(at, c)| if at == 4 { c == '-' } else { c.is_ascii_digit() })
    };
    if let Some(rest) = name.strip_prefix("iqn") {
        let parts = rest.strip_prefix('.').and_then(|rest| rest.split_once('.'));
        let own = parts.filter(|(date, _)| is_date(date)).and_then(|(_, rest)| rest.split_once(':'));
        return Some(own.is_some_and(|(authority, own)| {
            all(authority, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
                && all(own, |c| !matches!(c, ',' | ';' | '*' | '&' | '$' | '|') && !c.is_ascii_whitespace())
        }));
    }
    let other = name.strip_prefix("eui").map(|rest| letters(rest, 16));
    let other = other.or_else(|| name.strip_prefix("naa").map(|rest| letters(rest, 32)));
    other.map(|fits| fits.unwrap_or(false))
}
