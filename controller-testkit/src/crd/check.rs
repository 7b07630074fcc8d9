//! Whether a definition may be written.
//!
//! The rules, their words and their paths are those of `apiextensions-apiserver`. One of its habits shows in every path:
//! what is the same in all versions (with a single version: everything) is read as if it stood at the top, so that
//! errors name `spec.validation`, `spec.subresources` and `spec.additionalPrinterColumns`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{approval, establish, list, storage_version, text, texts, versions};
use crate::field::{Cause, FieldError, Path, echo, name};
use crate::schema::{self, Structural, Type};

/// How many fields of a version selectors may name.
const MAX_SELECTABLE: i64 = 8;

/// What is wrong with a definition, on its own and as a change of `old`.
///
/// Names and labels of the metadata are the server's question, as for every kind; the name itself is judged here.
pub(crate) fn check(crd: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if old.is_none() {
        check_name(crd, &mut errors);
    }
    check_spec(crd, &mut errors);
    match old {
        Some(old) => {
            check_change(crd, old, &mut errors);
            check_stored_versions(crd, &stored_versions(old), &mut errors);
        }
        None => {
            let stored: Vec<String> = storage_version(crd).map(str::to_owned).into_iter().collect();
            check_stored_versions(crd, &stored, &mut errors);
        }
    }
    approval::check(crd, old, &mut errors);
    if crd.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true)) {
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema \
                      instead";
        errors.push(FieldError::invalid("spec.preserveUnknownFields", &true, detail));
    }
    errors
}

fn check_name(crd: &Value, errors: &mut Vec<FieldError>) {
    let wanted = format!("{}.{}", text(crd, "/spec/names/plural"), text(crd, "/spec/group"));
    for field in ["generateName", "name"] {
        let (place, found) = (format!("metadata.{field}"), text(crd, &format!("/metadata/{field}")));
        if found.is_empty() {
            continue;
        }
        // What is appended to the beginning of a name makes a dash at its end legal.
        let bare = found.strip_suffix('-').filter(|_| field == "generateName").map(|cut| format!("{cut}a"));
        let wrong = name::dns1123_subdomain(bare.as_deref().unwrap_or(found));
        errors.extend(wrong.iter().map(|detail| FieldError::invalid(&place, found, detail)));
        if found != wanted {
            errors.push(FieldError::invalid(&place, found, "must be spec.names.plural+\".\"+spec.group"));
        }
    }
}

fn check_spec(crd: &Value, errors: &mut Vec<FieldError>) {
    let group = text(crd, "/spec/group");
    let wrong = name::dns1123_subdomain(group);
    if group.is_empty() {
        errors.push(FieldError::required("spec.group", ""));
    } else if !wrong.is_empty() {
        errors.push(FieldError::invalid("spec.group", group, wrong.join(",")));
    } else if !group.contains('.') {
        errors.push(FieldError::invalid("spec.group", group, "should be a domain with at least one dot"));
    }
    match text(crd, "/spec/scope") {
        "Cluster" | "Namespaced" => {}
        "" => errors.push(FieldError::required("spec.scope", "")),
        other => errors.push(FieldError::not_supported("spec.scope", other, ["Cluster", "Namespaced"])),
    }
    for (index, version) in versions(crd).iter().enumerate() {
        if version.pointer("/schema/openAPIV3Schema").is_none_or(Value::is_null) {
            let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
            errors.push(FieldError::required(path, ""));
        }
    }
    check_versions(crd, errors);
    check_names(crd, errors);
    check_conversion(crd, errors);
}

/// Where the parts of the versions stand in errors.
struct Places {
    schema: Place,
    subresources: Place,
    columns: Place,
    selectable: Place,
}

/// Whether all versions say the same, and so errors name the top.
#[derive(Clone, Copy)]
enum Place {
    Top(&'static str),
    Version(&'static str),
}

impl Place {
    fn of(versions: &[Value], field: &'static str, top: &'static str) -> Self {
        let mut parts = versions.iter().map(|version| version.get(field).filter(|part| !is_empty(part)));
        let first = parts.next().flatten();
        if parts.all(|part| part == first) { Self::Top(top) } else { Self::Version(field) }
    }

    /// The path of the part in one version; `None` where an earlier version stands for it.
    fn path(self, index: usize) -> Option<Path> {
        match (self, index) {
            (Self::Top(field), 0) => Some(Path::new("spec").child(field)),
            (Self::Top(_), _) => None,
            (Self::Version(field), _) => Some(Path::new("spec").child("versions").index(index).child(field)),
        }
    }
}

fn is_empty(part: &Value) -> bool {
    part.is_null() || part.as_array().is_some_and(Vec::is_empty)
}

fn check_versions(crd: &Value, errors: &mut Vec<FieldError>) {
    let versions = versions(crd);
    let places = Places {
        schema: Place::of(versions, "schema", "validation"),
        subresources: Place::of(versions, "subresources", "subresources"),
        columns: Place::of(versions, "additionalPrinterColumns", "additionalPrinterColumns"),
        selectable: Place::of(versions, "selectableFields", "selectableFields"),
    };
    let any_status = versions.iter().any(has_status);
    let mut names = BTreeSet::new();
    let mut unique = true;
    let mut at_the_top = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let path = Path::new("spec").child("versions").index(index);
        let version_name = text(version, "/name");
        unique &= names.insert(version_name);
        let wrong = name::dns1035_label(version_name);
        if !wrong.is_empty() {
            errors.push(FieldError::invalid(path.child("name"), version_name, wrong.join(",")));
        }
        check_deprecation(version, &path.child("deprecationWarning"), errors);
        let mut parts = |place: Place, look: &mut dyn FnMut(&Path, &mut Vec<FieldError>)| {
            if let Some(path) = place.path(index) {
                // What stands at the top is looked at after the versions.
                let found = if matches!(place, Place::Top(_)) { &mut at_the_top } else { &mut *errors };
                look(&path, found);
            }
        };
        let status = if matches!(places.schema, Place::Top(_)) { any_status } else { has_status(version) };
        parts(places.schema, &mut |path, errors| check_schema(version, status, path, errors));
        parts(places.subresources, &mut |path, errors| check_subresources(version, path, errors));
        parts(places.columns, &mut |path, errors| check_columns(version, path, errors));
        let lost = matches!((places.schema, places.selectable), (Place::Version(_), Place::Top(_)));
        parts(places.selectable, &mut |path, errors| {
            // The fields that all versions share are looked up in a schema that all versions share.
            if lost && !list(version, "/selectableFields").is_empty() {
                errors.push(FieldError::invalid(path, "", "may only be set when validations.schema is included"));
            } else {
                check_selectable(version, path, errors);
            }
        });
    }
    if !unique {
        errors.push(about_versions(versions, &places, "must contain unique version names"));
    }
    if versions.iter().filter(|version| version.get("storage") == Some(&Value::Bool(true))).count() != 1 {
        let mut error = about_versions(versions, &places, "must have exactly one version marked as storage version");
        if crd.pointer("/spec/versions").is_none_or(Value::is_null) {
            error.message = error.message.replacen("[]", "null", 1);
        }
        errors.push(error);
    }
    if let Some(first) = versions.first().map(|version| text(version, "/name")).filter(|name| !name.is_empty()) {
        let wrong = name::dns1035_label(first);
        if !wrong.is_empty() {
            errors.push(FieldError::invalid("spec.version", first, wrong.join(",")));
        }
    }
    errors.append(&mut at_the_top);
}

fn has_status(version: &Value) -> bool {
    version.pointer("/subresources/status").is_some_and(|status| !status.is_null())
}

/// An error that echoes all versions, as Go writes the structs that a real server keeps them in.
fn about_versions(versions: &[Value], places: &Places, detail: &str) -> FieldError {
    let shown: Vec<String> = versions.iter().map(|version| internal_version(version, places)).collect();
    FieldError {
        cause: Cause::Invalid,
        field: "spec.versions".to_owned(),
        message: format!("Invalid value: [{}]: {detail}", shown.join(",")),
    }
}

fn internal_version(version: &Value, places: &Places) -> String {
    let part = |place: Place, field: &str| match place {
        Place::Top(_) => None,
        Place::Version(_) => version.get(field).filter(|part| !is_empty(part)),
    };
    let or_null = |text: Option<String>| text.unwrap_or_else(|| "null".to_owned());
    let flag = |field: &str| version.get(field) == Some(&Value::Bool(true));
    let json = |value: &Value, pointer: &str| value.pointer(pointer).map_or_else(|| "\"\"".to_owned(), echo::json);
    let listed = |entries: Vec<String>| format!("[{}]", entries.join(","));
    let schema = part(places.schema, "schema")
        .map(|schema| format!("{{\"OpenAPIV3Schema\":{}}}", schema::internal(schema.get("openAPIV3Schema"))));
    let subresources = part(places.subresources, "subresources").map(|subresources| {
        let scale = subresources.get("scale").filter(|scale| !scale.is_null()).map(|scale| {
            format!(
                "{{\"SpecReplicasPath\":{},\"StatusReplicasPath\":{},\"LabelSelectorPath\":{}}}",
                json(scale, "/specReplicasPath"),
                json(scale, "/statusReplicasPath"),
                or_null(scale.get("labelSelectorPath").map(echo::json)),
            )
        });
        let status = subresources.get("status").map(|_| "{}".to_owned());
        format!("{{\"Status\":{},\"Scale\":{}}}", or_null(status), or_null(scale))
    });
    let columns = part(places.columns, "additionalPrinterColumns").and_then(Value::as_array).map(|columns| {
        let columns = columns.iter().map(|column| {
            format!(
                "{{\"Name\":{},\"Type\":{},\"Format\":{},\"Description\":{},\"Priority\":{},\"JSONPath\":{}}}",
                json(column, "/name"),
                json(column, "/type"),
                json(column, "/format"),
                json(column, "/description"),
                column.get("priority").and_then(Value::as_i64).unwrap_or_default(),
                json(column, "/jsonPath"),
            )
        });
        listed(columns.collect())
    });
    let selectable = part(places.selectable, "selectableFields").and_then(Value::as_array).map(|fields| {
        listed(fields.iter().map(|field| format!("{{\"JSONPath\":{}}}", json(field, "/jsonPath"))).collect())
    });
    format!(
        "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\"Schema\":{},\
         \"Subresources\":{},\"AdditionalPrinterColumns\":{},\"SelectableFields\":{}}}",
        json(version, "/name"),
        flag("served"),
        flag("storage"),
        flag("deprecated"),
        or_null(version.get("deprecationWarning").map(echo::json)),
        or_null(schema),
        or_null(subresources),
        or_null(columns),
        or_null(selectable),
    )
}

fn check_deprecation(version: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let Some(warning) = version.get("deprecationWarning").and_then(Value::as_str) else {
        return;
    };
    let mut refuse = |detail: String| errors.push(FieldError::invalid(path, warning, detail));
    if version.get("deprecated") != Some(&Value::Bool(true)) {
        refuse("can only be set for deprecated versions".to_owned());
        return;
    }
    if warning.len() > 256 {
        refuse("must be <= 256 characters long".to_owned());
    }
    if warning.is_empty() {
        refuse("must not be an empty string".to_owned());
    }
    if let Some((index, _)) = warning.char_indices().find(|(_, c)| c.is_control()) {
        refuse(format!("must only contain printable UTF-8 characters; non-printable character found at index {index}"));
    }
}

fn check_schema(version: &Value, status: bool, path: &Path, errors: &mut Vec<FieldError>) {
    if let Some(schema) = version.pointer("/schema/openAPIV3Schema").filter(|schema| !schema.is_null()) {
        let root = schema::Root { path: path.child("openAPIV3Schema"), status };
        errors.extend(schema::check(schema, &root));
    }
}

fn check_subresources(version: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let Some(scale) = version.pointer("/subresources/scale").filter(|scale| !scale.is_null()) else {
        return;
    };
    let path = path.child("scale");
    for (field, prefix) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
        let found = text(scale, &format!("/{field}"));
        let path = path.child(field);
        if found.is_empty() {
            errors.push(FieldError::required(path, ""));
        } else if !found.starts_with('.') {
            errors.push(FieldError::invalid(path, found, "must be a simple json path starting with ."));
        } else if !found.starts_with(prefix) {
            let detail = format!("should be a json path under {}", prefix.trim_end_matches('.'));
            errors.push(FieldError::invalid(path, found, detail));
        }
    }
    let selector = text(scale, "/labelSelectorPath");
    if selector.is_empty() {
        return;
    }
    let path = path.child("labelSelectorPath");
    if !selector.starts_with('.') {
        errors.push(FieldError::invalid(path, selector, "must be a simple json path starting with ."));
    } else if !selector.starts_with(".spec.") && !selector.starts_with(".status.") {
        errors.push(FieldError::invalid(path, selector, "should be a json path under either .spec or .status"));
    }
}

fn check_columns(version: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    const FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
    for (index, column) in list(version, "/additionalPrinterColumns").iter().enumerate() {
        let path = path.index(index);
        if text(column, "/name").is_empty() {
            errors.push(FieldError::required(path.child("name"), ""));
        }
        let kind = text(column, "/type");
        let detail = format!("must be one of {}", TYPES.join(","));
        if kind.is_empty() {
            errors.push(FieldError::required(path.child("type"), detail));
        } else if !TYPES.contains(&kind) {
            errors.push(FieldError::invalid(path.child("type"), kind, detail));
        }
        let format = text(column, "/format");
        if !format.is_empty() && !FORMATS.contains(&format) {
            let detail = format!("must be one of {}", FORMATS.join(","));
            errors.push(FieldError::invalid(path.child("format"), format, detail));
        }
        let json_path = text(column, "/jsonPath");
        let path = path.child("JSONPath");
        if json_path.is_empty() {
            errors.push(FieldError::required(path, ""));
        } else if !json_path.starts_with('.') {
            errors.push(FieldError::invalid(path, json_path, "must be a simple json path starting with ."));
        }
    }
}

fn check_selectable(version: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let fields = list(version, "/selectableFields");
    let schema = Structural::parse(version.pointer("/schema/openAPIV3Schema").unwrap_or(&Value::Null));
    let mut seen = BTreeSet::new();
    for (index, field) in fields.iter().enumerate() {
        let json_path = text(field, "/jsonPath");
        let path = path.index(index).child("jsonPath");
        if json_path.is_empty() {
            errors.push(FieldError::required(path, ""));
            continue;
        }
        match selected(json_path, &schema) {
            Err(reason) => {
                errors.push(FieldError::invalid(path, json_path, format!("is an invalid path: {reason}")));
                continue;
            }
            Ok(found) => {
                if json_path.starts_with(".metadata") {
                    errors.push(FieldError::invalid(&path, json_path, "must not point to fields in metadata"));
                }
                if !matches!(found.kind, Some(Type::String | Type::Boolean | Type::Integer)) {
                    let detail = "must point to a field of type string, boolean or integer. Enum string fields and \
                                  strings with formats are allowed.";
                    errors.push(FieldError::invalid(&path, json_path, detail));
                }
            }
        }
        if !seen.insert(json_path) {
            errors.push(FieldError::duplicate(path, json_path));
        }
    }
    if i64::try_from(seen.len()).is_ok_and(|count| count > MAX_SELECTABLE) {
        errors.push(FieldError::too_many(path, seen.len(), MAX_SELECTABLE));
    }
}

/// The schema of the field that a path of names selects.
fn selected<'a>(json_path: &str, schema: &'a Structural) -> Result<&'a Structural, String> {
    let Some(names) = json_path.strip_prefix('.') else {
        let start = json_path.split(['.', '[']).next().unwrap_or_default();
        return Err(format!("expected [ or . but got: {start}"));
    };
    if json_path.contains('[') {
        return Err("array notation is not allowed".to_owned());
    }
    let mut at = schema;
    for name in names.split('.') {
        if name.is_empty() {
            return Err("unexpected end of JSON path".to_owned());
        }
        at = at.at([name]).ok_or_else(|| "does not refer to a valid field".to_owned())?;
    }
    Ok(at)
}

fn check_names(crd: &Value, errors: &mut Vec<FieldError>) {
    let path = Path::new("spec").child("names");
    let named = |field: &str| text(crd, &format!("/spec/names/{field}"));
    for field in ["plural", "singular", "kind", "listKind"] {
        if named(field).is_empty() {
            errors.push(FieldError::required(path.child(field), ""));
        }
    }
    let mut label = |path: Path, found: &str, mixed_case: bool| {
        let wrong = if mixed_case { name::dns1035_label(&found.to_lowercase()) } else { name::dns1035_label(found) };
        if found.is_empty() || wrong.is_empty() {
            return;
        }
        let prefix = if mixed_case { "may have mixed case, but should otherwise match: " } else { "" };
        errors.push(FieldError::invalid(path, found, format!("{prefix}{}", wrong.join(","))));
    };
    label(path.child("plural"), named("plural"), false);
    label(path.child("singular"), named("singular"), false);
    label(path.child("kind"), named("kind"), true);
    label(path.child("listKind"), named("listKind"), true);
    for (index, short) in texts(crd, "/spec/names/shortNames").iter().enumerate() {
        refuse_label(errors, path.child("shortNames").index(index), short);
    }
    if !named("kind").is_empty() && named("kind") == named("listKind") {
        let detail = "kind and listKind may not be the same";
        errors.push(FieldError::invalid(path.child("listKind"), named("listKind"), detail));
    }
    for (index, category) in texts(crd, "/spec/names/categories").iter().enumerate() {
        refuse_label(errors, path.child("categories").index(index), category);
    }
}

fn refuse_label(errors: &mut Vec<FieldError>, path: Path, found: &str) {
    let wrong = name::dns1035_label(found);
    if !wrong.is_empty() {
        errors.push(FieldError::invalid(path, found, wrong.join(",")));
    }
}

fn check_conversion(crd: &Value, errors: &mut Vec<FieldError>) {
    let Some(conversion) = crd.pointer("/spec/conversion").filter(|conversion| !conversion.is_null()) else {
        return;
    };
    let path = Path::new("spec").child("conversion");
    match text(conversion, "/strategy") {
        "Webhook" => {
            let at = path.child("webhookClientConfig");
            let client = conversion.pointer("/webhook/clientConfig").filter(|client| client.is_object());
            let has = |member: &str| client.and_then(|client| client.get(member)).is_some_and(|value| !value.is_null());
            match client {
                None => errors.push(FieldError::required(at, "required when strategy is set to Webhook")),
                Some(_) if has("url") == has("service") => {
                    errors.push(FieldError::required(at, "exactly one of url or service is required"));
                }
                Some(client) if has("url") && !text(client, "/url").starts_with("https://") => {
                    let scheme = text(client, "/url").split("://").next().unwrap_or_default();
                    let detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]";
                    errors.push(FieldError::invalid(at.child("url"), scheme, detail));
                }
                Some(_) => {}
            }
            let versions = texts(conversion, "/webhook/conversionReviewVersions");
            let at = path.child("conversionReviewVersions");
            if versions.is_empty() {
                errors.push(FieldError::required(at, ""));
            } else if !versions.iter().any(|version| version == "v1" || version == "v1beta1") {
                let detail = "must include at least one of v1, v1beta1";
                errors.push(FieldError::invalid(at, &versions, detail));
            }
        }
        strategy => {
            match strategy {
                "None" => {}
                "" => errors.push(FieldError::required(path.child("strategy"), "")),
                other => errors.push(FieldError::not_supported(path.child("strategy"), other, ["None", "Webhook"])),
            }
            let webhook = conversion.get("webhook").unwrap_or(&Value::Null);
            let detail = "should not be set when strategy is not set to Webhook";
            if webhook.get("clientConfig").is_some_and(|config| !config.is_null()) {
                errors.push(FieldError::forbidden(path.child("webhookClientConfig"), detail));
            }
            if !list(webhook, "/conversionReviewVersions").is_empty() {
                errors.push(FieldError::forbidden(path.child("conversionReviewVersions"), detail));
            }
        }
    }
}

fn check_change(crd: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let established: &[&str] = if establish::is_established(old) { &["/spec/scope", "/spec/names/kind"] } else { &[] };
    for pointer in established.iter().chain(&["/spec/group", "/spec/names/plural"]) {
        if text(crd, pointer) != text(old, pointer) {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            errors.push(FieldError::immutable(field, text(crd, pointer)));
        }
    }
}

/// The versions in which objects may be stored: a changed definition's storage version joins them by itself.
fn stored_versions(old: &Value) -> Vec<String> {
    texts(old, "/status/storedVersions")
}

fn check_stored_versions(crd: &Value, stored: &[String], errors: &mut Vec<FieldError>) {
    let path = Path::new("status").child("storedVersions");
    if stored.is_empty() {
        errors.push(FieldError::invalid(path, &Value::Null, "must have at least one stored version"));
        return;
    }
    let storage = versions(crd).iter().filter(|version| version.get("storage") == Some(&Value::Bool(true)));
    // A first storage version was noted before this look; a second one is missing.
    for version in storage.skip(1).map(|version| text(version, "/name")) {
        if !stored.iter().any(|stored| stored == version) {
            let detail = format!("must have the storage version {version}");
            errors.push(FieldError::invalid(&path, stored, detail));
        }
    }
    for (index, version) in stored.iter().enumerate() {
        if !versions(crd).iter().any(|known| text(known, "/name") == version) {
            let detail = format!(
                "missing from spec.versions; {version} was previously a storage version, and must remain in \
                 spec.versions until a storage migration ensures no data remains persisted in {version} and removes \
                 {version} from status.storedVersions"
            );
            errors.push(FieldError::invalid(path.index(index), version, detail));
        }
    }
}
