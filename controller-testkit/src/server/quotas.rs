//! ResourceQuotas at work: what those of a namespace refuse, and what is charged to them before it is stored.
//!
//! A change is charged when everyone else has let it in. What is not stored then after all, or is deleted later, nobody
//! gives back but the controller, which counts anew.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::part::Part;
use super::query::FieldValidation;
use super::read::subject;
use super::update;
use super::write::Cx;
use super::{Server, meta, shape};
use crate::admission::Change;
use crate::auth::User;
use crate::catalog::Shape;
use crate::quota::{Asked, Measure};
use crate::status::ApiError;
use crate::store::Range;

const TABLE: &str = "/resourcequotas";

impl Server {
    /// Refuses a change for which a quota has no room, and charges it to those that have.
    pub(super) fn charge(&mut self, change: &Change<'_>, cx: &mut Cx<'_>) -> Result<(), ApiError> {
        let quotas = self.quotas(change.namespace);
        let Some(new) = change.new.filter(|_| !quotas.is_empty()) else { return Ok(()) };
        let Some(measure) = Measure::of(&change.resource.group, &change.resource.plural) else { return Ok(()) };
        if !measure.is_moved(change.part, new, change.old) {
            return Ok(());
        }
        let asked = Asked { measure: &measure, part: change.part, new, old: change.old, now: cx.now };
        let charged = crate::quota::charge(quotas.iter().map(|quota| &**quota), &asked)
            .map_err(|why| ApiError::forbidden(subject(change.resource), change.name, &why))?;
        if cx.dry_run || !self.is_settled(change, new, cx) {
            return Ok(());
        }
        for (quota, used) in charged {
            self.spend(change.namespace, quota, used, cx)?;
        }
        Ok(())
    }

    /// The quotas of a namespace; most have none.
    fn quotas(&self, namespace: &str) -> Vec<Arc<Value>> {
        if namespace.is_empty() || self.store.scan(TABLE, Range { prefix: "", from: "" }).next().is_none() {
            return Vec::new();
        }
        let prefix = format!("{namespace}/");
        let quotas = self.store.scan(TABLE, Range { prefix: &prefix, from: "" });
        quotas.map(|(_, quota)| quota.value()).collect()
    }

    /// Whether a request is not to come again when its object has been converted. It is charged once.
    fn is_settled(&self, change: &Change<'_>, new: &Value, cx: &Cx<'_>) -> bool {
        match &change.resource.shape {
            Shape::Custom(version) if version.converter.is_some() => {
                self.settled(change.resource, &shape::stored(change.resource, new.clone()), cx).is_ok()
            }
            _ => true,
        }
    }

    /// Writes what is used of a quota, as the server itself.
    fn spend(&mut self, namespace: &str, quota: &Value, used: Value, cx: &mut Cx<'_>) -> Result<(), ApiError> {
        let Some(resource) = self.catalog.get("", "v1", "resourcequotas").cloned() else { return Ok(()) };
        let mut own = Cx {
            now: cx.now,
            rng: cx.rng,
            user: User::insider(),
            dry_run: false,
            options: Map::new(),
            validation: FieldValidation::Ignore,
            warnings: Vec::new(),
            manager: "kube-apiserver".to_owned(),
            through: None,
            owners: None,
            calls: None,
        };
        let mut spent = quota.clone();
        meta::members(meta::entry(&mut spent, "status")).insert("used".into(), used);
        let place = (&resource, Some(namespace), meta::name(quota));
        self.update(place, Part::Status, update::Change::Replace(spent), &mut own).map(drop)
    }
}
