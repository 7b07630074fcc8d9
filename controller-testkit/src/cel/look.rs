//! Looking at an expression without running it: what it names, what it comes to, and what it may cost.
//!
//! It knows less than a real server, which types every expression: what it can't tell it lets pass. Its costs are
//! about those of the real one, from the same bounds: a size that no schema limits is that of the largest request.

use kube_cel::cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators as op};

use super::value::is_name_of;
use super::{known, optional};
use crate::schema::{Additional, Structural, Type};

/// The largest request, in bytes.
const REQUEST: u64 = 3 * 1024 * 1024;
/// How many levels a tree may have; what is read has fewer, by the limits on its text.
const LEVELS: usize = 300;

/// What an expression comes to, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Text,
    /// Something that is neither, and how the language calls it, where that is known.
    Other(&'static str),
    /// What only a run can tell.
    Dyn,
    Unknown,
}

impl Kind {
    /// How the language calls it; empty where that is not known.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Text => "string",
            Self::Other(name) => name,
            Self::Dyn => "dyn",
            Self::Unknown => "",
        }
    }
}

pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) faults: Vec<String>,
    /// How many levels it has.
    pub(super) depth: usize,
}

/// A name that is there: a value with its schema, or the variable of a loop.
type Names<'a> = Vec<(String, Option<&'a Structural>)>;

/// Finds what is wrong with an expression, before it is ever run.
pub(super) fn judge(tree: &IdedExpr, text: &str, scope: &[(&str, Option<&Structural>)]) -> Found {
    let names = scope.iter().map(|(name, schema)| ((*name).to_owned(), *schema)).collect();
    let of_request = scope.iter().any(|(name, _)| *name == "request");
    let mut look = Look { text, names, of_request, faults: Vec::new(), depth: 0 };
    look.visit(tree, 0);
    let kind = look.kind(tree);
    Found { kind, faults: look.faults, depth: look.depth }
}

struct Look<'a> {
    text: &'a str,
    names: Names<'a>,
    /// Whether it is about a request, whose values have the names that JSON gives them, and objects no types.
    of_request: bool,
    faults: Vec<String>,
    depth: usize,
}

impl<'a> Look<'a> {
    fn fault(&mut self, at: &str, message: &str) {
        // The tree does not say where its parts stand: the first such place in the text is it, most of the time.
        self.fault_at(self.text.find(at).unwrap_or(0), message);
    }

    /// A fault of the call of a function, so many bytes after its bracket.
    fn fault_of_call(&mut self, function: &str, after: usize, message: &str) {
        let found = self.text.find(&format!("{function}("));
        self.fault_at(found.map_or(0, |offset| offset + function.len() + after), message);
    }

    fn fault_at(&mut self, offset: usize, message: &str) {
        let (before, _) = self.text.split_at(offset);
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let shown = self.text.lines().nth(line).unwrap_or_default();
        let (line, number) = (line + 1, column + 1);
        let fault = format!("ERROR: <input>:{line}:{number}: {message}\n | {shown}\n | {}^", ".".repeat(column));
        self.faults.push(fault);
    }

    fn visit(&mut self, tree: &IdedExpr, level: usize) {
        self.depth = self.depth.max(level);
        if level > LEVELS {
            self.fault("", "expression is too deep");
            return;
        }
        match &tree.expr {
            Expr::Ident(name) => {
                let is_known =
                    self.names.iter().any(|(known, _)| known == name) || known::TYPES.contains(&name.as_str());
                if !is_known && !name.starts_with('@') {
                    self.fault(name, &format!("undeclared reference to '{name}' (in container '')"));
                }
            }
            Expr::Select(select) => {
                self.visit(&select.operand, level + 1);
                if let Some(schema) = self.schema_of(&select.operand)
                    && !has_field(schema, &select.field)
                    && !(self.of_request && schema.properties.contains_key(&select.field))
                {
                    let fault = format!("undefined field '{}'", select.field);
                    match path(tree).filter(|_| select.test).and_then(|path| self.text.find(&format!("has({path})"))) {
                        Some(offset) => self.fault_at(offset + "has".len(), &fault),
                        None => self.fault(&format!(".{}", select.field), &fault),
                    }
                }
            }
            Expr::Call(call) => {
                let space = call.target.as_ref().and_then(|target| match &target.expr {
                    Expr::Ident(name) if known::SPACES.contains(&name.as_str()) => Some(name.as_str()),
                    Expr::Select(select) => match &select.operand.expr {
                        Expr::Ident(name) if known::SPACES.contains(&name.as_str()) => Some(name.as_str()),
                        _ => None,
                    },
                    _ => None,
                });
                let is_operator = !call.func_name.starts_with(|c: char| c.is_ascii_alphabetic());
                if space.is_none() && !is_operator && !call.func_name.contains('.') {
                    let asks = self.names.iter().any(|(name, _)| name == "authorizer");
                    let is_known = known::FUNCTIONS.contains(&call.func_name.as_str())
                        || asks && known::AUTHORIZER.contains(&call.func_name.as_str());
                    let name = &call.func_name;
                    let binds = optional::MACROS.contains(&name.as_str()) && call.args.len() == 2;
                    if binds && call.target.is_some() {
                        self.fault_of_call(name, 1, &format!("{name}() variable name must be a simple identifier"));
                    } else if !is_known {
                        self.fault_of_call(name, 0, &format!("undeclared reference to '{name}' (in container '')"));
                    }
                }
                if let ("matches", Some(Expr::Literal(LiteralValue::String(pattern)))) =
                    (call.func_name.as_str(), call.args.last().map(|last| &last.expr))
                    && regex::Regex::new(pattern.inner()).is_err()
                {
                    let quoted = ['\'', '"'].map(|quote| format!("{quote}{}{quote}", pattern.inner()));
                    let at = quoted.iter().find(|quoted| self.text.contains(quoted.as_str())).cloned();
                    self.fault(&at.unwrap_or_default(), "invalid matches argument");
                }
                if let Some(target) = call.target.as_ref().filter(|_| space.is_none()) {
                    self.visit(target, level + 1);
                }
                call.args.iter().for_each(|arg| self.visit(arg, level + 1));
                if let Some((operand, field)) = optional::field(call)
                    && let Some(schema) = self.schema_of(operand)
                    && !has_field(schema, field)
                    && !(self.of_request && schema.properties.contains_key(field))
                {
                    self.fault(&format!(".?{field}"), &format!("undefined field '{field}'"));
                }
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range, level + 1);
                self.visit(&comprehension.accu_init, level + 1);
                let of_items = self.schema_of(&comprehension.iter_range).and_then(|schema| schema.items.as_deref());
                let known = self.names.len();
                self.names.push((comprehension.iter_var.clone(), of_items));
                self.names.extend(comprehension.iter_var2.iter().map(|name| (name.clone(), None)));
                self.names.push((comprehension.accu_var.clone(), None));
                for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                    self.visit(part, level + 1);
                }
                self.names.truncate(known);
            }
            Expr::List(list) => list.elements.iter().for_each(|item| self.visit(item, level + 1)),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.visit(&entry.key, level + 1);
                        self.visit(&entry.value, level + 1);
                    }
                }
            }
            Expr::Struct(message) => {
                let name = &message.type_name;
                let is_known =
                    name.split('.').next().is_some_and(|first| self.names.iter().any(|(known, _)| known == first));
                if !is_known {
                    return self.fault(name, &format!("undeclared reference to '{name}' (in container '')"));
                }
                for entry in &message.entries {
                    if let EntryExpr::StructField(field) = &entry.expr {
                        self.visit(&field.value, level + 1);
                    }
                }
            }
            Expr::Unspecified => self.fault("", "expression is empty"),
            Expr::Literal(_) => {}
        }
    }

    fn schema_of(&self, tree: &IdedExpr) -> Option<&'a Structural> {
        schema_of(&self.names, tree)
    }

    fn kind(&self, tree: &IdedExpr) -> Kind {
        match &tree.expr {
            Expr::Literal(LiteralValue::Boolean(_)) => Kind::Bool,
            Expr::Literal(LiteralValue::String(_)) => Kind::Text,
            Expr::Literal(LiteralValue::Int(_)) => Kind::Other("int"),
            Expr::Literal(LiteralValue::Null) => Kind::Other("null_type"),
            Expr::Struct(_) => Kind::Other("Object"),
            Expr::Literal(_) | Expr::List(_) | Expr::Map(_) => Kind::Other(""),
            Expr::Select(select) if select.test => Kind::Bool,
            Expr::Ident(_) | Expr::Select(_) if self.of_request && is_untyped(tree) => Kind::Dyn,
            Expr::Ident(_) | Expr::Select(_) => self.schema_of(tree).map_or(Kind::Unknown, kind_of),
            Expr::Call(call) => self.kind_of_call(call),
            Expr::Comprehension(found) if found.accu_var == optional::FOUND => Kind::Other(""),
            _ => Kind::Unknown,
        }
    }

    fn kind_of_call(&self, call: &CallExpr) -> Kind {
        match call.func_name.as_str() {
            op::LOGICAL_AND
            | op::LOGICAL_OR
            | op::LOGICAL_NOT
            | op::EQUALS
            | op::NOT_EQUALS
            | op::GREATER
            | op::GREATER_EQUALS
            | op::LESS
            | op::LESS_EQUALS
            | op::IN => Kind::Bool,
            op::CONDITIONAL => match call.args.as_slice() {
                [_, yes, no] if self.kind(yes) == self.kind(no) => self.kind(yes),
                _ => Kind::Unknown,
            },
            op::ADD => match call.args.iter().map(|arg| self.kind(arg)).collect::<Vec<_>>().as_slice() {
                [Kind::Text, _] | [_, Kind::Text] => Kind::Text,
                _ => Kind::Unknown,
            },
            optional::LOOKED_UP => Kind::Other(""),
            op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE => Kind::Other(""),
            "size" | "indexOf" | "lastIndexOf" | "int" => Kind::Other("int"),
            "uint" | "double" | "quantity" | "timestamp" | "duration" | "url" | "ip" | "cidr" | "semver" | "split" => {
                Kind::Other("")
            }
            "contains" | "startsWith" | "endsWith" | "matches" | "isURL" | "isIP" | "isQuantity" | "hasValue" => {
                Kind::Bool
            }
            "string" | "lowerAscii" | "upperAscii" | "trim" | "replace" | "substring" | "join" | "format" => Kind::Text,
            _ => Kind::Unknown,
        }
    }
}

/// Whether it is an object of a request, or a part of one.
fn is_untyped(tree: &IdedExpr) -> bool {
    match &tree.expr {
        Expr::Ident(name) => matches!(name.as_str(), "object" | "oldObject" | "params"),
        Expr::Select(select) => is_untyped(&select.operand),
        Expr::Call(call) if call.func_name == op::INDEX => call.args.first().is_some_and(is_untyped),
        _ => false,
    }
}

/// A path of fields as it is written.
fn path(tree: &IdedExpr) -> Option<String> {
    match &tree.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

fn kind_of(schema: &Structural) -> Kind {
    match schema.kind {
        _ if schema.int_or_string || schema.nullable => Kind::Unknown,
        Some(Type::Boolean) => Kind::Bool,
        Some(Type::String) if schema.rules.format.is_none() => Kind::Text,
        Some(Type::Integer) => Kind::Other("int"),
        Some(Type::Number | Type::Array | Type::Object) => Kind::Other(""),
        _ => Kind::Unknown,
    }
}

/// Whether a value of the schema may have that field, by the name that expressions give it.
fn has_field(schema: &Structural, field: &str) -> bool {
    if schema.kind != Some(Type::Object) || schema.preserve_unknown {
        return true;
    }
    let is_open = !matches!(schema.additional, Additional::Unsaid | Additional::Allowed(false));
    let is_meta = schema.embedded_resource && matches!(field, "apiVersion" | "kind" | "metadata");
    is_open || is_meta || schema.properties.keys().any(|name| is_name_of(field, name))
}

/// The schema of what a path of fields and indexes leads to.
fn schema_of<'a>(names: &[(String, Option<&'a Structural>)], tree: &IdedExpr) -> Option<&'a Structural> {
    match &tree.expr {
        Expr::Ident(name) => names.iter().rev().find(|(known, _)| known == name)?.1,
        Expr::Select(select) if !select.test => schema_of_field(schema_of(names, &select.operand)?, &select.field),
        Expr::Call(call) if matches!(call.func_name.as_str(), op::INDEX | optional::LOOKED_UP) => {
            let schema = schema_of(names, call.args.first()?)?;
            if let Some((_, field)) = optional::field(call) {
                return schema_of_field(schema, field);
            }
            match &schema.additional {
                Additional::Schema(schema) => Some(schema),
                _ => schema.items.as_deref(),
            }
        }
        _ => None,
    }
}

fn schema_of_field<'a>(schema: &'a Structural, field: &str) -> Option<&'a Structural> {
    let named = schema.properties.iter().find(|(name, _)| is_name_of(field, name));
    match (named, &schema.additional) {
        (Some((_, schema)), _) => Some(schema),
        (None, Additional::Schema(schema)) => Some(schema),
        _ => None,
    }
}

/// What an expression may cost at most.
pub(super) fn cost(tree: &IdedExpr, scope: &[(&str, Option<&Structural>)]) -> u64 {
    let mut names: Names<'_> = scope.iter().map(|(name, schema)| ((*name).to_owned(), *schema)).collect();
    cost_of(tree, &mut names)
}

fn cost_of(tree: &IdedExpr, names: &mut Names<'_>) -> u64 {
    match &tree.expr {
        Expr::Ident(_) => 1,
        Expr::Select(select) => cost_of(&select.operand, names).saturating_add(1),
        Expr::Call(call) => {
            let parts = call.target.as_deref().into_iter().chain(&call.args);
            let of_parts = parts.map(|part| cost_of(part, names)).fold(0u64, u64::saturating_add);
            of_parts.saturating_add(cost_of_call(call, names))
        }
        Expr::Comprehension(comprehension) => {
            let range = &comprehension.iter_range;
            let turns = size_of(range, names);
            let of_items = schema_of(names, range).and_then(|schema| schema.items.as_deref());
            let before = cost_of(range, names).saturating_add(cost_of(&comprehension.accu_init, names));
            let known = names.len();
            names.push((comprehension.iter_var.clone(), of_items));
            names.push((comprehension.accu_var.clone(), None));
            let turn =
                cost_of(&comprehension.loop_cond, names).saturating_add(cost_of(&comprehension.loop_step, names));
            let after = cost_of(&comprehension.result, names);
            names.truncate(known);
            before.saturating_add(turns.saturating_mul(turn)).saturating_add(after)
        }
        Expr::List(list) => list.elements.iter().map(|item| cost_of(item, names)).fold(10, u64::saturating_add),
        Expr::Map(_) => 30,
        _ => 0,
    }
}

fn cost_of_call(call: &CallExpr, names: &Names<'_>) -> u64 {
    let parts: Vec<u64> =
        call.target.as_deref().into_iter().chain(&call.args).map(|part| size_of(part, names)).collect();
    let first = parts.first().copied().unwrap_or(1);
    let second = parts.get(1).copied().unwrap_or(1);
    let tenth = |size: u64| size.div_ceil(10);
    match call.func_name.as_str() {
        op::EQUALS | op::NOT_EQUALS | op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS => {
            tenth(first.min(second)).max(1)
        }
        op::IN => second.max(1),
        op::ADD => tenth(first.saturating_add(second)).max(1),
        "matches" | "find" | "findAll" => tenth(first).max(1).saturating_mul(second.div_ceil(4).max(1)),
        "contains" | "indexOf" | "lastIndexOf" | "replace" | "split" => {
            tenth(first).max(1).saturating_mul(tenth(second).max(1))
        }
        "intersects" | "equivalent" | "sets.contains" | "sets.intersects" | "sets.equivalent" => {
            first.max(1).saturating_mul(second.max(1))
        }
        "startsWith" | "endsWith" => tenth(second).max(1),
        "url" | "quantity" | "ip" | "cidr" | "semver" | "isURL" | "isQuantity" | "isIP" | "isCIDR" | "lowerAscii"
        | "upperAscii" | "trim" | "substring" | "join" | "timestamp" | "duration" => tenth(first).max(1),
        "isSorted" | "sum" | "max" | "min" | "sort" | "distinct" | "reverse" | "flatten" => first.max(1),
        _ => 1,
    }
}

/// How many items or characters a value may have; one for what has none.
fn size_of(tree: &IdedExpr, names: &Names<'_>) -> u64 {
    match &tree.expr {
        Expr::Literal(LiteralValue::String(text)) => u64::try_from(text.inner().len()).unwrap_or(u64::MAX),
        Expr::Literal(_) => 1,
        Expr::List(list) => u64::try_from(list.elements.len()).unwrap_or(u64::MAX),
        Expr::Comprehension(comprehension) => size_of(&comprehension.iter_range, names),
        Expr::Call(call) => match call.func_name.as_str() {
            op::ADD => call.args.iter().map(|arg| size_of(arg, names)).fold(0, u64::saturating_add),
            op::INDEX | optional::LOOKED_UP => schema_of(names, tree).map_or(1, size),
            "split" | "findAll" | "lowerAscii" | "upperAscii" | "trim" | "substring" | "replace" | "sort"
            | "reverse" => call.target.as_deref().or(call.args.first()).map_or(1, |part| size_of(part, names)),
            _ => 1,
        },
        _ => schema_of(names, tree).map_or(1, size),
    }
}

/// How many items or characters the schema lets a value have.
pub(super) fn size(schema: &Structural) -> u64 {
    let bound = |limit: Option<i64>| limit.and_then(|limit| u64::try_from(limit).ok());
    match schema.kind {
        _ if schema.int_or_string => bound(schema.rules.max_length).unwrap_or(REQUEST),
        Some(Type::Array) => {
            let each = schema.items.as_deref().map_or(1, least).saturating_add(1);
            bound(schema.rules.max_items).unwrap_or(REQUEST / each)
        }
        Some(Type::Object) => match &schema.additional {
            Additional::Schema(value) => {
                bound(schema.rules.max_properties).unwrap_or(REQUEST / least(value).saturating_add(6))
            }
            _ => 1,
        },
        Some(Type::String) => {
            let longest = schema.rules.allowed.iter().filter_map(serde_json::Value::as_str).map(str::len).max();
            let by_format = match schema.rules.format.as_deref() {
                Some("date") => Some(10),
                Some("date-time" | "duration") => Some(32),
                _ => None,
            };
            let longest = longest.and_then(|longest| u64::try_from(longest).ok());
            longest.or(bound(schema.rules.max_length)).or(by_format).unwrap_or(REQUEST)
        }
        _ => 1,
    }
}

/// How many bytes the shortest value of the schema takes.
fn least(schema: &Structural) -> u64 {
    match schema.kind {
        Some(Type::Boolean) => 4,
        Some(Type::Integer | Type::Number) => 1,
        Some(Type::Object) => {
            let required = schema
                .properties
                .iter()
                .filter(|(name, field)| schema.rules.required.contains(name) && field.default.is_none());
            required.map(|(name, field)| name.len() as u64 + 4 + least(field)).sum::<u64>().saturating_add(2)
        }
        _ => 2,
    }
}

/// Does something to each part right below a tree.
pub(super) fn each_below_mut(tree: &mut IdedExpr, f: &mut impl FnMut(&mut IdedExpr)) {
    match &mut tree.expr {
        Expr::Select(select) => f(&mut select.operand),
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                f(target);
            }
            call.args.iter_mut().for_each(f);
        }
        Expr::Comprehension(comprehension) => {
            let comprehension = &mut **comprehension;
            for part in [
                &mut comprehension.iter_range,
                &mut comprehension.accu_init,
                &mut comprehension.loop_cond,
                &mut comprehension.loop_step,
                &mut comprehension.result,
            ] {
                f(part);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(f),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    f(&mut entry.key);
                    f(&mut entry.value);
                }
            }
        }
        Expr::Struct(made) => {
            for entry in &mut made.entries {
                if let EntryExpr::StructField(field) = &mut entry.expr {
                    f(&mut field.value);
                }
            }
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
    }
}
