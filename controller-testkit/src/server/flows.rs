//! What an answer says of its request: the number under which it is known, and the flow schema by which it came in.
//!
//! The number is the client's own, or drawn. It is drawn from a chance of its own, so that objects get the uids that they
//! would get without it.

use std::ops::Deref;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use super::route::{Route, Target};
use super::{Answer, Server};
use crate::auth::{Ask, Flow, User};
use crate::store::{Range, Store};

const NUMBER: HeaderName = HeaderName::from_static("audit-id");
const SCHEMA: HeaderName = HeaderName::from_static("x-kubernetes-pf-flowschema-uid");
const LEVEL: HeaderName = HeaderName::from_static("x-kubernetes-pf-prioritylevel-uid");
const SCHEMAS: &str = "flowcontrol.apiserver.k8s.io/flowschemas";
const LEVELS: &str = "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations";
const ALL: Range<'static> = Range { prefix: "", from: "" };

/// The flows that there are, as they were read last.
#[derive(Debug, Default)]
pub(super) struct Flows {
    read_at: Option<u64>,
    flows: Vec<Flow>,
    /// What the next number is drawn from.
    numbers: Option<fastrand::Rng>,
}

impl Flows {
    fn refresh(&mut self, store: &Store) {
        let now = store.current_rv();
        let is_known = self.read_at.is_some_and(|read_at| {
            let has_changed = |table: &str| {
                store.has_forgotten(table, read_at) || store.events_after(table, read_at).next().is_some()
            };
            read_at == now || !has_changed(SCHEMAS) && !has_changed(LEVELS)
        });
        if !is_known {
            let schemas: Vec<_> = store.scan(SCHEMAS, ALL).map(|(_, schema)| schema.value()).collect();
            let level = |name: &str| HeaderValue::from_str(&store.get(LEVELS, name)?.uid()).ok();
            self.flows = Flow::all(schemas.iter().map(|schema| &**schema), level);
        }
        self.read_at = Some(now);
    }
}

/// What is told of a request.
#[derive(Debug, Default)]
pub(super) struct Marks {
    number: Option<HeaderValue>,
    /// The uids of the schema and of its level.
    flow: Option<[HeaderValue; 2]>,
}

impl Server {
    /// What a request says of itself.
    pub(super) fn marks(&mut self, headers: &HeaderMap, rng: &fastrand::Rng) -> Marks {
        let numbers = self.flows.numbers.get_or_insert_with(|| rng.clone().fork());
        let given = headers.get(NUMBER).filter(|number| !number.is_empty()).cloned();
        Marks { number: Some(given.unwrap_or_else(|| drawn(numbers))), flow: None }
    }

    /// Finds the flow by which a request comes in; none of what goes on for so long that nobody counts it.
    pub(super) fn sort(&mut self, marks: &mut Marks, user: &User, route: &Route, ask: &dyn Deref<Target = Ask>) {
        if matches!(route, Route::Resource(target) if goes_on(target)) {
            return;
        }
        self.flows.refresh(&self.store);
        let flow = self.flows.flows.iter().find(|flow| flow.takes(user, ask));
        marks.flow = flow.map(|flow| [flow.schema.clone(), flow.level.clone()]);
    }
}

impl Marks {
    /// Puts what is told on an answer.
    pub(super) fn put(self, answer: &mut Answer) {
        let headers = match answer {
            Answer::Whole(response) => response.headers_mut(),
            Answer::Watch { head, .. } => head.headers_mut(),
            // It is no answer yet.
            Answer::Call { .. } | Answer::Later { .. } => return,
        };
        if let Some(number) = self.number {
            headers.insert(NUMBER, number);
        }
        if let Some([schema, level]) = self.flow {
            headers.insert(SCHEMA, schema);
            headers.insert(LEVEL, level);
        }
    }
}

/// Whether what is asked for is no single answer.
fn goes_on(target: &Target) -> bool {
    !target.watch && matches!(target.subresource.as_deref(), Some("attach" | "exec" | "log" | "portforward" | "proxy"))
}

/// A number that nobody else has: a uid, written where it stays.
fn drawn(rng: &mut fastrand::Rng) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bits = (rng.u128(..) & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
    let mut text = [b'-'; 36];
    let places = (0..36).filter(|place| !matches!(place, 8 | 13 | 18 | 23));
    for (place, byte) in places.zip(bits.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 0xf])) {
        text[place] = DIGITS[usize::from(byte)];
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}
