//! PersistentVolumes, and what they are made of.

use super::at::{At, Faults};
use super::backing::{self, Owner};
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
    match (affinity.is_set(), required.is_set()) {
        (true, _) if is_inline => f.forbidden(&affinity, INLINE),
        (true, true) => placement::node_selector(&required, f),
        (true, false) => f.required(&required, "must specify required node constraints"),
        (false, _) => {}
    }
    let given: Vec<&str> = SOURCES.into_iter().filter(|kind| spec.field(kind).is_set()).collect();
    for (at, kind) in given.iter().enumerate() {
        match (at, *kind) {
            (0, _) | (_, "flexVolume") => self::source(&spec.field(kind), kind, spec, f),
            // It has another name here.
            (_, "cephfs") => f.forbidden(&spec.field("cephFS"), "may not specify more than 1 volume type"),
            _ => f.forbidden(&spec.field(kind), "may not specify more than 1 volume type"),
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
    let mode = spec.field("volumeMode");
    match is_inline && mode.is_set() && mode.text() != "Filesystem" {
        true => {
            let why = "may not specify volumeMode other than Filesystem in the context of inline volumes";
            f.forbidden(&mode, why);
        }
        false => f.one_of_if_set(&mode, &["Block", "Filesystem"]),
    }
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

fn source(source: &At<'_>, kind: &str, spec: &At<'_>, f: &mut Faults) {
    match kind {
        "local" => {
            let (path, affinity) = (source.field("path"), spec.field("nodeAffinity"));
            if f.needs(&path) {
                f.follows(&path, no_back_steps);
            }
            if !affinity.is_set() {
                f.required(&affinity, "Local volume requires node affinity");
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
            for secret in secrets.map(|name| source.field(name)).iter().filter(|secret| secret.is_set()) {
                let (name, space) = (secret.field("name"), secret.field("namespace"));
                if f.needs(&name) {
                    f.follows(&name, name::dns1123_subdomain);
                }
                if f.needs(&space) {
                    f.follows(&space, name::dns1123_label);
                }
            }
        }
        // It has another name there.
        "gcePersistentDisk" => {
            backing::source(&source.told_as(spec.field("persistentDisk").path), kind, Owner::Cluster, f);
        }
        kind => backing::source(source, kind, Owner::Cluster, f),
    }
}
