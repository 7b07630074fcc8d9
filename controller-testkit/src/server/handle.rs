//! From a request to the verb that it means, and from what the verb did to an answer.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, USER_AGENT, VARY};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::accept::{Accepted, Form, Media, clauses, negotiate, negotiate_document, preferred, unacceptable};
use super::components::is_of_components;
use super::connect::Way;
use super::flows::Marks;
use super::open_api::{bare, open_api};
use super::present::Look;
use super::query::Query;
use super::read::{Unread, is_builtin, subject};
use super::route::{Route, Target};
use super::scope::Scope;
use super::watch::PATIENCE;
use super::write::{Writing, Written};
use super::{Answer, Server, deadline, meta, reply, shape, site};
use crate::admission::{Call, Calls, Pending, Reply};
use crate::auth::Caller;
use crate::crd::Need;
use crate::discovery::{self, Root};
use crate::field::{echo, name};
use crate::openapi;
use crate::status::ApiError;

/// Until when a request waits for a resourceVersion from the future; travels with the request.
#[derive(Clone, Copy, Debug)]
struct Deadline(Timestamp);

/// The conversion that a request waits for; travels with the request.
#[derive(Clone, Debug)]
struct Converting(Call, Need);

/// A conversion that a request has waited for, and what came of it.
#[derive(Clone, Debug)]
struct Converted(Call, Need, Reply);

/// How a verb ended.
enum Done {
    Answer(Box<Answer>),
    /// The store has not got to this resourceVersion.
    Future(u64),
    /// A webhook is to be called.
    Call(Calls),
}

impl From<Response<Bytes>> for Done {
    fn from(response: Response<Bytes>) -> Self {
        Self::Answer(Box::new(Answer::Whole(response)))
    }
}

impl Server {
    /// Answers one request.
    pub(crate) fn handle(&mut self, request: Request<Bytes>, now: Timestamp, rng: &mut fastrand::Rng) -> Answer {
        let wants_head = request.method() == Method::HEAD;
        let mut marks = self.marks(request.headers(), rng);
        let mut answer = self.answer(request, &mut marks, now, rng);
        marks.put(&mut answer);
        match answer {
            Answer::Whole(response) if wants_head => Answer::Whole(response.map(|_| Bytes::new())),
            answer => answer,
        }
    }

    fn answer(
        &mut self,
        request: Request<Bytes>,
        marks: &mut Marks,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Answer {
        self.age(now);
        let (mut head, body) = request.into_parts();
        if let Err(error) = deadline::check(&head) {
            return Answer::Whole(reply::error(&error, preferred(&head.headers)));
        }
        let user = match self.enter(&head, now) {
            Ok(user) => user,
            Err(error) => return Answer::Whole(reply::error(&error, preferred(&head.headers))),
        };
        let route = Route::find(&self.catalog, head.uri.path());
        if let Err(error) = self.admit_to(&route, &user, &head, marks) {
            return Answer::Whole(reply::error(&error, preferred(&head.headers)));
        }
        head.extensions.insert(user);
        // A request that comes again lives through the same again.
        let pending = head.extensions.get::<Pending>();
        let is_new = pending.is_none();
        let (start, first) = pending.map_or_else(|| (rng.clone(), now), |pending| (pending.rng.clone(), pending.now));
        let (shared, rng, now) = (rng, &mut start.clone(), first);
        let converter = match &route {
            Route::Resource(target) => target.resource.converter().cloned(),
            _ => None,
        };
        if let Some(converter) = &converter {
            converter.forget();
            if let Some(Converted(call, need, reply)) = head.extensions.remove::<Converted>()
                && let Err(why) = converter.learn(&call, &reply)
            {
                match need {
                    Need::Request => {
                        return Answer::Whole(reply::error(&ApiError::unforeseen(why), preferred(&head.headers)));
                    }
                    Need::Watches => converter.give_up(&call),
                }
            }
        }
        let done = match &route {
            Route::Resource(target) => self.verb(&head, &body, target, now, rng),
            route => self.document(&head, route).map(Done::from),
        };
        let is_own = matches!(head.extensions.get(), Some(Caller::Inside | Caller::Controller(_)));
        if let Some(converter) = converter.filter(|_| !is_own)
            && let Some((call, need)) = converter.call(&meta::uid(&mut start.clone()))
        {
            if is_new {
                *shared = start.clone().fork();
                head.extensions.insert(Pending { calls: Calls::default(), now: first, rng: start });
            }
            head.extensions.insert(Converting(call.clone(), need));
            return Answer::Call { call: Box::new(call), request: Request::from_parts(head, body) };
        }
        // Whoever waits has the chance to itself that it had: nobody else draws the same meanwhile.
        if is_new {
            let waits = matches!(done, Ok(Done::Call(_)));
            *shared = if waits { start.clone().fork() } else { rng.clone() };
        }
        let is_unrouted = matches!(&done, Err(error) if error.is_unrouted());
        let mut answer = match done {
            Ok(Done::Answer(answer)) => *answer,
            Ok(Done::Future(rv)) => return self.later(head, body, rv, now),
            Ok(Done::Call(calls)) => {
                return waiting(Request::from_parts(head, body), Pending { calls, now: first, rng: start });
            }
            Err(error) => Answer::Whole(reply::error(&error, preferred(&head.headers))),
        };
        if let Route::Resource(target) = &route
            && let Some(warning) = shape::deprecation(&target.resource).filter(|_| !is_unrouted)
        {
            reply::warn_first(answer.headers_mut(), warning);
        }
        match answer {
            Answer::Whole(response) if wants_pretty(&head) => Answer::Whole(reply::pretty(response)),
            answer => answer,
        }
    }

    /// A version from the future is waited for, but not for long.
    fn later(&self, head: Parts, body: Bytes, rv: u64, now: Timestamp) -> Answer {
        let media = preferred(&head.headers);
        let mut request = Request::from_parts(head, body);
        let Deadline(until) = *request
            .extensions_mut()
            .get_or_insert_with(|| Deadline(now.checked_add(PATIENCE).unwrap_or(Timestamp::MAX)));
        match now < until {
            true => Answer::Later { until, request },
            false => Answer::Whole(reply::error(&ApiError::too_new(rv, self.store.current_rv()), media)),
        }
    }

    fn verb(
        &mut self,
        head: &Parts,
        body: &Bytes,
        target: &Target,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Done, ApiError> {
        let query = Query::parse(head.uri.query());
        let builtin = is_builtin(&target.resource);
        let include = query.include()?;
        let look = Look { include, ..Look::plain(self.catalog.generation()) };
        let whole_cluster = target.resource.namespaced && target.namespace.is_none();
        if whole_cluster && !builtin && head.method != Method::GET {
            return Ok(reply::text(StatusCode::NOT_FOUND, "404 page not found\n").into());
        }
        if let (Some(part), Some(name)) = (&target.subresource, &target.name)
            && target.resource.subresource(part).is_none()
        {
            return Err(ApiError::not_found(subject(&target.resource), name));
        }
        match Way::of(target) {
            Some(Way::Log) => return self.log(head, target, &query).map(Done::from),
            Some(_) => {
                let accepted = Accepted { media: preferred(&head.headers), form: Form::Object };
                return self.do_write(&Writing { head, body, query: &query, target, accepted, look }, now, rng);
            }
            None => {}
        }
        let verb = verb_of(&head.method, target).ok_or_else(ApiError::method_not_allowed)?;
        let served = match &target.subresource {
            Some(name) => target.resource.subresource(name).is_some_and(|found| found.verbs.contains(&verb)),
            None => target.resource.verbs.contains(&verb),
        };
        if !served {
            // What can only be created has no path over all namespaces.
            if whole_cluster && !target.resource.verbs.contains(&"list") {
                return Err(ApiError::no_such_resource());
            }
            return Err(ApiError::method_not_allowed());
        }
        if let Some(name) = &target.name
            && let faults = name::path_segment(name)
            && !faults.is_empty()
        {
            let why = format!("Name parameter invalid: {}: {}", echo::quote(name), faults.join(";"));
            return Err(ApiError::bad_request(why));
        }
        if let Some(namespace @ ("." | "..")) = target.namespace.as_deref() {
            let name = target.name.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
            let key = format!("/{}/{namespace}{name}", target.resource.plural);
            return Err(ApiError::unforeseen(format!("invalid key: {}", echo::quote(&key))));
        }
        if is_of_components(&target.resource) {
            let accepted = negotiate(&head.headers, false, builtin)?;
            let look = Look { form: accepted.form, ..look };
            return self.read_components(target, &query, (accepted, look), now).map(Done::from);
        }
        match (verb, &target.name) {
            ("get", Some(_)) if target.subresource.is_none() && query.flag("export") == Some(true) => {
                let why = "the export parameter, deprecated since v1.14, is no longer supported";
                Err(ApiError::bad_request(why))
            }
            ("get", Some(name)) if target.subresource.is_none() && !target.watch => {
                let accepted = negotiate(&head.headers, false, builtin)?;
                let look = Look { form: accepted.form, ..look };
                let version = query.get("resourceVersion").unwrap_or_default();
                read_done(self.read_one(target, name, version, accepted, look, now))
            }
            ("get", Some(name)) if !target.watch => {
                let accepted = negotiate(&head.headers, false, builtin)?;
                self.read_part(target, name, accepted, Look { form: accepted.form, ..look }, now).map(Done::from)
            }
            ("list" | "get", _) if target.subresource.is_none() => {
                let options = query.list_options(target.watch)?;
                let accepted = negotiate(&head.headers, options.watch, builtin)?;
                let look = Look { form: accepted.form, ..look };
                let scope = Scope::new(target, &options)?;
                if options.watch {
                    let watch = self.start_watch(scope, &options, accepted, look, now, rng)?;
                    return Ok(Done::Answer(Box::new(Answer::Watch { head: reply::stream(accepted.media), watch })));
                }
                read_done(self.read_list(&scope, &options, accepted, look, now))
            }
            _ => {
                let accepted = negotiate(&head.headers, false, builtin)?;
                let look = Look { form: accepted.form, ..look };
                self.do_write(&Writing { head, body, query: &query, target, accepted, look }, now, rng)
            }
        }
    }

    fn do_write(&mut self, writing: &Writing<'_>, now: Timestamp, rng: &mut fastrand::Rng) -> Result<Done, ApiError> {
        Ok(match self.write(writing, now, rng)? {
            Written::Answer(answer) => answer.into(),
            Written::Call(calls) => Done::Call(calls),
        })
    }

    /// One of the two roots of discovery, in the first form that the client names.
    fn aggregated(
        &self,
        head: &Parts,
        root: Root,
        legacy: impl FnOnce() -> Value,
    ) -> Result<Response<Bytes>, ApiError> {
        let accepted = clauses(&head.headers);
        let chosen = accepted.iter().find_map(|clause| {
            let kind = (clause.param("g"), clause.param("as"), clause.param("v"));
            let has_form = matches!(kind, ("", "", _) | ("apidiscovery.k8s.io", "APIGroupDiscoveryList", "v2"));
            clause.media().filter(|_| has_form).map(|media| (kind.1, media))
        });
        let media = match chosen {
            None => return Err(unacceptable(&accepted, root)),
            Some(("", media)) => return Ok(discovered(&legacy(), media)),
            Some((_, media)) => media,
        };
        let value = discovery::aggregated(&self.catalog, root);
        let content_type = format!("{};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", media.name());
        let tag = format!("\"{:016X}\"", fingerprint(&value));
        let known = head.headers.get_all(IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes());
        let mut answer = match known {
            true => reply::text(StatusCode::NOT_MODIFIED, ""),
            false => discovered(&value, media),
        };
        let headers = answer.headers_mut();
        if let Ok(content_type) = HeaderValue::from_str(&content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        Ok(answer)
    }

    /// Answers what is no resource.
    fn document(&self, head: &Parts, route: &Route) -> Result<Response<Bytes>, ApiError> {
        let found = |value: Option<Value>| match value {
            Some(value) => Ok(discovered(&value, negotiate_document(&head.headers, Root::Api)?)),
            None => Err(ApiError::no_such_resource()),
        };
        match route {
            // These two are routes of their own, which know one method; the others are found by their paths alone.
            Route::ApiVersions | Route::ResourceList { .. } if head.method != Method::GET => {
                Err(ApiError::method_not_allowed())
            }
            Route::ApiVersions => self.aggregated(head, Root::Api, || discovery::api_versions(&address(head))),
            Route::ApiGroups => self.aggregated(head, Root::Apis, || discovery::api_groups(&self.catalog)),
            Route::OpenApiWhole => Ok(self.open_api_whole(head)),
            Route::OpenApiIndex => {
                let index = openapi::index(&self.catalog);
                Ok(reply::document(HeaderValue::from_static("text/plain; charset=utf-8"), &index))
            }
            Route::NoSuchDocument => Ok(bare(StatusCode::NOT_FOUND)),
            Route::OpenApiDocument { group, version } => {
                let hash = openapi::hash(&self.catalog, group, version);
                Ok(open_api(head, hash, || openapi::document(&self.catalog, group, version)))
            }
            Route::OpenApiRoot(path) => {
                let hash = openapi::root_hash(&self.catalog, path);
                Ok(open_api(head, hash, || openapi::root(&self.catalog, path)))
            }
            Route::Root => Ok(reply::object(StatusCode::OK, &site::paths(&self.catalog), Media::Json)),
            Route::ApiGroup(group) => match discovery::api_group(&self.catalog, group) {
                Some(value) => Ok(discovered(&value, negotiate_document(&head.headers, Root::Apis)?)),
                None => Err(ApiError::no_such_resource()),
            },
            Route::ResourceList { group, version } => found(discovery::resource_list(&self.catalog, group, version)),
            Route::Version | Route::Keys | Route::Issuer if head.method != Method::GET => {
                Err(ApiError::method_not_allowed())
            }
            Route::Version => site::version(&head.headers),
            Route::Issuer => Ok(site::issuer(&address(head))),
            Route::Keys => Ok(site::keys()),
            Route::Health { of, check } => Ok(site::health(*of, check.as_deref(), &Query::parse(head.uri.query()))),
            Route::Metrics => Ok(site::metrics(&self.store)),
            Route::Checks => Ok(site::checks()),
            Route::Page(page) => site::page(page, &head.headers),
            Route::Unescapable => Ok(reply::text(StatusCode::BAD_REQUEST, "400 Bad Request")),
            Route::NoVerb => Ok(site::no_verb(head.uri.path())),
            Route::NoSuchResource => Err(ApiError::no_such_resource()),
            _ => Ok(reply::text(StatusCode::NOT_FOUND, "404 page not found\n")),
        }
    }
}

/// A document of discovery as the client wants it.
fn discovered(document: &Value, media: Media) -> Response<Bytes> {
    match media {
        Media::Json => reply::json(StatusCode::OK, discovery::written(document)),
        _ => reply::object(StatusCode::OK, document, media),
    }
}

/// Where the client believes the server to be.
fn address(head: &Parts) -> String {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| head.uri.authority().map(|authority| authority.as_str())).unwrap_or("127.0.0.1").to_owned()
}

/// A request that waits for a call.
fn waiting(mut request: Request<Bytes>, pending: Pending) -> Answer {
    let Some(call) = pending.calls.wanted().cloned() else {
        return Answer::Whole(reply::error(&ApiError::internal("no call is waited for"), Media::Json));
    };
    request.extensions_mut().insert(pending);
    Answer::Call { call: Box::new(call), request }
}

/// The same request, once the call that it waited for has been made.
pub(crate) fn answered(mut request: Request<Bytes>, reply: Reply) -> Request<Bytes> {
    if let Some(Converting(call, need)) = request.extensions_mut().remove::<Converting>() {
        request.extensions_mut().insert(Converted(call, need, reply));
        return request;
    }
    if let Some(pending) = request.extensions_mut().remove::<Pending>() {
        request.extensions_mut().insert(Pending { calls: pending.calls.with(reply), ..pending });
    }
    request
}

fn read_done(read: Result<Response<Bytes>, Unread>) -> Result<Done, ApiError> {
    match read {
        Ok(response) => Ok(response.into()),
        Err(Unread::Future(rv)) => Ok(Done::Future(rv)),
        Err(Unread::Refused(error)) => Err(error),
    }
}

/// The API's verb for a method; whether the resource has it is for the catalog to say.
fn verb_of(method: &Method, target: &Target) -> Option<&'static str> {
    let whole_cluster = target.resource.namespaced && target.namespace.is_none();
    match (method, &target.name) {
        (&Method::GET, None) => Some("list"),
        (&Method::GET, Some(_)) => Some("get"),
        _ if target.watch => None,
        (&Method::POST, None) if !whole_cluster || !target.resource.is_stored() => Some("create"),
        (&Method::POST, Some(_)) if target.subresource.is_some() => Some("create"),
        (&Method::PUT, Some(_)) => Some("update"),
        (&Method::PATCH, Some(_)) => Some("patch"),
        (&Method::DELETE, Some(_)) => Some("delete"),
        (&Method::DELETE, None) if !whole_cluster => Some("deletecollection"),
        _ => None,
    }
}

fn wants_pretty(head: &Parts) -> bool {
    let agent = head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    match Query::parse(head.uri.query()).flag("pretty") {
        Some(pretty) => pretty,
        None => ["curl", "Wget", "Mozilla/5.0"].iter().any(|person| agent.starts_with(person)),
    }
}

/// A number that tells two documents apart; the same in every process.
fn fingerprint(value: &Value) -> u64 {
    value
        .to_string()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
