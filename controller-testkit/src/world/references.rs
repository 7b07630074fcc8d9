//! What a pod refers to and needs before it starts, in the words of a real kubelet: config maps and secrets, whole or by a
//! key, and claims.

use serde_json::Value;

use super::hand::{Hand, Kind, kind};
use super::object;
use super::volumes;

/// A kind of object with keys.
struct Keyed {
    kind: &'static Kind,
    name: &'static str,
    /// What is said of a key that a volume asks for.
    no_key_in_volume: &'static str,
    /// As in what is said of a key that a variable asks for.
    title: &'static str,
}

const CONFIG_MAP: Keyed = Keyed {
    kind: &kind::CONFIG_MAPS,
    name: "configmap",
    no_key_in_volume: "configmap references non-existent config key: ",
    title: "ConfigMap",
};

const SECRET: Keyed = Keyed {
    kind: &kind::SECRETS,
    name: "secret",
    no_key_in_volume: "references non-existent secret key: ",
    title: "Secret",
};

/// A volume of a pod that can't be there yet.
pub(super) enum Missing {
    /// It is said why.
    Told(String),
    /// Its claim waits for a volume, of which nothing is said.
    Claim,
}

/// What keeps a pod's volumes from being there.
pub(super) fn of_volumes(pod: &Value, hand: &Hand<'_>) -> Option<Missing> {
    for volume in object::items(pod, "/spec/volumes") {
        let mut why = Vec::new();
        for (keyed, source, name) in sources(volume) {
            why.extend(keyed.lacks_for_volume(pod, source, name, hand));
        }
        let why = match &*why {
            [] => continue,
            [why] => why.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let name = object::text(volume, "/name");
        return Some(Missing::Told(format!("MountVolume.SetUp failed for volume \"{name}\" : {why}")));
    }
    let is_bound = |claim: &Value| object::text(claim, "/status/phase") == "Bound";
    let waits = volumes::named_by(pod).any(|place| hand.get(&place).is_none_or(|claim| !is_bound(&claim)));
    waits.then_some(Missing::Claim)
}

/// The config maps and secrets that a volume is made of: where it refers to them, and their names.
fn sources(volume: &Value) -> Vec<(&'static Keyed, &Value, &str)> {
    let mut sources = Vec::new();
    let parts = object::items(volume, "/projected/sources").iter().chain([volume]);
    for part in parts {
        if let Some(map) = part.get("configMap") {
            sources.push((&CONFIG_MAP, map, object::text(map, "/name")));
        }
        if let Some(secret) = part.get("secret") {
            // A volume of its own names it otherwise than a source among others.
            let name = if std::ptr::eq(part, volume) { "/secretName" } else { "/name" };
            sources.push((&SECRET, secret, object::text(secret, name)));
        }
    }
    sources
}

/// What a container's variables are taken from and is not there.
pub(super) fn of_container(pod: &Value, container: &Value, hand: &Hand<'_>) -> Option<String> {
    let whole = object::items(container, "/envFrom").iter().find_map(|source| {
        let of = |keyed: &Keyed, member: &str| {
            let reference = source.get(member)?;
            let found = keyed.find(pod, object::text(reference, "/name"), hand);
            (found.is_none() && !is_optional(reference)).then(|| keyed.not_found(object::text(reference, "/name")))
        };
        of(&CONFIG_MAP, "configMapRef").or_else(|| of(&SECRET, "secretRef"))
    });
    whole.or_else(|| {
        object::items(container, "/env").iter().find_map(|variable| {
            let of = |keyed: &Keyed, member: &str| {
                let reference = variable.get("valueFrom")?.get(member)?;
                keyed.lacks_for_variable(pod, reference, hand)
            };
            of(&CONFIG_MAP, "configMapKeyRef").or_else(|| of(&SECRET, "secretKeyRef"))
        })
    })
}

fn is_optional(reference: &Value) -> bool {
    reference.get("optional") == Some(&Value::Bool(true))
}

impl Keyed {
    fn find(&self, pod: &Value, name: &str, hand: &Hand<'_>) -> Option<impl std::ops::Deref<Target = Value>> {
        hand.get(&self.kind.place(object::text(pod, "/metadata/namespace"), name))
    }

    fn not_found(&self, name: &str) -> String {
        format!("{} \"{name}\" not found", self.name)
    }

    fn lacks_for_volume(&self, pod: &Value, source: &Value, name: &str, hand: &Hand<'_>) -> Option<String> {
        if is_optional(source) {
            return None;
        }
        let Some(found) = self.find(pod, name, hand) else { return Some(self.not_found(name)) };
        let keys = object::items(source, "/items").iter().map(|item| object::text(item, "/key"));
        let mut missing = keys.filter(|key| !has(&found, key));
        missing.next().map(|key| format!("{}{key}", self.no_key_in_volume))
    }

    fn lacks_for_variable(&self, pod: &Value, reference: &Value, hand: &Hand<'_>) -> Option<String> {
        if is_optional(reference) {
            return None;
        }
        let (name, key) = (object::text(reference, "/name"), object::text(reference, "/key"));
        let Some(found) = self.find(pod, name, hand) else { return Some(self.not_found(name)) };
        let namespace = object::text(pod, "/metadata/namespace");
        (!has(&found, key)).then(|| format!("couldn't find key {key} in {} {namespace}/{name}", self.title))
    }
}

/// Whether an object has a key.
fn has(object: &Value, key: &str) -> bool {
    ["data", "binaryData"].iter().any(|member| object.get(member).is_some_and(|data| data.get(key).is_some()))
}
