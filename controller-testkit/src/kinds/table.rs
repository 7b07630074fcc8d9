//! The tables and how they are read.
//!
//! A line of `types.txt` is one of
//! - `package SHORT OPENAPI`: the package of the following types and the prefix of their names in OpenAPI documents;
//! - `type NAME GROUP/VERSION/KIND… [atomic]`: a struct, the kinds whose objects it is, and whether server-side apply
//!   replaces it as a whole;
//! - ` NAME NUMBER FORM FLAGS FACTS…`: a field of it. `~` is an embedded struct, whose fields stand in JSON beside the
//!   others but in protobuf within a message of their own. NUMBER is protobuf's, 0 where there is none. FLAGS: `p` a
//!   pointer, `o` omitempty, `z` omitzero, `r` required. Of the facts, `go` is what Go calls a type that has a name.
//!
//! A process meets few of the types, and a cluster is to be there at once: where the types stand is read with the first
//! question, each of them when somebody asks for it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use super::gates;
use crate::catalog::split_api_version;

/// The lines of `resources.txt`, from which the catalog makes its built-in part.
pub(crate) const RESOURCES: &str = include_str!("resources.txt");

const TYPES: &str = include_str!("types.txt");

/// A Go struct of the Kubernetes API.
#[derive(Debug, PartialEq)]
pub(crate) struct Type {
    /// The name in OpenAPI documents, such as `io.k8s.api.core.v1.Pod`.
    pub(crate) name: String,
    /// The `(group, version, kind)` of the objects that have this type; empty for inner structs.
    pub(crate) kinds: Vec<(&'static str, &'static str, &'static str)>,
    /// Server-side apply replaces it as a whole.
    pub(crate) atomic: bool,
    /// Every field by its place in JSON: those of embedded structs too.
    pub(crate) fields: Vec<Field>,
    /// What stands behind a field number in a protobuf message.
    pub(crate) wire: BTreeMap<u32, Wire>,
    by_name: BTreeMap<&'static str, usize>,
}

/// What a protobuf field number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// The field at this index of [`Type::fields`].
    Field(usize),
    /// A message whose fields belong to the same JSON object.
    Embedded(TypeId),
}

/// A field of a Go struct.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) pointer: bool,
    pub(crate) omit_empty: bool,
    pub(crate) omit_zero: bool,
    pub(crate) required: bool,
    pub(crate) list: Option<ListType>,
    /// The keys of a list of type map.
    pub(crate) keys: Vec<&'static str>,
    /// A map or struct that server-side apply replaces as a whole.
    pub(crate) atomic: bool,
    /// A struct that it takes apart here, although others of its type it replaces as a whole.
    pub(crate) granular: bool,
    /// A strategic merge patch merges this list, rather than replacing it.
    pub(crate) merges: bool,
    /// A strategic merge patch replaces this object as a whole.
    pub(crate) replaces: bool,
    /// A strategic merge patch may prune this object with `$retainKeys`.
    pub(crate) retains_keys: bool,
    /// The key by which a strategic merge patch finds the entries of a list of objects.
    pub(crate) merge_key: Option<&'static str>,
    /// The default that the Go type itself declares, as JSON.
    pub(crate) default: Option<&'static str>,
    /// The server takes it and does not keep it.
    pub(crate) off: bool,
    /// The embedded structs that it is a field of, with a dot behind each.
    pub(crate) within: String,
    /// What Go calls its type, where that does not follow from the form.
    pub(crate) go: Option<&'static str>,
}

/// How server-side apply sees a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListType {
    Atomic,
    Set,
    Map,
}

/// What a value looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    String,
    Bool,
    Int32,
    Int64,
    Double,
    /// Base64 in JSON.
    Bytes,
    Time,
    MicroTime,
    Duration,
    /// `managedFields[].fieldsV1`.
    Fields,
    Quantity,
    IntOrString,
    /// Any object.
    Raw,
    /// Any JSON value.
    Json,
    SchemaOrBool,
    SchemaOrArray,
    SchemaOrStrings,
    Struct(TypeId),
    List(Box<Form>),
    /// A list that protobuf wraps in a message of its own.
    Items(Box<Form>),
    Map(Box<Form>),
}

/// Names one type of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TypeId(usize);

impl TypeId {
    /// The type itself.
    pub(crate) fn get(self) -> &'static Type {
        let place = &table().types[self.0];
        place.read.get_or_init(|| Box::new(Type::read(place)))
    }
}

impl Type {
    /// The field of that JSON name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).and_then(|at| self.fields.get(*at))
    }
}

/// Every type, in the order of the table.
#[cfg(test)]
pub(crate) fn types() -> impl Iterator<Item = &'static Type> {
    (0..table().types.len()).map(|at| TypeId(at).get())
}

/// The type of that OpenAPI name.
pub(crate) fn named(name: &str) -> Option<&'static Type> {
    let (prefix, name) = name.rsplit_once('.')?;
    let package = table().packages.iter().find(|package| package.prefix == prefix)?;
    table().find(package, name).map(TypeId::get)
}

/// The type of a built-in kind.
pub(crate) fn of_kind(group: &str, version: &str, kind: &str) -> Option<&'static Type> {
    table().by_kind.get(&(group, version, kind)).map(|id| id.get())
}

/// JSONSchemaProps, which the forms of its "or" types lead back to.
pub(crate) fn schema_props() -> TypeId {
    table().at("apiextensions/v1", "JSONSchemaProps").unwrap_or(TypeId(0))
}

/// What is read at once: where the types stand.
#[derive(Debug)]
struct Table {
    types: Vec<Place>,
    packages: Vec<Package>,
    by_kind: BTreeMap<(&'static str, &'static str, &'static str), TypeId>,
}

#[derive(Debug)]
struct Package {
    name: &'static str,
    /// Of the names of its types in OpenAPI documents.
    prefix: &'static str,
    /// Where its types stand, which are in the order of their names.
    types: Range<usize>,
}

/// Where a type stands.
#[derive(Debug)]
struct Place {
    package: usize,
    name: &'static str,
    /// The kinds whose objects it is, and more.
    facts: &'static str,
    /// Its own lines and those of whatever comes after it.
    lines: &'static str,
    read: OnceLock<Box<Type>>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(Table::read)
}

impl Table {
    fn read() -> Self {
        let mut table = Self { types: Vec::with_capacity(1024), packages: Vec::new(), by_kind: BTreeMap::new() };
        let mut rest = TYPES;
        while let Some((line, lines)) = rest.split_once('\n') {
            rest = lines;
            if let Some(line) = line.strip_prefix("type ") {
                let (name, facts) = line.split_once(' ').unwrap_or((line, ""));
                let id = TypeId(table.types.len());
                table.by_kind.extend(kinds(facts).map(|kind| (kind, id)));
                let package = table.packages.len() - 1;
                table.types.push(Place { package, name, facts, lines, read: OnceLock::new() });
                table.packages[package].types.end = table.types.len();
            } else if let Some(line) = line.strip_prefix("package ") {
                let (name, prefix) = line.split_once(' ').unwrap_or((line, ""));
                table.packages.push(Package { name, prefix, types: table.types.len()..table.types.len() });
            }
        }
        table
    }

    fn at(&self, package: &str, name: &str) -> Option<TypeId> {
        self.find(self.packages.iter().find(|found| found.name == package)?, name)
    }

    fn find(&self, package: &Package, name: &str) -> Option<TypeId> {
        let types = self.types.get(package.types.clone())?;
        types.binary_search_by(|place| place.name.cmp(name)).ok().map(|at| TypeId(package.types.start + at))
    }
}

fn kinds(facts: &'static str) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    facts.split(' ').filter_map(parse_kind)
}

impl Type {
    fn read(place: &Place) -> Self {
        let package = &table().packages[place.package];
        let mut ty = Type {
            name: format!("{}.{}", package.prefix, place.name),
            kinds: kinds(place.facts).collect(),
            atomic: place.facts.split(' ').any(|fact| fact == "atomic"),
            fields: Vec::new(),
            wire: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        let lines = place.lines.lines().map_while(|line| line.strip_prefix(' '));
        for (number, mut field) in lines.filter_map(|line| parse_field(package.name, line)) {
            field.off = gates::is_off(package.name, place.name, field.name);
            match field.form {
                Form::Struct(inner) if field.name == "~" => {
                    let name = inner.get().name.rsplit('.').next().unwrap_or_default();
                    ty.fields.extend(inner.get().fields.iter().cloned().map(|mut field| {
                        field.within.insert_str(0, &format!("{name}."));
                        field
                    }));
                    ty.wire.insert(number, Wire::Embedded(inner));
                }
                _ => {
                    ty.wire.insert(number, Wire::Field(ty.fields.len()));
                    ty.fields.push(field);
                }
            }
        }
        ty.wire.remove(&0);
        ty.by_name = ty.fields.iter().enumerate().map(|(at, field)| (field.name, at)).collect();
        ty
    }
}

fn parse_kind(text: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    let (api_version, kind) = text.rsplit_once('/')?;
    let (group, version) = split_api_version(api_version);
    Some((group, version, kind))
}

/// A field with its number in protobuf.
fn parse_field(package: &str, line: &'static str) -> Option<(u32, Field)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let number = words.next()?.parse().ok()?;
    let form = parse_form(package, words.next()?)?;
    let flags = words.next()?;
    let mut field = Field {
        name,
        form,
        pointer: flags.contains('p'),
        omit_empty: flags.contains('o'),
        omit_zero: flags.contains('z'),
        required: flags.contains('r'),
        list: None,
        keys: Vec::new(),
        atomic: false,
        granular: false,
        merges: false,
        replaces: false,
        retains_keys: false,
        merge_key: None,
        default: None,
        off: false,
        within: String::new(),
        go: None,
    };
    for fact in words {
        match fact.split_once('=')? {
            ("list", "atomic") => field.list = Some(ListType::Atomic),
            ("list", "set") => field.list = Some(ListType::Set),
            ("list", "map") => field.list = Some(ListType::Map),
            ("keys", keys) => field.keys = keys.split(',').collect(),
            ("map", "atomic") => field.atomic = true,
            ("map", "granular") => field.granular = true,
            ("patch", strategy) => {
                field.merges = strategy.split(',').any(|word| word == "merge");
                field.replaces = strategy.split(',').any(|word| word == "replace");
                field.retains_keys = strategy.split(',').any(|word| word == "retainKeys");
            }
            ("merge", key) => field.merge_key = Some(key),
            ("default", value) => field.default = Some(value),
            ("go", name) => field.go = Some(name),
            _ => {}
        }
    }
    Some((number, field))
}

fn parse_form(package: &str, text: &str) -> Option<Form> {
    let inner = |text: &str| parse_form(package, text).map(Box::new);
    if let Some(element) = text.strip_prefix("[]") {
        return inner(element).map(Form::List);
    }
    if let Some(element) = text.strip_prefix("{}") {
        return inner(element).map(Form::Map);
    }
    if let Some(element) = text.strip_prefix("items:") {
        return inner(element).map(Form::Items);
    }
    Some(match text {
        "string" => Form::String,
        "bool" => Form::Bool,
        "int32" => Form::Int32,
        "int64" => Form::Int64,
        "double" => Form::Double,
        "bytes" => Form::Bytes,
        "time" => Form::Time,
        "microtime" => Form::MicroTime,
        "duration" => Form::Duration,
        "fields" => Form::Fields,
        "quantity" => Form::Quantity,
        "intorstring" => Form::IntOrString,
        "raw" => Form::Raw,
        "json" => Form::Json,
        "schemaorbool" => Form::SchemaOrBool,
        "schemaorarray" => Form::SchemaOrArray,
        "schemaorstrings" => Form::SchemaOrStrings,
        name => {
            let (package, name) = name.rsplit_once('.').unwrap_or((package, name));
            Form::Struct(table().at(package, name)?)
        }
    })
}
