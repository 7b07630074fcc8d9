//! What a Job's `podFailurePolicy` says of a pod that has failed.

use serde_json::Value;

use super::object;

/// What follows from a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Count,
    Ignore,
    FailIndex,
    /// The Job has failed, and why.
    FailJob(String),
}

/// The action of the first rule that a failed pod meets.
pub(super) fn action(job: &Value, pod: &Value) -> Action {
    let rules = object::items(job, "/spec/podFailurePolicy/rules");
    let met = rules.iter().enumerate().find_map(|(at, rule)| matter(rule, pod).map(|matter| (at, rule, matter)));
    let Some((at, rule, matter)) = met else { return Action::Count };
    match object::text(rule, "/action") {
        "Ignore" => Action::Ignore,
        "FailIndex" => Action::FailIndex,
        "FailJob" => Action::FailJob(format!("{matter} matching FailJob rule at index {at}")),
        _ => Action::Count,
    }
}

/// What of a pod meets a rule.
fn matter(rule: &Value, pod: &Value) -> Option<String> {
    let full_name = format!("{}/{}", object::text(pod, "/metadata/namespace"), object::name(pod));
    if let Some(wanted) = rule.get("onExitCodes") {
        let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
        let statuses = lists.iter().flat_map(|list| object::items(pod, list));
        return statuses.into_iter().find_map(|status| {
            let code = object::number(status, "/state/terminated/exitCode").filter(|code| *code != 0)?;
            let named = wanted.get("containerName").is_none_or(|name| *name == status["name"]);
            let listed = object::items(wanted, "/values").iter().any(|value| value.as_i64() == Some(code));
            let name = object::text(status, "/name");
            (named && listed == (object::text(wanted, "/operator") == "In"))
                .then(|| format!("Container {name} for pod {full_name} failed with exit code {code}"))
        });
    }
    let conditions = object::items(pod, "/status/conditions");
    let is_met = |wanted: &&Value| {
        let same = |found: &Value| found["type"] == wanted["type"] && found["status"] == wanted["status"];
        conditions.iter().any(same)
    };
    let met = object::items(rule, "/onPodConditions").iter().find(is_met)?;
    Some(format!("Pod {full_name} has condition {}", object::text(met, "/type")))
}
