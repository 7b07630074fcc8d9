//! AppArmor's profiles: containers name them in a field, and named them in annotations of their pod before.

use serde_json::{Map, Value, json};

pub(super) const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
pub(super) const DEPRECATED: &str = "deprecated since v1.30; use the \"appArmorProfile\" field instead";

/// Puts what a new pod's annotations say into the fields of its containers, and warns of those that say it so.
pub(crate) fn sync_armour(pod: &mut Value) -> Vec<String> {
    let mut told = Vec::new();
    let is_for_windows = pod.pointer("/spec/os/name").is_some_and(|name| name == "windows");
    let Some(Value::Object(annotations)) = pod.pointer("/metadata/annotations").cloned() else { return told };
    if is_for_windows || !annotations.keys().any(|name| name.starts_with(PREFIX)) {
        return told;
    }
    let of_pod = pod.pointer("/spec/securityContext/appArmorProfile").cloned();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let containers = pod.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            let key = format!("{PREFIX}{name}");
            let Some(text) = annotations.get(&key).and_then(Value::as_str) else { continue };
            if own(container).is_some() {
                continue;
            }
            let profile = profile(text);
            let is_said = profile.is_some() && profile == of_pod;
            if let Some(profile) = profile.filter(|_| !is_said)
                && let Value::Object(context) = container.entry("securityContext").or_insert_with(|| json!({}))
            {
                context.insert("appArmorProfile".into(), profile);
            }
            if !is_said {
                told.push(format!("metadata.annotations[{key}]: {DEPRECATED}"));
            }
        }
    }
    told
}

fn own(container: &Map<String, Value>) -> Option<&Value> {
    container.get("securityContext")?.get("appArmorProfile").filter(|own| !own.is_null())
}

/// The profile that an annotation names, if it is one.
pub(super) fn profile(text: &str) -> Option<Value> {
    match (text, text.strip_prefix("localhost/")) {
        ("unconfined", _) => Some(json!({"type": "Unconfined"})),
        ("runtime/default", _) => Some(json!({"type": "RuntimeDefault"})),
        (_, Some(name)) if !name.is_empty() && name.trim() == name && name.len() < 4096 => {
            Some(json!({"type": "Localhost", "localhostProfile": name}))
        }
        _ => None,
    }
}
