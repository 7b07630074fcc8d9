//! The small documents of version 3: what stands above the versions of a group, and beside all groups.

use serde_json::{Map, Value, json};

use super::paths::{capitalized, group_words, uncapitalized};
use super::schemas::Schemas;
use super::{info, is_builtin, reference, security};
use crate::catalog::Catalog;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const INFO: &str = "io.k8s.apimachinery.pkg.version.Info";

/// The forms in which discovery comes.
const FORMS: &[&str] = &["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/// One path that is only read.
struct Root {
    path: String,
    tag: String,
    description: &'static str,
    operation: String,
    forms: &'static [&'static str],
    /// Its schema's name; without one it is text.
    schema: Option<String>,
}

impl Root {
    fn item(&self) -> Value {
        let schema = self.schema.as_ref().map_or_else(|| json!({ "type": "string" }), |name| reference(name));
        let content: Map<String, Value> =
            self.forms.iter().map(|form| ((*form).to_owned(), json!({ "schema": schema }))).collect();
        json!({ "get": {
            "tags": [self.tag],
            "description": self.description,
            "operationId": self.operation,
            "responses": {
                "200": { "description": "OK", "content": content },
                "401": { "description": "Unauthorized" },
            },
        } })
    }
}

/// Adds the path of what a version of one of Kubernetes' own groups serves.
pub(super) fn add_version(paths: &mut Map<String, Value>, schemas: &mut Schemas, group: &str, version: &str) {
    let schema = format!("{META}.APIResourceList");
    schemas.add_root(&schema);
    let words = group_words(group);
    let root = Root {
        path: format!("/{}/", super::document_path(group, version)),
        tag: format!("{}_{version}", uncapitalized(&words)),
        description: "get available resources",
        operation: format!("get{words}{}APIResources", capitalized(version)),
        forms: FORMS,
        schema: Some(schema),
    };
    paths.insert(root.path.clone(), root.item());
}

/// The paths of all such documents.
pub(super) fn paths(catalog: &Catalog) -> Vec<String> {
    let fixed = [".well-known/openid-configuration", "api", "apis", "openid/v1/jwks", "version"];
    let groups =
        catalog.groups().iter().filter(|group| !group.name.is_empty()).filter(|group| is_builtin(catalog, &group.name));
    fixed.map(str::to_owned).into_iter().chain(groups.map(|group| format!("apis/{}", group.name))).collect()
}

pub(super) fn is_one(catalog: &Catalog, path: &str) -> bool {
    root(catalog, path).is_some()
}

/// Such a document, if the path is that of one.
pub(super) fn document(catalog: &Catalog, path: &str) -> Option<Value> {
    let root = root(catalog, path)?;
    let mut schemas = Schemas::default();
    if let Some(name) = &root.schema {
        schemas.add_root(name);
    }
    let mut components = Map::new();
    let schemas = schemas.finish();
    if !schemas.is_empty() {
        components.insert("schemas".into(), schemas.into());
    }
    components.insert("securitySchemes".into(), security());
    Some(json!({
        "openapi": "3.0.0",
        "info": info(),
        "paths": { root.path.clone(): root.item() },
        "components": components,
    }))
}

fn root(catalog: &Catalog, path: &str) -> Option<Root> {
    let root = |tag: &str, description, operation: &str, forms, schema: Option<String>| Root {
        path: format!("/{path}/"),
        tag: tag.to_owned(),
        description,
        operation: operation.to_owned(),
        forms,
        schema,
    };
    let versions = "get available API versions";
    Some(match path {
        "api" => root("core", versions, "getCoreAPIVersions", FORMS, Some(format!("{META}.APIVersions"))),
        "apis" => root("apis", versions, "getAPIVersions", FORMS, Some(format!("{META}.APIGroupList"))),
        "version" => {
            let what = "get the version information for this server";
            root("version", what, "getCodeVersion", &["application/json"], Some(INFO.to_owned()))
        }
        ".well-known/openid-configuration" => {
            let what = "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'";
            root("WellKnown", what, "getServiceAccountIssuerOpenIDConfiguration", &["application/json"], None)
        }
        "openid/v1/jwks" => {
            let what = "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)";
            root("openid", what, "getServiceAccountIssuerOpenIDKeyset", &["application/jwk-set+json"], None)
        }
        path => {
            let group = path.strip_prefix("apis/").filter(|group| is_builtin(catalog, group))?;
            let named = group_words(group);
            let operation = format!("get{named}APIGroup");
            root(
                &uncapitalized(&named),
                "get information of a group",
                &operation,
                FORMS,
                Some(format!("{META}.APIGroup")),
            )
        }
    })
}
