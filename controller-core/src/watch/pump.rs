//! Puts the rooms of the watch together, without the wire: bytes and the ends of requests go in, the store changes,
//! those who listen are told, and what to do next comes out.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::WatchSpec;
use super::frame::{Frame, Line};
use super::list::Page;
use super::scan::{self, Event, Object, Refusal, TypeMeta, Unreadable};
use super::spec::ManagedFields;
use super::stream::{Action, Input, Relist, Request, Stream, Trouble};
use crate::cache::{Applied, Entry, ResourceVersion, Seen, Slot, Store};
use crate::descriptor::Content;
use crate::json::Flaw;

/// One who is told what the bytes changed.
pub(super) trait Listener {
    fn upsert(&mut self, slot: Slot, entry: &Entry, before: Option<&Entry>);
    fn remove(&mut self, slot: Slot, entry: &Entry);
    fn synced(&mut self);
    fn note(&mut self, note: Note<'_>);
}

/// What a log and a health report want to know.
#[derive(Debug)]
pub(super) enum Note<'a> {
    Trouble(&'a Trouble),
    Recovered,
    Relist(&'a Relist),
    /// An object that can't be read is left as it was.
    Skipped(&'a Unreadable<'a>),
    /// A line beyond the bound.
    TooLong(usize),
    /// An event of a type that this engine does not know.
    Unknown(&'a str),
}

/// What the wire has to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// Drop what is being read, and send this.
    Open(Request),
    /// Drop what is being read, and say so when the time is over.
    Wait(Duration),
}

/// What went through, for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Reports of objects, in lists and events.
    pub(crate) reports: AtomicU64,
    /// Those that changed nothing.
    pub(crate) repeated: AtomicU64,
    /// Objects that could not be read, lines that were too long, and events of unknown types.
    pub(crate) skipped: AtomicU64,
    /// Lists that had to be read again.
    pub(crate) relists: AtomicU64,
}

/// The body that is being read.
#[derive(Debug)]
enum Body {
    Nothing,
    Lines(Frame),
    List(Page),
    /// A list of which only the version counts.
    Probe(Page),
}

/// One watch without its wire.
pub(super) struct Pump {
    stream: Stream,
    body: Body,
    /// What was asked last.
    asked: Asked,
    /// What the wire was not told yet.
    task: Option<Task>,
    intake: Intake,
}

#[derive(Debug, Clone, Copy)]
enum Asked {
    Lines,
    List,
    Probe,
}

/// What the objects go through.
struct Intake {
    store: Arc<Store>,
    type_meta: TypeMeta,
    managed_fields: ManagedFields,
    tally: Arc<Tally>,
}

impl Tally {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Pump {
    pub(super) fn new(spec: &WatchSpec, store: Arc<Store>, tally: Arc<Tally>, rng: fastrand::Rng) -> Self {
        let type_meta = match spec.content {
            Content::Whole => TypeMeta::new(&spec.api_version(), &spec.kind),
            Content::Metadata => TypeMeta::new("meta.k8s.io/v1", "PartialObjectMetadata"),
        };
        Self {
            stream: Stream::new(rng),
            body: Body::Nothing,
            asked: Asked::Lines,
            task: Some(Task::Wait(Duration::ZERO)),
            intake: Intake { store, type_meta, managed_fields: spec.managed_fields, tally },
        }
    }

    /// What to do instead of what is being done. None to read on.
    pub(super) fn task(&mut self) -> Option<Task> {
        self.task.take()
    }

    /// How long the wire may be silent before `silent` is called.
    pub(super) fn silence(&self) -> Duration {
        self.stream.silence()
    }

    /// The wait is over.
    pub(super) fn woke(&mut self, now: Instant, listener: &mut impl Listener) {
        self.input(now, Input::Woke, listener);
    }

    /// The request was answered, and its body begins.
    pub(super) fn opened(&mut self, now: Instant, listener: &mut impl Listener) {
        self.body = match self.asked {
            Asked::Lines => Body::Lines(Frame::new()),
            Asked::List => Body::List(Page::new()),
            Asked::Probe => Body::Probe(Page::new()),
        };
        self.input(now, Input::Opened, listener);
    }

    /// The request was refused. The body tells more than the status line where it is a `Status`.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        code: u16,
        retry_after: Option<Duration>,
        body: &[u8],
        listener: &mut impl Listener,
    ) {
        let said = scan::status(body).unwrap_or_else(|| Refusal {
            message: String::from_utf8_lossy(body).chars().take(200).collect::<String>().trim().to_owned(),
            ..Refusal::default()
        });
        let retry_after_seconds = retry_after.map(|wait| wait.as_secs()).or(said.retry_after_seconds);
        self.input(now, Input::Refused(Refusal { code, retry_after_seconds, ..said }), listener);
    }

    /// There was no answer, or the body broke off.
    pub(super) fn failed(&mut self, now: Instant, why: String, listener: &mut impl Listener) {
        self.input(now, Input::Failed(why), listener);
    }

    /// Nothing came for as long as `silence` said.
    pub(super) fn silent(&mut self, now: Instant, listener: &mut impl Listener) {
        self.input(now, Input::Silent, listener);
    }

    /// A part of the body.
    pub(super) fn chunk(&mut self, now: Instant, chunk: &[u8], listener: &mut impl Listener) {
        let Self { stream, body, intake, .. } = self;
        let mut actions = Vec::new();
        let broken = match body {
            Body::Nothing => Ok(()),
            Body::Lines(frame) => {
                let _ = frame.feed(chunk, |line| {
                    let input = match line {
                        Line::Whole(line) => intake.line(line, stream, listener),
                        Line::TooLong(length) => intake.too_long(length, listener),
                    };
                    if let Some(input) = input {
                        actions.extend(stream.step(now, input));
                    }
                    // What follows in this chunk counts only while this body is read on.
                    let read_on = !actions.iter().any(|action| matches!(action, Action::Open(_) | Action::Wait(_)));
                    // The list is over before the next line is read.
                    actions.retain(|action| !intake.conclude(action, listener));
                    if read_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                });
                Ok(())
            }
            Body::List(page) => page.feed(chunk, |item| intake.item(item, listener)),
            Body::Probe(page) => page.feed(chunk, |_| ()),
        };
        self.act(actions, listener);
        if let Err(flaw) = broken {
            self.unreadable_list(now, &flaw, listener);
        }
    }

    /// The body ended in order.
    pub(super) fn ended(&mut self, now: Instant, listener: &mut impl Listener) {
        let Self { stream, body, intake, .. } = self;
        match std::mem::replace(body, Body::Nothing) {
            Body::Nothing => self.input(now, Input::Ended, listener),
            Body::Lines(mut frame) => {
                let rest = frame.rest();
                // A last line without its end is one if it is whole; else it was cut off, and comes again.
                if scan::event(&rest).is_ok()
                    && let Some(input) = intake.line(&rest, stream, listener)
                {
                    let actions = stream.step(now, input);
                    let over = actions.iter().any(|action| matches!(action, Action::Open(_) | Action::Wait(_)));
                    self.act(actions, listener);
                    if over {
                        return;
                    }
                }
                self.input(now, Input::Ended, listener);
            }
            Body::List(page) => match page.end(|item| intake.item(item, listener)) {
                Ok(meta) => self.input(now, Input::Page(meta), listener),
                Err(flaw) => self.unreadable_list(now, &flaw, listener),
            },
            Body::Probe(page) => match page.end(|_| ()) {
                Ok(meta) => self.input(now, Input::Page(meta), listener),
                Err(flaw) => self.unreadable_list(now, &flaw, listener),
            },
        }
    }

    fn unreadable_list(&mut self, now: Instant, flaw: &Flaw, listener: &mut impl Listener) {
        self.input(now, Input::Failed(format!("the list can't be read: {flaw}")), listener);
    }

    fn input(&mut self, now: Instant, input: Input, listener: &mut impl Listener) {
        let actions = self.stream.step(now, input);
        self.act(actions, listener);
    }

    fn act(&mut self, actions: Vec<Action>, listener: &mut impl Listener) {
        for action in actions {
            if self.intake.conclude(&action, listener) {
                continue;
            }
            match action {
                Action::Open(request) => self.turn_to(Task::Open(request)),
                Action::Wait(wait) => self.turn_to(Task::Wait(wait)),
                _ => {}
            }
        }
    }

    fn turn_to(&mut self, task: Task) {
        self.body = Body::Nothing;
        match &task {
            Task::Open(Request::Page { .. }) => self.asked = Asked::List,
            Task::Open(Request::Probe) => self.asked = Asked::Probe,
            Task::Open(Request::StreamList { .. } | Request::Watch { .. }) => self.asked = Asked::Lines,
            Task::Wait(_) => {}
        }
        self.task = Some(task);
    }
}

impl Intake {
    /// Does what concerns the store and the listeners. False for what concerns the wire.
    fn conclude(&self, action: &Action, listener: &mut impl Listener) -> bool {
        match action {
            Action::Open(_) | Action::Wait(_) => return false,
            Action::BeginList => self.store.begin_list(),
            Action::EndList => {
                for (slot, entry) in self.store.end_list() {
                    listener.remove(slot, &entry);
                }
                listener.synced();
            }
            Action::Relist(why) => {
                Tally::count(&self.tally.relists);
                listener.note(Note::Relist(why));
            }
            Action::Trouble(trouble) => listener.note(Note::Trouble(trouble)),
            Action::Recovered => listener.note(Note::Recovered),
        }
        true
    }

    fn item(&self, item: Result<Object<'_>, Unreadable<'_>>, listener: &mut impl Listener) {
        match item {
            Ok(object) => {
                self.upsert(&object, Seen::Listed, listener);
            }
            Err(unreadable) => self.skip(&unreadable, listener),
        }
    }

    fn line(&self, line: &[u8], stream: &Stream, listener: &mut impl Listener) -> Option<Input> {
        match scan::event(line) {
            Ok(Event::Upsert(object)) => {
                let seen = if stream.lists() { Seen::Listed } else { Seen::Event(stream.position()) };
                let believed = self.upsert(&object, seen, listener);
                Some(moved(believed, &object.head.version))
            }
            Ok(Event::Delete(object)) => {
                let believed = self.remove(&object, listener);
                Some(moved(believed, &object.head.version))
            }
            Ok(Event::Bookmark { version, ends_list }) => {
                Some(Input::Bookmark { version: ResourceVersion::new(&version), ends_list })
            }
            Ok(Event::Error(refusal)) => Some(Input::Error(refusal)),
            Ok(Event::Unknown(kind)) => {
                Tally::count(&self.tally.skipped);
                listener.note(Note::Unknown(&kind));
                None
            }
            Err(unreadable) => {
                self.skip(&unreadable, listener);
                None
            }
        }
    }

    fn too_long(&self, length: usize, listener: &mut impl Listener) -> Option<Input> {
        Tally::count(&self.tally.skipped);
        listener.note(Note::TooLong(length));
        None
    }

    fn skip(&self, unreadable: &Unreadable<'_>, listener: &mut impl Listener) {
        Tally::count(&self.tally.skipped);
        if let Some(name) = &unreadable.name {
            self.store.mark(unreadable.namespace.as_deref(), name);
        }
        listener.note(Note::Skipped(unreadable));
    }

    /// False if the report is doubtful.
    fn upsert(&self, object: &Object<'_>, seen: Seen<'_>, listener: &mut impl Listener) -> bool {
        Tally::count(&self.tally.reports);
        let applied = self.store.upsert(&object.head, seen, || match self.managed_fields {
            ManagedFields::Cut => object.draft(&self.type_meta),
            ManagedFields::Kept => object.whole(&self.type_meta),
        });
        self.tell(&applied, listener)
    }

    fn remove(&self, object: &Object<'_>, listener: &mut impl Listener) -> bool {
        Tally::count(&self.tally.reports);
        let applied = self.store.remove(&object.head);
        self.tell(&applied, listener)
    }

    fn tell(&self, applied: &Applied, listener: &mut impl Listener) -> bool {
        match applied {
            Applied::Unchanged => Tally::count(&self.tally.repeated),
            Applied::Upsert { slot, entry, before } => listener.upsert(*slot, entry, before.as_ref()),
            Applied::Replaced { slot, gone, entry } => {
                listener.remove(*slot, gone);
                listener.upsert(*slot, entry, None);
            }
            Applied::Remove { slot, entry } => listener.remove(*slot, entry),
            Applied::Doubtful => return false,
        }
        true
    }
}

fn moved(believed: bool, version: &str) -> Input {
    if believed { Input::Moved(ResourceVersion::new(version)) } else { Input::Doubtful }
}

#[cfg(test)]
mod tests;
