//! The admission that every API server has beside policies and webhooks: what it adds to new objects of built-in kinds,
//! and what it refuses. Each part has a room of its own; their order is here, which decides what a client is told first.

use serde_json::{Value, json};

use super::write::Cx;
use super::{Server, meta};
use crate::admission::Change;
use crate::auth::User;
use crate::catalog::Resource;
use crate::kinds;
use crate::status::{ApiError, Subject};

impl Server {
    /// Completes a new object, or refuses it. What others make of it then is completed again: to do so twice is to do it
    /// once.
    pub(super) fn admit_new(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &mut Value,
        rng: &mut fastrand::Rng,
    ) -> Result<(), ApiError> {
        match (resource.group.as_str(), resource.kind.as_str()) {
            ("", "Pod") => {
                self.fill_from_ranges(namespace, object);
                self.run_as(namespace, object, rng)?;
                self.rank(object)?;
                kinds::tolerate(meta::members(meta::entry(object, "spec")));
                self.run_by(object)?;
                self.place_like_node(object);
                Ok(())
            }
            ("", "Node") => {
                taint(object);
                Ok(())
            }
            ("", "PersistentVolumeClaim") => {
                self.classify_claim(object);
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
            ("networking.k8s.io", "Ingress") => {
                self.classify_ingress(object);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Refuses a change of which everything is known that will be stored, in the order of a real server.
    pub(super) fn admit(&self, change: &Change<'_>, cx: &mut Cx<'_>) -> Result<(), ApiError> {
        self.keep_to_ranges(change)?;
        self.keep_secrets(change)?;
        self.secure(change, &mut cx.warnings)?;
        self.one_default(change)?;
        self.may_grow(change)?;
        self.costs_what_its_class_says(change)?;
        self.vouch(change, &cx.user)?;
        self.fits_node(change)
    }
}

/// Why a new pod is refused, which may have no name yet.
pub(super) fn refused(pod: &Value, why: &str) -> ApiError {
    let names = [meta::name(pod), meta::text(pod, "generateName"), "Unknown"];
    let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    ApiError::forbidden(Subject { group: "", resource: "pods" }, name, why)
}

/// Who asks for a certificate is known from the request, whatever is written in it.
pub(super) fn sign(resource: &Resource, request: &mut Value, user: &User) {
    if (resource.group.as_str(), resource.kind.as_str()) != ("certificates.k8s.io", "CertificateSigningRequest") {
        return;
    }
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
