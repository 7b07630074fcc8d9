//! PersistentVolumeClaims, as objects and as templates of a StatefulSet.

use serde_json::Value;

use super::at::{At, Faults};
use super::selector::selector;
use crate::field::{Cause, name};
use crate::kinds::{inner, quantity};

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

pub(super) fn claim(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    claim_spec(&new.field("spec"), f);
    if let Some(old) = old {
        claim_change(new, old, f);
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
    if modes.items().len() > 1 && modes.items().iter().any(|mode| mode.text() == "ReadWriteOncePod") {
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
    f.follows_if_set(&spec.field("volumeAttributesClassName"), name::dns1123_subdomain);
    for field in ["dataSource", "dataSourceRef"] {
        let source = spec.field(field);
        if source.is_set() {
            f.needs(&source.field("name"));
            f.needs(&source.field("kind"));
            if source.field("apiGroup").is_empty() {
                let kind = source.field("kind");
                if kind.text() != "PersistentVolumeClaim" {
                    let why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
                    f.invalid_as(&kind.told_as(source.path.clone()), kind.text(), why);
                }
            }
        }
    }
    let (source, reference) = (spec.field("dataSource"), spec.field("dataSourceRef"));
    if source.is_set()
        && reference.is_set()
        && !reference.field("namespace").is_set()
        && source.value != reference.value
    {
        f.shown(Cause::Invalid, spec, "{}", "must match dataSourceRef");
    }
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
