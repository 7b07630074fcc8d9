//! What an object may hold, as the real server's OpenAPI documents say.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::play::Player;
use super::super::scenario::Scenario;

pub(crate) struct Schemas {
    /// By `apps/v1/Deployment`: the document and the schema's name.
    kinds: BTreeMap<String, (usize, String)>,
    documents: Vec<Value>,
}

/// A schema, and the document that its references are in.
#[derive(Clone)]
pub(crate) struct Schema {
    document: usize,
    pub(crate) node: Value,
}

impl Schemas {
    pub(crate) async fn fetch(real: &Player<'_>) -> Result<Self> {
        let get = async |path: &str| -> Result<Value> {
            let answers = real.answers(&Scenario::parse("default", &format!("GET {path}"))?).await?;
            Ok(answers[0]["body"].clone())
        };
        let index = get("/openapi/v3").await?;
        let mut schemas = Schemas { kinds: BTreeMap::new(), documents: Vec::new() };
        for path in index["paths"].as_object().context("the index lists paths")?.keys() {
            let document = get(&format!("/openapi/v3/{path}")).await?;
            let number = schemas.documents.len();
            for (name, schema) in
                document.pointer("/components/schemas").and_then(Value::as_object).into_iter().flatten()
            {
                for kind in schema["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
                    let text = |member: &str| kind[member].as_str().unwrap_or_default();
                    let api = match text("group") {
                        "" => text("version").to_owned(),
                        group => format!("{group}/{}", text("version")),
                    };
                    schemas.kinds.insert(format!("{api}/{}", text("kind")), (number, name.clone()));
                }
            }
            schemas.documents.push(document);
        }
        Ok(schemas)
    }

    pub(crate) fn of(&self, kind: &str) -> Option<Schema> {
        let (document, name) = self.kinds.get(kind)?;
        let node = self.documents[*document].pointer("/components/schemas")?.get(name)?.clone();
        Some(Schema { document: *document, node })
    }

    /// Whether objects that are created at a path have a subresource.
    pub(crate) fn has(&self, kind: &str, path: &str, subresource: &str) -> bool {
        let path = format!("{}/{{name}}/{subresource}", path.replace("{{ns}}", "{namespace}"));
        let document = self.kinds.get(kind).map(|(document, _)| &self.documents[*document]["paths"]);
        document.is_some_and(|paths| paths.get(&path).is_some())
    }

    /// A schema behind its references.
    fn resolved(&self, document: usize, node: &Value) -> Schema {
        let reference = node.get("$ref").or_else(|| node.pointer("/allOf/0/$ref")).and_then(Value::as_str);
        let found = reference
            .and_then(|reference| self.documents[document].pointer(reference.trim_start_matches('#')))
            .unwrap_or(node);
        Schema { document, node: found.clone() }
    }

    pub(crate) fn fields(&self, schema: &Schema) -> Vec<(String, Schema)> {
        let fields = schema.node["properties"].as_object().into_iter().flatten();
        fields.map(|(name, node)| (name.clone(), self.resolved(schema.document, node))).collect()
    }

    pub(crate) fn elements(&self, schema: &Schema) -> Option<Schema> {
        schema.node.get("items").map(|node| self.resolved(schema.document, node))
    }

    pub(crate) fn entries(&self, schema: &Schema) -> Option<Schema> {
        let node = schema.node.get("additionalProperties").filter(|node| node.is_object())?;
        Some(self.resolved(schema.document, node))
    }
}

impl Schema {
    pub(crate) fn text(&self, member: &str) -> &str {
        self.node.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn requires(&self, field: &str) -> bool {
        let required = self.node["required"].as_array().into_iter().flatten();
        required.into_iter().any(|name| name == field)
    }
}
