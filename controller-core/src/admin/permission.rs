//! Owns the question which permissions an operator lacks. It is put to the API server once, at the start, and an
//! answer that does not come holds nothing up: a watch that is refused says so itself, and waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use http::Request;
use kube::Client;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::report::Server;
use crate::watch::WatchSpec;

/// The answers are not waited for longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many questions are asked, so many of them side by side.
const QUESTIONS: usize = 100;
const AT_ONCE: usize = 4;

/// What a watch does, and what a callback can do with a kind that its controller declares to write.
const WATCHES: [&str; 2] = ["list", "watch"];
const WRITES: [&str; 3] = ["create", "delete", "patch"];

/// What the API server said about an operator's permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Permissions {
    /// How many were asked for. None where nothing was asked.
    pub(crate) asked: Option<usize>,
    pub(crate) missing: Vec<Permission>,
    /// Why some are not known.
    pub(crate) unknown: Option<String>,
}

/// Something that may be allowed or not, as RBAC writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Permission {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) resource: String,
    /// None for all.
    pub(crate) namespace: Option<String>,
    pub(crate) verb: &'static str,
}

impl Permissions {
    /// As the report shows them: those that are missing, a line for each resource.
    pub(super) fn lines(&self) -> Vec<String> {
        let Some(asked) = self.asked else { return vec!["not asked for".to_owned()] };
        let mut by_resource: BTreeMap<(String, Option<&str>), Vec<&str>> = BTreeMap::new();
        for Permission { group, resource, namespace, verb } in &self.missing {
            let resource = if group.is_empty() { resource.clone() } else { format!("{resource}.{group}") };
            by_resource.entry((resource, namespace.as_deref())).or_default().push(verb);
        }
        let line = |((resource, namespace), verbs): ((String, Option<&str>), Vec<&str>)| {
            let place = namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
            let verbs = match verbs.as_slice() {
                [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
                verbs => verbs.concat(),
            };
            format!("missing: {verbs} {resource} in {place}")
        };
        let mut lines: Vec<String> = by_resource.into_iter().map(line).collect();
        match &self.unknown {
            Some(why) => lines.push(format!("not known: {why}")),
            None if lines.is_empty() => lines.push(match asked {
                0 => "none are needed".to_owned(),
                asked => format!("all {asked} that are needed are granted"),
            }),
            None => {}
        }
        lines
    }
}

/// What these watches and writes need, each once. What only discovery knows of a kind is left out.
pub(crate) fn needed(watches: &[WatchSpec], writes: &[WatchSpec]) -> Vec<Permission> {
    let of = |place: &WatchSpec, verb| Permission {
        group: place.group.clone(),
        resource: place.plural.clone(),
        namespace: place.namespace.clone(),
        verb,
    };
    let watches = watches.iter().flat_map(|place| WATCHES.map(|verb| of(place, verb)));
    let writes = writes.iter().flat_map(|place| WRITES.map(|verb| of(place, verb)));
    let needed: BTreeSet<_> = watches.chain(writes).filter(|needed| !needed.resource.is_empty()).collect();
    // What is granted everywhere is granted in a namespace.
    let everywhere = |permission: &Permission| Permission { namespace: None, ..permission.clone() };
    let narrower = |permission: &Permission| permission.namespace.is_some() && needed.contains(&everywhere(permission));
    needed.iter().filter(|permission| !narrower(permission)).cloned().collect()
}

/// Asks for what is needed, and for the server's version.
pub(crate) async fn ask(client: &Client, url: Option<String>, needed: Vec<Permission>) -> (Server, Permissions) {
    let mut permissions = Permissions { asked: Some(0), ..Permissions::default() };
    let mut server = Server { url, version: None };
    let asking = async {
        server.version = version(client).await;
        let more = needed.len().saturating_sub(QUESTIONS);
        let mut answers = stream::iter(needed.into_iter().take(QUESTIONS))
            .map(|permission| async { (is_granted(client, &permission).await, permission) })
            .buffered(AT_ONCE);
        while let Some((answer, permission)) = answers.next().await {
            match answer {
                Ok(granted) => {
                    *permissions.asked.get_or_insert(0) += 1;
                    if !granted {
                        permissions.missing.push(permission);
                    }
                }
                Err(why) => {
                    permissions.unknown = Some(why);
                    return;
                }
            }
        }
        if more > 0 {
            permissions.unknown = Some(format!("{more} more than are asked for"));
        }
    };
    if tokio::time::timeout(PATIENCE, asking).await.is_err() {
        permissions.unknown.get_or_insert_with(|| format!("no answer within {PATIENCE:?}"));
    }
    (server, permissions)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

async fn version(client: &Client) -> Option<String> {
    let request = Request::get("/version").body(Vec::new()).ok()?;
    client.request::<Version>(request).await.ok().map(|version| version.git_version)
}

#[derive(Deserialize)]
struct Review {
    status: Verdict,
}

#[derive(Deserialize)]
struct Verdict {
    #[serde(default)]
    allowed: bool,
}

async fn is_granted(client: &Client, permission: &Permission) -> Result<bool, String> {
    let Permission { group, resource, namespace, verb } = permission;
    let attributes = json!({ "verb": verb, "group": group, "resource": resource, "namespace": namespace });
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": attributes },
    });
    let request = Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(review.to_string().into_bytes())
        .map_err(|error| error.to_string())?;
    match client.request::<Review>(request).await {
        Ok(review) => Ok(review.status.allowed),
        Err(error) => Err(crate::error::chain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use http::Response;
    use http_body_util::BodyExt as _;
    use kube::client::Body;
    use serde_json::Value;
    use tower::service_fn;

    use super::*;

    fn watch(group: &str, plural: &str, namespace: Option<&str>) -> WatchSpec {
        WatchSpec {
            group: group.into(),
            version: "v1".into(),
            plural: plural.into(),
            namespace: namespace.map(Into::into),
            ..WatchSpec::default()
        }
    }

    /// A server that grants everything but watches and writes of secrets and what is in namespace `b`.
    fn strict(request: &Value) -> bool {
        let asked = &request["spec"]["resourceAttributes"];
        let secret = asked["resource"] == "secrets" && asked["verb"] != "list";
        !secret && asked["namespace"] != "b"
    }

    async fn asked(watches: &[WatchSpec], writes: &[WatchSpec], answers: bool) -> (Server, Vec<String>) {
        let service = service_fn(move |request: Request<Body>| async move {
            if !answers {
                std::future::pending::<()>().await;
            }
            if request.uri().path() == "/version" {
                return Ok(Response::new(Body::from(br#"{"gitVersion": "v1.37.0"}"#.to_vec())));
            }
            let body = request.into_body().collect().await?.to_bytes();
            let allowed = strict(&serde_json::from_slice(&body).expect("it is JSON"));
            let answer = json!({ "status": { "allowed": allowed } }).to_string();
            Ok::<_, kube::Error>(Response::builder().status(201).body(Body::from(answer.into_bytes())).expect("sound"))
        });
        let client = Client::new(service, "default");
        let (server, permissions) = ask(&client, None, needed(watches, writes)).await;
        (server, permissions.lines())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_named_by_resource_and_place() {
        let check = async |watches: &[WatchSpec], writes: &[WatchSpec], expect: &[&str]| {
            let (server, lines) = asked(watches, writes, true).await;
            assert_eq!(
                (server.version.as_deref(), lines),
                (Some("v1.37.0"), expect.iter().map(|l| (*l).into()).collect())
            );
        };
        let pods = watch("", "pods", None);
        let (secrets, in_b) = (watch("", "secrets", None), watch("apps", "deployments", Some("b")));
        check(&[], &[], &["none are needed"]).await;
        check(&[watch("shop.io", "", None)], &[], &["none are needed"]).await;
        check(&[pods.clone(), pods.clone()], &[], &["all 2 that are needed are granted"]).await;
        check(std::slice::from_ref(&pods), &[pods.clone(), pods.clone()], &["all 5 that are needed are granted"]).await;
        check(&[], &[pods.clone(), watch("", "pods", Some("b"))], &["all 3 that are needed are granted"]).await;
        check(
            &[pods.clone(), secrets.clone(), in_b.clone()],
            &[],
            &["missing: list and watch deployments.apps in namespace b", "missing: watch secrets in all namespaces"],
        )
        .await;
        check(
            &[pods],
            &[secrets, in_b],
            &[
                "missing: create, delete and patch deployments.apps in namespace b",
                "missing: create, delete and patch secrets in all namespaces",
            ],
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn very_many_permissions_are_not_all_asked_for() {
        let watches: Vec<_> = (0..60).map(|nth| watch("", &format!("k{nth:02}"), None)).collect();
        assert_eq!(asked(&watches, &[], true).await.1, ["not known: 20 more than are asked for"]);
        assert_eq!(asked(&watches[..50], &[], true).await.1, ["all 100 that are needed are granted"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_holds_nothing_up() {
        let (server, lines) = asked(&[watch("", "pods", None)], &[], false).await;
        assert_eq!((server.version, lines), (None, vec!["not known: no answer within 2s".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_knows_no_reviews_or_refuses_them_is_no_hindrance() {
        for code in [404, 403] {
            let service = service_fn(move |_: Request<Body>| async move {
                let answer = Response::builder().status(code).body(Body::from(b"nothing".to_vec()));
                Ok::<_, kube::Error>(answer.expect("sound"))
            });
            let needed = needed(&[watch("", "pods", None)], &[watch("", "secrets", None)]);
            let (_, permissions) = ask(&Client::new(service, "default"), None, needed).await;
            assert_eq!((permissions.asked, permissions.missing.len()), (Some(0), 0));
            assert!(permissions.lines().concat().starts_with("not known: "), "{permissions:?}");
            assert!(permissions.unknown.is_some_and(|why| why.contains(&code.to_string())));
        }
    }
}
