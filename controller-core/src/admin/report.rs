//! Owns the report of a start: what will run, what it watches, which permissions are missing, and in which versions.
//! It fits on one screen, and is told as JSON as well.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::permission::Permissions;

/// What an operator says of itself at its start.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) operator: String,
    /// Of controller-core.
    pub(crate) version: &'static str,
    pub(crate) server: Server,
    pub(crate) controllers: Vec<ControllerLine>,
    /// As far as they are known before the server is asked for its kinds.
    pub(crate) watches: Vec<String>,
    pub(crate) permissions: Permissions,
    /// Where the admin port listens.
    pub(crate) admin: Option<String>,
    pub(crate) warnings: Vec<String>,
}

/// The API server.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Server {
    /// None where a client was given, which does not tell it.
    pub(crate) url: Option<String>,
    /// None where it was not asked or did not answer.
    pub(crate) version: Option<String>,
}

/// One controller of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ControllerLine {
    pub(crate) name: &'static str,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    /// `all namespaces`, `namespace a`, `cluster-scoped`
    pub(crate) scope: String,
    pub(crate) schema: SchemaLine,
}

/// What a controller checks its objects by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SchemaLine {
    pub(crate) from: SchemaOrigin,
    /// `x-kubernetes-validations` in it, which are the API server's to evaluate.
    pub(crate) cel_rules_not_evaluated: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SchemaOrigin {
    None,
    Written,
    Type,
}

impl SchemaLine {
    pub(crate) fn new(from: SchemaOrigin, schema: Option<&Value>) -> Self {
        Self { from, cel_rules_not_evaluated: schema.map_or(0, cel_rules) }
    }
}

/// How many rules in CEL a schema has, at any depth.
fn cel_rules(schema: &Value) -> usize {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("x-kubernetes-validations").and_then(Value::as_array).map_or(0, Vec::len);
            own + fields.values().map(cel_rules).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(cel_rules).sum(),
        _ => 0,
    }
}

impl fmt::Display for SchemaLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.from {
            SchemaOrigin::None => "no schema",
            SchemaOrigin::Written => "schema as written",
            SchemaOrigin::Type => "schema of its type",
        })?;
        match self.cel_rules_not_evaluated {
            0 => Ok(()),
            1 => f.write_str(" (its CEL rule is not evaluated)"),
            rules => write!(f, " (its {rules} CEL rules are not evaluated)"),
        }
    }
}

impl fmt::Display for ControllerLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, api_version, kind, scope, schema } = self;
        write!(f, "{name}: ")?;
        if kind.is_empty() {
            f.write_str("of no kind")?
        } else {
            write!(f, "{api_version} {kind}")?
        }
        write!(f, ", {scope}, {schema}")
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "Kubernetes {version}")?,
            None => f.write_str("Kubernetes")?,
        }
        match &self.url {
            Some(url) => write!(f, " at {}", url.trim_end_matches('/')),
            None => f.write_str(" at the client's server"),
        }
    }
}

/// The width of what stands before each line.
const MARGIN: usize = 15;

impl Report {
    /// The report in one line of JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions = format!("controller-core {}, {}", self.version, self.server);
        let controllers = self.controllers.iter().map(ToString::to_string).collect();
        write!(f, "operator {} starts", self.operator)?;
        section(f, "versions", &[versions])?;
        section(f, "controllers", &none_if_empty(controllers))?;
        section(f, "watches", &none_if_empty(self.watches.clone()))?;
        section(f, "permissions", &self.permissions.lines())?;
        match &self.admin {
            Some(url) => section(f, "admin port", std::slice::from_ref(url)),
            None => Ok(()),
        }
    }
}

fn none_if_empty(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() { vec!["none".to_owned()] } else { lines }
}

fn section(f: &mut fmt::Formatter<'_>, name: &str, lines: &[String]) -> fmt::Result {
    for (at, line) in lines.iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        write!(f, "\n  {name:MARGIN$}{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_report_fits_on_one_screen() {
        let line = |name, kind: &str, schema| ControllerLine {
            name,
            api_version: "v1".into(),
            kind: kind.into(),
            scope: "all namespaces".into(),
            schema,
        };
        let rules = json!({ "x-kubernetes-validations": [{ "rule": "true" }] });
        let report = Report {
            operator: "shop".into(),
            version: "1.2.3",
            server: Server { url: Some("https://a:6443/".into()), version: Some("v1.37.0".into()) },
            controllers: vec![
                line("pods", "Pod", SchemaLine::new(SchemaOrigin::None, None)),
                line("maps", "ConfigMap", SchemaLine::new(SchemaOrigin::Written, Some(&rules))),
            ],
            watches: vec!["pods in all namespaces".into(), "configmaps in all namespaces".into()],
            permissions: Permissions::default(),
            admin: Some("http://127.0.0.1:8080".into()),
            warnings: Vec::new(),
        };
        let expect = "\
operator shop starts
  versions       controller-core 1.2.3, Kubernetes v1.37.0 at https://a:6443
  controllers    pods: v1 Pod, all namespaces, no schema
                 maps: v1 ConfigMap, all namespaces, schema as written (its CEL rule is not evaluated)
  watches        pods in all namespaces
                 configmaps in all namespaces
  permissions    not asked for
  admin port     http://127.0.0.1:8080";
        assert_eq!(report.to_string(), expect);
        let json = serde_json::to_value(&report).expect("it is JSON");
        assert_eq!(json["controllers"][1]["schema"], json!({ "from": "written", "cel_rules_not_evaluated": 1 }));
        assert_eq!(json["server"], json!({ "url": "https://a:6443/", "version": "v1.37.0" }));
    }

    #[test]
    fn an_operator_without_controllers_says_so() {
        let report = Report {
            operator: "idle".into(),
            version: "1.2.3",
            server: Server::default(),
            controllers: Vec::new(),
            watches: Vec::new(),
            permissions: Permissions::default(),
            admin: None,
            warnings: Vec::new(),
        };
        let expect = "\
operator idle starts
  versions       controller-core 1.2.3, Kubernetes at the client's server
  controllers    none
  watches        none
  permissions    not asked for";
        assert_eq!(report.to_string(), expect);
    }

    #[test]
    fn rules_in_cel_are_counted_at_any_depth() {
        let check = |schema: Value, expect| assert_eq!(cel_rules(&schema), expect, "{schema}");
        check(json!({}), 0);
        check(json!({ "x-kubernetes-validations": "none" }), 0);
        let two = json!([{ "rule": "a" }, { "rule": "b" }]);
        check(
            json!({ "x-kubernetes-validations": two, "properties": { "a": { "x-kubernetes-validations": two } } }),
            4,
        );
        check(json!({ "allOf": [{ "x-kubernetes-validations": two }] }), 2);
    }
}
