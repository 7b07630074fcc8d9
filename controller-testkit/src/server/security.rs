//! Pod Security at work: which namespace a pod comes into, what is refused there and what is only told.

use std::sync::Arc;

use serde_json::Value;

use super::Server;
use super::read::{kind_of, subject};
use crate::admission::{Change, Operation};
use crate::security::{self, Level, Policy};
use crate::status::ApiError;
use crate::store::Range;

impl Server {
    /// Refuses a pod that its namespace does not let in, and tells whoever asks for pods that would break what they are
    /// warned of.
    pub(super) fn secure(&self, change: &Change<'_>, warnings: &mut Vec<String>) -> Result<(), ApiError> {
        let Some(new) = change.new.filter(|_| change.operation != Operation::Delete) else { return Ok(()) };
        if change.is_of_namespaces() {
            return self.relabel(change, new, warnings);
        }
        let (group, kind) = (change.resource.group.as_str(), change.resource.kind.as_str());
        let is_pod = (group, kind) == ("", "Pod");
        let is_meant = match change.part {
            "" => true,
            "ephemeralcontainers" | "resize" => is_pod,
            _ => false,
        };
        let Some(pod) = security::pod_in(group, kind, new).filter(|_| is_meant) else { return Ok(()) };
        let Some(namespace) = self.store.get("/namespaces", change.namespace) else { return Ok(()) };
        let (policy, _) = Policy::of(namespace.labels().as_ref());
        if is_pod && change.old.is_some_and(|old| !security::matters(new, old)) {
            return Ok(());
        }
        if is_pod {
            let breaches = security::breaches(policy.enforce, pod);
            if !breaches.is_empty() {
                let why = format!("violates PodSecurity \"{}\": {}", policy.enforce, security::told(&breaches));
                return Err(ApiError::forbidden(subject(change.resource), change.name, &why));
            }
        }
        let breaches = security::breaches(policy.warn, pod);
        if !breaches.is_empty() {
            warnings.push(format!("would violate PodSecurity \"{}\": {}", policy.warn, security::told(&breaches)));
        }
        Ok(())
    }

    /// Refuses labels that mean nothing, and tells which pods would be refused where a namespace begins to ask for more.
    fn relabel(&self, change: &Change<'_>, new: &Value, warnings: &mut Vec<String>) -> Result<(), ApiError> {
        if !change.part.is_empty() {
            return Ok(());
        }
        let of = |namespace: &Value| Policy::of(super::meta::labels(namespace));
        let (policy, faults) = of(new);
        let before = change.old.map(of);
        if !faults.is_empty() && before.as_ref().is_none_or(|(_, known)| faults != *known) {
            return Err(ApiError::invalid(kind_of(change.resource), change.name, &faults));
        }
        let Some((before, _)) = before else { return Ok(()) };
        let (now, before) = (policy.enforce, before.enforce);
        let is_no_more = now.version == before.version && now.level <= before.level;
        if now == before || now.level == Level::Privileged || is_no_more {
            return Ok(());
        }
        let prefix = format!("{}/", change.name);
        let pods = self.store.scan("/pods", Range { prefix: &prefix, from: "" });
        let pods: Vec<Arc<Value>> = pods.map(|(_, pod)| pod.value()).collect();
        warnings.extend(security::told_of_existing(change.name, now, pods));
        Ok(())
    }
}
