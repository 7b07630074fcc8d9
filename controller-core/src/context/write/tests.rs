use super::*;

#[track_caller]
fn check_written(verb: &str, answer: &str, expect: Option<Written>) {
    assert_eq!(written(verb, answer.as_bytes(), Some("x".to_owned())), expect, "{answer}");
}

#[test]
fn an_answer_says_what_was_written() {
    let key = || Key::namespaced("x", "a");
    let object = r#"{"kind":"Secret","metadata":{"name":"a","resourceVersion":"7"}}"#;
    check_written("patch", object, Some(Written::At { key: key(), version: "7".into() }));
    check_written("delete", object, Some(Written::Going { key: key(), version: "7".into() }));
    let status = r#"{"kind":"Status","status":"Success","details":{"name":"a","uid":"u"}}"#;
    check_written("delete", status, Some(Written::Gone { key: key(), uid: Some("u".into()) }));
    // What can't be read leaves the write unsure.
    check_written("delete", r#"{"kind":"Status"}"#, None);
    check_written("patch", r#"{"metadata":{"name":"a"}}"#, None);
    check_written("patch", "busy", None);
}

#[test]
fn a_refusal_is_retried_where_that_can_help() {
    let text = |code, header: Option<u64>, body: &str| {
        let error = refused("patch Secret x/a".into(), code, header.map(Duration::from_secs), body.as_bytes());
        assert_eq!(error.code(), Some(code));
        let debug = format!("{error:?}");
        let class = debug.split("class: ").nth(1).and_then(|rest| rest.split(", source").next()).map(str::to_owned);
        class.unwrap_or_default()
    };
    let slow = r#"{"kind":"Status","code":429,"details":{"retryAfterSeconds":3}}"#;
    assert_eq!(text(429, None, slow), "Temporary { after: Some(3s) }");
    assert_eq!(text(429, Some(9), slow), "Temporary { after: Some(9s) }");
    for code in [401, 403, 404, 409, 410, 429, 500, 503] {
        assert_eq!(text(code, None, "no Status"), "Temporary { after: None }", "{code}");
    }
    for code in [400, 405, 413, 415, 422] {
        assert_eq!(text(code, None, "{}"), "Permanent", "{code}");
    }
}

#[test]
fn a_refusal_says_what_was_asked_and_what_the_server_said() {
    let body =
        br#"{"kind":"Status","status":"Failure","code":422,"reason":"Invalid","message":"Secret \"a\" is invalid"}"#;
    let error = refused("create Secret x/a".into(), 422, None, body);
    let chain = crate::error::chain(&error);
    assert!(chain.starts_with("create Secret x/a: "), "{chain}");
    assert!(chain.contains("Secret \"a\" is invalid"), "{chain}");
}
