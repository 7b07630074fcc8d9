//! Volumes of Pods, and where containers mount them.

use std::collections::BTreeMap;

use super::at::{At, Faults};
use super::backing::{self, Owner};
use super::classes::driver_name;
use super::projection;
use super::storage::claim_template;
use super::texts::inner_path;
use crate::field::name;
use crate::kinds::quantity;

/// What a Pod's volumes are, by their names.
pub(super) type Volumes<'a> = BTreeMap<&'a str, Source>;

/// What a volume is, as far as it matters to who mounts it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A claim, whose volume may be had as a device too.
    Claim,
    Files,
}

/// Looks at the volumes. Those of claims come first, and take the place of volumes of the same name.
///
/// The claims that are made for a Pod have its name and that of the volume; a template's are not known.
pub(super) fn volumes<'a>(list: &At<'a>, claims: &[At<'a>], pod: &str, f: &mut Faults) -> Volumes<'a> {
    let mut known = Volumes::new();
    let names: Vec<At<'a>> = claims.iter().map(|claim| claim.at("metadata.name")).collect();
    for (index, name) in names.iter().enumerate() {
        let place = list.path.index(index);
        f.needs(&name.told_as(place.child("persistentVolumeClaim").child("claimName")));
        let name = name.told_as(place.child("name"));
        if f.needs(&name) {
            f.follows(&name, name::dns1123_label);
        }
        known.insert(name.text(), Source::Claim);
    }
    let all = list.items();
    let made = all.iter().filter(|volume| !pod.is_empty() && volume.field("ephemeral").is_set());
    let made: Vec<String> = made.map(|volume| format!("{pod}-{}", volume.field("name").text())).collect();
    let own = all.into_iter().filter(|own| names.iter().all(|name| name.text() != own.field("name").text()));
    for (index, volume) in own.enumerate() {
        let volume = volume.told_as(list.path.index(names.len() + index));
        let own = volume.field("name");
        let before = f.len();
        source(&volume, pod, f);
        if f.needs(&own) {
            f.follows(&own, name::dns1123_label);
        }
        if known.contains_key(own.text()) {
            f.duplicate(&own, own.text());
        }
        if f.len() == before {
            let is = |kind: &str| volume.field(kind).is_set();
            let is_claim = is("persistentVolumeClaim") || is("ephemeral");
            known.insert(own.text(), if is_claim { Source::Claim } else { Source::Files });
        }
        let claim = volume.at("persistentVolumeClaim.claimName");
        if made.iter().any(|made| made == claim.text()) {
            f.invalid(&claim, "must not reference a PVC that gets created for an ephemeral volume");
        }
    }
    known
}

/// Kinds of volumes in the order in which the real server looks for them.
const KINDS: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

/// Looks at what a volume is made of: one thing.
fn source(volume: &At<'_>, pod: &str, f: &mut Faults) {
    let mut is_given = false;
    for kind in KINDS {
        let source = volume.field(kind);
        if !source.is_set() {
            continue;
        }
        if is_given {
            // Two of them have other names here.
            let name = match kind {
                "cephfs" => "cephFS",
                "downwardAPI" => "downwarAPI",
                kind => kind,
            };
            f.forbidden(&volume.field(name), "may not specify more than 1 volume type");
        } else {
            of_kind(&source, kind, volume, f);
        }
        is_given = true;
        let own = volume.field("name");
        if kind == "iscsi" && source.field("initiatorName").is_set() {
            let whole = own.text().len() + ":".len() + source.field("targetPortal").text().len();
            if whole > 64 {
                let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                           iscsi.initiatorName is specified.";
                f.invalid_as(&own, own.text(), why);
            }
        }
        if kind == "ephemeral" && !pod.is_empty() && !own.is_empty() {
            let claim = format!("{pod}-{}", own.text());
            for wrong in name::dns1123_subdomain(&claim) {
                f.invalid(&own, format!("PVC name {claim:?}: {wrong}"));
            }
        }
    }
}

fn of_kind(source: &At<'_>, kind: &str, volume: &At<'_>, f: &mut Faults) {
    match kind {
        "emptyDir" => {
            let size = source.field("sizeLimit");
            if quantity::nanos(size.text()).is_some_and(|size| size < 0) {
                f.forbidden(&size, "SizeLimit field must be a valid resource quantity");
            }
        }
        "secret" => projection::files(source, "secretName", f),
        "configMap" => projection::files(source, "name", f),
        "persistentVolumeClaim" => drop(f.needs(&source.field("claimName"))),
        "downwardAPI" => {
            projection::mode(&source.field("defaultMode"), f);
            source.field("items").items().iter().for_each(|item| projection::told(item, source, f));
        }
        "projected" => projection::projected(source, f),
        "csi" => {
            driver_name(&source.field("driver"), f);
            let secret = source.field("nodePublishSecretRef");
            if secret.is_set() && f.needs(&secret.field("name")) {
                f.follows(&secret.field("name").told_as(source.field("name").path), name::dns1123_subdomain);
            }
        }
        "ephemeral" => {
            let template = source.field("volumeClaimTemplate");
            match template.is_set() {
                true => claim_template(&template, f),
                false => f.required(&template, ""),
            }
        }
        "image" => {
            f.needs(&source.field("reference"));
            f.needs_one_of(&source.field("pullPolicy"), &["Always", "IfNotPresent", "Never"]);
        }
        // It has another name there.
        "gcePersistentDisk" => {
            backing::source(&source.told_as(volume.field("persistentDisk").path), kind, Owner::Pod, f);
        }
        kind => backing::source(source, kind, Owner::Pod, f),
    }
}

pub(super) fn mounts(container: &At<'_>, volumes: &Volumes<'_>, f: &mut Faults) {
    let all = container.field("volumeMounts");
    let mut places: Vec<&str> = Vec::new();
    let devices = container.field("volumeDevices").items();
    for mount in all.items() {
        let (name, place) = (mount.field("name"), mount.field("mountPath"));
        f.needs(&name);
        known_volume(&name, volumes, f);
        f.needs(&place);
        if places.contains(&place.text()) {
            f.invalid(&place, "must be unique");
        }
        places.push(place.text());
        if devices.iter().any(|device| device.field("name").text() == name.text()) {
            f.invalid(&name, "must not already exist in volumeDevices");
        }
        if devices.iter().any(|device| device.field("devicePath").text() == place.text()) {
            f.invalid(&place, "must not already exist as a path in volumeDevices");
        }
        let (path, expression) = (mount.field("subPath"), mount.field("subPathExpr"));
        if !path.is_empty() {
            f.follows(&path.told_as(all.field("subPath").path), inner_path);
        }
        if !expression.is_empty() {
            if !path.is_empty() {
                f.invalid(&expression, "subPathExpr and subPath are mutually exclusive");
            }
            f.follows(&expression.told_as(all.field("subPathExpr").path), inner_path);
        }
        let spread = mount.field("mountPropagation").told_as(all.field("mountPropagation").path);
        f.one_of_if_set(&spread, &["Bidirectional", "HostToContainer", "None"]);
        if spread.text() == "Bidirectional" && !container.at("securityContext.privileged").is_true() {
            f.forbidden(&spread, "Bidirectional mount propagation is available only to privileged containers");
        }
        let sealed = mount.field("recursiveReadOnly").told_as(all.field("recursiveReadOnly").path);
        f.one_of_if_set(&sealed, &["Disabled", "Enabled", "IfPossible"]);
        if matches!(sealed.text(), "Enabled" | "IfPossible") {
            if !mount.field("readOnly").is_true() {
                f.forbidden(&sealed, "may only be specified when readOnly is true");
            }
            if spread.is_set() && spread.text() != "None" {
                f.forbidden(&sealed, "may only be specified when mountPropagation is None or not specified");
            }
        }
    }
    let mounts = all.items();
    let (mut names, mut paths) = (Vec::new(), Vec::new());
    for device in devices {
        let (name, place) = (device.field("name"), device.field("devicePath"));
        f.needs(&name);
        if names.contains(&name.text()) {
            f.invalid(&name, "must be unique");
        }
        if volumes.get(name.text()) == Some(&Source::Files) {
            let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
            f.invalid_as(&name, name.text(), why);
        }
        known_volume(&name, volumes, f);
        f.needs(&place);
        if paths.contains(&place.text()) {
            f.invalid(&place, "must be unique");
        }
        match place.text().split('/').any(|step| step == "..") {
            true => f.invalid(&place, "can not contain backsteps ('..')"),
            false => paths.push(place.text()),
        }
        if mounts.iter().any(|mount| mount.field("name").text() == name.text()) {
            f.invalid(&name, "must not already exist in volumeMounts");
        }
        if mounts.iter().any(|mount| mount.field("mountPath").text() == place.text()) {
            f.invalid(&place, "must not already exist as a path in volumeMounts");
        }
        if !name.is_empty() {
            names.push(name.text());
        }
    }
}

fn known_volume(name: &At<'_>, volumes: &Volumes<'_>, f: &mut Faults) {
    if !volumes.contains_key(name.text()) {
        f.not_found(name, name.value.as_str().unwrap_or_default(), "");
    }
}
