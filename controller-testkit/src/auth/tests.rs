//! Users, and what roles let them do.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::rule::Rule;
use super::token::Seal;
use super::user::{account, table};
use super::{Ask, Grant, Hints, User, not_held, wanted};

fn read(method: &Method, path: &str, hints: Hints) -> Ask {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    Ask::read(method, path, &parts, || hints)
}

#[test]
fn a_request_asks_what_its_path_says() {
    let check = |request: &str, expect: &str| {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let (path, watch) = path.strip_suffix("?watch").map_or((path, false), |path| (path, true));
        let method: Method = method.parse().expect("a method");
        let ask = read(&method, path, Hints { watch, name: None });
        let said = match ask.is_resource() {
            true => format!("{} {} {} {} {}", ask.verb, ask.group, ask.combined(), ask.namespace, ask.name),
            false => format!("{} {}", ask.verb, ask.path),
        };
        assert_eq!(said, expect, "{request}");
    };
    check("GET /api/v1/namespaces/a/pods/p", "get  pods a p");
    check("GET /api/v1/namespaces/a/pods", "list  pods a ");
    check("GET /api/v1/namespaces/a/pods?watch", "watch  pods a ");
    check("GET /api/v1/watch/namespaces/a/pods", "watch  pods a ");
    check("GET /api/v1/watch/namespaces/a/pods/p", "watch  pods a p");
    check("GET /api/v1/pods", "list  pods  ");
    check("HEAD /api/v1/pods", "list  pods  ");
    check("POST /apis/apps/v1/namespaces/a/deployments", "create apps deployments a ");
    check("PUT /apis/apps/v1/namespaces/a/deployments/d/scale", "update apps deployments/scale a d");
    check("PATCH /apis/apps/v1/namespaces/a/deployments/d", "patch apps deployments a d");
    check("DELETE /api/v1/namespaces/a/pods", "deletecollection  pods a ");
    check("DELETE /api/v1/namespaces/a/pods/p", "delete  pods a p");
    check("GET /api/v1/namespaces/a", "get  namespaces a a");
    check("PUT /api/v1/namespaces/a/status", "update  namespaces/status a a");
    check("PUT /api/v1/namespaces/a/finalize", "update  namespaces/finalize a a");
    check("GET /api/v1/namespaces", "list  namespaces  ");
    check("GET /apis/nope/v1/things/", "list nope things  ");
    check("GET /apis/nope/v1", "get /apis/nope/v1");
    check("GET /api/v1", "get /api/v1");
    check("GET /healthz", "get /healthz");
    check("POST /", "post /");
    let named = read(&Method::GET, "/api/v1/pods", Hints { watch: false, name: Some("p".to_owned()) });
    assert_eq!((named.verb.as_str(), named.name.as_str()), ("list", "p"));
}

fn ask(verb: &str, group: &str, resource: &str, name: &str) -> Ask {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Ask {
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        name: name.to_owned(),
        ..Ask::default()
    }
}

#[test]
fn a_rule_means_what_it_says() {
    let check = |rule: Value, asked: &Ask, expect: bool| {
        assert_eq!(Rule(&rule).allows(asked), expect, "{rule} {asked:?}");
    };
    let pods = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]});
    check(pods.clone(), &ask("get", "", "pods", "a"), true);
    check(pods.clone(), &ask("delete", "", "pods", "a"), false);
    check(pods.clone(), &ask("get", "apps", "pods", "a"), false);
    check(pods, &ask("get", "", "pods/log", "a"), false);
    let parts = json!({"apiGroups": ["*"], "resources": ["*/scale", "pods/log"], "verbs": ["*"]});
    check(parts.clone(), &ask("get", "apps", "deployments/scale", "a"), true);
    check(parts.clone(), &ask("get", "", "pods/log", "a"), true);
    check(parts, &ask("get", "", "pods", "a"), false);
    let named = json!({"apiGroups": [""], "resources": ["*"], "resourceNames": ["a"], "verbs": ["get"]});
    check(named.clone(), &ask("get", "", "secrets", "a"), true);
    check(named.clone(), &ask("get", "", "secrets", "b"), false);
    check(named, &ask("get", "", "secrets", ""), false);
    let path = |path: &str| Ask { verb: "get".to_owned(), path: path.to_owned(), ..Ask::default() };
    let urls = json!({"nonResourceURLs": ["/logs", "/met*"], "verbs": ["get"]});
    check(urls.clone(), &path("/logs"), true);
    check(urls.clone(), &path("/logs/a"), false);
    check(urls.clone(), &path("/metrics/x"), true);
    check(urls, &ask("get", "", "pods", ""), false);
    check(json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}), &path("/logs"), false);
}

#[test]
fn what_is_not_held_is_told_in_few_lines() {
    let held = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    let wanted = [
        json!({"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get", "list"]}),
        json!({"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["b"], "verbs": ["get"]}),
        json!({"nonResourceURLs": ["/x"], "verbs": ["get"]}),
    ];
    let grants: Vec<Grant<'_>> = wanted.iter().flat_map(Grant::of_value).collect();
    let told = not_held(&grants, &[Rule(&held)]);
    assert_eq!(
        told,
        [
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["list"]}"#,
            r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}"#,
            r#"{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["b"], Verbs:["get"]}"#,
            r#"{NonResourceURLs:["/x"], Verbs:["get"]}"#,
        ]
    );
}

fn words(from: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(from), 1..3)
}

fn rule() -> impl Strategy<Value = Value> {
    let names = prop::collection::vec(prop::sample::select(vec!["a", "b"]), 0..2);
    (words(&["get", "list", "*"]), words(&["", "apps", "*"]), words(&["pods", "pods/log", "*/log", "*"]), names).prop_map(
        |(verbs, groups, resources, names)| {
            json!({"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names})
        },
    )
}

proptest! {
    /// Whoever may hand on a rule could do all that it lets them do: handing on never adds rights.
    #[test]
    fn nobody_hands_on_what_they_cannot_do(
        held in prop::collection::vec(rule(), 0..4),
        wanted in rule(),
        verb in prop::sample::select(vec!["get", "list", "delete"]),
        group in prop::sample::select(vec!["", "apps", "batch"]),
        resource in prop::sample::select(vec!["pods", "pods/log", "secrets", "secrets/log"]),
        name in prop::sample::select(vec!["", "a", "b", "c"]),
    ) {
        let rules: Vec<Rule<'_>> = held.iter().map(Rule).collect();
        let asked = ask(verb, group, resource, name);
        if not_held(&Grant::of_value(&wanted), &rules).is_empty() && Rule(&wanted).allows(&asked) {
            prop_assert!(rules.iter().any(|rule| rule.allows(&asked)), "{held:?} {wanted} {asked:?}");
        }
        // And what is held can be handed on.
        for rule in &held {
            prop_assert!(not_held(&Grant::of_value(rule), &rules).is_empty());
        }
    }

    #[test]
    fn a_token_that_was_changed_is_nobodys(at in 0usize..200, to in "[A-Za-z0-9_-]") {
        let seal = Seal([1, 2]);
        let token = seal.token(&claims(4_000_000_000));
        let now = Timestamp::UNIX_EPOCH;
        prop_assert!(seal.read(&token, now).is_some());
        let at = at % token.len();
        let mut changed = token.clone();
        changed.replace_range(at..=at, &to);
        prop_assert_eq!(seal.read(&changed, now).is_some(), changed == token);
        prop_assert!(Seal([1, 3]).read(&token, now).is_none());
    }
}

fn claims(expires: i64) -> Value {
    json!({
        "exp": expires, "aud": ["x"], "jti": "id",
        "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "sa", "uid": "u"}},
    })
}

#[test]
fn a_token_ends() {
    let seal = Seal([1, 2]);
    let token = seal.token(&claims(100));
    let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
    assert_eq!(seal.read(&token, at(99)).expect("a good token").user().name(), "system:serviceaccount:default:sa");
    assert!(seal.read(&token, at(100)).is_none());
    for nonsense in ["", ".", "..", "a.b.c", "💥.💥.💥"] {
        assert!(seal.read(nonsense, at(0)).is_none(), "{nonsense}");
    }
}

#[test]
fn headers_name_whom_to_act_as() {
    let read = |lines: &[(&str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a header's name");
            headers.append(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        wanted(&headers)
    };
    assert_eq!(read(&[("accept", "*/*")]).expect("no one"), None);
    let carol = read(&[
        ("Impersonate-User", "carol"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-Acme.com%2Fproject", "x"),
        ("Impersonate-Extra-Scopes", "view"),
        ("Impersonate-Extra-Scopes", "edit"),
    ]);
    let extra: BTreeMap<String, Vec<String>> = BTreeMap::from([
        ("acme.com/project".to_owned(), vec!["x".to_owned()]),
        ("scopes".to_owned(), vec!["view".to_owned(), "edit".to_owned()]),
    ]);
    let expect = User { extra, ..User::new("carol").group("a").group("b").uid("7") };
    assert_eq!(carol.expect("carol"), Some(expect));
    let refused = read(&[("Impersonate-Uid", "a"), ("Impersonate-Extra-Foo", "x"), ("Impersonate-Extra-Foo", "y")]);
    assert_eq!(
        refused.expect_err("nobody is named").message,
        "requested &user.DefaultInfo{Name:\"\", UID:\"a\", Groups:[]string(nil), \
         Extra:map[string][]string{\"foo\":[]string{\"x\", \"y\"}}} without impersonating a user name"
    );
}

#[test]
fn tokens_come_in_tables() {
    let read = table("t1,bob,2,\"people, readers\"\n\nt2, eve ,\nt3,mallory,3,one\n").expect("a table");
    let expect = [
        ("t1", User::new("bob").uid("2").group("people").group("readers")),
        ("t2", User::new("eve")),
        ("t3", User::new("mallory").uid("3").group("one")),
    ];
    assert_eq!(read, expect.map(|(token, user)| (token.to_owned(), user)));
    let check = |text: &str, expect: &str| {
        let fault = table(text).expect_err(text).to_string();
        assert!(fault.starts_with(expect), "{fault}");
    };
    check("t1,bob,2\nt2,eve", "line 2 of the token table has fewer than three fields: write `token,user,uid`");
    check(",bob,2", "line 1 of the token table names no token or no user");
    check("t1,bob,2,\"one", "line 1 of the token table has a quote that does not end");
}

#[test]
fn a_service_account_is_known_by_its_name() {
    assert_eq!(account("system:serviceaccount:a:b"), Some(("a", "b")));
    for other in ["", "a", "system:serviceaccount:", "system:serviceaccount:a", "system:serviceaccount:a:b:c"] {
        assert_eq!(account(other), None, "{other}");
    }
}
