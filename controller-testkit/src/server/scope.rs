//! Which objects a list, a watch or a deletecollection is about: a table, a namespace, and selectors.

use std::sync::Arc;

use serde_json::Value;

use super::query::ListOptions;
use super::route::Target;
use super::{convert, fields};
use crate::catalog::Resource;
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::ApiError;
use crate::store::{Object, Range};

/// A set of objects of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) resource: Arc<Resource>,
    pub(crate) table: String,
    /// What the keys begin with: a namespace and a slash, or nothing.
    prefix: String,
    /// The one name that is asked for, by a path or a selector.
    name: Option<String>,
    labels: LabelSelector,
    fields: FieldSelector,
}

/// The table in which a resource's objects are kept.
pub(crate) fn table(resource: &Resource) -> String {
    format!("{}/{}", resource.storage.group, resource.storage.plural)
}

/// An object's key in its table.
pub(crate) fn key(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// The name in a key: no name has a slash.
pub(crate) fn name_in(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default()
}

impl Scope {
    pub(crate) fn new(target: &Target, options: &ListOptions) -> Result<Self, ApiError> {
        let resource = target.resource.clone();
        let labels = LabelSelector::parse(&options.label_selector).map_err(ApiError::bad_request)?;
        let fields = fields::parse(&resource, &options.field_selector)?;
        let name = target.name.clone().or_else(|| fields.exact("metadata.name").map(str::to_owned));
        // A selector may name the one namespace too.
        let named = fields.exact("metadata.namespace").filter(|name| resource.namespaced && !name.is_empty());
        let namespace = target.namespace.as_deref().or(named);
        let prefix = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        Ok(Self { table: table(&resource), prefix, name, labels, fields, resource })
    }

    /// What the keys begin with: a namespace and a slash, or nothing.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether it is about one object at most, whose key is known.
    pub(crate) fn is_of_one(&self) -> bool {
        self.name.is_some() && (!self.resource.namespaced || !self.prefix.is_empty())
    }

    pub(crate) fn range<'a>(&'a self, from: &'a str) -> Range<'a> {
        Range { prefix: &self.prefix, from }
    }

    /// Whether it leaves out nothing of its range, so that the rest can be counted.
    pub(crate) fn is_whole(&self) -> bool {
        self.name.is_none() && self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether a stored object is meant; its key has been found in the range, or is checked by [`Self::has_key`].
    pub(crate) fn selects(&self, key: &str, object: &Object) -> bool {
        self.name.as_deref().is_none_or(|name| name == name_in(key))
            && (self.labels.is_empty() || self.labels.matches(object.labels().as_ref()))
            && (self.fields.is_empty() || self.selects_fields(&object.value()))
    }

    pub(crate) fn has_key(&self, key: &str) -> bool {
        key.starts_with(&self.prefix)
    }

    /// Fields are those of the version that is asked for.
    fn selects_fields(&self, value: &Value) -> bool {
        let matches = |value: &Value| self.fields.matches(|field| fields::read(&self.resource, value, field));
        match value.get("apiVersion").and_then(Value::as_str) {
            Some(stored) if stored != self.resource.api_version() => {
                matches(&convert::to_version(&self.resource, value))
            }
            _ => matches(value),
        }
    }
}
