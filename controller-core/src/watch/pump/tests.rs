//! The pump against a server that is a log: wherever its answers are cut, what is told equals the model.

use std::collections::BTreeMap;

use super::*;

/// What happened on the server, at versions 1, 2, 3 ...
#[derive(Clone)]
enum Op {
    /// An object with this uid was written.
    Put(&'static str, &'static str),
    Del(&'static str),
}

/// The objects at a version: name to uid and version.
type Objects = BTreeMap<&'static str, (&'static str, usize)>;

fn objects_at(log: &[Op], version: usize) -> Objects {
    let mut objects = Objects::new();
    for (at, op) in (1..).zip(log.iter().take(version)) {
        match op {
            Op::Put(name, uid) => drop(objects.insert(name, (uid, at))),
            Op::Del(name) => drop(objects.remove(name)),
        }
    }
    objects
}

/// What a list that finds `after` tells one who knows `before`.
fn difference(before: &Objects, after: &Objects) -> Vec<String> {
    let mut told = Vec::new();
    for (name, (uid, version)) in after {
        match before.get(name) {
            None => told.push(format!("+{name}@{version}")),
            Some(known) if known == &(*uid, *version) => {}
            Some((other, _)) if other != uid => told.extend([format!("-{name}"), format!("+{name}@{version}")]),
            Some(_) => told.push(format!("~{name}@{version}")),
        }
    }
    told.extend(before.keys().filter(|name| !after.contains_key(*name)).map(|name| format!("-{name}")));
    told
}

/// What a watch tells of the operations in turn.
fn each(log: &[Op], from: usize, to: usize) -> Vec<String> {
    (from..to).flat_map(|at| difference(&objects_at(log, at), &objects_at(log, at + 1))).collect()
}

fn object(name: &str, uid: &str, version: usize) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"ns","uid":"{uid}","managedFields":[{{"f":"}}"}}],"resourceVersion":"{version}"}},"spec":{{"at":{version}}}}}"#
    )
}

fn typed(kind: &str, object: &str) -> String {
    let rest = object.get(1..).expect("an object");
    format!(r#"{{"type":"{kind}","object":{{"kind":"Pod","apiVersion":"v1",{rest}}}"#) + "\n"
}

fn bookmark(version: usize, ends_list: bool) -> String {
    let annotations = if ends_list { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
    format!(
        r#"{{"type":"BOOKMARK","object":{{"kind":"Pod","metadata":{{"resourceVersion":"{version}"{annotations}}}}}}}"#
    ) + "\n"
}

/// The line of the operation at a version.
fn line(log: &[Op], version: usize) -> String {
    let before = objects_at(log, version - 1);
    match log.get(version - 1).expect("the version is in the log") {
        Op::Put(name, uid) => {
            let kind = if before.contains_key(name) { "MODIFIED" } else { "ADDED" };
            typed(kind, &object(name, uid, version))
        }
        Op::Del(name) => typed("DELETED", &object(name, before.get(name).expect("it is there").0, version)),
    }
}

const GONE: &str = r#"{"kind":"Status","status":"Failure","message":"too old","reason":"Expired","code":410}"#;

/// What a request is answered with.
struct Answer {
    code: u16,
    body: String,
    end: End,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    InOrder,
    Broken,
    Silent,
}

fn ok(body: String, end: End) -> Answer {
    Answer { code: 200, body, end }
}

fn gone() -> Answer {
    Answer { code: 410, body: GONE.into(), end: End::InOrder }
}

/// A server whose log is fixed, and what is done to it.
struct Server {
    log: Vec<Op>,
    /// How much of the log has happened.
    now: usize,
    /// Versions before this are forgotten.
    compacted: usize,
    streams: bool,
    page: usize,
    /// Pages that are answered with 410, by their number.
    gone_pages: Vec<usize>,
    asked: Vec<String>,
}

impl Server {
    fn new(log: &[Op]) -> Self {
        let (log, asked) = (log.to_vec(), Vec::new());
        Self { log, now: 0, compacted: 0, streams: true, page: 2, gone_pages: Vec::new(), asked }
    }

    fn list(&mut self, limit: Option<u32>, token: Option<&str>) -> Answer {
        let from: usize = token.map_or(0, |token| token.parse().expect("our token"));
        let number = from / self.page + 1;
        if let Some(at) = self.gone_pages.iter().position(|page| *page == number) {
            self.gone_pages.remove(at);
            return gone();
        }
        let objects = objects_at(&self.log, self.now);
        let size = if limit.is_some() { self.page } else { usize::MAX };
        let items: Vec<String> =
            objects.iter().skip(from).take(size).map(|(name, (uid, version))| object(name, uid, *version)).collect();
        let next = from.saturating_add(size);
        let token = if next < objects.len() { format!(r#","continue":"{next}""#) } else { String::new() };
        let version = self.now;
        let items = items.join(",");
        ok(
            format!(
                r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"{version}"{token}}},"items":[{items}]}}"#
            ),
            End::InOrder,
        )
    }

    fn stream_list(&self) -> String {
        let objects = objects_at(&self.log, self.now);
        let mut lines: String =
            objects.iter().map(|(name, (uid, version))| typed("ADDED", &object(name, uid, *version))).collect();
        lines.push_str(&bookmark(self.now, true));
        lines
    }

    /// Answers as a server without faults does. A watch gives what has happened, and is silent then.
    fn answer(&mut self, request: &Request) -> Answer {
        match request {
            Request::Page { limit, continue_token } => self.list(*limit, continue_token.as_deref()),
            Request::Probe => self.list(Some(1), None),
            Request::StreamList { .. } if !self.streams => Answer { code: 400, body: "no".into(), end: End::InOrder },
            Request::StreamList { .. } => ok(self.stream_list(), End::Silent),
            Request::Watch { from, .. } => {
                let from: usize = from.to_string().parse().expect("our version");
                if from < self.compacted {
                    return gone();
                }
                ok((from..self.now).map(|at| line(&self.log, at + 1)).collect(), End::Silent)
            }
        }
    }
}

/// What was told, checked as it comes.
#[derive(Default)]
struct Heard {
    told: Vec<String>,
    known: BTreeMap<Slot, Entry>,
    synced: usize,
    notes: Vec<String>,
}

impl Listener for Heard {
    fn upsert(&mut self, slot: Slot, entry: &Entry, before: Option<&Entry>) {
        let known = self.known.insert(slot, entry.clone());
        assert_eq!(known.as_ref().map(Entry::address), before.map(Entry::address), "before is what was told last");
        if let Some(known) = known {
            assert!(known.key() == entry.key() && known.uid() == entry.uid(), "a slot holds one object");
            assert_ne!(known.version(), entry.version(), "the same version is not told twice");
        }
        let bytes = entry.bytes();
        let text = std::str::from_utf8(&bytes).expect("text");
        assert!(
            text.starts_with(r#"{"kind":"Pod","apiVersion":"v1","#)
                || text.starts_with(r#"{"apiVersion":"v1","kind":"Pod","#)
        );
        assert!(!text.contains("managedFields") && text.contains(&format!(r#""at":{}"#, entry.version())), "{text}");
        let sign = if before.is_some() { '~' } else { '+' };
        self.told.push(format!("{sign}{}@{}", entry.name(), entry.version()));
    }

    fn remove(&mut self, slot: Slot, entry: &Entry) {
        let known = self.known.remove(&slot).expect("what goes was told");
        assert!(known.address() == entry.address(), "the last version told goes");
        self.told.push(format!("-{}", entry.name()));
    }

    fn synced(&mut self) {
        self.synced += 1;
    }

    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Recovered => {}
            Note::Trouble(trouble) => self.notes.push(format!("{trouble:?}")),
            note => self.notes.extend(super::super::message::note(&note)),
        }
    }
}

struct Rig {
    pump: Pump,
    heard: Heard,
    server: Server,
    now: Instant,
    /// How many bytes come at once.
    chunk: usize,
}

impl Rig {
    fn new(log: &[Op]) -> Self {
        let spec = WatchSpec {
            group: String::new(),
            version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            namespace: None,
            ..WatchSpec::default()
        };
        let pump = Pump::new(&spec, Arc::new(Store::new()), Arc::default(), fastrand::Rng::with_seed(3));
        let now = crate::env::Clock::system().instant().into_std();
        Self { pump, heard: Heard::default(), server: Server::new(log), now, chunk: usize::MAX }
    }

    /// The next request, once the waits before it are over.
    fn request(&mut self) -> Request {
        for _ in 0..10 {
            match self.pump.task().expect("something to do") {
                Task::Open(request) => {
                    self.server.asked.push(match &request {
                        Request::Page { continue_token, .. } => continue_token.clone().unwrap_or("list".into()),
                        Request::Probe => "probe".into(),
                        Request::StreamList { .. } => "stream".into(),
                        Request::Watch { from, .. } => format!("watch {from}"),
                    });
                    return request;
                }
                Task::Wait(wait) => {
                    self.now += wait;
                    self.pump.woke(self.now, &mut self.heard);
                }
            }
        }
        panic!("it waits without end");
    }

    fn give(&mut self, answer: &Answer) {
        let Self { pump, heard, now, chunk, .. } = self;
        if answer.code != 200 {
            return pump.refused(*now, answer.code, None, answer.body.as_bytes(), heard);
        }
        pump.opened(*now, heard);
        for chunk in answer.body.as_bytes().chunks(*chunk) {
            pump.chunk(*now, chunk, heard);
        }
        match answer.end {
            End::InOrder => pump.ended(*now, heard),
            End::Broken => pump.failed(*now, "cut".into(), heard),
            End::Silent => {}
        }
    }

    /// Answers without faults until the watch has told all that has happened, and is silent.
    fn settle(&mut self) {
        for _ in 0..40 {
            let request = self.request();
            let answer = self.server.answer(&request);
            self.give(&answer);
            let follows = self.pump.stream.position() == Some(&ResourceVersion::new(&self.server.now.to_string()));
            if follows && answer.end == End::Silent && self.pump.task.is_none() {
                return;
            }
        }
        panic!("it never settles: {:?}", self.server.asked);
    }

    #[track_caller]
    fn told(&mut self, expect: &[String], when: &str) {
        assert_eq!(std::mem::take(&mut self.heard.told), expect, "{when}; asked {:?}", self.server.asked);
        let objects = objects_at(&self.server.log, self.server.now);
        let kept: Vec<String> =
            self.pump.intake.store.snapshot().iter().map(|(_, entry)| format!("{entry:?}")).collect();
        let mut expect: Vec<String> =
            objects.iter().map(|(name, (_, version))| format!("ns/{name} at {version}")).collect();
        let mut kept = kept;
        expect.sort();
        kept.sort();
        assert_eq!(kept, expect, "{when}: the store equals the cluster");
    }

    fn ask_again(&mut self, how: End) {
        match how {
            End::InOrder => {
                self.now += Duration::from_secs(2);
                self.pump.ended(self.now, &mut self.heard);
            }
            End::Broken => self.pump.failed(self.now, "cut".into(), &mut self.heard),
            End::Silent => {
                self.now += self.pump.silence();
                self.pump.silent(self.now, &mut self.heard);
            }
        }
    }
}

const LISTED: usize = 7;

/// Seven operations before the list, and then everything that can happen to an object.
fn log() -> Vec<Op> {
    use Op::{Del, Put};
    let before = [Put("a", "A"), Put("b", "B"), Put("x", "X"), Put("c", "C"), Del("x"), Put("d", "D"), Put("e", "E")];
    let after = [
        Put("f", "F"),
        Put("a", "A"),
        Del("b"),
        Put("b", "B2"),
        Put("f", "F"),
        Del("c"),
        Put("a", "A"),
        Put("g", "G"),
        Del("g"),
        Del("d"),
        Put("d", "D2"),
        Put("e", "E"),
    ];
    assert_eq!(before.len(), LISTED);
    before.into_iter().chain(after).collect()
}

/// Listed at seven, in the way the server knows.
fn listed(streams: bool) -> Rig {
    let log = log();
    let mut rig = Rig::new(&log);
    rig.server.streams = streams;
    rig.server.now = LISTED;
    rig.settle();
    rig.told(&difference(&Objects::new(), &objects_at(&log, LISTED)), "the first list");
    assert_eq!(rig.heard.synced, 1);
    rig
}

const ENDS: [End; 3] = [End::InOrder, End::Broken, End::Silent];

#[test]
fn a_watch_that_is_cut_anywhere_loses_nothing_and_repeats_nothing() {
    let log = log();
    for streams in [true, false] {
        for cut in LISTED..=log.len() {
            for how in ENDS {
                let mut rig = listed(streams);
                let when = format!("streams {streams}, cut at {cut} {how:?}");
                // The watch that runs tells a part ...
                let part: String = (LISTED..cut).map(|at| line(&log, at + 1)).collect();
                rig.pump.chunk(rig.now, part.as_bytes(), &mut rig.heard);
                // ... is cut, and the next one tells the rest.
                rig.ask_again(how);
                rig.server.now = log.len();
                rig.settle();
                rig.told(&each(&log, LISTED, log.len()), &when);
                assert!(rig.server.asked.contains(&format!("watch {cut}")), "{when}: {:?}", rig.server.asked);
                assert_eq!(rig.heard.notes, Vec::<String>::new(), "{when}");
            }
        }
    }
}

#[test]
fn a_line_that_is_cut_at_any_byte_comes_again_whole() {
    let log = log();
    let text = line(&log, LISTED + 1);
    for cut in 0..=text.len() {
        for how in ENDS {
            let mut rig = listed(true);
            let (head, tail) = text.split_at(cut);
            rig.pump.chunk(rig.now, head.as_bytes(), &mut rig.heard);
            let mut other = listed(true);
            other.pump.chunk(other.now, head.as_bytes(), &mut other.heard);
            other.pump.chunk(other.now, tail.as_bytes(), &mut other.heard);
            other.server.now = LISTED + 1;
            other.told(&each(&log, LISTED, LISTED + 1), "split, and whole again");
            rig.ask_again(how);
            rig.server.now = log.len();
            rig.settle();
            rig.told(&each(&log, LISTED, log.len()), &format!("cut at byte {cut} {how:?}"));
            assert_eq!(rig.heard.notes, Vec::<String>::new());
        }
    }
}

#[test]
fn the_size_of_the_chunks_makes_no_difference() {
    let log = log();
    for chunk in 1..80 {
        for streams in [true, false] {
            let mut rig = Rig::new(&log);
            (rig.server.streams, rig.chunk, rig.server.now) = (streams, chunk, LISTED);
            rig.settle();
            rig.server.now = log.len();
            rig.ask_again(End::InOrder);
            rig.settle();
            let mut expect = difference(&Objects::new(), &objects_at(&log, LISTED));
            expect.extend(each(&log, LISTED, log.len()));
            rig.told(&expect, &format!("chunks of {chunk}"));
        }
    }
}

#[test]
fn what_a_forgotten_version_hides_is_told_as_the_difference() {
    let log = log();
    for streams in [true, false] {
        for cut in LISTED..=log.len() {
            for as_event in [true, false] {
                let mut rig = listed(streams);
                let part: String = (LISTED..cut).map(|at| line(&log, at + 1)).collect();
                rig.pump.chunk(rig.now, part.as_bytes(), &mut rig.heard);
                rig.server.now = log.len();
                rig.server.compacted = log.len();
                if as_event {
                    let error = format!(r#"{{"type":"ERROR","object":{GONE}}}"#) + "\n";
                    rig.pump.chunk(rig.now, error.as_bytes(), &mut rig.heard);
                } else {
                    // With nothing missing there is nothing that the server has forgotten.
                    rig.server.compacted += usize::from(cut == log.len());
                    rig.ask_again(End::InOrder);
                    if cut == log.len() {
                        let request = rig.request();
                        assert!(matches!(request, Request::Watch { .. }));
                        rig.give(&gone());
                    }
                }
                rig.server.compacted = 0;
                if !as_event && cut < log.len() {
                    let request = rig.request();
                    assert!(matches!(request, Request::Watch { .. }));
                    rig.give(&gone());
                }
                rig.settle();
                let mut expect = each(&log, LISTED, cut);
                expect.extend(difference(&objects_at(&log, cut), &objects_at(&log, log.len())));
                rig.told(&expect, &format!("streams {streams}, cut at {cut}, as event {as_event}"));
                assert_eq!(rig.pump.intake.tally.relists.load(Ordering::Relaxed), 1);
            }
        }
    }
}

#[test]
fn a_list_that_is_forgotten_on_page_three_is_read_again_and_tells_nothing_twice() {
    let log = log();
    for page in 1..=3 {
        let mut rig = Rig::new(&log);
        (rig.server.streams, rig.server.now) = (false, LISTED);
        rig.server.gone_pages = vec![page];
        rig.settle();
        rig.told(&difference(&Objects::new(), &objects_at(&log, LISTED)), "the first list");
        assert_eq!(rig.heard.synced, 1);
    }
    // What goes between the two attempts was told, and is told to be gone.
    let mut rig = Rig::new(&log);
    (rig.server.streams, rig.server.now, rig.server.gone_pages) = (false, LISTED, vec![3]);
    for _ in 0..4 {
        let request = rig.request();
        let answer = rig.server.answer(&request);
        rig.give(&answer);
    }
    assert_eq!(rig.heard.told, ["+a@1", "+b@2", "+c@4", "+d@6"]);
    rig.server.now = LISTED + 6;
    rig.settle();
    let expect = ["+a@1", "+b@2", "+c@4", "+d@6", "~a@9", "-b", "+b@11", "+e@7", "+f@12", "-c"];
    rig.told(&expect.map(String::from), "after the second attempt");
}

#[test]
fn a_streamed_list_that_is_cut_anywhere_is_read_again() {
    let log = log();
    let body = {
        let mut server = Server::new(&log);
        server.now = LISTED;
        server.stream_list()
    };
    for cut in 0..body.len() {
        for how in [End::InOrder, End::Broken, End::Silent] {
            let mut rig = Rig::new(&log);
            rig.server.now = LISTED;
            let request = rig.request();
            assert!(matches!(request, Request::StreamList { .. }));
            rig.give(&ok(body.get(..cut).expect("ASCII").into(), End::Silent));
            assert_eq!(rig.heard.synced, 0, "not before its last line");
            rig.ask_again(how);
            rig.settle();
            rig.told(&difference(&Objects::new(), &objects_at(&log, LISTED)), &format!("cut at {cut} {how:?}"));
            assert_eq!(rig.heard.synced, 1);
        }
    }
}

#[test]
fn only_bookmarks_move_a_quiet_watch_on() {
    let log = log();
    let mut rig = listed(true);
    for version in [20, 30, 40] {
        rig.pump.chunk(rig.now, bookmark(version, false).as_bytes(), &mut rig.heard);
    }
    assert_eq!(rig.pump.stream.position(), Some(&ResourceVersion::new("40")));
    assert!(rig.pump.task().is_none(), "it reads on");
    rig.server.log = log;
    rig.told(&[], "bookmarks");
}

#[test]
fn silence_is_resumed_and_tells_nothing() {
    let mut rig = listed(true);
    for _ in 0..5 {
        rig.ask_again(End::Silent);
        rig.settle();
    }
    rig.told(&[], "silence");
    let asked = rig.server.asked.join(", ");
    assert_eq!(asked, format!("stream{}", ", probe, watch 7".repeat(5)));
}

#[test]
fn repetitions_after_a_resume_change_nothing() {
    let log = log();
    let mut rig = listed(true);
    let all: String = (LISTED..log.len()).map(|at| line(&log, at + 1)).collect();
    rig.pump.chunk(rig.now, all.as_bytes(), &mut rig.heard);
    rig.server.now = log.len();
    rig.told(&each(&log, LISTED, log.len()), "once");
    // All objects are ADDED again, as some servers do.
    for (name, (uid, version)) in objects_at(&log, log.len()) {
        rig.pump.chunk(rig.now, typed("ADDED", &object(name, uid, version)).as_bytes(), &mut rig.heard);
    }
    // Old versions, and removals of those that went long ago.
    for text in [line(&log, 9), line(&log, 10), line(&log, 12), line(&log, 13), line(&log, 16)] {
        rig.pump.chunk(rig.now, text.as_bytes(), &mut rig.heard);
    }
    assert!(rig.pump.task().is_none(), "it reads on");
    rig.told(&[], "again");
    // An object of old that would come back is settled by a list.
    rig.pump.chunk(rig.now, line(&log, 15).as_bytes(), &mut rig.heard);
    rig.settle();
    rig.told(&[], "after the list");
    assert_eq!(rig.pump.intake.tally.relists.load(Ordering::Relaxed), 1);
}

#[test]
fn a_server_that_was_set_back_is_believed() {
    let log = log();
    for how in [End::Broken, End::Silent] {
        let mut rig = listed(true);
        let all: String = (LISTED..log.len()).map(|at| line(&log, at + 1)).collect();
        rig.pump.chunk(rig.now, all.as_bytes(), &mut rig.heard);
        rig.heard.told.clear();
        rig.server.now = LISTED + 2;
        rig.ask_again(how);
        rig.settle();
        let (after, before) = (objects_at(&log, LISTED + 2), objects_at(&log, log.len()));
        rig.told(&difference(&before, &after), &format!("set back, seen by {how:?}"));
    }
}

#[test]
fn what_can_not_be_read_is_skipped_counted_and_named_and_the_watch_lives() {
    let log = log();
    let mut rig = listed(true);
    let bad = [
        "no JSON at all\n".to_owned(),
        "{\n".into(),
        typed("ADDED", r#"{"metadata":{"name":7,"resourceVersion":"8"}}"#),
        typed("MODIFIED", r#"{"metadata":{"name":"a","namespace":"ns","resourceVersion":8}}"#),
        typed("PARTY", "{}x").replace("{}x", ""),
        r#"{"type":"BOOKMARK","object":{"metadata":{}}}"#.to_owned() + "\n",
        "x".repeat(super::super::frame::LONGEST + 2) + "\n",
    ];
    for (at, text) in bad.iter().enumerate() {
        rig.pump.chunk(rig.now, text.as_bytes(), &mut rig.heard);
        rig.pump.chunk(rig.now, line(&log, LISTED + 1 + at).as_bytes(), &mut rig.heard);
    }
    assert!(rig.pump.task().is_none(), "the watch lives");
    rig.server.now = LISTED + bad.len();
    rig.told(&each(&log, LISTED, LISTED + bad.len()), "around the bad lines");
    assert_eq!(rig.pump.intake.tally.skipped.load(Ordering::Relaxed), 7);
    assert_eq!(rig.heard.notes.len(), 7, "{:?}", rig.heard.notes);
    assert!(
        rig.heard.notes.iter().any(|note| note.starts_with("skipped ns/a: metadata.resourceVersion is not a text"))
    );
}

#[test]
fn an_item_that_can_not_be_read_is_not_taken_for_gone() {
    let mut rig = listed(false);
    rig.pump.chunk(rig.now, (format!(r#"{{"type":"ERROR","object":{GONE}}}"#) + "\n").as_bytes(), &mut rig.heard);
    let _ = rig.request();
    let body = r#"{"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"a","namespace":"ns"}},{"metadata":{"name":"b","namespace":"ns","uid":"B","resourceVersion":"2"}}]}"#;
    rig.give(&ok(body.into(), End::InOrder));
    assert_eq!(rig.heard.told, ["-c", "-d", "-e"]);
    assert!(rig.heard.notes.iter().any(|note| note.starts_with("skipped ns/a: metadata.resourceVersion is missing")));
}

#[test]
fn a_list_that_is_no_list_is_asked_for_again() {
    let log = log();
    for body in ["", "<html>", r#"{"kind":"Status"}"#, r#"{"items":[{}"#, r#"{"items":[]}"#] {
        let mut rig = Rig::new(&log);
        (rig.server.streams, rig.server.now) = (false, LISTED);
        let _ = rig.request();
        rig.give(&Answer { code: 400, body: "no".into(), end: End::InOrder });
        let _ = rig.request();
        rig.give(&ok(body.into(), End::InOrder));
        assert_eq!(rig.heard.synced, 0, "{body}");
        rig.settle();
        rig.told(&difference(&Objects::new(), &objects_at(&log, LISTED)), body);
        assert!(rig.heard.notes.iter().any(|note| note.contains("Unreachable")), "{:?}", rig.heard.notes);
    }
}

mod bad_input;
