//! Owns the option `when`: which changes of an object are worth a run. It is decided on the bytes, before a decode.

use crate::cache::Entry;
use crate::descriptor::{Filter, FilterError};
use crate::json::{Pointer, members};

/// The filters of one controller, taken apart once.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters(Vec<Part>);

/// A part of an object whose change is worth a run.
#[derive(Debug, Clone)]
enum Part {
    Generation,
    At(Pointer),
}

impl Filters {
    /// # Errors
    /// A pointer that is none.
    pub(super) fn of(filters: &[Filter]) -> Result<Self, FilterError> {
        let part = |filter: &Filter| match filter {
            Filter::Generation => Ok(Part::Generation),
            Filter::Label(key) => Ok(Part::At(Pointer::of(&["metadata", "labels", key]))),
            Filter::Annotation(key) => Ok(Part::At(Pointer::of(&["metadata", "annotations", key]))),
            Filter::Field(pointer) => Pointer::parse(pointer).map(Part::At).ok_or(FilterError { pointer }),
        };
        filters.iter().map(part).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the change from one version of an object to the next is worth a run. Without filters each is, and the
    /// beginning of an object's deletion always is.
    pub(super) fn let_pass(&self, before: &Entry, now: &Entry) -> bool {
        let begins_to_go = now.is_deleting() && !before.is_deleting();
        self.0.is_empty()
            || begins_to_go
            || before.uid() != now.uid()
            || self.0.iter().any(|part| part.differs(before, now))
    }
}

impl Part {
    fn differs(&self, before: &Entry, now: &Entry) -> bool {
        match self {
            Self::Generation => match (before.generation(), now.generation()) {
                (None, None) => differs_beside_status(&before.json(), &now.json()),
                (before, now) => before != now,
            },
            Self::At(pointer) => pointer.find(&before.json()) != pointer.find(&now.json()),
        }
    }
}

/// What `generation` means for an object without one, such as a ConfigMap: whatever is neither `status` nor
/// `metadata` differs. That is what the API server counts where it counts.
fn differs_beside_status(before: &[u8], now: &[u8]) -> bool {
    let wished = |object| {
        let mut members = members(object)?;
        members.retain(|(key, _)| !matches!(&**key, b"metadata" | b"status"));
        Some(members)
    };
    wished(before) != wished(now)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cache::{Applied, Draft, Seen, Store};
    use crate::watch::Head;

    /// The object as the store of a watch keeps it.
    fn entry(object: &Value) -> Entry {
        let store = Store::new();
        let bytes = object.to_string().into_bytes();
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or("1").to_owned().into();
        let head = Head {
            name: text("name"),
            uid: Some(text("uid")),
            version: text("resourceVersion"),
            generation: object["metadata"]["generation"].as_i64(),
            deleting: object["metadata"].get("deletionTimestamp").is_some(),
            ..Head::default()
        };
        match store.upsert(&head, Seen::Listed, || Draft::new(&bytes, b"", &[])) {
            Applied::Upsert { entry, .. } => entry,
            other => panic!("a new object is an upsert, not {other:?}"),
        }
    }

    #[track_caller]
    fn check(filters: &[Filter], before: &Value, now: &Value, expect: bool) {
        let filters = Filters::of(filters).expect("the pointers are pointers");
        assert_eq!(filters.let_pass(&entry(before), &entry(now)), expect, "{filters:?}: {before} to {now}");
    }

    #[test]
    fn without_filters_each_change_passes() {
        check(&[], &json!({"status": 1}), &json!({"status": 2}), true);
    }

    #[test]
    fn a_generation_that_moves_passes() {
        let at = |generation: i64, status: i64| json!({"metadata": {"generation": generation}, "status": status});
        check(&[Filter::Generation], &at(1, 1), &at(2, 1), true);
        check(&[Filter::Generation], &at(2, 1), &at(1, 1), true);
        check(&[Filter::Generation], &at(1, 1), &at(1, 2), false);
    }

    #[test]
    fn without_a_generation_everything_but_metadata_and_status_counts() {
        let of = |data: &str, label: &str, status: i64| json!({"metadata": {"labels": {"a": label}}, "data": data, "status": status});
        check(&[Filter::Generation], &of("x", "l", 1), &of("y", "l", 1), true);
        check(&[Filter::Generation], &of("x", "l", 1), &of("x", "m", 2), false);
        check(&[Filter::Generation], &json!({"data": 1}), &json!({"data": 1, "immutable": true}), true);
        check(&[Filter::Generation], &json!({"data": 1}), &json!({"metadata": {"generation": 1}, "data": 1}), true);
    }

    #[test]
    fn labels_annotations_and_fields_pass_where_they_differ() {
        let labelled = |value: &str| json!({"metadata": {"labels": {"a/b": value, "c": "d"}}});
        check(&[Filter::Label("a/b")], &labelled("x"), &labelled("y"), true);
        check(&[Filter::Label("c")], &labelled("x"), &labelled("y"), false);
        check(&[Filter::Label("c")], &labelled("x"), &json!({"metadata": {}}), true);
        let annotated = |value: &str| json!({"metadata": {"annotations": {"x.io/a": value}}});
        check(&[Filter::Annotation("x.io/a")], &annotated("1"), &annotated("2"), true);
        check(&[Filter::Label("x.io/a")], &annotated("1"), &annotated("2"), false);
        let phase = |phase: &str| json!({"spec": {"nodeName": "n"}, "status": {"phase": phase}});
        check(&[Filter::Field("/status/phase")], &phase("Pending"), &phase("Running"), true);
        check(&[Filter::Field("/spec")], &phase("Pending"), &phase("Running"), false);
        check(&[Filter::Field("/spec"), Filter::Field("/status/phase")], &phase("A"), &phase("B"), true);
    }

    #[test]
    fn the_beginning_of_a_deletion_and_another_uid_always_pass() {
        let plain = json!({"metadata": {"uid": "a"}});
        check(&[Filter::Label("x")], &plain, &json!({"metadata": {"uid": "a", "deletionTimestamp": "t"}}), true);
        check(&[Filter::Label("x")], &plain, &json!({"metadata": {"uid": "b"}}), true);
        check(&[Filter::Label("x")], &plain, &plain, false);
    }

    #[test]
    fn a_pointer_that_is_none_is_refused() {
        let error = Filters::of(&[Filter::Field("spec/nodeName")]).expect_err("it has no slash");
        assert!(error.to_string().contains("spec/nodeName"), "{error}");
    }
}
