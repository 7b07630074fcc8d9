//! The tables and how they are read.
//!
//! A line of `types.txt` is one of
//! - `package SHORT OPENAPI`: the package of the following types and the prefix of their names in OpenAPI documents;
//! - `type NAME GROUP/VERSION/KIND… [atomic]`: a struct, the kinds whose objects it is, and whether server-side apply
//!   replaces it as a whole;
//! - ` NAME NUMBER FORM FLAGS FACTS…`: a field of it. `~` is an embedded struct, whose fields stand in JSON beside the
//!   others but in protobuf within a message of their own. NUMBER is protobuf's, 0 where there is none. FLAGS: `p` a
//!   pointer, `o` omitempty, `z` omitzero, `r` required.
//!
//! A process meets few of the types, and a cluster is to be there at once: what the types are called is read with the
//! first question, the fields of each when somebody asks for them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::catalog::split_api_version;

/// The lines of `resources.txt`, from which the catalog makes its built-in part.
pub(crate) const RESOURCES: &str = include_str!("resources.txt");

const TYPES: &str = include_str!("types.txt");

/// A Go struct of the Kubernetes API.
#[derive(Debug)]
pub(crate) struct Type {
    /// The name in OpenAPI documents, such as `io.k8s.api.core.v1.Pod`.
    pub(crate) name: String,
    /// The `(group, version, kind)` of the objects that have this type; empty for inner structs.
    pub(crate) kinds: Vec<(&'static str, &'static str, &'static str)>,
    /// Server-side apply replaces it as a whole.
    pub(crate) atomic: bool,
    /// Its package, in which the names in its lines are looked for first, and its name there.
    place: (&'static str, &'static str),
    /// The lines of its fields.
    lines: &'static str,
    body: OnceLock<Body>,
}

/// What the lines of a type say.
#[derive(Debug, Default)]
struct Body {
    fields: Vec<Field>,
    wire: BTreeMap<u32, Wire>,
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
    /// A strategic merge patch may prune this object with `$retainKeys`.
    pub(crate) retains_keys: bool,
    /// The key by which a strategic merge patch finds the entries of a list of objects.
    pub(crate) merge_key: Option<&'static str>,
    /// The default that the Go type itself declares, as JSON.
    pub(crate) default: Option<&'static str>,
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
        &types()[self.0]
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Type {
    /// Every field by its place in JSON: those of embedded structs too.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.body().fields
    }

    /// The field of that JSON name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let Body { fields, by_name, .. } = self.body();
        by_name.get(name).and_then(|at| fields.get(*at))
    }

    /// What stands behind a field number in a protobuf message.
    pub(crate) fn wire(&self, number: u32) -> Option<&Wire> {
        self.body().wire.get(&number)
    }

    fn body(&self) -> &Body {
        self.body.get_or_init(|| Body::read(self))
    }
}

/// Every type, in the order of the table.
pub(crate) fn types() -> &'static [Type] {
    &table().types
}

/// The type of that OpenAPI name.
pub(crate) fn named(name: &str) -> Option<&'static Type> {
    table().by_name.get(name).map(|id| id.get())
}

/// The type of a built-in kind.
pub(crate) fn of_kind(group: &str, version: &str, kind: &str) -> Option<&'static Type> {
    table().by_kind.get(&(group, version, kind)).map(|id| id.get())
}

/// JSONSchemaProps, which the forms of its "or" types lead back to.
pub(crate) fn schema_props() -> TypeId {
    table().schema_props
}

#[derive(Debug)]
struct Table {
    types: Vec<Type>,
    by_place: BTreeMap<(&'static str, &'static str), TypeId>,
    by_name: BTreeMap<String, TypeId>,
    by_kind: BTreeMap<(&'static str, &'static str, &'static str), TypeId>,
    schema_props: TypeId,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(Table::read)
}

impl Table {
    fn read() -> Self {
        let mut types: Vec<Type> = Vec::new();
        let (mut package, mut prefix) = ("", "");
        for (index, part) in TYPES.split("\ntype ").enumerate() {
            // Before the first type there are only words about the file and the first package.
            if index > 0 {
                let (line, lines) = part.split_once('\n').unwrap_or((part, ""));
                let (name, kinds) = line.split_once(' ').unwrap_or((line, ""));
                types.push(Type {
                    name: format!("{prefix}.{name}"),
                    kinds: kinds.split(' ').filter_map(parse_kind).collect(),
                    atomic: kinds.split(' ').any(|word| word == "atomic"),
                    place: (package, name),
                    lines,
                    body: OnceLock::new(),
                });
            }
            if let Some((_, line)) = part.rsplit_once("\npackage ") {
                (package, prefix) = line.split_once(' ').unwrap_or_default();
            }
        }
        let ids = || types.iter().enumerate().map(|(at, ty)| (ty, TypeId(at)));
        let by_place: BTreeMap<_, _> = ids().map(|(ty, id)| (ty.place, id)).collect();
        let by_name = ids().map(|(ty, id)| (ty.name.clone(), id)).collect();
        let by_kind = ids().flat_map(|(ty, id)| ty.kinds.iter().map(move |kind| (*kind, id))).collect();
        let schema_props = by_place.get(&("apiextensions/v1", "JSONSchemaProps")).copied();
        Self { by_place, by_name, by_kind, schema_props: schema_props.unwrap_or(TypeId(0)), types }
    }
}

impl Body {
    fn read(ty: &Type) -> Self {
        let mut body = Body::default();
        let lines = ty.lines.lines().filter_map(|line| line.strip_prefix(' '));
        for (number, field) in lines.filter_map(|line| parse_field(ty.place.0, line)) {
            match field.form {
                Form::Struct(inner) if field.name == "~" => {
                    body.fields.extend_from_slice(inner.get().fields());
                    body.wire.insert(number, Wire::Embedded(inner));
                }
                _ => {
                    body.wire.insert(number, Wire::Field(body.fields.len()));
                    body.fields.push(field);
                }
            }
        }
        body.wire.remove(&0);
        body.by_name = body.fields.iter().enumerate().map(|(at, field)| (field.name, at)).collect();
        body
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
        retains_keys: false,
        merge_key: None,
        default: None,
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
                field.retains_keys = strategy.split(',').any(|word| word == "retainKeys");
            }
            ("merge", key) => field.merge_key = Some(key),
            ("default", value) => field.default = Some(value),
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
            let place = name.rsplit_once('.').unwrap_or((package, name));
            Form::Struct(*table().by_place.get(&place)?)
        }
    })
}
