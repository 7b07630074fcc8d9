//! Label selectors inside of objects, and the labels that they are held to.

use serde_json::Value;

use super::at::{At, Faults};
use crate::field::name;

/// The terms of a label selector.
pub(super) fn selector(at: &At<'_>, f: &mut Faults) {
    labels(&at.field("matchLabels"), f);
    for term in at.field("matchExpressions").items() {
        let values = term.field("values");
        match term.field("operator").text() {
            "In" | "NotIn" if values.is_empty() => {
                f.required(&values, "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                f.forbidden(&values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            operator => f.invalid_as(&term.field("operator"), operator, "not a valid selector operator"),
        }
        f.follows(&term.field("key"), name::qualified);
        values.items().iter().for_each(|value| f.follows(value, name::label_value));
    }
}

/// The keys and values of labels; the path is that of the whole map.
pub(super) fn labels(at: &At<'_>, f: &mut Faults) {
    for (key, value) in at.entries() {
        name::qualified(key).into_iter().for_each(|wrong| f.invalid_as(at, key, wrong));
        name::label_value(value.text()).into_iter().for_each(|wrong| f.invalid_as(at, value.text(), wrong));
    }
}

/// How large all annotations may be together.
const LARGEST: usize = 256 * 1024;

/// The keys of annotations; the path is that of the whole map.
pub(super) fn annotations(at: &At<'_>, f: &mut Faults) {
    let size: usize = at.entries().iter().map(|(key, value)| key.len() + value.text().len()).sum();
    for (key, _) in at.entries() {
        name::qualified(&key.to_lowercase()).into_iter().for_each(|wrong| f.invalid_as(at, key, wrong));
    }
    if size > LARGEST {
        f.too_long(at, i64::try_from(LARGEST).unwrap_or(i64::MAX));
    }
}

/// Whether a selector has no terms.
pub(super) fn is_everything(selector: &At<'_>) -> bool {
    selector.field("matchLabels").is_empty() && selector.field("matchExpressions").is_empty()
}

/// Whether a selector picks these labels. No selector picks nothing, an empty one all.
pub(super) fn picks(selector: &At<'_>, labels: &At<'_>) -> bool {
    let label = |key: &str| labels.value.get(key).and_then(Value::as_str);
    selector.is_set()
        && selector.field("matchLabels").entries().iter().all(|(key, value)| label(key) == Some(value.text()))
        && selector.field("matchExpressions").items().iter().all(|term| {
            let has = label(term.field("key").text());
            let listed = has.is_some_and(|has| term.field("values").items().iter().any(|value| value.text() == has));
            match term.field("operator").text() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => has.is_some(),
                _ => has.is_none(),
            }
        })
}
