//! PersistentVolumes, and what they are made of.

use super::at::{At, Faults};
use super::classes::driver_name;
use super::placement;
use super::texts::no_back_steps;
use crate::field::name;
use crate::kinds::{inner, quantity};

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// What a volume can be made of, in the order in which the real server looks for it.
const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

pub(super) fn volume(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    volume_spec(&spec, false, f);
    let Some(old) = old.map(|old| old.field("spec")) else { return };
    if SOURCES.iter().any(|source| !is_same_source(&spec.field(source), &old.field(source))) {
        let place = spec.told_as(spec.field("persistentvolumesource").path);
        let change = inner::change("core.PersistentVolumeSource", old.value, spec.value);
        f.forbidden(&place, format!("spec.persistentvolumesource is immutable after creation\n{change}"));
    }
    let root = At::root(new.value);
    f.unchanged(&spec.field("volumeMode").told_as(root.field("volumeMode").path), &old.field("volumeMode"));
    let (affinity, before) = (spec.field("nodeAffinity"), old.field("nodeAffinity"));
    if before.is_set() && affinity.value != before.value {
        let why = "field is immutable, except for updating from beta label to GA";
        f.invalid(&affinity.told_as(root.field("nodeAffinity").path), why);
    }
}

/// The secret with which a driver makes a volume larger may change.
fn is_same_source(new: &At<'_>, old: &At<'_>) -> bool {
    let bare = |source: &At<'_>| {
        let mut bare = source.value.clone();
        if let Some(members) = bare.as_object_mut() {
            members.remove("controllerExpandSecretRef");
        }
        bare
    };
    new.value == old.value || old.path.to_string().ends_with(".csi") && bare(new) == bare(old) && new.is_set()
}

/// A volume of its own, or one that stands in an attachment.
pub(super) fn volume_spec(spec: &At<'_>, is_inline: bool, f: &mut Faults) {
    const INLINE: &str = "may not be specified in the context of inline volumes";
    let (claim, capacity, modes) = (spec.field("claimRef"), spec.field("capacity"), spec.field("accessModes"));
    if is_inline {
        for member in [&claim, &capacity] {
            if !member.is_empty() {
                f.forbidden(member, INLINE);
            }
        }
        if !spec.field("csi").is_set() {
            f.required(&spec.field("csi"), "has to be specified in the context of inline volumes");
        }
    }
    f.needs(&modes);
    let known: Vec<&str> = modes.items().iter().map(At::text).filter(|mode| MODES.contains(mode)).collect();
    for mode in modes.items() {
        f.one_of(&mode.told_as(modes.path.clone()), &MODES);
    }
    if known.contains(&"ReadWriteOncePod") && known.iter().any(|mode| *mode != "ReadWriteOncePod") {
        f.forbidden(&modes, "may not use ReadWriteOncePod with other access modes");
    }
    let policy = spec.field("persistentVolumeReclaimPolicy");
    if !is_inline {
        self::capacity(&capacity, f);
        f.one_of_if_set(&policy, &["Delete", "Recycle", "Retain"]);
    } else if !policy.is_empty() && policy.text() != "Retain" {
        f.forbidden(&policy, "may only be Retain in the context of inline volumes");
    }
    let affinity = spec.field("nodeAffinity");
    let required = affinity.field("required");
    if affinity.is_set() {
        match required.is_set() {
            true => placement::node_selector(&required, f),
            false => f.required(&required, "must specify required node constraints"),
        }
    }
    let given: Vec<At<'_>> = SOURCES.iter().map(|name| spec.field(name)).filter(At::is_set).collect();
    for (at, source) in given.iter().enumerate() {
        match at {
            0 => self::source(source, spec, f),
            _ => f.forbidden(source, "may not specify more than 1 volume type"),
        }
    }
    if given.is_empty() {
        f.required(spec, "must specify a volume type");
    }
    if policy.text() == "Recycle" && spec.at("hostPath.path").text() == "/" {
        f.forbidden(&policy, "may not be 'recycle' for a hostPath mount of '/'");
    }
    let class = spec.field("storageClassName");
    match is_inline && !class.is_empty() {
        true => f.forbidden(&class, INLINE),
        false => f.follows_if_set(&class, name::dns1123_subdomain),
    }
    f.one_of_if_set(&spec.field("volumeMode"), &["Block", "Filesystem"]);
    let attributes = spec.field("volumeAttributesClassName");
    if attributes.is_set() {
        match attributes.is_empty() {
            true => f.required(&attributes, "an empty string is disallowed"),
            false => f.follows(&attributes, name::dns1123_subdomain),
        }
        if !spec.field("csi").is_set() {
            f.required(&spec.field("csi"), "has to be specified when using volumeAttributesClassName");
        }
    }
}

fn capacity(capacity: &At<'_>, f: &mut Faults) {
    f.needs(capacity);
    if !capacity.entry("storage").is_set() || capacity.entries().len() > 1 {
        f.unsupported(capacity, &["storage"]);
    }
    for (_, amount) in capacity.entries() {
        match quantity::nanos(amount.text()) {
            Some(nanos @ ..0) => {
                f.invalid_as(&amount, &(nanos / 1_000_000_000), "must be a valid resource quantity");
                f.invalid(&amount, "must be greater than zero");
            }
            Some(0) => f.invalid(&amount, "must be greater than zero"),
            _ => {}
        }
    }
}

/// Members that a source must have, and no more to say.
const NEEDED: [(&str, &[&str]); 12] = [
    ("awsElasticBlockStore", &["volumeID"]),
    ("glusterfs", &["endpoints", "path"]),
    ("rbd", &["monitors", "image"]),
    ("cephfs", &["monitors"]),
    ("cinder", &["volumeID"]),
    ("flexVolume", &["driver"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("storageos", &["volumeName"]),
    ("azureFile", &["secretName", "shareName"]),
];

fn source(source: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let text = source.path.to_string();
    let kind = text.rsplit('.').next().unwrap_or_default();
    if let Some((_, needed)) = NEEDED.iter().find(|(known, _)| *known == kind) {
        for name in *needed {
            f.needs(&source.field(name));
        }
        return;
    }
    match kind {
        "hostPath" => {
            if f.needs(&source.field("path")) {
                f.follows(&source.field("path"), no_back_steps);
            }
            f.one_of_if_set(&source.field("type"), &super::volume::HOST_PATHS);
        }
        "gcePersistentDisk" => {
            // It has another name there.
            f.needs(&source.told_as(spec.field("persistentDisk").path).field("pdName"));
        }
        "nfs" => {
            f.needs(&source.field("server"));
            f.needs(&source.field("path"));
            if !source.field("path").text().starts_with('/') {
                f.invalid_as(&source.field("path"), source.field("path").text(), "must be an absolute path");
            }
        }
        "flocker" if source.field("datasetName").is_empty() && source.field("datasetUUID").is_empty() => {
            f.required(source, "one of datasetName and datasetUUID is required");
        }
        "quobyte" => {
            let registry = source.field("registry");
            if registry.is_empty() {
                f.required(&registry, "must be a host:port pair or multiple pairs separated by commas");
            }
            f.needs(&source.field("volume"));
        }
        "iscsi" => iscsi(source, f),
        "fc" => {
            let (names, ids, lun) = (source.field("targetWWNs"), source.field("wwids"), source.field("lun"));
            const ONE: &str = "must specify either targetWWNs or wwids, but not both";
            match (names.is_empty(), ids.is_empty()) {
                (true, true) => f.required(&names, ONE),
                (false, false) => f.invalid(&names, ONE),
                (false, true) if !lun.is_set() => f.required(&lun, "lun is required if targetWWNs is specified"),
                (false, true) => f.between(&lun, 0, 255),
                (true, false) => {}
            }
        }
        "azureDisk" => {
            f.needs(&source.field("diskName"));
            let uri = source.field("diskURI");
            if f.needs(&uri) && source.field("kind").text() != "Managed" && !uri.text().contains("blob") {
                f.unsupported(&uri, &["https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"]);
            }
        }
        "local" => {
            if f.needs(&source.field("path")) {
                f.follows(&source.field("path"), no_back_steps);
            }
            if !spec.field("nodeAffinity").is_set() {
                f.required(&spec.field("nodeAffinity"), "Local volume requires node affinity");
            }
        }
        "csi" => {
            driver_name(&source.field("driver"), f);
            f.needs(&source.field("volumeHandle"));
            let secrets = [
                "controllerPublishSecretRef",
                "controllerExpandSecretRef",
                "nodePublishSecretRef",
                "nodeExpandSecretRef",
            ];
            for secret in secrets.map(|name| source.field(name)) {
                if secret.is_set() {
                    f.needs(&secret.field("name"));
                    f.needs(&secret.field("namespace"));
                }
            }
        }
        _ => {}
    }
}

fn iscsi(source: &At<'_>, f: &mut Faults) {
    f.needs(&source.field("targetPortal"));
    let name = source.field("iqn");
    if f.needs(&name) {
        let text = name.text();
        match ["iqn", "eui", "naa"].iter().find(|known| text.starts_with(**known)) {
            None => f.invalid(&name, "must be valid format"),
            Some(&"iqn") => {
                let is_dated = text.split('.').nth(1).is_some_and(|date| {
                    date.len() == 7
                        && date.chars().enumerate().all(|(at, c)| if at == 4 { c == '-' } else { c.is_ascii_digit() })
                });
                if !is_dated {
                    f.invalid(&name, "must be valid format");
                }
            }
            Some(_) => {}
        }
    }
    f.between(&source.field("lun"), 0, 255);
}
