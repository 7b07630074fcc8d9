//! The columns of built-in kinds, read from `columns.txt`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{age, cells, definition};

/// A column: its definition and where its cells come from.
#[derive(Debug)]
pub(super) struct Column {
    name: &'static str,
    kind: &'static str,
    format: &'static str,
    priority: i64,
    cell: Cell,
}

/// Where a cell comes from; the second part is what stands for an absent value.
#[derive(Debug)]
enum Cell {
    Text(Path, &'static str),
    Number(Path),
    Bool(Path, bool),
    Count(Path),
    Since(Path, &'static str),
    Computed(&'static str),
}

type Path = Vec<&'static str>;

impl Column {
    pub(super) fn definition(&self) -> Value {
        definition(self.name, self.kind, self.format, "", self.priority)
    }

    /// The cell of an object; `items` are all objects of the table, which the default storage class is found among.
    pub(super) fn cell(&self, object: &Value, items: &[&Value], now: Timestamp) -> Value {
        match &self.cell {
            Cell::Text(path, absent) => text(at(object, path), absent),
            Cell::Number(path) => at(object, path).filter(|value| value.is_number()).cloned().unwrap_or(json!(0)),
            Cell::Bool(path, absent) => at(object, path).and_then(Value::as_bool).unwrap_or(*absent).into(),
            Cell::Count(path) => count(at(object, path)).into(),
            Cell::Since(path, absent) => age::since(at(object, path).and_then(Value::as_str), now, absent).into(),
            Cell::Computed(name) => cells::compute(name, object, items, now),
        }
    }
}

/// The columns of a built-in kind: a name and when it was created, where the table says nothing else.
pub(super) fn of(group: &str, kind: &str) -> &'static [Column] {
    static TABLE: OnceLock<BTreeMap<&'static str, BTreeMap<&'static str, Vec<Column>>>> = OnceLock::new();
    static PLAIN: OnceLock<Vec<Column>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table: BTreeMap<&str, BTreeMap<&str, Vec<Column>>> = BTreeMap::new();
        for ((group, kind), columns) in include_str!("columns.txt").lines().filter_map(parse_line) {
            table.entry(group).or_default().insert(kind, columns);
        }
        table
    });
    let group = if group.is_empty() { "-" } else { group };
    if let Some(columns) = table.get(group).and_then(|kinds| kinds.get(kind)) {
        return columns;
    }
    PLAIN.get_or_init(|| parse_columns("Name/name=.metadata.name | Created At:date=.metadata.creationTimestamp"))
}

fn parse_line(line: &'static str) -> Option<((&'static str, &'static str), Vec<Column>)> {
    let (kind, columns) = line.split_once(" | ").filter(|_| !line.starts_with('#'))?;
    Some((kind.split_once('/')?, parse_columns(columns)))
}

fn parse_columns(columns: &'static str) -> Vec<Column> {
    columns.split(" | ").filter_map(parse_column).collect()
}

fn parse_column(text: &'static str) -> Option<Column> {
    let (head, cell) = text.split_once('=')?;
    let (head, priority) = head.split_once('@').unwrap_or((head, "0"));
    let (head, format) = head.split_once('/').unwrap_or((head, ""));
    let (name, kind) = head.split_once(':').unwrap_or((head, "string"));
    Some(Column { name, kind, format, priority: priority.parse().ok()?, cell: parse_cell(cell)? })
}

fn parse_cell(text: &'static str) -> Option<Cell> {
    let (head, absent) = text.split_once(',').unwrap_or((text, ""));
    if let Some(name) = head.strip_prefix('!') {
        return Some(Cell::Computed(name));
    }
    let (sort, path) = head.split_once('.')?;
    let path = path.split('.').collect();
    Some(match sort {
        "" => Cell::Text(path, absent),
        "%" => Cell::Number(path),
        "?" => Cell::Bool(path, absent == "true"),
        "#" => Cell::Count(path),
        "~" => Cell::Since(path, if absent.is_empty() { "<unknown>" } else { absent }),
        _ => return None,
    })
}

fn at<'a>(object: &'a Value, path: &Path) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, name| value.get(name))
}

/// A scalar as text; nothing and the empty text are absent.
fn text(value: Option<&Value>, absent: &str) -> Value {
    match value {
        Some(Value::String(text)) if !text.is_empty() => text.as_str().into(),
        Some(Value::Number(number)) => number.to_string().into(),
        Some(Value::Bool(flag)) => flag.to_string().into(),
        _ => absent.into(),
    }
}

fn count(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(fields)) => fields.len(),
        _ => 0,
    }
}
