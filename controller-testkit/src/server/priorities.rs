//! Classes of priority: the one that a pod has, and the one default that there may be.

use std::sync::Arc;

use serde_json::Value;

use super::admit::refused;
use super::{Server, meta};
use crate::admission::{Change, Operation};
use crate::status::{ApiError, Subject};
use crate::store::{Object, Range};

const PRIORITY_CLASSES: &str = "scheduling.k8s.io/priorityclasses";

fn is_default(class: &Value) -> bool {
    class.get("globalDefault") == Some(&Value::Bool(true))
}

impl Server {
    /// The class of pods that name none; of several the lowest.
    fn default_class(&self) -> Option<(&str, &Arc<Object>)> {
        let classes = self.store.scan(PRIORITY_CLASSES, Range { prefix: "", from: "" });
        let defaults = classes.filter(|(_, class)| is_default(class.kept_value()));
        let value = |class: &Object| class.kept_value().get("value").and_then(Value::as_i64).unwrap_or(0);
        defaults.map(|(name, class)| (&**name, class)).min_by_key(|(_, class)| value(class))
    }

    /// One class of priority at most is that of pods which name none.
    pub(super) fn one_default(&self, change: &Change<'_>) -> Result<(), ApiError> {
        let is_class = change.resource.group == "scheduling.k8s.io" && change.resource.plural == "priorityclasses";
        if !is_class || !change.new.is_some_and(is_default) {
            return Ok(());
        }
        let others = |name: &str| change.operation == Operation::Create || name != change.name;
        match self.default_class().filter(|(name, _)| others(name)) {
            None => Ok(()),
            Some((name, _)) => {
                let why = format!("PriorityClass {name} is already marked as default. Only one default can exist");
                let classes = Subject { group: "scheduling.k8s.io", resource: "priorityclasses" };
                Err(ApiError::forbidden(classes, change.name, &why))
            }
        }
    }

    /// Gives a pod the priority of its class.
    pub(super) fn rank(&self, pod: &mut Value) -> Result<(), ApiError> {
        let class = pod.pointer("/spec/priorityClassName").and_then(Value::as_str).unwrap_or_default().to_owned();
        let found = match class.as_str() {
            "" => self.default_class().map(|(_, class)| class),
            name => match self.store.get(PRIORITY_CLASSES, name) {
                None => {
                    return Err(refused(pod, &format!("no PriorityClass with name {name} was found")));
                }
                found => found,
            },
        };
        let found = found.map(|found| found.value());
        let computed = |member: &str| found.as_ref().and_then(|found| found.get(member)).cloned();
        let class = "must not be provided in pod spec; priority admission controller computed";
        let refuse = |why: String| Err(refused(pod, &format!("{why} from the given PriorityClass name")));
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
        let policy = (found.is_none() || computed("preemptionPolicy").is_some()).then_some(policy);
        let spec = meta::members(meta::entry(pod, "spec"));
        if let Some(found) = found {
            spec.insert("priorityClassName".into(), meta::name(&found).into());
        }
        spec.insert("priority".into(), value.into());
        if let Some(policy) = policy {
            spec.insert("preemptionPolicy".into(), policy.into());
        }
        Ok(())
    }
}
