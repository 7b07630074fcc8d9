//! The Pod Security Standards: what a pod may ask of its node, by the level and the version that the labels of its
//! namespace name.
//!
//! `standard` reads the labels, `table` has the checks as data, `check` is what of them is no data, and `pod` is what they
//! look at. Everything is a pure function of a pod: whether what is found refuses it or is only told, and which pods there
//! are in a namespace, the server knows. The checks and their words are those of a kube-apiserver v1.37.2, after
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>.

mod standard;
mod table;
mod check;
mod pod;
mod existing;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use existing::told_of_existing;
pub(crate) use pod::{matters, pod_in};
pub(crate) use standard::{Level, Policy, Standard};

/// What of a pod breaks one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) reason: &'static str,
    detail: String,
}

/// What of a pod, or of a template of pods, the standard does not allow, one after another; nothing if all is well.
pub(crate) fn breaches(standard: Standard, pod: &Value) -> Vec<Breach> {
    let pod = pod::Pod::of(pod);
    table::checks(standard).filter_map(|check| check.find(&pod, standard)).collect()
}

/// All of it in one line.
pub(crate) fn told(breaches: &[Breach]) -> String {
    let each = breaches.iter().map(|breach| format!("{} ({})", breach.reason, breach.detail));
    each.collect::<Vec<_>>().join(", ")
}
