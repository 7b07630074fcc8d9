//! Owns the plain data that the attribute writes about a controller.
//!
//! Everything here is `const`: the macro emits values, the runtime reads them, and there is no logic between.

use std::any::TypeId;
use std::time::Duration;

use crate::supervisor::{Restart, Shutdown};

/// The callbacks that an impl can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Callback {
    /// `add`
    Add,
    /// `modify`
    Modify,
    /// `delete`
    Delete,
    /// `reconcile`
    Reconcile,
}

impl Callback {
    /// The name of the method.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Modify => "modify",
            Self::Delete => "delete",
            Self::Reconcile => "reconcile",
        }
    }
}

/// Which callbacks an impl has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Callbacks(u8);

impl Callbacks {
    /// Whether the impl has this callback.
    #[must_use]
    pub const fn has(self, callback: Callback) -> bool {
        self.0 & (1 << callback as u8) != 0
    }

    const fn with(self, callback: Callback) -> Self {
        Self(self.0 | 1 << callback as u8)
    }
}

/// What happens with the objects that are there when the controller starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStart {
    /// Each is given to `add`.
    Add,
    /// Each is given to `reconcile`.
    Reconcile,
    /// None is given to a callback until it changes.
    Skip,
}

/// A part of an object whose change is worth a run: the option `when`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// `when(generation)`: `metadata.generation`, which the API server counts up when somebody changes what is wished
    /// for. Of an object without a generation, everything but `metadata` and `status` counts.
    Generation,
    /// `when(label("app"))`
    Label(&'static str),
    /// `when(annotation("example.com/size"))`
    Annotation(&'static str),
    /// `when(field("/spec/nodeName"))`: a JSON pointer.
    Field(&'static str),
}

/// A pointer of `when(field(..))` that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`when(field(\"{pointer}\"))` is no JSON pointer: write it as \"/spec/nodeName\", with ~1 for a slash and ~0 for a tilde in a name"
)]
pub(crate) struct FilterError {
    pub(crate) pointer: &'static str,
}

/// How much of each object is asked for and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Content {
    /// All of it.
    #[default]
    Whole,
    /// `metadata` alone: whatever the kind, the server sends a
    /// [`PartialObjectMetadata`](https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches).
    Metadata,
}

/// What is kept of the objects of a controller: the option `cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cached {
    pub(crate) content: Content,
    /// `metadata.managedFields` too.
    pub(crate) managed_fields: bool,
}

/// How many runs may begin: the options `rate_limit` and `key_rate_limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) runs: u32,
    pub(crate) per: Duration,
    pub(crate) burst: u32,
}

/// Everything that the attribute says about a controller.
///
/// The macro writes it; by hand it reads the same:
///
/// ```
/// use controller_core::{Callback, Descriptor};
/// const PODS: Descriptor = Descriptor::new("pod-watcher", "v1", "Pod").on(Callback::Add).on(Callback::Reconcile);
/// assert!(PODS.callbacks().has(Callback::Add));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    name: &'static str,
    api_version: Option<&'static str>,
    kind: Option<&'static str>,
    plural: Option<&'static str>,
    namespaces: &'static [&'static str],
    labels: Option<&'static str>,
    fields: Option<&'static str>,
    when: &'static [Filter],
    cache: Cached,
    callbacks: Callbacks,
    on_start: Option<OnStart>,
    resync: Option<Duration>,
    concurrency: u16,
    timeout: Option<Duration>,
    backoff: (Duration, Duration),
    escalate: Option<(u32, Duration)>,
    rate_limit: Option<RateLimit>,
    key_rate_limit: Option<RateLimit>,
    schema: Option<&'static str>,
    restart: Restart,
    shutdown: Shutdown,
    significant: bool,
    resource: Option<fn() -> ResourceFacts>,
}

/// What an object type says about itself, where it is a `kube::Resource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFacts {
    /// `apps/v1`, or `v1` for the core group.
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// `deployments`
    pub plural: String,
    /// Whether objects live in namespaces; none where the type does not say.
    pub namespaced: Option<bool>,
}

impl ResourceFacts {
    /// What this type says.
    #[must_use]
    pub fn of<K: kube::Resource<DynamicType = (), Scope: 'static>>() -> Self {
        let scope = TypeId::of::<K::Scope>();
        let namespaced = if scope == TypeId::of::<k8s_openapi::NamespaceResourceScope>() {
            Some(true)
        } else if scope == TypeId::of::<k8s_openapi::ClusterResourceScope>() {
            Some(false)
        } else {
            None
        };
        Self {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            plural: K::plural(&()).into_owned(),
            namespaced,
        }
    }
}

impl Descriptor {
    /// A controller of this name for objects of this kind, with the defaults of the attribute.
    #[must_use]
    pub const fn new(name: &'static str, api_version: &'static str, kind: &'static str) -> Self {
        Self::of_type(name).api_version(api_version).kind(kind)
    }

    /// A controller of this name whose kind is that of its object type.
    #[must_use]
    pub const fn of_type(name: &'static str) -> Self {
        Self {
            name,
            api_version: None,
            kind: None,
            plural: None,
            namespaces: &[],
            labels: None,
            fields: None,
            when: &[],
            cache: Cached { content: Content::Whole, managed_fields: false },
            callbacks: Callbacks(0),
            on_start: None,
            resync: Some(Duration::from_secs(30)),
            concurrency: 1,
            timeout: Some(Duration::from_secs(300)),
            backoff: (Duration::from_millis(5), Duration::from_secs(60)),
            escalate: None,
            rate_limit: None,
            key_rate_limit: None,
            schema: None,
            restart: Restart::Permanent,
            shutdown: Shutdown::After(Duration::from_secs(5)),
            significant: false,
            resource: None,
        }
    }
}

/// Each option of the attribute as a builder method, and as what the runtime reads.
macro_rules! options {
    ($($(#[$doc:meta])* $setter:ident($($arg:ident: $ty:ty),*) => $($field:ident).+ = $value:expr;)*) => {
        impl Descriptor {
            $($(#[$doc])* #[must_use] pub const fn $setter(mut self $(, $arg: $ty)*) -> Self { self.$($field).+ = $value; self })*
        }
    };
}

options! {
    /// `api_version = "apps/v1"`
    api_version(version: &'static str) => api_version = Some(version);
    /// `kind = "Deployment"`
    kind(kind: &'static str) => kind = Some(kind);
    /// `plural = "deployments"`
    plural(plural: &'static str) => plural = Some(plural);
    /// `namespace = ["a", "b"]`; without it, all namespaces.
    namespaces(namespaces: &'static [&'static str]) => namespaces = namespaces;
    /// `labels = "app=web"`
    labels(selector: &'static str) => labels = Some(selector);
    /// `fields = "status.phase=Running"`
    fields(selector: &'static str) => fields = Some(selector);
    /// `when(generation, label("app"))`: a change of any of these is worth a run, and no other change is.
    when(filters: &'static [Filter]) => when = filters;
    /// `cache(metadata)`: of each object only its metadata is asked for and kept.
    cache_metadata() => cache.content = Content::Metadata;
    /// `cache(managed_fields)`: `metadata.managedFields` are kept as well, which are a third of most objects.
    cache_managed_fields() => cache.managed_fields = true;
    /// `on_start = add | reconcile | skip`
    on_start(on_start: OnStart) => on_start = Some(on_start);
    /// `reconcile_delay = "30s"`
    reconcile_delay(delay: Duration) => resync = Some(delay);
    /// `reconcile_delay = off`
    no_resync() => resync = None;
    /// `concurrency = 4`
    concurrency(workers: u16) => concurrency = workers;
    /// `timeout = "5m"`
    timeout(limit: Duration) => timeout = Some(limit);
    /// `timeout = off`
    no_timeout() => timeout = None;
    /// `backoff(min = "5ms", max = "60s")`
    backoff(min: Duration, max: Duration) => backoff = (min, max);
    /// `escalate(panics = 3, within = "1m")`: so many panics of callbacks in that time end the controller with a
    /// panic, and its supervisor decides. Without it they never do.
    escalate(panics: u32, within: Duration) => escalate = Some((panics, within));
    /// `rate_limit(runs = 10, per = "1s", burst = 20)`: so many runs begin in that time, and at most `burst` at once.
    rate_limit(runs: u32, per: Duration, burst: u32) => rate_limit = Some(RateLimit { runs, per, burst });
    /// `key_rate_limit(runs = 1, per = "1m", burst = 2)`: the same of each object.
    key_rate_limit(runs: u32, per: Duration, burst: u32) => key_rate_limit = Some(RateLimit { runs, per, burst });
    /// `schema = "file.json"` and `schema({ .. })`: the schema's text.
    schema(text: &'static str) => schema = Some(text);
    /// `supervisor(restart = permanent)`
    restart(restart: Restart) => restart = restart;
    /// `supervisor(shutdown = "5s")`
    shutdown(shutdown: Shutdown) => shutdown = shutdown;
    /// `supervisor(significant)`
    significant() => significant = true;
    /// What the object type says about itself.
    resource(facts: Option<fn() -> ResourceFacts>) => resource = facts;
}

impl Descriptor {
    /// The impl has this callback.
    #[must_use]
    pub const fn on(mut self, callback: Callback) -> Self {
        self.callbacks = self.callbacks.with(callback);
        self
    }

    /// The controller's name, unique in its operator.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Which callbacks the impl has.
    #[must_use]
    pub const fn callbacks(&self) -> Callbacks {
        self.callbacks
    }

    /// What happens with objects found at start: as asked for, else `reconcile` where it is written, else `add`.
    #[must_use]
    pub const fn at_start(&self) -> OnStart {
        match self.on_start {
            Some(on_start) => on_start,
            None if self.callbacks.has(Callback::Reconcile) => OnStart::Reconcile,
            None if self.callbacks.has(Callback::Add) => OnStart::Add,
            None => OnStart::Skip,
        }
    }

    pub(crate) fn namespaces_asked_for(&self) -> &'static [&'static str] {
        self.namespaces
    }

    pub(crate) fn label_selector(&self) -> Option<&'static str> {
        self.labels
    }

    pub(crate) fn field_selector(&self) -> Option<&'static str> {
        self.fields
    }

    pub(crate) fn filters(&self) -> &'static [Filter] {
        self.when
    }

    pub(crate) fn cached(&self) -> Cached {
        self.cache
    }

    /// The time between the end of a run and the resync tick; none where it is off or `reconcile` is not written.
    pub(crate) fn resync(&self) -> Option<Duration> {
        self.resync.filter(|_| self.callbacks.has(Callback::Reconcile))
    }

    pub(crate) fn workers(&self) -> u16 {
        self.concurrency
    }

    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.timeout
    }

    pub(crate) fn backoff_bounds(&self) -> (Duration, Duration) {
        self.backoff
    }

    pub(crate) fn escalation(&self) -> Option<(u32, Duration)> {
        self.escalate
    }

    /// The rate limit of all objects together, and that of each.
    pub(crate) fn rate_limits(&self) -> [Option<RateLimit>; 2] {
        [self.rate_limit, self.key_rate_limit]
    }

    pub(crate) fn schema_text(&self) -> Option<&'static str> {
        self.schema
    }

    pub(crate) fn restart_rule(&self) -> Restart {
        self.restart
    }

    pub(crate) fn shutdown_rule(&self) -> Shutdown {
        self.shutdown
    }

    pub(crate) fn is_significant(&self) -> bool {
        self.significant
    }

    /// The kind to watch, from what was written and what the object type says.
    pub(crate) fn watched_kind(&self) -> Result<WatchedKind, KindError> {
        let facts = self.resource.map(|facts| facts());
        let of_type = |field: fn(&ResourceFacts) -> &String| facts.as_ref().map(field).cloned();
        let kind = agree(self.name, "kind", self.kind, of_type(|f| &f.kind))?;
        let api_version = agree(self.name, "api_version", self.api_version, of_type(|f| &f.api_version))?;
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
        Ok(WatchedKind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind,
            plural: self.plural.map(str::to_owned).or(of_type(|f| &f.plural)),
            namespaced: facts.and_then(|facts| facts.namespaced),
        })
    }
}

/// The kind that a controller watches. What neither the attribute nor the type says is asked of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchedKind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: Option<String>,
    pub(crate) namespaced: Option<bool>,
}

impl WatchedKind {
    /// The kind that a type says of itself.
    pub(crate) fn of(facts: &ResourceFacts) -> Self {
        let (group, version) = facts.api_version.rsplit_once('/').unwrap_or(("", &facts.api_version));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: facts.kind.clone(),
            plural: Some(facts.plural.clone()),
            namespaced: facts.namespaced,
        }
    }

    /// `v1`, `apps/v1`
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// Why the kind of a controller is not known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KindError {
    #[error(
        "controller {controller}: `{option} = \"{written}\"` but the resource type says \"{of_type}\"; write that, or change the object type"
    )]
    Differs { controller: &'static str, option: &'static str, written: &'static str, of_type: String },
    #[error(
        "controller {controller} has no `{option}`, and its object type is not a resource that has one; write `{option} = \"...\"`"
    )]
    Missing { controller: &'static str, option: &'static str },
}

fn agree(
    controller: &'static str,
    option: &'static str,
    written: Option<&'static str>,
    of_type: Option<String>,
) -> Result<String, KindError> {
    match (written, of_type) {
        (Some(written), Some(of_type)) if written != of_type => {
            Err(KindError::Differs { controller, option, written, of_type })
        }
        (Some(written), _) => Ok(written.to_owned()),
        (None, Some(of_type)) => Ok(of_type),
        (None, None) => Err(KindError::Missing { controller, option }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> ResourceFacts {
        ResourceFacts {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            plural: "deployments".into(),
            namespaced: Some(true),
        }
    }

    #[test]
    fn what_is_written_and_what_the_type_says_must_agree() {
        let typed = Some(deployment as fn() -> ResourceFacts);
        let check = |descriptor: Descriptor, expect: Result<(&str, &str, Option<&str>), &str>| {
            let found =
                descriptor.watched_kind().map(|k| (k.api_version(), k.kind, k.plural)).map_err(|e| e.to_string());
            let expect =
                expect.map(|(v, k, p)| (v.to_owned(), k.to_owned(), p.map(str::to_owned))).map_err(str::to_owned);
            assert_eq!(found, expect);
        };
        check(Descriptor::new("c", "apps/v1", "Deployment"), Ok(("apps/v1", "Deployment", None)));
        check(Descriptor::of_type("c").resource(typed), Ok(("apps/v1", "Deployment", Some("deployments"))));
        check(Descriptor::new("c", "v1", "Pod").plural("pods"), Ok(("v1", "Pod", Some("pods"))));
        check(
            Descriptor::of_type("c").kind("StatefulSet").resource(typed),
            Err(
                "controller c: `kind = \"StatefulSet\"` but the resource type says \"Deployment\"; write that, or change the object type",
            ),
        );
        check(
            Descriptor::of_type("c").kind("Thing"),
            Err(
                "controller c has no `api_version`, and its object type is not a resource that has one; write `api_version = \"...\"`",
            ),
        );
    }

    #[test]
    fn a_start_says_it_in_the_words_of_the_compiler() {
        let compiler = std::panic::catch_unwind(|| {
            crate::__private::same_kind("StatefulSet", Some(("apps/v1", "Deployment")));
        });
        let compiler = *compiler.expect_err("they differ").downcast::<String>().expect("a text");
        let typed = Some(deployment as fn() -> ResourceFacts);
        let start = Descriptor::of_type("c").kind("StatefulSet").resource(typed).watched_kind();
        assert_eq!(start.expect_err("they differ").to_string(), format!("controller c: {compiler}"));
    }

    #[test]
    fn resync_needs_reconcile() {
        assert_eq!(Descriptor::new("c", "v1", "Pod").on(Callback::Add).resync(), None);
        assert_eq!(Descriptor::new("c", "v1", "Pod").on(Callback::Reconcile).resync(), Some(Duration::from_secs(30)));
        assert_eq!(Descriptor::new("c", "v1", "Pod").on(Callback::Reconcile).no_resync().resync(), None);
    }
}
