//! Whether the rules in CEL of a definition can be read, and what they may cost on the largest objects that it allows.

use std::cmp::Reverse;

use serde_json::Value;

use super::check::Node;
use super::{Additional, ListType, Structural, judge};
use crate::cel;
use crate::field::{FieldError, Path};

/// The rules in CEL: each by itself, and what all of them may cost together.
pub(super) fn check(schema: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    const LIMIT: u64 = 100_000_000;
    let mut whole = Structural::parse(schema);
    if !whole.has_rules() && !mentions_rules(schema) {
        return;
    }
    whole.name_every_object();
    let mut costs = Vec::new();
    let at = RulesAt { cardinality: 1, uncorrelated: None };
    if let Some(node) = Node::new(schema) {
        check_below(node, &whole, path, &at, &mut costs, errors);
    }
    let total = costs.iter().map(|(_, cost)| *cost).fold(0, u64::saturating_add);
    if total > LIMIT {
        costs.sort_by_key(|(_, cost)| Reverse(*cost));
        for (path, _) in costs.iter().filter(|(_, cost)| *cost > 0).take(4) {
            let why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
            errors.push(FieldError::forbidden(path, why));
        }
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        errors.push(FieldError::forbidden(path, judge::too_costly(what, total, LIMIT)));
    }
}

fn mentions_rules(schema: &Value) -> bool {
    let Value::Object(fields) = schema else { return false };
    fields.iter().any(|(name, value)| match value {
        Value::Object(_) => mentions_rules(value),
        Value::Array(items) => name == "x-kubernetes-validations" && !items.is_empty() && cel::IS_THERE,
        _ => false,
    })
}

/// Where the rules of a node run.
#[derive(Clone)]
struct RulesAt {
    /// How many values of the node one object may have.
    cardinality: u64,
    /// The list or map whose old parts can't be told from one another, if the node is below one.
    uncorrelated: Option<Path>,
}

fn check_below(
    node: Node<'_>,
    of: &Structural,
    path: &Path,
    at: &RulesAt,
    costs: &mut Vec<(Path, u64)>,
    errors: &mut Vec<FieldError>,
) {
    errors.extend(judge::check(node.0, of, path, at.cardinality, at.uncorrelated.as_ref(), costs));
    let of_parts = match of.atomic {
        true => RulesAt { uncorrelated: Some(path.clone()), ..at.clone() },
        false => at.clone(),
    };
    for (name, property) in node.named("properties") {
        if let Some(of) = of.properties.get(name) {
            check_below(property, of, &path.child("properties").key(name), &of_parts, costs, errors);
        }
    }
    if let (Some(values), Additional::Schema(of_values)) = (node.child("additionalProperties"), &of.additional) {
        let at = RulesAt { cardinality: at.cardinality.saturating_mul(cel::size(of)), ..of_parts };
        check_below(values, of_values, &path.child("additionalProperties"), &at, costs, errors);
    }
    if let (Some(items), Some(of_items)) = (node.child("items"), of.items.as_deref()) {
        let keeps = matches!(of.list, ListType::Map(_));
        let uncorrelated = if keeps { at.uncorrelated.clone() } else { Some(path.clone()) };
        let at = RulesAt { cardinality: at.cardinality.saturating_mul(cel::size(of)), uncorrelated };
        check_below(items, of_items, &path.child("items"), &at, costs, errors);
    }
}
