//! LimitRanges at work: what those of a namespace give to its pods, and what they refuse.

use std::sync::Arc;

use serde_json::Value;

use super::read::subject;
use super::{Server, meta};
use crate::admission::{Change, Operation};
use crate::kinds;
use crate::status::ApiError;
use crate::store::Range;

impl Server {
    /// Gives a pod what the ranges of its namespace have for those who say nothing.
    pub(super) fn fill_from_ranges(&self, namespace: Option<&str>, pod: &mut Value) {
        for range in self.ranges(namespace.unwrap_or_default()) {
            kinds::fill(&range, pod);
        }
    }

    /// Refuses a pod or a claim that is beyond a range of its namespace.
    pub(super) fn keep_to_ranges(&self, change: &Change<'_>) -> Result<(), ApiError> {
        let Some(new) = change.new.filter(|_| change.resource.group.is_empty()) else { return Ok(()) };
        let beyond = match (change.resource.plural.as_str(), change.part, change.operation) {
            ("pods", "", Operation::Create) | ("pods", "resize", Operation::Update) => kinds::beyond_of_pod,
            ("persistentvolumeclaims", "", Operation::Create | Operation::Update) => kinds::beyond_of_claim,
            _ => return Ok(()),
        };
        if change.old.is_some_and(meta::is_deleting) {
            return Ok(());
        }
        for range in self.ranges(change.namespace) {
            let mut told: Vec<String> = Vec::new();
            for why in beyond(&range, new) {
                if !told.contains(&why) {
                    told.push(why);
                }
            }
            let why = match told.as_slice() {
                [] => continue,
                [one] => one.clone(),
                many => format!("[{}]", many.join(", ")),
            };
            return Err(ApiError::forbidden(subject(change.resource), change.name, &why));
        }
        Ok(())
    }

    fn ranges(&self, namespace: &str) -> impl Iterator<Item = Arc<Value>> {
        let prefix = format!("{namespace}/");
        let ranges = self.store.scan("/limitranges", Range { prefix: &prefix, from: "" });
        ranges.map(|(_, range)| range.kept_value().clone()).collect::<Vec<_>>().into_iter()
    }
}
