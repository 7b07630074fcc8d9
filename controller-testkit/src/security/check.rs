//! What of the checks is no data: each looks at a pod and tells who breaks it, and with what.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Breach;
use super::pod::{Found, Pod, context, items, name, plural, quoted};
use super::standard::Version;

/// What a check came to, of those who break it.
fn breach(found: &Found<'_>, reason: &'static str, detail: impl FnOnce() -> String) -> Option<Breach> {
    (!found.is_nothing()).then(|| Breach { reason, detail: detail() })
}

fn is_set(of: &Value, member: &str) -> bool {
    of.get(member) == Some(&Value::Bool(true))
}

/// A profile that AppArmor does not load by itself.
pub(super) fn armour(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    let found = pod.setters("/appArmorProfile/type", |kind| kind == "RuntimeDefault" || kind == "Localhost");
    let is_fine = |text: &str| text.is_empty() || text == "runtime/default" || text.starts_with("localhost/");
    let annotations = pod.annotations().filter(|(name, text)| name.starts_with(PREFIX) && !is_fine(text));
    let annotations: BTreeSet<String> = annotations.map(|(name, text)| format!("{name}={text:?}")).collect();
    let who = (!found.is_nothing()).then(|| found.who());
    let what = (!annotations.is_empty()).then(|| plural("annotation", annotations.len()));
    let setters: Vec<String> = who.into_iter().chain(what).collect();
    let values: Vec<&String> = found.values.iter().chain(&annotations).collect();
    let reason = if values.len() == 1 { "forbidden AppArmor profile" } else { "forbidden AppArmor profiles" };
    let detail = || format!("{} must not set AppArmor profile type to {}", setters.join(" and "), quoted(&values));
    (!setters.is_empty()).then(|| Breach { reason, detail: detail() })
}

fn capability<'a>(container: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    let capabilities = context(container, "/capabilities").unwrap_or(&Value::Null);
    items(capabilities, list).filter_map(Value::as_str)
}

/// Who adds capabilities that are not among the usual ones.
fn adding<'a>(pod: &Pod<'a>, usual: &[&str]) -> Found<'a> {
    let mut found = pod.those(|container| capability(container, "add").any(|one| !usual.contains(&one)));
    let added = pod.containers().flat_map(|container| capability(container, "add"));
    found.values.extend(added.filter(|one| !usual.contains(one)).map(str::to_owned));
    found
}

fn told_adding(found: &Found<'_>) -> String {
    let (who, what) = (found.containers_told(), quoted(&found.values));
    format!("{who} must not include {what} in securityContext.capabilities.add")
}

pub(super) fn added_capabilities(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    const USUAL: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    let found = adding(pod, &USUAL);
    breach(&found, "non-default capabilities", || told_adding(&found))
}

/// All of them are to be dropped, and one may be added.
pub(super) fn capabilities(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    let keeping = pod.those(|container| capability(container, "drop").all(|one| one != "ALL"));
    let adding = adding(pod, &["NET_BIND_SERVICE"]);
    let must = || format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", keeping.containers_told());
    let kept = (!keeping.is_nothing()).then(must);
    let added = (!adding.is_nothing()).then(|| told_adding(&adding));
    let details: Vec<String> = kept.into_iter().chain(added).collect();
    (!details.is_empty()).then(|| Breach { reason: "unrestricted capabilities", detail: details.join("; ") })
}

pub(super) fn host_namespaces(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    let shared = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|member| is_set(pod.spec, member));
    let shared: Vec<String> = shared.map(|member| format!("{member}=true")).collect();
    (!shared.is_empty()).then(|| Breach { reason: "host namespaces", detail: shared.join(", ") })
}

pub(super) fn host_paths(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    let volumes = items(pod.spec, "volumes").filter(|volume| volume.get("hostPath").is_some());
    let volumes: Vec<&str> = volumes.map(name).collect();
    let detail = || format!("{} {}", plural("volume", volumes.len()), quoted(&volumes));
    (!volumes.is_empty()).then(|| Breach { reason: "hostPath volumes", detail: detail() })
}

fn use_or_uses(count: usize) -> &'static str {
    if count == 1 { "uses" } else { "use" }
}

pub(super) fn host_ports(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    fn ports(container: &Value) -> impl Iterator<Item = i64> {
        items(container, "ports").filter_map(|port| port.get("hostPort")?.as_i64()).filter(|port| *port != 0)
    }
    let found = pod.those(|container| ports(container).next().is_some());
    // In the order of their digits.
    let numbers: BTreeSet<String> = pod.containers().flat_map(ports).map(|port| port.to_string()).collect();
    breach(&found, "hostPort", || {
        let numbers: Vec<String> = numbers.into_iter().collect();
        let (who, does) = (found.containers_told(), use_or_uses(found.containers.len()));
        format!("{who} {does} {} {}", plural("hostPort", numbers.len()), numbers.join(", "))
    })
}

/// The hosts that a container's probes and hooks ask, where that is not the pod itself.
fn hosts(container: &Value) -> impl Iterator<Item = &str> {
    const ASKING: [&str; 5] =
        ["/livenessProbe", "/readinessProbe", "/startupProbe", "/lifecycle/postStart", "/lifecycle/preStop"];
    let asking = ASKING.into_iter().filter_map(|place| container.pointer(place));
    let hosts = asking.flat_map(|asking| ["/httpGet/host", "/tcpSocket/host"].map(|place| asking.pointer(place)));
    hosts.flatten().filter_map(Value::as_str).filter(|host| !host.is_empty())
}

pub(super) fn other_hosts(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    let mut found = pod.those(|container| hosts(container).next().is_some());
    found.containers.sort_unstable();
    let hosts: BTreeSet<&str> = pod.containers().flat_map(hosts).collect();
    breach(&found, "probe or lifecycle host", || {
        let (who, does) = (found.containers_told(), use_or_uses(found.containers.len()));
        format!("{who} {does} {} {}", plural("probe or lifecycle host", hosts.len()), quoted(&hosts))
    })
}

pub(super) fn linux_options(pod: &Pod<'_>, version: Version) -> Option<Breach> {
    let is_known = |kind: &str| match kind {
        "" | "container_t" | "container_init_t" | "container_kvm_t" => true,
        "container_engine_t" => version.is_since(31),
        _ => false,
    };
    let text = |options: &Value, member: &str| -> String {
        options.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let is_fine = |options: &Value| {
        is_known(&text(options, "type")) && text(options, "user").is_empty() && text(options, "role").is_empty()
    };
    let found = pod.setters("/seLinuxOptions", is_fine);
    let everybody = [pod.spec].into_iter().chain(pod.containers());
    let options: Vec<&Value> = everybody.filter_map(|of| context(of, "/seLinuxOptions")).collect();
    let kinds = options.iter().map(|options| text(options, "type")).filter(|kind| !is_known(kind));
    let kinds: BTreeSet<String> = kinds.collect();
    let has = |member: &str| options.iter().any(|options| !text(options, member).is_empty());
    breach(&found, "seLinuxOptions", || {
        let kinds = (!kinds.is_empty()).then(|| format!("{} {}", plural("type", kinds.len()), quoted(&kinds)));
        let others = ["user", "role"].into_iter().filter(|member| has(member));
        let others = others.map(|member| format!("{member} may not be set"));
        let what: Vec<String> = kinds.into_iter().chain(others).collect();
        format!("{} set forbidden securityContext.seLinuxOptions: {}", found.who(), what.join("; "))
    })
}

/// Profiles as they were named in annotations, before there was a field for them.
pub(super) fn old_seccomp(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    const KEY: &str = "seccomp.security.alpha.kubernetes.io/pod";
    const PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";
    let is_fine = |text: &str| matches!(text, "runtime/default" | "docker/default") || text.starts_with("localhost/");
    let is_meant = |key: &str| {
        key == KEY || key.strip_prefix(PREFIX).is_some_and(|of| pod.containers().any(|container| name(container) == of))
    };
    let bad = pod.annotations().filter(|(key, text)| is_meant(key) && !is_fine(text));
    let bad: BTreeSet<String> = bad.map(|(key, text)| format!("{key}={text:?}")).collect();
    let bad: Vec<String> = bad.into_iter().collect();
    let detail = || format!("forbidden {} {}", plural("annotation", bad.len()), bad.join(", "));
    (!bad.is_empty()).then(|| Breach { reason: "seccompProfile", detail: detail() })
}

/// The settings of the kernel that are a pod's own, and since which version they are known to be.
const SYSCTLS: [(&str, i64); 14] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

pub(super) fn sysctls(pod: &Pod<'_>, version: Version) -> Option<Breach> {
    let is_known = |name: &str| SYSCTLS.iter().any(|(known, since)| *known == name && version.is_since(*since));
    let set = context(pod.spec, "/sysctls").and_then(Value::as_array).into_iter().flatten();
    let bad: Vec<&str> = set.map(name).filter(|name| !is_known(name)).collect();
    (!bad.is_empty()).then(|| Breach { reason: "forbidden sysctls", detail: bad.join(", ") })
}

pub(super) fn escalation(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    let allows = |container: &Value| context(container, "/allowPrivilegeEscalation") != Some(&Value::Bool(false));
    let found = pod.those(allows);
    let must = || format!("{} must set securityContext.allowPrivilegeEscalation=false", found.containers_told());
    breach(&found, "allowPrivilegeEscalation != false", must)
}

/// Volumes of other types than those that are no part of a node or of a network.
pub(super) fn volumes(pod: &Pod<'_>, _: Version) -> Option<Breach> {
    const FINE: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    // A volume is its name and one member more.
    let kinds = items(pod.spec, "volumes").map(|volume| {
        let mut members = volume.as_object().into_iter().flat_map(|members| members.keys());
        (name(volume), members.find(|member| *member != "name").map_or("", String::as_str))
    });
    let bad: Vec<(&str, &str)> = kinds.filter(|(_, kind)| !kind.is_empty() && !FINE.contains(kind)).collect();
    let kinds: BTreeSet<&str> = bad.iter().map(|(_, kind)| *kind).collect();
    let detail = || {
        let (volumes, does) = (plural("volume", bad.len()), use_or_uses(bad.len()));
        let names = quoted(bad.iter().map(|(name, _)| name));
        format!("{volumes} {names} {does} {} {}", plural("restricted volume type", kinds.len()), quoted(&kinds))
    };
    (!bad.is_empty()).then(|| Breach { reason: "restricted volume types", detail: detail() })
}
