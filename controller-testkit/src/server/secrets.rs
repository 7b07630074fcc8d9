//! Which secrets a pod refers to, and which of them an account lets it have that asks for that.

use serde_json::Value;

/// With this annotation an account lets its pods refer to its own secrets alone.
const ENFORCED: &str = "kubernetes.io/enforce-mountable-secrets";

/// Where a volume names a secret, in the order in which a real server looks.
const OF_VOLUMES: [&str; 9] = [
    "/azureFile/secretName",
    "/cephfs/secretRef/name",
    "/cinder/secretRef/name",
    "/flexVolume/secretRef/name",
    "/rbd/secretRef/name",
    "/secret/secretName",
    "/scaleIO/secretRef/name",
    "/iscsi/secretRef/name",
    "/csi/nodePublishSecretRef/name",
];

fn list<'a>(of: &'a Value, pointer: &str) -> &'a [Value] {
    of.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(of: &'a Value, pointer: &str) -> &'a str {
    of.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What a pod that its node brings along may not have.
pub(super) fn beyond_mirror(pod: &Value) -> Option<&'static str> {
    let sources = || list(pod, "/spec/volumes").iter().flat_map(|volume| list(volume, "/projected/sources"));
    let is_named = |of: &Value, pointer: &&str| !text(of, pointer).is_empty();
    let of_volumes = |volume: &Value| OF_VOLUMES.iter().any(|pointer| is_named(volume, pointer));
    let has_secrets = list(pod, "/spec/imagePullSecrets").iter().any(|secret| is_named(secret, &"/name"))
        || ["/spec/initContainers", "/spec/containers", "/spec/ephemeralContainers"]
            .iter()
            .flat_map(|lists| list(pod, lists))
            .flat_map(references)
            .any(|(_, secret)| !secret.is_empty())
        || list(pod, "/spec/volumes").iter().any(of_volumes)
        || sources().any(|source| is_named(source, &"/secret/name"));
    if !text(pod, "/spec/serviceAccountName").is_empty() {
        return Some("a mirror pod may not reference service accounts");
    }
    if has_secrets {
        return Some("a mirror pod may not reference secrets");
    }
    let mut tokens = sources().filter(|source| source.get("serviceAccountToken").is_some_and(|token| !token.is_null()));
    tokens.next().map(|_| "a mirror pod may not use ServiceAccountToken volume projections")
}

/// The secrets of which a container takes its environment, each with the place where it says so.
fn references(container: &Value) -> impl Iterator<Item = (String, &str)> {
    let env = list(container, "/env").iter().filter_map(|env| {
        let secret = env.pointer("/valueFrom/secretKeyRef").filter(|secret| !secret.is_null())?;
        Some((format!("envVar {}", text(env, "/name")), text(secret, "/name")))
    });
    let whole = list(container, "/envFrom").iter().filter_map(|env| {
        let secret = env.get("secretRef").filter(|secret| !secret.is_null())?;
        Some(("envFrom".to_owned(), text(secret, "/name")))
    });
    env.chain(whole)
}

/// The secrets that an account lets its pods mount; none if it asks for no such thing.
fn mountable(account: &Value) -> Option<Vec<&str>> {
    let annotations = account.pointer("/metadata/annotations")?;
    let is_enforced = annotations.get(ENFORCED).and_then(Value::as_str)?;
    let is_true = matches!(is_enforced, "1" | "t" | "T" | "true" | "TRUE" | "True");
    is_true.then(|| list(account, "/secrets").iter().map(|secret| text(secret, "/name")).collect())
}

/// What a new pod refers to that its account does not let it have.
pub(super) fn beyond_account(account: &Value, pod: &Value) -> Option<String> {
    let mountable = mountable(account)?;
    let name = text(account, "/metadata/name");
    let own = |what: &str| format!("is not allowed because service account {name} does not reference that {what}");
    let secrets = list(pod, "/spec/volumes").iter().filter_map(|volume| volume.get("secret"));
    let mut secrets = secrets.filter(|secret| !secret.is_null()).map(|secret| text(secret, "/secretName"));
    if let Some(secret) = secrets.find(|secret| !mountable.contains(secret)) {
        return Some(format!("volume with secret.secretName=\"{secret}\" {}", own("secret")));
    }
    for (lists, kind) in [("/spec/initContainers", "init container"), ("/spec/containers", "container")] {
        if let Some(why) = beyond_containers(list(pod, lists), kind, &mountable, name) {
            return Some(why);
        }
    }
    let known: Vec<&str> = list(account, "/imagePullSecrets").iter().map(|secret| text(secret, "/name")).collect();
    let mut wanted = list(pod, "/spec/imagePullSecrets").iter().map(|secret| text(secret, "/name")).enumerate();
    let (at, secret) = wanted.find(|(_, secret)| !known.contains(secret))?;
    Some(format!("imagePullSecrets[{at}].name=\"{secret}\" {}", own("imagePullSecret")))
}

/// The same of containers that are added to a pod.
pub(super) fn beyond_account_added(account: &Value, pod: &Value) -> Option<String> {
    let added = list(pod, "/spec/ephemeralContainers");
    beyond_containers(added, "ephemeral container", &mountable(account)?, text(account, "/metadata/name"))
}

fn beyond_containers(containers: &[Value], kind: &str, mountable: &[&str], account: &str) -> Option<String> {
    containers.iter().find_map(|container| {
        let (place, secret) = references(container).find(|(_, secret)| !mountable.contains(secret))?;
        Some(format!(
            "{kind} {} with {place} referencing secret.secretName=\"{secret}\" is not allowed because service account \
             {account} does not reference that secret",
            text(container, "/name")
        ))
    })
}
