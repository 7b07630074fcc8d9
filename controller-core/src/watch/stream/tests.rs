use super::*;

/// A run of the machine, told in words: inputs on the left, actions on the right.
struct Run {
    stream: Stream,
    now: Instant,
}

impl Run {
    fn new() -> Self {
        let now = crate::env::Clock::system().instant().into_std();
        Self { stream: Stream::new(fastrand::Rng::with_seed(1)), now }
    }

    /// One that was listed as a stream at version 10 and watches.
    fn watching() -> Self {
        let mut run = Self::new();
        run.check(Input::Woke, "begin list; open stream");
        run.check(Input::Opened, "");
        run.check(bookmark("10", true), "end list; recovered");
        run
    }

    #[track_caller]
    fn check(&mut self, input: Input, expect: &str) -> &mut Self {
        let told = format!("{input:?}");
        let actions = self.stream.step(self.now, input);
        let words: Vec<String> = actions.iter().map(word).collect();
        assert_eq!(words.join("; "), expect, "after {told}");
        self
    }

    #[track_caller]
    fn after(&mut self, passed: Duration) -> &mut Self {
        self.now += passed;
        self
    }
}

fn word(action: &Action) -> String {
    match action {
        Action::Open(Request::StreamList { .. }) => "open stream".into(),
        Action::Open(Request::Watch { from, .. }) => format!("open watch {from}"),
        Action::Open(Request::Probe) => "open probe".into(),
        Action::Open(Request::Page { limit, continue_token }) => {
            let limit = limit.map_or("all".into(), |limit| limit.to_string());
            let token = continue_token.as_ref().map_or(String::new(), |token| format!(" at {token}"));
            format!("open page {limit}{token}")
        }
        Action::Wait(wait) if *wait >= Duration::from_secs(20) => "wait as told".into(),
        Action::Wait(wait) if *wait > Duration::from_millis(400) => "wait long".into(),
        Action::Wait(_) => "wait".into(),
        Action::BeginList => "begin list".into(),
        Action::EndList => "end list".into(),
        Action::Recovered => "recovered".into(),
        Action::Relist(why) => format!("relist: {why}"),
        Action::Trouble(trouble) => {
            let name = format!("{trouble:?}");
            name.split(' ').next().unwrap_or_default().to_lowercase()
        }
    }
}

fn bookmark(version: &str, ends_list: bool) -> Input {
    Input::Bookmark { version: ResourceVersion::new(version), ends_list }
}

fn moved(version: &str) -> Input {
    Input::Moved(ResourceVersion::new(version))
}

fn page(version: &str, token: Option<&str>) -> Input {
    Input::Page(ListMeta { version: Some(version.into()), continue_token: token.map(Into::into) })
}

fn refusal(code: u16) -> Refusal {
    Refusal { code, ..Refusal::default() }
}

fn refused(code: u16) -> Input {
    Input::Refused(refusal(code))
}

fn told_to_wait(code: u16) -> Input {
    Input::Refused(Refusal { retry_after_seconds: Some(40), ..refusal(code) })
}

fn failed() -> Input {
    Input::Failed("reset".into())
}

#[test]
fn a_streamed_list_becomes_the_watch() {
    let mut run = Run::watching();
    run.check(moved("12"), "").check(bookmark("20", false), "");
    run.check(Input::Ended, "open watch 20").check(Input::Opened, "recovered");
}

#[test]
fn a_server_that_does_not_stream_lists_is_asked_for_pages() {
    for code in [400, 405, 422, 501] {
        let mut run = Run::new();
        run.check(Input::Woke, "begin list; open stream").check(refused(code), "begin list; open page 500");
    }
    let mut plain_bookmark = Run::new();
    plain_bookmark.check(Input::Woke, "begin list; open stream").check(Input::Opened, "").check(moved("3"), "");
    plain_bookmark.check(bookmark("3", false), "begin list; open page 500");
    let mut silence = Run::new();
    silence.check(Input::Woke, "begin list; open stream").check(Input::Opened, "");
    silence.check(Input::Silent, "begin list; open page 500");
    // It is remembered.
    silence.check(Input::Opened, "").check(page("9", None), "end list; recovered; open watch 9");
    silence.check(refused(410), "relist: the server has forgotten version 9; begin list; open page 500");
}

#[test]
fn a_stream_that_keeps_breaking_off_gives_way_to_pages() {
    let mut run = Run::new();
    run.check(Input::Woke, "begin list; open stream");
    // That nobody answers says nothing of streams.
    run.check(failed(), "unreachable; wait").check(Input::Woke, "begin list; open stream");
    for _ in 0..5 {
        run.stream.step(run.now, failed());
        run.check(Input::Woke, "begin list; open stream");
    }
    for _ in 0..2 {
        run.check(Input::Opened, "");
        run.stream.step(run.now, failed());
        run.check(Input::Woke, "begin list; open stream");
    }
    run.check(Input::Opened, "");
    run.stream.step(run.now, Input::Ended);
    run.check(Input::Woke, "begin list; open page 500");
}

#[test]
fn a_list_in_pages_that_is_forgotten_on_any_page_starts_again() {
    let start = || {
        let mut run = Run::new();
        run.check(Input::Woke, "begin list; open stream").check(refused(400), "begin list; open page 500");
        run.check(Input::Opened, "").check(page("10", Some("t2")), "open page 500 at t2");
        run.check(Input::Opened, "").check(page("10", Some("t3")), "open page 500 at t3");
        run
    };
    // With and without the token of a list that has lost its version.
    let fresh = Refusal { continue_token: Some("fresh".into()), ..refusal(410) };
    let expired = Refusal { reason: "Expired".into(), ..refusal(0) };
    for forgotten in [refusal(410), fresh, expired] {
        let mut run = start();
        run.check(Input::Refused(forgotten), "begin list; open page 500");
        run.check(refused(410), "wait").check(Input::Woke, "begin list; open page 500");
        // A server that forgets faster than pages are read is asked for all at once.
        run.check(refused(410), "wait").check(Input::Woke, "begin list; open page all");
        run.check(Input::Opened, "").check(page("12", None), "end list; recovered; open watch 12");
    }
    let mut run = start();
    run.check(failed(), "unreachable; wait").check(Input::Woke, "open page 500 at t3");
    run.check(Input::Opened, "").check(page("10", None), "end list; recovered; open watch 10");
}

#[test]
fn a_forgotten_version_is_listed_anew_in_both_of_its_forms() {
    for forgotten in [refused(410), Input::Error(refusal(410))] {
        let mut run = Run::watching();
        run.check(moved("12"), "").check(Input::Ended, "open watch 12");
        run.check(forgotten, "relist: the server has forgotten version 12; begin list; open stream");
        run.check(Input::Opened, "").check(bookmark("30", true), "end list; recovered");
        // Without anything useful in between the next one waits.
        run.check(Input::Error(refusal(410)), "relist: the server has forgotten version 30; wait");
        run.check(Input::Woke, "begin list; open stream");
    }
}

#[test]
fn a_watch_that_ends_in_order_is_asked_for_again_at_once() {
    let mut run = Run::watching();
    run.check(Input::Ended, "open watch 10").check(Input::Opened, "recovered");
    run.check(Input::Ended, "wait").check(Input::Woke, "open watch 10").check(Input::Opened, "recovered");
    run.after(SHORT).check(Input::Ended, "open watch 10");
}

#[test]
fn a_watch_that_breaks_off_is_resumed_after_a_look_at_the_server() {
    let mut run = Run::watching();
    run.check(failed(), "wait").check(Input::Woke, "open probe");
    run.check(failed(), "unreachable; wait").check(Input::Woke, "open probe");
    run.check(failed(), "wait").check(Input::Woke, "open probe");
    run.check(Input::Opened, "").check(page("11", None), "open watch 10").check(Input::Opened, "recovered");
}

#[test]
fn a_server_that_was_set_back_is_listed_anew() {
    let relist = "relist: the server is at version 7, before 10: it was set back; begin list; open stream";
    let mut run = Run::watching();
    run.check(Input::Silent, "open probe").check(Input::Opened, "").check(page("7", Some("more")), relist);
    run.check(Input::Opened, "").check(bookmark("7", true), "end list; recovered").check(Input::Ended, "open watch 7");
    Run::watching().check(bookmark("7", false), relist);
    let future = Refusal { version_too_large: true, ..refusal(504) };
    let mut run = Run::watching();
    run.check(Input::Ended, "open watch 10");
    run.check(Input::Refused(future), "relist: the server does not know version 10 yet; begin list; open stream");
}

#[test]
fn a_silent_watch_is_taken_down_and_resumed() {
    let mut run = Run::watching();
    assert!(run.stream.silence() > Duration::from_secs(120), "two bookmarks may be late");
    run.check(Input::Silent, "open probe").check(Input::Opened, "").check(page("10", None), "open watch 10");
    run.check(Input::Opened, "recovered");
}

#[test]
fn a_doubtful_event_is_settled_by_a_list() {
    Run::watching().check(Input::Doubtful, "relist: an event contradicts the objects at hand; begin list; open stream");
}

#[test]
fn what_a_person_has_to_mend_is_said_once_and_asked_for_slowly() {
    for (code, name) in [(401, "unauthorized"), (403, "forbidden"), (404, "missing")] {
        let mut run = Run::new();
        run.check(Input::Woke, "begin list; open stream").check(refused(code), &format!("{name}; wait long"));
        for _ in 0..3 {
            run.check(Input::Woke, "begin list; open stream").check(refused(code), "wait long");
        }
        run.check(Input::Woke, "begin list; open stream").check(Input::Opened, "");
        run.check(bookmark("5", true), "end list; recovered");
        // It may be said again after it was well.
        run.check(Input::Ended, "open watch 5").check(refused(code), &format!("{name}; wait long"));
        let next = if code == 404 { "begin list; open stream" } else { "open watch 5" };
        run.check(Input::Woke, next);
    }
}

#[test]
fn a_server_that_says_when_is_asked_then() {
    for code in [429, 503, 500] {
        let name = if code == 500 { "refused" } else { "busy" };
        let mut run = Run::watching();
        run.check(Input::Ended, "open watch 10").check(told_to_wait(code), &format!("{name}; wait as told"));
        run.check(Input::Woke, "open watch 10").check(told_to_wait(code), "wait as told");
        run.check(Input::Woke, "open watch 10").check(Input::Opened, "recovered");
    }
}

#[test]
fn an_error_event_of_another_code_resumes_the_watch() {
    let mut run = Run::watching();
    run.check(moved("12"), "").check(Input::Error(refusal(500)), "refused; wait");
    run.check(Input::Woke, "open watch 12").check(Input::Opened, "recovered");
}

#[test]
fn a_list_without_a_version_is_no_list() {
    let mut run = Run::new();
    run.check(Input::Woke, "begin list; open stream").check(refused(400), "begin list; open page 500");
    run.check(Input::Opened, "");
    run.check(Input::Page(ListMeta::default()), "unreachable; wait").check(Input::Woke, "begin list; open page 500");
}

#[test]
fn an_older_version_never_moves_the_watch_back() {
    let mut run = Run::watching();
    run.check(moved("12"), "").check(moved("11"), "").check(Input::Ended, "open watch 12");
}
