//! The classes of those who name none: of claims for volumes and of ingresses. And which classes let claims grow.

use serde_json::Value;

use super::read::subject;
use super::{Server, meta};
use crate::admission::{Change, Operation};
use crate::kinds;
use crate::status::ApiError;
use crate::store::Range;

const STORAGE_CLASSES: &str = "storage.k8s.io/storageclasses";
const INGRESS_CLASSES: &str = "networking.k8s.io/ingressclasses";
/// Where a claim named its class before there was a field for it.
const OLD_STORAGE_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const OLD_INGRESS_CLASS: &str = "kubernetes.io/ingress.class";

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    meta::member(object, "annotations")?.get(name)?.as_str()
}

/// The class that a claim names.
fn class_of(claim: &Value) -> &str {
    let field = || claim.pointer("/spec/storageClassName").and_then(Value::as_str);
    annotation(claim, OLD_STORAGE_CLASS).or_else(field).unwrap_or_default()
}

impl Server {
    /// Gives a claim that names no class the one for such claims. To name none in so many words is to name one.
    pub(super) fn classify_claim(&self, claim: &mut Value) {
        const DEFAULT: [&str; 2] =
            ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
        let is_told = claim.pointer("/spec/storageClassName").is_some_and(|class| !class.is_null());
        if is_told || annotation(claim, OLD_STORAGE_CLASS).is_some() {
            return;
        }
        if let Some(class) = self.newest_default(STORAGE_CLASSES, &DEFAULT) {
            meta::members(meta::entry(claim, "spec")).insert("storageClassName".into(), class.into());
        }
    }

    /// The same for an ingress.
    pub(super) fn classify_ingress(&self, ingress: &mut Value) {
        let is_told = ingress.pointer("/spec/ingressClassName").is_some_and(|class| !class.is_null());
        if is_told || annotation(ingress, OLD_INGRESS_CLASS).is_some() {
            return;
        }
        if let Some(class) = self.newest_default(INGRESS_CLASSES, &["ingressclass.kubernetes.io/is-default-class"]) {
            meta::members(meta::entry(ingress, "spec")).insert("ingressClassName".into(), class.into());
        }
    }

    /// Of the classes that say that they are the default, the newest; of those of one second the first by name.
    fn newest_default(&self, table: &str, annotations: &[&str]) -> Option<String> {
        let classes = self.store.scan(table, Range { prefix: "", from: "" });
        let is_default = |class: &Value| annotations.iter().any(|name| annotation(class, name) == Some("true"));
        let mut newest: Option<(&str, &str)> = None;
        for (name, class) in classes.filter(|(_, class)| is_default(class.kept_value())) {
            let made = meta::text(class.kept_value(), "creationTimestamp");
            if newest.is_none_or(|(_, before)| made > before) {
                newest = Some((name, made));
            }
        }
        newest.map(|(name, _)| name.to_owned())
    }

    /// Refuses that a claim asks for more, unless it has a volume and its class lets it.
    pub(super) fn may_grow(&self, change: &Change<'_>) -> Result<(), ApiError> {
        let is_claim = change.resource.group.is_empty() && change.resource.plural == "persistentvolumeclaims";
        let (Some(new), Some(old)) = (change.new, change.old) else { return Ok(()) };
        if !is_claim || !change.part.is_empty() || change.operation != Operation::Update {
            return Ok(());
        }
        let size = |claim: &Value| {
            let text = claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str);
            kinds::amount(text.unwrap_or("0"))
        };
        let why = if size(new) <= size(old) {
            return Ok(());
        } else if old.pointer("/status/phase").is_none_or(|phase| phase != "Bound") {
            "Only bound persistent volume claims can be expanded"
        } else if !self.lets_grow(class_of(new)) || class_of(new) != class_of(old) {
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support \
             resize"
        } else {
            return Ok(());
        };
        Err(ApiError::forbidden(subject(change.resource), change.name, why))
    }

    fn lets_grow(&self, class: &str) -> bool {
        let class = self.store.get(STORAGE_CLASSES, class).map(|class| class.kept_value());
        class.is_some_and(|class| class.get("allowVolumeExpansion") == Some(&Value::Bool(true)))
    }
}
