//! Objects as tables: what `kubectl get` prints.
//!
//! A built-in kind's columns stand in `columns.txt`, a custom resource's in its definition; anything else has a name
//! and an age. Cells are computed here, so that every client prints the same. Which objects a table has, and whether a
//! client may have one, is the server's business.

mod age;
mod cells;
mod columns;
mod custom;
mod path;
mod pods;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::catalog::{Resource, Shape};
pub(crate) use path::JsonPath;

/// What a row carries of its object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IncludeObject {
    /// Nothing.
    None,
    /// A PartialObjectMetadata.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

/// Whether a table says what its columns are: in a watch only the first one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    Columns,
    Omitted,
}

/// The table of some objects of a resource. `list_meta` is the list's metadata, or one object's.
pub(crate) fn render(
    resource: &Resource,
    list_meta: &Value,
    items: &[&Value],
    include: IncludeObject,
    header: Header,
    now: Timestamp,
) -> Value {
    let mut items = items.to_vec();
    if (resource.group.as_str(), resource.kind.as_str()) == ("flowcontrol.apiserver.k8s.io", "FlowSchema") {
        // They are shown as they would be tried.
        items.sort_by_key(|schema| schema.pointer("/spec/matchingPrecedence").and_then(Value::as_i64));
    }
    let items = items.as_slice();
    let (columns, rows): (Value, Vec<Vec<Value>>) = match &resource.shape {
        Shape::Builtin(_) => builtin(&resource.group, &resource.kind, items, now),
        Shape::Custom(version) => {
            let columns = custom::columns(&version.spec);
            let cells = |object: &&Value| custom::cells(&columns, object, now);
            (columns.iter().map(custom::Column::definition).collect(), items.iter().map(cells).collect())
        }
    };
    let rows: Vec<Value> =
        items.iter().zip(rows).map(|(object, cells)| row(resource, object, cells, include)).collect();
    table(list_meta, if header == Header::Columns { columns } else { Value::Null }, rows)
}

/// The table of the scale of one object.
pub(crate) fn render_scale(scale: &Value, include: IncludeObject, now: Timestamp) -> Value {
    let (columns, cells) = builtin("autoscaling", "Scale", &[scale], now);
    let rows = cells.into_iter().map(|cells| json!({ "cells": cells, "object": shown(scale, include) })).collect();
    table(scale.get("metadata").unwrap_or(&Value::Null), columns, rows)
}

/// The columns of a built-in kind, and the cells of each item.
fn builtin(group: &str, kind: &str, items: &[&Value], now: Timestamp) -> (Value, Vec<Vec<Value>>) {
    let columns = columns::of(group, kind);
    let cells = |object: &&Value| columns.iter().map(|column| column.cell(object, items, now)).collect();
    (columns.iter().map(|column| column.definition()).collect(), items.iter().map(cells).collect())
}

fn table(list_meta: &Value, columns: Value, rows: Vec<Value>) -> Value {
    let mut metadata = Map::new();
    for name in ["resourceVersion", "continue", "remainingItemCount"] {
        if let Some(value) = list_meta.get(name) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

fn row(resource: &Resource, object: &Value, cells: Vec<Value>, include: IncludeObject) -> Value {
    let mut row = json!({ "cells": cells, "object": shown(object, include) });
    if resource.group.is_empty()
        && resource.kind == "Pod"
        && let Some(condition) = pods::finished(object)
    {
        row["conditions"] = json!([condition]);
    }
    row
}

/// What a row carries of its object.
fn shown(object: &Value, include: IncludeObject) -> Value {
    match include {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object.get("metadata"),
        }),
        IncludeObject::Object => object.clone(),
    }
}

/// A column definition. The descriptions are the API's own prose, which no client prints.
fn definition(name: &str, kind: &str, format: &str, description: &str, priority: i64) -> Value {
    json!({ "name": name, "type": kind, "format": format, "description": description, "priority": priority })
}
