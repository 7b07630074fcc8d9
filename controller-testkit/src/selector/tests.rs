//! Both grammars: what matches, and what a wrong selector is told.

use serde_json::{Value, json};

use super::{FieldSelector, LabelSelector};

fn labels(selector: &str, labels: Value, expect: bool) {
    let parsed = LabelSelector::parse(selector).unwrap_or_else(|fault| panic!("{selector}: {fault}"));
    assert_eq!(parsed.matches(labels.as_object()), expect, "{selector} on {labels}");
}

fn label_fault(selector: &str, expect: &str) {
    let fault = LabelSelector::parse(selector).expect_err(selector);
    assert!(fault.starts_with(expect), "{selector}: {fault}");
}

#[test]
fn labels_match_as_the_real_server_matches_them() {
    let web = || json!({"app": "web", "size": "12"});
    for (selector, expect) in [
        ("", true),
        ("app=web", true),
        ("app==web", true),
        ("app = web , size", true),
        ("app!=web", false),
        ("app in (web, db)", true),
        ("app notin (web)", false),
        ("app notin ()", true),
        ("app in (,web)", true),
        ("app in (db,)", false),
        ("!app", false),
        ("! gone", true),
        ("gone!=x", true),
        ("gone notin (x)", true),
        ("gone=", false),
        ("size>11", true),
        ("size>12", false),
        ("size<13", true),
        ("app>1", false),
        ("in=x", false),
        ("notin", false),
        ("app=in", false),
    ] {
        labels(selector, web(), expect);
    }
    assert!(LabelSelector::parse("a!=b").expect("a legal selector").matches(None));
    labels("empty=", json!({"empty": ""}), true);
}

#[test]
fn a_wrong_label_selector_is_explained() {
    for (selector, expect) in [
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("app in (web", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("app=web,", "found '', expected: identifier after ','"),
        (",app", "found ',', expected: !, identifier, or 'end of string'"),
        ("app web", "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"),
        ("app=(", "unable to parse requirement: found '(', expected: identifier"),
        ("!app=x", "found '=', expected: ',' or 'end of string'"),
        ("-app=x", "unable to parse requirement: <nil>: Invalid value: \"-app\": name part must consist"),
        ("app=x-", "unable to parse requirement: values[0][app]: Invalid value: \"x-\": a valid label"),
        ("app>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt'"),
    ] {
        label_fault(selector, expect);
    }
}

#[test]
fn fields_match() {
    let read = |field: &str| match field {
        "metadata.name" => "web".to_owned(),
        "odd" => r"a,b=c\d".to_owned(),
        _ => String::new(),
    };
    for (selector, expect) in [
        ("", true),
        ("metadata.name=web", true),
        ("metadata.name==web", true),
        ("metadata.name!=web", false),
        ("metadata.name=web,other=", true),
        (r"odd=a\,b\=c\\d", true),
        ("metadata.name=we", false),
    ] {
        let parsed = FieldSelector::parse(selector).unwrap_or_else(|fault| panic!("{selector}: {fault}"));
        assert_eq!(parsed.matches(read), expect, "{selector}");
    }
    assert_eq!(FieldSelector::parse("x").expect_err("no operator"), "invalid selector: 'x'; can't understand 'x'");
    assert!(FieldSelector::parse(r"a=b\c").is_err());
    assert_eq!(FieldSelector::parse("a=b,metadata.name=web").expect("legal").exact("metadata.name"), Some("web"));
}
