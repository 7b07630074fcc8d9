//! Volumes of Pods, and where containers mount them.

use std::collections::BTreeSet;

use super::at::{At, Faults};
use super::texts::{file_path, inner_path, no_back_steps};
use crate::field::name;
use crate::kinds::quantity;

/// The names of a Pod's volumes.
pub(super) type Volumes<'a> = BTreeSet<&'a str>;

/// Looks at the volumes. Those of claims come first, and take the place of volumes of the same name.
pub(super) fn volumes<'a>(list: &At<'a>, claims: &[At<'a>], f: &mut Faults) -> Volumes<'a> {
    let mut known = Volumes::new();
    let names: Vec<At<'a>> = claims.iter().map(|claim| claim.at("metadata.name")).collect();
    for (index, name) in names.iter().enumerate() {
        let place = list.path.index(index);
        f.needs(&name.told_as(place.child("persistentVolumeClaim").child("claimName")));
        let name = name.told_as(place.child("name"));
        if f.needs(&name) {
            f.follows(&name, name::dns1123_label);
        }
        known.insert(name.text());
    }
    let own = list.items().into_iter().filter(|own| names.iter().all(|name| name.text() != own.field("name").text()));
    for (index, volume) in own.enumerate() {
        let volume = volume.told_as(list.path.index(names.len() + index));
        let own = volume.field("name");
        let before = f.len();
        source(&volume, f);
        if f.needs(&own) {
            f.follows(&own, name::dns1123_label);
        }
        if known.contains(own.text()) {
            f.duplicate(&own, own.text());
        }
        if f.len() == before {
            known.insert(own.text());
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
    "flexVolume",
];

/// What a path of the host may be.
pub(super) const HOST_PATHS: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// Looks at what a volume is made of: one thing.
fn source(volume: &At<'_>, f: &mut Faults) {
    let mut is_given = false;
    for known in KINDS {
        let source = volume.field(known);
        if !source.is_set() {
            continue;
        }
        if is_given {
            f.forbidden(&source, "may not specify more than 1 volume type");
            continue;
        }
        is_given = true;
        match known {
            "emptyDir" if quantity::nanos(source.field("sizeLimit").text()).is_some_and(|size| size < 0) => {
                f.forbidden(&source.field("sizeLimit"), "SizeLimit field must be a valid resource quantity");
            }
            "hostPath" => {
                if f.needs(&source.field("path")) {
                    f.follows(&source.field("path"), no_back_steps);
                }
                f.one_of_if_set(&source.field("type"), &HOST_PATHS);
            }
            "secret" => files(&source, "secretName", f),
            "configMap" => files(&source, "name", f),
            "persistentVolumeClaim" => {
                f.needs(&source.field("claimName"));
            }
            "image" => {
                f.needs(&source.field("reference"));
                f.one_of_if_set(&source.field("pullPolicy"), &["Always", "IfNotPresent", "Never"]);
            }
            "nfs" => {
                f.needs(&source.field("server"));
                f.needs(&source.field("path"));
                if !source.field("path").text().starts_with('/') {
                    f.invalid_as(&source.field("path"), source.field("path").text(), "must be an absolute path");
                }
            }
            "downwardAPI" => {
                mode(&source.field("defaultMode"), f);
                source.field("items").items().iter().for_each(|item| downward(item, &source, f));
            }
            "projected" => {
                mode(&source.field("defaultMode"), f);
                source.field("sources").items().iter().for_each(|part| projection(part, &source, f));
            }
            "csi" => {
                f.needs(&source.field("driver"));
            }
            _ => {}
        }
    }
}

/// A source of files: a ConfigMap or a Secret.
fn files(source: &At<'_>, named: &str, f: &mut Faults) {
    f.needs(&source.field(named));
    mode(&source.field("defaultMode"), f);
    source.field("items").items().iter().for_each(|item| file(item, f));
}

fn file(item: &At<'_>, f: &mut Faults) {
    f.needs(&item.field("key"));
    if f.needs(&item.field("path")) {
        f.follows(&item.field("path"), file_path);
    }
    mode(&item.field("mode"), f);
}

fn mode(mode: &At<'_>, f: &mut Faults) {
    if mode.is_set() && !(0..=0o777).contains(&mode.number()) {
        f.invalid(mode, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

fn projection(part: &At<'_>, whole: &At<'_>, f: &mut Faults) {
    for (kind, named) in [("secret", "name"), ("configMap", "name")] {
        let source = part.field(kind);
        if source.is_set() {
            f.needs(&source.field(named));
            source.field("items").items().iter().for_each(|item| file(item, f));
        }
    }
    let downward_api = part.field("downwardAPI");
    downward_api.field("items").items().iter().for_each(|item| downward(item, &downward_api, f));
    let token = part.field("serviceAccountToken");
    if token.is_set() {
        f.needs(&token.field("path").told_as(whole.field("path").path));
        let lifetime = token.field("expirationSeconds");
        if lifetime.is_set() && lifetime.number() < 600 {
            f.invalid(&lifetime, "may not specify a duration less than 10 minutes");
        }
    }
}

/// A file that tells something of the Pod; what is wrong is told of the whole volume.
fn downward(item: &At<'_>, whole: &At<'_>, f: &mut Faults) {
    let path = item.field("path").told_as(whole.field("path").path);
    if f.needs(&path) {
        f.follows(&path, file_path);
    }
    let place = |name: &str| item.field(name).told_as(whole.field(name).path);
    let (field, resource) = (place("fieldRef"), place("resourceFieldRef"));
    match (field.is_set(), resource.is_set()) {
        (true, true) => f.invalid_as(whole, "", "fieldRef and resourceFieldRef can not be specified simultaneously"),
        (true, false) => pod_field(&field, Reader::File, f),
        (false, true) => resource_field(&resource, f),
        (false, false) => f.required(whole, "one of fieldRef and resourceFieldRef is required"),
    }
    mode(&place("mode"), f);
}

/// Who reads a field of the Pod that it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Variable,
    File,
}

/// A reference to a field of the Pod.
pub(super) fn pod_field(reference: &At<'_>, reader: Reader, f: &mut Faults) {
    let path = &reference.field("fieldPath");
    if !f.needs(path) {
        return;
    }
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
    let (text, whole) = (path.text(), reference.path.clone());
    let subscript = text.strip_suffix(']').and_then(|text| text.split_once("['"));
    if let Some((field, key)) = subscript {
        match (FILES.contains(&field), key.strip_suffix('\'')) {
            (true, Some(key)) => {
                let whole = path.told_as(whole);
                name::qualified(&key.to_lowercase()).into_iter().for_each(|wrong| f.invalid_as(&whole, key, wrong));
            }
            _ => {
                f.invalid(path, format!("error converting fieldPath: field label does not support subscript: {text}"));
            }
        }
        return;
    }
    if BOTH.contains(&text) {
        return;
    }
    let (known, others): (&[&str], &[&str]) = match reader {
        Reader::Variable => (&VARIABLES, &FILES),
        Reader::File => (&FILES, &VARIABLES),
    };
    if known.contains(&text) {
        return;
    }
    if !others.contains(&text) {
        f.invalid(path, format!("error converting fieldPath: field label not supported: {text}"));
        return;
    }
    let mut fitting: Vec<&str> = BOTH.iter().chain(known).copied().collect();
    fitting.sort_unstable();
    f.not_supported(path, text, &fitting);
}

/// A resource of a container.
pub(super) fn resource_field(reference: &At<'_>, f: &mut Faults) {
    let resource = reference.field("resource");
    let is_huge = ["limits.hugepages-", "requests.hugepages-"].iter().any(|known| resource.text().starts_with(known));
    if f.needs(&resource) && !is_huge {
        let known = [
            "limits.cpu",
            "limits.ephemeral-storage",
            "limits.memory",
            "requests.cpu",
            "requests.ephemeral-storage",
            "requests.memory",
        ];
        f.one_of(&resource, &known);
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
    }
    let mounts = all.items();
    let (mut names, mut paths) = (Vec::new(), Vec::new());
    for device in devices {
        let (name, place) = (device.field("name"), device.field("devicePath"));
        f.needs(&name);
        if names.contains(&name.text()) {
            f.invalid(&name, "must be unique");
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
    if !volumes.contains(name.text()) {
        f.not_found(name, name.value.as_str().unwrap_or_default(), "");
    }
}
