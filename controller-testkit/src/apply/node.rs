//! What server-side apply must know of a value's type: whether it is taken apart, and how the items of a list are told
//! from each other. Built-in kinds say it in the table of types, custom resources in their schemas; of what neither
//! describes, objects are taken apart and lists are not.

use serde_json::{Map, Value};

use crate::catalog::{Resource, Shape};
use crate::field::go;
use crate::kinds::{self, Field, Form, ListType, Type};
use crate::schema::{self, Additional, Structural};

/// A place in the type of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    /// An object of a built-in kind, or a struct in one.
    Struct(&'a Type),
    /// A struct in a built-in kind that is taken apart whatever its type says.
    Open(&'a Type),
    /// A value of this form in a built-in kind.
    Form { form: &'a Form, atomic: bool, list: Option<ListType>, keys: &'a [&'static str] },
    /// A custom resource.
    Custom(&'a Structural),
    /// A value in a custom resource.
    Schema(&'a Structural),
    /// Nothing is known.
    Unknown,
    /// A value that is never taken apart.
    Leaf,
}

/// How a value is merged and owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// As a whole.
    Atomic,
    /// Field by field.
    Fields,
    /// Each value of its own.
    Set,
    /// Each item by the values of these keys.
    Items(Vec<String>),
}

impl<'a> Node<'a> {
    /// The type of a resource's objects.
    pub(crate) fn of(resource: &'a Resource) -> Self {
        match &resource.shape {
            Shape::Builtin(ty) => Self::Struct(ty),
            Shape::Custom(version) => Self::Custom(&version.schema),
        }
    }

    fn form(form: &'a Form) -> Self {
        Self::Form { form, atomic: false, list: None, keys: &[] }
    }

    /// How a value of this type is merged.
    pub(crate) fn relation(&self, value: &Value) -> Relation {
        match (self, value) {
            (_, Value::Object(_)) if self.keeps_objects_whole() => Relation::Atomic,
            (_, Value::Object(_)) => Relation::Fields,
            (Self::Form { list: Some(ListType::Set), .. }, Value::Array(_)) => Relation::Set,
            (Self::Form { list: Some(ListType::Map), keys, .. }, Value::Array(_)) => {
                Relation::Items(keys.iter().map(|key| (*key).to_owned()).collect())
            }
            (Self::Schema(schema), Value::Array(_)) => match &schema.list {
                schema::ListType::Atomic => Relation::Atomic,
                schema::ListType::Set => Relation::Set,
                schema::ListType::Map(keys) => Relation::Items(keys.clone()),
            },
            _ => Relation::Atomic,
        }
    }

    /// What a value of this type may be.
    pub(crate) fn wanted(&self) -> Wanted {
        match self {
            Self::Struct(_) | Self::Open(_) | Self::Custom(_) => Wanted::Map,
            Self::Form { form, .. } => match form {
                Form::String | Form::Bytes | Form::Duration => Wanted::Text,
                Form::Bool => Wanted::Bool,
                Form::Int32 | Form::Int64 | Form::Double => Wanted::Number,
                Form::Time | Form::MicroTime | Form::Quantity | Form::IntOrString => Wanted::Scalar,
                Form::Struct(_) | Form::Map(_) | Form::Fields => Wanted::Map,
                Form::List(_) | Form::Items(_) => Wanted::List,
                Form::Raw | Form::Json | Form::SchemaOrBool | Form::SchemaOrArray | Form::SchemaOrStrings => {
                    Wanted::Anything
                }
            },
            Self::Schema(schema) => schema.kind.map_or(Wanted::Anything, |kind| match kind {
                schema::Type::Object => Wanted::Map,
                schema::Type::Array => Wanted::List,
                schema::Type::Integer | schema::Type::Number => Wanted::Number,
                // A text with a form may be written as something else in one of the real server's own types.
                schema::Type::String if !matches!(schema.rules.format.as_deref(), None | Some("byte")) => {
                    Wanted::Scalar
                }
                schema::Type::String => Wanted::Text,
                schema::Type::Boolean => Wanted::Bool,
            }),
            Self::Unknown | Self::Leaf => Wanted::Anything,
        }
    }

    fn keeps_objects_whole(&self) -> bool {
        match self {
            Self::Struct(ty) => ty.atomic,
            Self::Form { atomic: true, .. } | Self::Leaf => true,
            Self::Form { form: Form::Struct(id), .. } => id.get().atomic,
            Self::Form { form: Form::Map(_), .. } => false,
            Self::Form { .. } => true,
            Self::Schema(schema) => schema.atomic,
            Self::Open(_) | Self::Custom(_) | Self::Unknown => false,
        }
    }

    /// The type of a field, and whether the type itself names the field, as a struct does and a map does not.
    pub(crate) fn field(&self, name: &str) -> (bool, Node<'a>) {
        match self {
            Self::Struct(ty) | Self::Open(ty) => field_of(ty, name),
            Self::Form { form: Form::Struct(id), .. } => field_of(id.get(), name),
            Self::Form { form: Form::Map(element), .. } => (false, Self::form(element)),
            Self::Custom(schema) => match name {
                "metadata" => (true, kinds::named(OBJECT_META).map_or(Self::Unknown, Self::Struct)),
                "apiVersion" | "kind" => (true, Self::Leaf),
                _ => Self::Schema(schema).field(name),
            },
            // An embedded object has what every object has.
            Self::Schema(schema) if schema.embedded_resource && name == "metadata" => {
                (true, kinds::named(OBJECT_META).map_or(Self::Unknown, Self::Struct))
            }
            Self::Schema(schema) => match (schema.properties.get(name), &schema.additional) {
                (Some(inner), _) => (true, Self::Schema(inner)),
                (None, Additional::Schema(inner)) => (false, Self::Schema(inner)),
                (None, _) => (false, Self::Unknown),
            },
            Self::Unknown => (false, Self::Unknown),
            Self::Form { .. } | Self::Leaf => (false, Self::Leaf),
        }
    }

    /// Whether a value of this type may have that field.
    pub(crate) fn allows(&self, name: &str) -> bool {
        match self {
            Self::Struct(ty) | Self::Open(ty) => ty.field(name).is_some(),
            Self::Form { form: Form::Struct(id), .. } => id.get().field(name).is_some(),
            Self::Form { .. } | Self::Unknown | Self::Leaf => true,
            Self::Custom(schema) => {
                matches!(name, "apiVersion" | "kind" | "metadata") || Self::Schema(schema).allows(name)
            }
            Self::Schema(schema) => {
                let open = schema.preserve_unknown || schema.embedded_resource || schema.kind.is_none();
                open || schema.properties.contains_key(name)
                    || !matches!(schema.additional, Additional::Unsaid | Additional::Allowed(false))
            }
        }
    }

    /// The type of the items of a list.
    pub(crate) fn item(&self) -> Node<'a> {
        match self {
            Self::Form { form: Form::List(element) | Form::Items(element), .. } => Self::form(element),
            Self::Schema(Structural { items: Some(items), .. }) => Self::Schema(items),
            Self::Unknown => Self::Unknown,
            _ => Self::Leaf,
        }
    }

    /// What is below an element of a path, and whether it is a field with a name of its own.
    pub(crate) fn descend(&self, element: &str) -> (bool, Node<'a>) {
        match element.strip_prefix("f:") {
            Some(name) => self.field(name),
            None => (false, self.item()),
        }
    }

    /// The value that a key has where an item leaves it out.
    fn default_of(&self, key: &str) -> Option<Value> {
        match self {
            Self::Form { form: Form::Struct(id), .. } => {
                let field = id.get().field(key)?;
                match field.default {
                    Some(default) => serde_json::from_str(default).ok(),
                    // What Go always writes has a value in any case.
                    None => field.is_always_written().then(|| kinds::zero(&field.form)),
                }
            }
            Self::Schema(schema) => schema.properties.get(key)?.default.clone(),
            _ => None,
        }
    }

    /// The element of an item of a list.
    ///
    /// # Errors
    /// All keys, if the item has none of them.
    pub(crate) fn element(&self, relation: &Relation, item: &Value) -> Result<String, String> {
        let Relation::Items(keys) = relation else { return Ok(format!("v:{item}")) };
        let mut written = Map::new();
        for key in keys {
            let value = item.get(key).filter(|value| !value.is_null()).cloned();
            // One that leaves out a key is another one than those that have it.
            if let Some(value) = value.or_else(|| self.item().default_of(key)) {
                written.insert(key.clone(), value);
            }
        }
        if written.is_empty() {
            return Err(format!("[{}]", keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>().join(" ")));
        }
        Ok(format!("k:{}", Value::Object(written)))
    }
}

/// What a value may be, before it is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Map,
    List,
    Number,
    Text,
    Bool,
    Scalar,
    Anything,
}

impl Wanted {
    /// Why a value is not of this kind, in the words of the real server, which are those with which Go prints values.
    pub(crate) fn misfit(self, value: &Value) -> Option<String> {
        let is_scalar = matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_));
        match (self, value) {
            (_, Value::Null)
            | (Self::Anything, _)
            | (Self::Map, Value::Object(_))
            | (Self::List, Value::Array(_))
            | (Self::Number, Value::Number(_))
            | (Self::Text, Value::String(_))
            | (Self::Bool, Value::Bool(_)) => None,
            (Self::Scalar, _) if is_scalar => None,
            (Self::Map, _) => Some(format!("expected map, got &{{{}}}", go::printed(value))),
            (Self::List, _) => Some(format!("expected list, got &{{{}}}", go::printed(value))),
            (Self::Number, _) => Some(format!("expected numeric (int or float), got {}", go::type_name(value))),
            (Self::Text, _) => {
                Some(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go::quoted(value)))
            }
            (Self::Bool, _) => Some(format!("expected boolean, got &{{{}}}", go::printed(value))),
            (Self::Scalar, _) => Some(format!("expected any scalar, got &{{{}}}", go::printed(value))),
        }
    }
}

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

fn field_of<'a>(ty: &'a Type, name: &str) -> (bool, Node<'a>) {
    match ty.field(name) {
        Some(Field { granular: true, form: Form::Struct(id), .. }) => (true, Node::Open(id.get())),
        Some(field) => {
            let node = Node::Form { form: &field.form, atomic: field.atomic, list: field.list, keys: &field.keys };
            (true, node)
        }
        None => (false, Node::Unknown),
    }
}
