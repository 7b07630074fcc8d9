//! What is counted of the objects of a resource, and the names under which quotas know it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::pod;
use crate::kinds::{Amount, Amounts, amounts};

/// The resources of which nothing is counted: they are not stored, or have never been.
const IGNORED: [(&str, &str); 10] = [
    ("", "bindings"),
    ("", "componentstatuses"),
    ("", "events"),
    ("events.k8s.io", "events"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
];
/// Kinds whose objects are also counted by the name that quotas had for them first.
const ALIASED: [&str; 4] = ["configmaps", "resourcequotas", "replicationcontrollers", "secrets"];

const OF_CLAIMS: [&str; 2] = ["persistentvolumeclaims", "requests.storage"];
const OF_SERVICES: [&str; 3] = ["services", "services.nodeports", "services.loadbalancers"];
/// Between the name of a class of storage and what is counted of its claims.
const CLASS_OF_STORAGE: &str = ".storageclass.storage.k8s.io/";
/// After the name of a class of devices.
const CLASS_OF_DEVICES: &str = ".deviceclass.resource.k8s.io/devices";
/// So many devices a claim can have at most.
const ALL_DEVICES: i64 = 32;

/// What is counted of the objects of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(super) what: What,
    /// What their number is called.
    count: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Pods,
    Services,
    /// Claims to volumes.
    Claims,
    /// Claims to devices.
    Devices,
    /// Their number alone.
    Objects {
        alias: Option<&'static str>,
    },
}

impl Measure {
    /// None of what is never counted.
    pub(crate) fn of(group: &str, plural: &str) -> Option<Self> {
        if IGNORED.contains(&(group, plural)) {
            return None;
        }
        let what = match (group, plural) {
            ("", "pods") => What::Pods,
            ("", "services") => What::Services,
            ("", "persistentvolumeclaims") => What::Claims,
            ("resource.k8s.io", "resourceclaims") => What::Devices,
            ("", plural) => What::Objects { alias: ALIASED.into_iter().find(|alias| *alias == plural) },
            _ => What::Objects { alias: None },
        };
        let count = if group.is_empty() { format!("count/{plural}") } else { format!("count/{plural}.{group}") };
        Some(Measure { what, count })
    }

    /// Whether a quota that limits this name limits these objects.
    pub(crate) fn counts(&self, name: &str) -> bool {
        name == self.count
            || match self.what {
                What::Pods => pod::counts(name),
                What::Services => OF_SERVICES.contains(&name),
                What::Claims => {
                    let of_class = name.rsplit_once(CLASS_OF_STORAGE).map(|(_, name)| name);
                    OF_CLAIMS.contains(&of_class.unwrap_or(name))
                }
                What::Devices => name.ends_with(CLASS_OF_DEVICES),
                What::Objects { alias } => alias == Some(name),
            }
    }

    /// Whether a change can make a difference to what is used. Most objects count the same however they change.
    pub(crate) fn is_moved(&self, part: &str, new: &Value, old: Option<&Value>) -> bool {
        match (self.what, part, old) {
            (_, "", None) => true,
            (What::Pods, "", Some(old)) => pod::has_end(new) != pod::has_end(old),
            (What::Pods, "resize", Some(_)) | (What::Claims, "status", Some(_)) => true,
            (What::Services | What::Claims | What::Devices, "", Some(_)) => true,
            _ => false,
        }
    }

    /// What an object uses.
    pub(crate) fn usage(&self, object: &Value, now: Timestamp) -> Amounts {
        let mut used = match self.what {
            What::Pods => pod::usage(object, now),
            What::Services => of_service(object),
            What::Claims => of_claim(object),
            What::Devices => of_devices(object),
            What::Objects { alias } => alias.map(|alias| (alias.to_owned(), Amount::of(1))).into_iter().collect(),
        };
        used.insert(self.count.clone(), Amount::of(1));
        used
    }

    /// What an object does not say though it must, where one of these names is limited.
    pub(super) fn unsaid(&self, limited: &[&str], object: &Value) -> Option<String> {
        if self.what == What::Pods { pod::unsaid(limited, object) } else { None }
    }
}

fn of_service(service: &Value) -> Amounts {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or_default();
    let is_balanced = kind == "LoadBalancer";
    let has_own = |port: &&Value| port.get("nodePort").and_then(Value::as_i64).is_some_and(|port| port != 0);
    let ports = match kind {
        "LoadBalancer" if service.pointer("/spec/allocateLoadBalancerNodePorts") == Some(&Value::Bool(false)) => {
            ports.iter().filter(has_own).count()
        }
        "LoadBalancer" | "NodePort" => ports.len(),
        _ => 0,
    };
    let counts = [1, i64::try_from(ports).unwrap_or(i64::MAX), is_balanced.into()];
    OF_SERVICES.into_iter().zip(counts).map(|(name, count)| (name.to_owned(), Amount::of(count))).collect()
}

fn of_claim(claim: &Value) -> Amounts {
    let storage = |pointer: &str| amounts(claim.pointer(pointer)).get("storage").copied();
    // Storage that has been given and is not wanted any more is still used.
    let given = storage("/status/allocatedResources");
    let wanted = storage("/spec/resources/requests").map(|wanted| given.map_or(wanted, |given| wanted.max(given)));
    let class = claim
        .pointer("/metadata/annotations/volume.beta.kubernetes.io~1storage-class")
        .or_else(|| claim.pointer("/spec/storageClassName"));
    let class = class.and_then(Value::as_str).filter(|class| !class.is_empty());
    let counted = OF_CLAIMS.into_iter().zip([Some(Amount::of(1)), wanted.map(Amount::rounded)]);
    let mut used = Amounts::new();
    for (name, amount) in counted {
        let Some(amount) = amount else { continue };
        used.insert(name.to_owned(), amount);
        if let Some(class) = class {
            used.insert(format!("{class}{CLASS_OF_STORAGE}{name}"), amount);
        }
    }
    used
}

fn of_devices(claim: &Value) -> Amounts {
    let list = |of: &Value, name: &str| of.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted = |request: &Value| {
        let text = |member: &str| request.get(member).and_then(Value::as_str).unwrap_or_default();
        let count = match text("allocationMode") {
            "ExactCount" => request.get("count").and_then(Value::as_i64).unwrap_or(0),
            "All" => ALL_DEVICES,
            _ => 0,
        };
        (format!("{}{CLASS_OF_DEVICES}", text("deviceClassName")), count)
    };
    let mut used: BTreeMap<String, i64> = BTreeMap::new();
    for request in list(claim.pointer("/spec/devices").unwrap_or(&Value::Null), "requests") {
        // Which of several it will be nobody knows: of each class, what it can be at most.
        let mut most: BTreeMap<String, i64> = BTreeMap::new();
        let one_of = list(&request, "firstAvailable");
        for (class, count) in one_of.iter().chain(request.get("exactly")).map(wanted) {
            let known = most.entry(class).or_default();
            *known = count.max(*known);
        }
        for (class, count) in most {
            let used = used.entry(class).or_default();
            *used = used.saturating_add(count);
        }
    }
    used.into_iter().map(|(class, count)| (class, Amount::of(count))).collect()
}
