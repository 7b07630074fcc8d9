//! The tables and how they are read.
//!
//! A line of `types.txt` is one of
//! - `package SHORT OPENAPI`: the package of the following types and the prefix of their names in OpenAPI documents;
//! - `type NAME GROUP/VERSION/KIND… [atomic]`: a struct, the kinds whose objects it is, and whether server-side apply
//!   replaces it as a whole;
//! - ` NAME NUMBER FORM FLAGS FACTS…`: a field of it. `~` is an embedded struct, whose fields stand in JSON beside the
//!   others but in protobuf within a message of their own. NUMBER is protobuf's, 0 where there is none. FLAGS: `p` a
//!   pointer, `o` omitempty, `z` omitzero, `r` required.

use std::collections::BTreeMap;
use std::sync::OnceLock;

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

impl Type {
    /// The field of that JSON name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).and_then(|at| self.fields.get(*at))
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
    table().by_kind.get(&(group, version, kind)).map(|at| &types()[*at])
}

/// JSONSchemaProps, which the forms of its "or" types lead back to.
pub(crate) fn schema_props() -> TypeId {
    table().schema_props
}

#[derive(Debug)]
struct Table {
    types: Vec<Type>,
    by_name: BTreeMap<String, TypeId>,
    by_kind: BTreeMap<(&'static str, &'static str, &'static str), usize>,
    schema_props: TypeId,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(read)
}

/// A type as its lines give it, before names are resolved.
struct Draft {
    package: &'static str,
    prefix: &'static str,
    name: &'static str,
    kinds: Vec<&'static str>,
    fields: Vec<&'static str>,
}

fn read() -> Table {
    let drafts = draft();
    let ids: BTreeMap<(&str, &str), usize> =
        drafts.iter().enumerate().map(|(at, draft)| ((draft.package, draft.name), at)).collect();
    let types: Vec<Type> = (0..drafts.len()).map(|at| build(&drafts, &ids, at)).collect();
    let by_name: BTreeMap<String, TypeId> =
        types.iter().enumerate().map(|(at, ty)| (ty.name.clone(), TypeId(at))).collect();
    let by_kind = types.iter().enumerate().flat_map(|(at, ty)| ty.kinds.iter().map(move |kind| (*kind, at))).collect();
    let schema_props = ids.get(&("apiextensions/v1", "JSONSchemaProps")).copied().unwrap_or_default();
    Table { types, by_name, by_kind, schema_props: TypeId(schema_props) }
}

fn draft() -> Vec<Draft> {
    let (mut package, mut prefix) = ("", "");
    let mut drafts: Vec<Draft> = Vec::new();
    for line in TYPES.lines() {
        if let Some(field) = line.strip_prefix(' ') {
            if let Some(draft) = drafts.last_mut() {
                draft.fields.push(field);
            }
            continue;
        }
        let mut words = line.split(' ');
        match words.next() {
            Some("package") => {
                package = words.next().unwrap_or_default();
                prefix = words.next().unwrap_or_default();
            }
            Some("type") => {
                let name = words.next().unwrap_or_default();
                drafts.push(Draft { package, prefix, name, kinds: words.collect(), fields: Vec::new() });
            }
            _ => {}
        }
    }
    drafts
}

fn build(drafts: &[Draft], ids: &BTreeMap<(&str, &str), usize>, at: usize) -> Type {
    let draft = &drafts[at];
    let mut ty = Type {
        name: format!("{}.{}", draft.prefix, draft.name),
        kinds: draft.kinds.iter().filter_map(|kind| parse_kind(kind)).collect(),
        atomic: draft.kinds.contains(&"atomic"),
        fields: Vec::new(),
        wire: BTreeMap::new(),
        by_name: BTreeMap::new(),
    };
    for line in &draft.fields {
        let Some((number, form, field)) = parse_field(draft, ids, line) else { continue };
        match (field.name, form) {
            ("~", Form::Struct(TypeId(inner))) => {
                ty.fields.extend(build(drafts, ids, inner).fields);
                if number > 0 {
                    ty.wire.insert(number, Wire::Embedded(TypeId(inner)));
                }
            }
            (_, form) => {
                ty.wire.insert(number, Wire::Field(ty.fields.len()));
                ty.fields.push(Field { form, ..field });
            }
        }
    }
    ty.wire.remove(&0);
    ty.by_name = ty.fields.iter().enumerate().map(|(at, field)| (field.name, at)).collect();
    ty
}

fn parse_kind(text: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    let (api_version, kind) = text.rsplit_once('/')?;
    let (group, version) = split_api_version(api_version);
    Some((group, version, kind))
}

fn parse_field(draft: &Draft, ids: &BTreeMap<(&str, &str), usize>, line: &'static str) -> Option<(u32, Form, Field)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let number = words.next()?.parse().ok()?;
    let form = parse_form(draft, ids, words.next()?)?;
    let flags = words.next()?;
    let mut field = Field {
        name,
        form: Form::String,
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
    Some((number, form, field))
}

fn parse_form(draft: &Draft, ids: &BTreeMap<(&str, &str), usize>, text: &str) -> Option<Form> {
    let inner = |text: &str| parse_form(draft, ids, text).map(Box::new);
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
            let place = name.rsplit_once('.').unwrap_or((draft.package, name));
            Form::Struct(TypeId(*ids.get(&place)?))
        }
    })
}
