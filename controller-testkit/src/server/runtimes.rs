//! What the class of its runtime gives to a new pod: what it costs beside its containers, and where it may run.

use serde_json::{Value, json};

use super::admit::refused;
use super::read::subject;
use super::{Server, meta};
use crate::admission::{Change, Operation};
use crate::status::ApiError;

const RUNTIME_CLASSES: &str = "node.k8s.io/runtimeclasses";
const MISMATCH: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

impl Server {
    /// Puts into a pod what its class says. One that names a class that is not there, or says something else than its
    /// class, is refused.
    pub(super) fn run_by(&self, pod: &mut Value) -> Result<(), ApiError> {
        let name = pod.pointer("/spec/runtimeClassName").and_then(Value::as_str).unwrap_or_default().to_owned();
        let refuse = |why: &str| Err(refused(pod, why));
        let own = pod.pointer("/spec/overhead").filter(|own| !own.is_null()).cloned();
        let class = match (name.as_str(), self.store.get(RUNTIME_CLASSES, &name)) {
            ("", _) => Value::Null,
            (_, Some(class)) => class.value().as_ref().clone(),
            (_, None) => return refuse(&format!("pod rejected: RuntimeClass {name:?} not found")),
        };
        let overhead = class.pointer("/overhead/podFixed").cloned();
        let told = own.as_ref().and_then(Value::as_object).is_some_and(|own| !own.is_empty());
        if told && overhead.is_some() && own != overhead {
            return refuse(MISMATCH);
        }
        let selector = class.pointer("/scheduling/nodeSelector").and_then(Value::as_object).cloned();
        for (key, value) in selector.iter().flatten() {
            let before = pod.pointer("/spec/nodeSelector").and_then(|before| before.get(key));
            if let Some(before) = before.filter(|before| *before != value) {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                return refuse(&format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {}; pod.spec.nodeSelector[{key}] = {}",
                    text(value),
                    text(before)
                ));
            }
        }
        let Some(spec) = pod.get_mut("spec") else { return Ok(()) };
        let spec = meta::members(spec);
        if let Some(overhead) = overhead {
            spec.insert("overhead".into(), overhead);
        }
        if let Some(selector) = selector {
            meta::members(spec.entry("nodeSelector").or_insert_with(|| json!({}))).extend(selector);
        }
        let tolerations = class.pointer("/scheduling/tolerations").and_then(Value::as_array).cloned();
        if let Some(more) = tolerations {
            let Some(Value::Array(list)) = spec.get_mut("tolerations") else { return Ok(()) };
            for toleration in more {
                if !list.contains(&toleration) {
                    list.push(toleration);
                }
            }
        }
        Ok(())
    }
    /// Refuses a new pod that says it costs something beside its containers, where its class does not say so.
    pub(super) fn costs_what_its_class_says(&self, change: &Change<'_>) -> Result<(), ApiError> {
        let is_pod = change.resource.group.is_empty() && change.resource.plural == "pods" && change.part.is_empty();
        let Some(pod) = change.new.filter(|_| is_pod && change.operation == Operation::Create) else { return Ok(()) };
        let own = pod.pointer("/spec/overhead").filter(|own| !own.is_null());
        let name = pod.pointer("/spec/runtimeClassName").and_then(Value::as_str).unwrap_or_default();
        let class = self.store.get(RUNTIME_CLASSES, name).map(|class| class.value());
        let overhead = class.as_ref().and_then(|class| class.pointer("/overhead/podFixed"));
        let why = match (own, overhead) {
            (Some(_), None) => "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            (own, Some(_)) if own != overhead => MISMATCH,
            _ => return Ok(()),
        };
        Err(ApiError::forbidden(subject(change.resource), change.name, why))
    }
}
