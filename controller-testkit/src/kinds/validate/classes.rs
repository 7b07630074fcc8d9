//! Classes of storage, and the drivers, nodes and attachments of the Container Storage Interface.

use super::at::{At, Faults};
use super::selector::selector;
use super::source;
use crate::field::name;
use crate::kinds::quantity;

pub(super) fn storage_class(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    provisioner(&new.field("provisioner"), f);
    parameters(&new.field("parameters"), false, f);
    if !new.field("reclaimPolicy").is_empty() {
        f.one_of(&new.field("reclaimPolicy"), &["Delete", "Retain"]);
    }
    f.one_of_if_set(&new.field("volumeBindingMode"), &["Immediate", "WaitForFirstConsumer"]);
    topologies(&new.field("allowedTopologies"), f);
    if let Some(old) = old {
        for member in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
            f.fixed(&new.field(member), &old.field(member));
        }
    }
}

fn provisioner(at: &At<'_>, f: &mut Faults) {
    if f.needs(at) {
        let small = at.text().to_lowercase();
        name::qualified(&small).into_iter().for_each(|wrong| f.invalid_as(at, &small, wrong));
    }
}

/// How large all parameters of a class may be.
const LARGEST: usize = 256 * 1024;

fn parameters(at: &At<'_>, are_needed: bool, f: &mut Faults) {
    let entries = at.entries();
    if entries.iter().any(|(key, _)| key.is_empty()) {
        f.invalid_as(at, "", "field can not be empty.");
    }
    if entries.iter().map(|(key, value)| key.len() + value.text().len()).sum::<usize>() > LARGEST {
        f.too_long(at, i64::try_from(LARGEST).unwrap_or(i64::MAX));
    }
    if are_needed && entries.is_empty() {
        f.required(at, "must contain at least one key/value pair");
    }
}

fn topologies(all: &At<'_>, f: &mut Faults) {
    let mut seen = Vec::new();
    for term in all.items() {
        let rules = term.field("matchLabelExpressions");
        let mut terms: Vec<(&str, Vec<&str>)> = Vec::new();
        for rule in rules.items() {
            let (key, values) = (rule.field("key"), rule.field("values"));
            f.needs(&values);
            let mut given: Vec<&str> = Vec::new();
            for value in values.items() {
                if given.contains(&value.text()) {
                    f.duplicate(&value, value.text());
                }
                given.push(value.text());
            }
            f.follows(&key, name::qualified);
            if terms.iter().any(|(known, _)| *known == key.text()) {
                f.duplicate(&key, key.text());
            }
            given.sort_unstable();
            terms.push((key.text(), given));
        }
        terms.sort_unstable();
        if seen.contains(&terms) {
            f.duplicate(&rules, "");
        }
        seen.push(terms);
    }
}

pub(super) fn attributes_class(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    if let Some(old) = old {
        for member in ["driverName", "parameters"] {
            if new.field(member).value != old.field(member).value {
                f.forbidden(&new.field(member), format!("updates to {member} are forbidden."));
            }
        }
    }
    provisioner(&new.field("driverName"), f);
    parameters(&new.field("parameters"), true, f);
}

pub(super) fn driver(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    f.one_of_if_set(&spec.field("fsGroupPolicy"), &["File", "None", "ReadWriteOnceWithFSType"]);
    let requests = spec.field("tokenRequests");
    let mut readers = Vec::new();
    for request in requests.items() {
        let (reader, lifetime) = (request.field("audience"), request.field("expirationSeconds"));
        if readers.contains(&reader.text()) {
            f.duplicate(&reader, reader.text());
            continue;
        }
        readers.push(reader.text());
        match lifetime.value.as_i64() {
            Some(..600) => f.invalid(&lifetime, "may not specify a duration less than 10 minutes"),
            Some(4_294_967_297..) => f.invalid(&lifetime, "may not specify a duration larger than 2^32 seconds"),
            _ => {}
        }
    }
    let modes = spec.field("volumeLifecycleModes");
    for mode in modes.items() {
        f.one_of(&mode.told_as(modes.path.clone()), &["Persistent", "Ephemeral"]);
    }
    let period = spec.field("nodeAllocatableUpdatePeriodSeconds");
    if period.is_set() && period.number() < 10 {
        f.invalid(&period, "must be greater than or equal to 10 seconds");
    }
    let secrets = spec.field("serviceAccountTokenInSecrets");
    if secrets.is_set() && requests.is_empty() {
        f.invalid(&secrets, "serviceAccountTokenInSecrets is set but no tokenRequests are specified");
    }
    if let Some(old) = old.map(|old| old.field("spec")) {
        let attached = spec.field("attachRequired").told_as(spec.field("attachedRequired").path);
        f.unchanged(&attached, &old.field("attachRequired"));
        f.unchanged(&modes, &old.field("volumeLifecycleModes"));
    }
}

pub(super) fn node(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let drivers = new.at("spec.drivers");
    let mut names = Vec::new();
    for driver in drivers.items() {
        let (name, id) = (driver.field("name"), driver.field("nodeID"));
        driver_name(&name, f);
        f.needs(&id);
        if id.text().len() > 256 {
            f.invalid(&id, "must be 256 characters or less");
        }
        f.not_negative(&driver.at("allocatable.count"));
        if names.contains(&name.text()) {
            f.duplicate(&name, name.text());
        }
        names.push(name.text());
        let mut keys = Vec::new();
        for key in driver.field("topologyKeys").items() {
            let key = key.told_as(driver.path.clone());
            f.needs(&key);
            if keys.contains(&key.text()) {
                f.duplicate(&key, key.text());
            }
            keys.push(key.text());
            f.follows(&key, name::qualified);
        }
    }
    // A driver that stays says what it said, but for how much it takes.
    for before in old.map(|old| old.at("spec.drivers").items()).unwrap_or_default() {
        let name = before.field("name").text();
        for now in drivers.items().iter().filter(|now| now.field("name").text() == name) {
            let says = |driver: &At<'_>| {
                let of = |member: &str| driver.field(member).value.clone();
                (of("nodeID"), of("topologyKeys"))
            };
            if says(now) != says(&before) {
                f.invalid(&now.told_as(drivers.path.clone()), "field is immutable");
            }
        }
    }
}

/// The name of a driver.
pub(super) fn driver_name(name: &At<'_>, f: &mut Faults) {
    if !f.needs(name) {
        return;
    }
    if name.text().len() > 63 {
        f.too_long(name, 63);
    }
    let small = name.text().to_lowercase();
    name::dns1123_subdomain(&small).into_iter().for_each(|wrong| f.invalid(name, wrong));
}

pub(super) fn attachment(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    if let Some(old) = old {
        f.fixed(&new.field("spec"), &old.field("spec"));
        return;
    }
    let spec = new.field("spec");
    let source = spec.field("source");
    let (inline, name) = (source.field("inlineVolumeSpec"), source.field("persistentVolumeName"));
    const ONE: &str = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (inline.is_set(), name.is_set()) {
        (false, false) => f.required(&source, ONE),
        (true, true) => f.forbidden(&source, ONE),
        (true, false) => source::volume_spec(&inline, true, f),
        (false, true) => {
            if name.is_empty() {
                f.required(&name, "must specify non empty persistentVolumeName");
            }
            f.follows(&name, name::dns1123_subdomain);
        }
    }
    f.follows(&spec.field("nodeName"), name::dns1123_subdomain);
    caseless_name(&spec.field("attacher"), f);
}

/// The name of a driver as the newer rules read it: in letters of either case.
pub(super) fn caseless_name(name: &At<'_>, f: &mut Faults) {
    if !f.needs(name) {
        return;
    }
    if name.text().len() > 63 {
        f.too_long(name, 63);
    }
    if !name::dns1123_subdomain(&name.text().to_lowercase()).is_empty() {
        let why = "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start and end \
                   with an alphanumeric character (e.g. 'Example.com', regex used for validation is \
                   '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
        f.invalid(name, why);
    }
}

pub(super) fn capacity(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    selector(&new.field("nodeTopology"), f);
    f.follows(&new.field("storageClassName"), name::dns1123_subdomain);
    let amount = new.field("capacity");
    if quantity::nanos(amount.text()).is_some_and(|amount| amount < 0) {
        f.invalid(&amount, "must be greater than or equal to 0");
    }
    for member in ["nodeTopology", "storageClassName"] {
        if let Some(old) = old {
            f.unchanged(&new.field(member), &old.field(member));
        }
    }
}
