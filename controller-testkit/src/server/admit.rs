//! What the admission that every API server has adds to new objects of built-in kinds, for which it looks at others.

use serde_json::{Value, json};

use super::{Server, meta};
use crate::auth::User;
use crate::catalog::Resource;
use crate::status::{ApiError, Subject};
use crate::store::Range;

const PRIORITY_CLASSES: &str = "scheduling.k8s.io/priorityclasses";

impl Server {
    /// Completes a new object, or refuses it.
    pub(super) fn admit_new(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &mut Value,
        user: &User,
        rng: &mut fastrand::Rng,
    ) -> Result<(), ApiError> {
        match (resource.group.as_str(), resource.kind.as_str()) {
            ("", "Pod") => {
                self.run_as(namespace, object, rng)?;
                self.rank(object)?;
                self.run_by(object)
            }
            ("", "Node") => {
                taint(object);
                Ok(())
            }
            ("", "PersistentVolumeClaim") => {
                protect(object, "kubernetes.io/pvc-protection");
                Ok(())
            }
            ("storage.k8s.io", "VolumeAttributesClass") => {
                protect(object, "kubernetes.io/vac-protection");
                Ok(())
            }
            ("", "PersistentVolume") => {
                protect(object, "kubernetes.io/pv-protection");
                Ok(())
            }
            ("scheduling.k8s.io", "PriorityClass") => self.one_default(object),
            ("certificates.k8s.io", "CertificateSigningRequest") => {
                sign(object, user);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// One class of priority at most is that of pods which name none.
    pub(super) fn one_default(&self, class: &Value) -> Result<(), ApiError> {
        let is_default = |class: &Value| class.get("globalDefault") == Some(&Value::Bool(true));
        if !is_default(class) {
            return Ok(());
        }
        let mut others = self.store.scan(PRIORITY_CLASSES, Range { prefix: "", from: "" });
        match others.find(|(name, other)| name.as_ref() != meta::name(class) && is_default(&other.value())) {
            None => Ok(()),
            Some((name, _)) => {
                let why = format!("PriorityClass {name} is already marked as default. Only one default can exist");
                let classes = Subject { group: "scheduling.k8s.io", resource: "priorityclasses" };
                Err(ApiError::forbidden(classes, meta::name(class), &why))
            }
        }
    }

    /// Gives a pod the priority of its class.
    fn rank(&self, pod: &mut Value) -> Result<(), ApiError> {
        let class = pod.pointer("/spec/priorityClassName").and_then(Value::as_str).unwrap_or_default().to_owned();
        let found = match class.as_str() {
            "" => self
                .store
                .scan(PRIORITY_CLASSES, Range { prefix: "", from: "" })
                .map(|(_, class)| class)
                .find(|class| class.value().get("globalDefault") == Some(&Value::Bool(true))),
            name => match self.store.get(PRIORITY_CLASSES, name) {
                None => {
                    let why = format!("no PriorityClass with name {name} was found");
                    let pods = Subject { group: "", resource: "pods" };
                    return Err(ApiError::forbidden(pods, meta::name(pod), &why));
                }
                found => found,
            },
        };
        let found = found.map(|found| found.value());
        let computed = |member: &str| found.as_ref().and_then(|found| found.get(member)).cloned();
        let class = "must not be provided in pod spec; priority admission controller computed";
        let refuse = |why: String| {
            let why = format!("{why} from the given PriorityClass name");
            Err(ApiError::forbidden(Subject { group: "", resource: "pods" }, meta::name(pod), &why))
        };
        let (value, policy) = (
            computed("value").and_then(|value| value.as_i64()).unwrap_or(0),
            computed("preemptionPolicy").and_then(|policy| policy.as_str().map(str::to_owned)),
        );
        let policy = policy.unwrap_or_else(|| "PreemptLowerPriority".to_owned());
        if let Some(given) = pod.pointer("/spec/priority").and_then(Value::as_i64).filter(|given| *given != value) {
            return refuse(format!("the integer value of priority ({given}) {class} {value}"));
        }
        let given = pod.pointer("/spec/preemptionPolicy").and_then(Value::as_str);
        if let Some(given) = given.filter(|given| *given != policy) {
            return refuse(format!("the string value of PreemptionPolicy ({given}) {class} {policy}"));
        }
        let Some(found) = found else { return Ok(()) };
        let spec = meta::members(meta::entry(pod, "spec"));
        spec.insert("priorityClassName".into(), meta::name(&found).into());
        for (from, to) in [("value", "priority"), ("preemptionPolicy", "preemptionPolicy")] {
            if let Some(value) = found.get(from) {
                spec.entry(to).or_insert_with(|| value.clone());
            }
        }
        Ok(())
    }
}

/// Who asks for a certificate is known from the request, whatever is written in it.
fn sign(request: &mut Value, user: &User) {
    let spec = meta::members(meta::entry(request, "spec"));
    for member in ["username", "uid", "groups", "extra"] {
        spec.remove(member);
    }
    if let Value::Object(who) = user.to_value() {
        spec.extend(who);
    }
}

/// What may be in use is not deleted before somebody has looked.
fn protect(object: &mut Value, finalizer: &str) {
    let mut finalizers: Vec<String> = meta::finalizers(object).into_iter().map(str::to_owned).collect();
    if !finalizers.iter().any(|one| one == finalizer) {
        finalizers.push(finalizer.to_owned());
        meta::set_finalizers(object, &finalizers);
    }
}

/// A node is not ready before somebody says so.
fn taint(node: &mut Value) {
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let taints = meta::members(meta::entry(node, "spec")).entry("taints").or_insert_with(|| json!([]));
    if let Value::Array(taints) = taints
        && taints.iter().all(|other| other.get("key") != taint.get("key") || other.get("effect") != taint.get("effect"))
    {
        taints.push(taint);
    }
}
