//! PersistentVolumeClaims, as objects and as templates of a StatefulSet.

use serde_json::Value;

use super::at::{At, Faults};
use super::selector::{annotations, labels, selector};
use crate::field::{Cause, name};
use crate::kinds::{inner, quantity};

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

pub(super) fn claim(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    claim_spec(&new.field("spec"), f);
    if let Some(old) = old {
        claim_change(new, old, f);
    }
}

/// A template of claims, which have nothing of their own but labels and annotations.
pub(super) fn claim_template(template: &At<'_>, f: &mut Faults) {
    template_metadata(&template.field("metadata"), f);
    claim_spec(&template.field("spec"), f);
}

/// What the metadata of a template may say.
pub(super) fn template_metadata(metadata: &At<'_>, f: &mut Faults) {
    annotations(&metadata.field("annotations"), f);
    labels(&metadata.field("labels"), f);
    let others = metadata.entries().into_iter().filter(|(name, _)| !matches!(*name, "annotations" | "labels"));
    for (name, _) in others.filter(|(_, value)| !value.is_empty()) {
        f.forbidden(&metadata.field(name), "cannot be set");
    }
}

pub(super) fn claim_spec(spec: &At<'_>, f: &mut Faults) {
    let modes = spec.field("accessModes");
    if modes.is_empty() {
        f.required(&modes, "at least 1 access mode is required");
    }
    selector(&spec.field("selector"), f);
    for mode in modes.items() {
        f.one_of(&mode.told_as(modes.path.clone()), &MODES);
    }
    let known: Vec<&str> = modes.items().iter().map(At::text).filter(|mode| MODES.contains(mode)).collect();
    if known.contains(&"ReadWriteOncePod") && known.iter().any(|mode| *mode != "ReadWriteOncePod") {
        f.forbidden(&modes, "may not use ReadWriteOncePod with other access modes");
    }
    let place = spec.field("resources").entry("storage");
    let storage = spec.at("resources.requests.storage").told_as(place.path);
    match quantity::nanos(storage.text()) {
        _ if !storage.is_set() => f.required(&storage, ""),
        Some(amount) if amount <= 0 => f.invalid(&storage, "must be greater than zero"),
        _ => {}
    }
    f.follows_if_set(&spec.field("storageClassName"), name::dns1123_subdomain);
    f.one_of_if_set(&spec.field("volumeMode"), &["Block", "Filesystem"]);
    let (source, reference) = (spec.field("dataSource"), spec.field("dataSourceRef"));
    let space = reference.field("namespace");
    [&source, &reference].into_iter().filter(|source| source.is_set()).for_each(|source| data_source(source, f));
    f.follows_if_set(&space, name::dns1123_label);
    let why = match space.is_empty() {
        true if source.value != reference.value => "must match dataSourceRef",
        true => "",
        false => "may not be specified when dataSourceRef.namespace is specified",
    };
    if source.is_set() && reference.is_set() && !why.is_empty() {
        f.shown(Cause::Invalid, spec, "{}", why);
    }
    f.follows_if_set(&spec.field("volumeAttributesClassName"), name::dns1123_subdomain);
}

/// What a claim's volume is to be made of.
fn data_source(source: &At<'_>, f: &mut Faults) {
    let (kind, group) = (source.field("kind"), source.field("apiGroup"));
    f.needs(&source.field("name"));
    f.needs(&kind);
    if group.is_empty() && kind.text() != "PersistentVolumeClaim" {
        let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        f.invalid_as(source, kind.text(), why);
    }
    f.follows_if_set(&group, name::dns1123_subdomain);
}

/// A claim's size and its class of attributes may change once it is bound, and it is bound to a volume once.
fn claim_change(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    let (spec, old_spec) = (new.field("spec"), old.field("spec"));
    let is_bound = old.at("status.phase").text() == "Bound";
    let (mut wanted, mut settled) = (spec.value.clone(), old_spec.value.clone());
    let put = |to: &mut Value, from: &At<'_>, name: &str| {
        let Value::Object(fields) = to else { return };
        match from.field(name).value {
            Value::Null => drop(fields.remove(name)),
            value => drop(fields.insert(name.to_owned(), value.clone())),
        }
    };
    if old_spec.field("volumeName").is_empty() {
        put(&mut settled, &spec, "volumeName");
    }
    // A claim without a class may be given one.
    let class = "volume.beta.kubernetes.io/storage-class";
    if !old_spec.field("storageClassName").is_set() && !old.at("metadata.annotations").field(class).is_set() {
        put(&mut settled, &spec, "storageClassName");
    }
    if is_bound {
        put(&mut wanted, &old_spec, "volumeAttributesClassName");
        if let Some(resources) = wanted.get_mut("resources").filter(|resources| resources.get("requests").is_some()) {
            put(resources, &old_spec.field("resources"), "requests");
        }
    }
    if wanted != settled {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound \
                   claims";
        f.forbidden(&spec, format!("{why}\n{}", inner::change("core.PersistentVolumeClaimSpec", &settled, &wanted)));
    }
    let mode = spec.field("volumeMode");
    if mode.value != old_spec.field("volumeMode").value {
        f.invalid(&mode.told_as(At::root(new.value).field("volumeMode").path), "field is immutable");
    }
    let amount = |spec: &At<'_>| quantity::nanos(spec.at("resources.requests.storage").text()).unwrap_or(0);
    let granted = quantity::nanos(old.at("status.capacity.storage").text()).unwrap_or(0);
    if amount(&spec) < amount(&old_spec) && amount(&spec) <= granted {
        let at = spec.at("resources.requests.storage");
        f.forbidden(&at, "field can not be less than status.capacity");
    }
}
