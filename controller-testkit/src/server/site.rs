//! What the server tells of itself: its paths, its health, its version, its figures, and who signs its tokens.
//!
//! The checks have the names of a real server's, by which probes ask for them one by one; all are met as long as the
//! server answers at all.

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::accept::{Media, clauses};
use super::query::Query;
use super::reply;
use crate::catalog::Catalog;
use crate::field::echo;
use crate::status::ApiError;
use crate::store::{Range, Store};

/// Which of the questions after its health is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Healthz,
    Livez,
    Readyz,
}

impl Health {
    const ALL: [Self; 3] = [Self::Healthz, Self::Livez, Self::Readyz];

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.name() == word)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Healthz => "healthz",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
        }
    }

    /// Its checks, in the order in which they are made.
    fn checks(self) -> impl Iterator<Item = &'static str> {
        let (first, last): (&[&str], &[&str]) = match self {
            Self::Healthz | Self::Livez => (&["ping", "log", "loopback-serving-certificate", "etcd"], &[]),
            Self::Readyz => (&["ping", "log", "etcd", "etcd-readiness", "informer-sync"], &["shutdown"]),
        };
        first.iter().chain(&HOOKS).chain(last).copied()
    }
}

/// What a real server does once it has started.
const HOOKS: [&str; 30] = [
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/peer-endpoint-reconciler-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
    "poststarthook/storage-readiness",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
];

/// The paths that are no API's, beside those of the checks.
const PATHS: [&str; 13] = [
    "/.well-known/openid-configuration",
    "/api",
    "/apis",
    "/apis/",
    "/flagz",
    "/metrics",
    "/metrics/slis",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/",
    "/openid/v1/jwks",
    "/statusz",
    "/version",
];

/// Every path that is served, as the root lists them.
pub(super) fn paths(catalog: &Catalog) -> serde_json::Value {
    let mut paths: Vec<String> = PATHS.map(str::to_owned).into();
    for group in catalog.groups() {
        let root = if group.name.is_empty() { "/api".to_owned() } else { format!("/apis/{}", group.name) };
        paths.extend(group.versions.iter().map(|version| format!("{root}/{version}")));
        paths.push(root);
    }
    for health in Health::ALL {
        paths.push(format!("/{}", health.name()));
        paths.extend(health.checks().map(|check| format!("/{}/{check}", health.name())));
    }
    paths.sort();
    paths.dedup();
    json!({"paths": paths})
}

/// Whether the server is well, or one check of it.
pub(super) fn health(of: Health, check: Option<&str>, query: &Query) -> Response<Bytes> {
    if let Some(check) = check {
        return match of.checks().any(|known| known == check) {
            true => reply::text(StatusCode::OK, "ok"),
            false => reply::text(StatusCode::NOT_FOUND, "404 page not found\n"),
        };
    }
    if query.get("verbose").is_none() {
        return reply::text(StatusCode::OK, "ok");
    }
    let excluded: Vec<&str> = query.all("exclude").collect();
    let mut told: String = of
        .checks()
        .map(|check| match excluded.contains(&check) {
            true => format!("[+]{check} excluded: ok\n"),
            false => format!("[+]{check} ok\n"),
        })
        .collect();
    let unknown: Vec<String> =
        excluded.iter().filter(|name| of.checks().all(|check| check != **name)).map(|name| echo::quote(name)).collect();
    if !unknown.is_empty() {
        told.push_str("warn: some health checks cannot be excluded: no matches for ");
        told.push_str(&unknown.join(","));
        told.push('\n');
    }
    reply::text(StatusCode::OK, format!("{told}{} check passed\n", of.name()))
}

/// Which server this is. It tells that in JSON alone.
pub(super) fn version(headers: &HeaderMap) -> Result<Response<Bytes>, ApiError> {
    if !clauses(headers).iter().any(|clause| clause.is_json()) {
        return Err(ApiError::nothing_acceptable(&["application/json"]));
    }
    let version = json!({
        "major": "1", "minor": "37", "emulationMajor": "1", "emulationMinor": "37",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "36",
        "gitVersion": "v1.37.2", "gitCommit": "embedded", "gitTreeState": "", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none", "compiler": "rustc", "platform": "linux/amd64",
    });
    Ok(reply::pretty(reply::object(StatusCode::OK, &version, Media::Json)))
}

/// Who gives out the tokens of service accounts, and where the keys are with which others could check them.
pub(super) fn issuer(address: &str) -> Response<Bytes> {
    let document = json!({
        "issuer": "https://kubernetes.default.svc.cluster.local",
        "jwks_uri": format!("https://{address}/openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    for_an_hour(reply::bytes(HeaderValue::from_static("application/json"), document.to_string()))
}

/// There are no such keys: the server alone knows its tokens again.
pub(super) fn keys() -> Response<Bytes> {
    for_an_hour(reply::bytes(HeaderValue::from_static("application/jwk-set+json"), r#"{"keys":[]}"#))
}

fn for_an_hour(mut answer: Response<Bytes>) -> Response<Bytes> {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    answer
}

/// As Prometheus wants it to be called.
const FIGURES: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8; escaping=underscores");

/// How many objects of each kind there are, and which server this is.
pub(super) fn metrics(store: &Store) -> Response<Bytes> {
    let mut told = String::from(
        "# HELP apiserver_resource_objects [STABLE] Number of stored objects at the time of last check split by kind.\n\
         # TYPE apiserver_resource_objects gauge\n",
    );
    for table in store.tables() {
        let (group, resource) = table.split_once('/').unwrap_or_default();
        let objects = store.scan(table, Range { prefix: "", from: "" }).count();
        told.push_str(&format!("apiserver_resource_objects{{group=\"{group}\",resource=\"{resource}\"}} {objects}\n"));
    }
    told.push_str(
        "# HELP kubernetes_build_info [ALPHA] A metric with a constant '1' value labeled by major, minor, git version, \
         git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and \
         platform on which it is running.\n\
         # TYPE kubernetes_build_info gauge\n\
         kubernetes_build_info{compiler=\"rustc\",git_version=\"v1.37.2\",major=\"1\",minor=\"37\"} 1\n",
    );
    reply::bytes(FIGURES, told)
}

/// Whether each check is met, as figures.
pub(super) fn checks() -> Response<Bytes> {
    let mut told = String::from(
        "# HELP kubernetes_healthcheck [STABLE] This metric records the result of a single healthcheck.\n\
         # TYPE kubernetes_healthcheck gauge\n",
    );
    for health in Health::ALL {
        let mut checks: Vec<&str> = health.checks().collect();
        checks.sort_unstable();
        for check in checks {
            told.push_str(&format!("kubernetes_healthcheck{{name=\"{check}\",type=\"{}\"}} 1\n", health.name()));
        }
    }
    reply::bytes(FIGURES, told)
}

/// Pages for people, which machines can't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Statusz,
    Flagz,
}

pub(super) fn page(page: &Page, headers: &HeaderMap) -> Result<Response<Bytes>, ApiError> {
    if !clauses(headers).iter().any(|clause| clause.is_text()) {
        return Err(ApiError::not_acceptable(&["application/json", "application/yaml", "text/plain"]));
    }
    let (title, told) = match page {
        Page::Statusz => (
            "statusz",
            "\nBinary version= 1.37.2\nEmulation version= 1.37\n\
             Paths= /flagz /healthz /livez /metrics /readyz /statusz /version\n",
        ),
        Page::Flagz => ("flagz", ""),
    };
    let warning = "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility \
                   guarantees and is for debugging purposes only.";
    Ok(reply::text(StatusCode::OK, format!("\napiserver {title}\n{warning}\n{told}")))
}

/// A path that begins with a verb of old, and then has nothing to do it to.
pub(super) fn no_verb(path: &str) -> Response<Bytes> {
    let why = format!(
        "Internal Server Error: {}: failed to create RequestInfo: unable to determine kind and namespace from url, \
         {path}\n",
        echo::quote(path)
    );
    reply::text(StatusCode::INTERNAL_SERVER_ERROR, why)
}
