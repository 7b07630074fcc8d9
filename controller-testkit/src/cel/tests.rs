//! Expressions by themselves: what they come to, what is refused, and what can't do harm.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{Authority, Bound, Budget, Expression, Failure, Question, Variables, Wanted};
use crate::auth::{Ask, Decision};
use crate::schema::Structural;

fn run(text: &str, value: &Value, schema: &Value) -> Result<Value, Failure> {
    let schema = Structural::parse(schema);
    let scope = [("self", Some(&schema))];
    let read = Expression::compile(text, Wanted::Bool, &scope);
    let expression = read.unwrap_or_else(|why| panic!("{text}: {why}"));
    expression.run(&[("self", Bound::Value(value, Some(&schema)))], &mut Budget::default())
}

#[test]
fn expressions_come_to_what_the_language_says() {
    let check = |text: &str, value: Value, schema: Value, expect: bool| {
        assert_eq!(run(text, &value, &schema), Ok(json!(expect)), "{text} {value}");
    };
    let text = || json!({"type": "string"});
    check("self == 'a'", json!("a"), text(), true);
    check("self.startsWith('a') && self.endsWith('c')", json!("abc"), text(), true);
    check("self.matches('^[a-z]+$')", json!("aB"), text(), false);
    check("size(self) == 3 && self.size() == 3", json!("abc"), text(), true);
    check("isURL(self) && url(self).getScheme() == 'https'", json!("https://x/y"), text(), true);
    check("isQuantity(self) && quantity(self).isLessThan(quantity('1Gi'))", json!("2Mi"), text(), true);
    check("isIP(self) && ip(self).family() == 4", json!("10.0.0.1"), text(), true);
    check("self.lowerAscii() == 'abc' || self.trim() == ''", json!("aBc"), text(), true);
    check("self in ['a', 'b']", json!("b"), text(), true);
    check("type(self) == string", json!("b"), text(), true);
    let time = json!({"type": "string", "format": "date-time"});
    check("self > timestamp('2020-01-01T00:00:00Z')", json!("2024-01-01T00:00:00Z"), time, true);
    let span = json!({"type": "string", "format": "duration"});
    check("self < duration('1h')", json!("2h"), span, false);
    let either = json!({"x-kubernetes-int-or-string": true});
    check("type(self) == int ? self > 0 : self.size() > 0", json!(-1), either.clone(), false);
    check("type(self) == int ? self > 0 : self.size() > 0", json!("a"), either, true);
    let list = json!({"type": "array", "items": {"type": "integer"}});
    check("self.all(x, x > 0)", json!([1, 2]), list.clone(), true);
    check("self.exists(x, x > 1) && self.exists_one(x, x == 1)", json!([1, 2]), list.clone(), true);
    check("self.filter(x, x > 1).map(x, x * 2) == [4]", json!([1, 2]), list.clone(), true);
    check("self.isSorted() && self.sum() == 3", json!([1, 2]), list, true);
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    check("self.all(k, k.matches('^[a-z-]+$')) && self['a-b'] == 'x'", json!({"a-b": "x"}), map.clone(), true);
    check("'x' in self", json!({"a": "x"}), map, false);
    let object = json!({
        "type": "object",
        "properties": {"a-b": {"type": "integer"}, "namespace": {"type": "string"}, "c": {"type": "number"}},
    });
    check(
        "self.a__dash__b == 1 && self.__namespace__ == 'x'",
        json!({"a-b": 1, "namespace": "x"}),
        object.clone(),
        true,
    );
    check("self.namespace == 'x' && has(self.namespace)", json!({"namespace": "x"}), object.clone(), true);
    check("has(self.namespace)", json!({}), object.clone(), false);
    check("!has(self.c) || self.c > 1.5", json!({"c": 2}), object.clone(), true);
    check("has(self.c)", json!({"a-b": 1}), object, false);
}

#[test]
fn what_may_be_missing_can_be_given_a_name() {
    let inner = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let list = json!({"type": "array", "items": {"type": "integer"}});
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}, "in": inner, "list": list}});
    let check = |text: &str, value: Value, expect: bool| {
        assert_eq!(run(text, &value, &schema), Ok(json!(expect)), "{text} {value}");
    };
    check("self.?n.optMap(n, n + 1).orValue(0) == 3", json!({"n": 2}), true);
    check("self.?n.optMap(n, n + 1).orValue(0) == 0", json!({}), true);
    check("self.?n.optMap(n, n + 1).hasValue()", json!({}), false);
    check("self.?__in__.optFlatMap(i, i.?n).orValue(9) == 2", json!({"in": {"n": 2}}), true);
    check("self.?__in__.optFlatMap(i, i.?n).orValue(9) == 9", json!({"in": {}}), true);
    check("self.?__in__.n.hasValue() || has(self.?__in__.n)", json!({"in": {}}), false);
    check("self.?__in__.?n.hasValue() && has(self.?__in__.n)", json!({"in": {"n": 1}}), true);
    check("self.?list[1].orValue(7) == 7 && self.?list[?1].orValue(7) == 7", json!({"list": [1]}), true);
    check("self.?list[1].orValue(7) == 2 && self.list[?1].orValue(7) == 2", json!({"list": [1, 2]}), true);
    check("{'a': 1}[?'b'].hasValue() || {'a': 1}.?b.or(optional.none()).hasValue()", json!({}), false);
    // One within another, one after another, and a name that hides one further out.
    check(
        "self.?n.optMap(n, self.?__in__.n.optMap(m, n + m).orValue(0)).value() == 3",
        json!({"n": 1, "in": {"n": 2}}),
        true,
    );
    check("self.?n.optMap(n, n + 1).optMap(n, n * 2).value() == 4", json!({"n": 1}), true);
    check("self.?n.optMap(self, self > 0).orValue(false) && has(self.n)", json!({"n": 1}), true);
    let long = format!("self.?n{}.value() == 33", ".optMap(n, n + 1)".repeat(32));
    check(&long, json!({"n": 1}), true);
}

#[test]
fn what_goes_wrong_is_told() {
    let check = |text: &str, value: Value, expect: &str| {
        let of = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        assert_eq!(run(text, &value, &of), Err(Failure::Fault(expect.to_owned())), "{text}");
    };
    check("self.a == 1", json!({}), "no such key: a");
    check("self.a[3] == 1", json!({"a": [1]}), "index out of bounds: 3");
    check("1 / self.a == 1", json!({"a": 0}), "division by zero");
    check("self.a + 9223372036854775807 > 0", json!({"a": 1}), "integer overflow");
    check("self.a < 'x'", json!({"a": 1}), "no such overload");
}

#[test]
fn what_can_not_be_run_is_refused() {
    let schema = json!({
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "text": {"type": "string"},
        },
    });
    let schema = Structural::parse(&schema);
    let check = |text: &str, wanted: Wanted, expect: &str| {
        let scope = [("self", Some(&schema))];
        let why = Expression::compile(text, wanted, &scope).expect_err(text);
        assert!(why.contains(expect), "{text}: {why}");
    };
    check("self +", Wanted::Bool, "compilation failed: ERROR: <input>:1:7: Syntax error: mismatched input '<EOF>'");
    check("self.nope == 1", Wanted::Bool, "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope == 1\n | ....^");
    check("self.list.all(x, x.nope == 'a')", Wanted::Bool, "undefined field 'nope'");
    check("self.list[0].nope == 'a'", Wanted::Bool, "undefined field 'nope'");
    check("nope == 1", Wanted::Bool, "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')");
    check("self.?text.optMap(t, t == 'a').orValue(t == 'b')", Wanted::Bool, "undeclared reference to 't'");
    check("self.?text.optMap(t, t == 'a')", Wanted::Bool, "cel expression must evaluate to a bool");
    check("self.?nope.hasValue()", Wanted::Bool, "undefined field 'nope'");
    check("self.?list[?0].?nope.hasValue()", Wanted::Bool, "undefined field 'nope'");
    check("self.?text", Wanted::Bool, "cel expression must evaluate to a bool");
    check("self.?text.optFlatMap(t, nope)", Wanted::Any, "undeclared reference to 'nope'");
    check("self.text.nope()", Wanted::Bool, "undeclared reference to 'nope' (in container '')");
    check("self.text.size()", Wanted::Bool, "cel expression must evaluate to a bool");
    check("self.text", Wanted::Bool, "cel expression must evaluate to a bool");
    check("self.text.size() > 1", Wanted::Text, "messageExpression must evaluate to a string");
    check("a.b.C{d: 1} == 1", Wanted::Bool, "undeclared reference");
    Expression::compile("self.list.all(x, x.name != '')", Wanted::Bool, &[("self", Some(&schema))]).expect("a rule");
    Expression::compile("'is ' + self.text", Wanted::Text, &[("self", Some(&schema))]).expect("a message");
}

#[test]
fn no_expression_exhausts_the_stack() {
    let deep = [
        "(".repeat(5_000) + "1" + &")".repeat(5_000),
        "[".repeat(3_000),
        "!".repeat(9_000) + "true",
        "-".repeat(9_000) + "1",
        "1".to_owned() + &"+1".repeat(4_000) + " > 0",
        "self".to_owned() + &".a".repeat(4_000) + " == 1",
        "self".to_owned() + &"[0]".repeat(3_000) + " == 1",
        "true".to_owned() + &" ? true : false".repeat(600),
        "self.all(a, ".repeat(800) + "true" + &")".repeat(800),
        "self".to_owned() + &".map(a, a)".repeat(900) + " == 1",
        // As deep as may be.
        "(".repeat(32) + "1" + &")".repeat(32),
        "self.all(a, ".repeat(32) + "true" + &")".repeat(32),
        "[".repeat(32) + &"]".repeat(32),
        "1".to_owned() + &"+1".repeat(78) + " > 0",
        "!".repeat(79) + "true",
        "self".to_owned() + &".map(a, a)".repeat(39) + " == 1",
        "true".to_owned() + &" ? true : false".repeat(38),
        "self".to_owned() + &"[0]".repeat(78) + " == 1",
        "true && ".repeat(1_200) + "true",
        "x".repeat(100_000),
        "\\".repeat(50),
        "'".to_owned(),
        "\u{1F4A5}".repeat(20),
    ];
    for text in deep {
        let read = Expression::compile(&text, Wanted::Bool, &[("self", None)]);
        if let Ok(expression) = read {
            let _ = expression.run(&[("self", Bound::Value(&json!([1]), None))], &mut Budget::default());
        }
    }
    // What people write is not too long.
    let long = vec!["self.a.b.c.size() > 0"; 200].join(" && ");
    Expression::compile(&long, Wanted::Bool, &[("self", None)]).expect("many conditions");
}

#[test]
fn no_expression_runs_for_ever() {
    let many: Vec<i64> = (0..1_000).collect();
    let value = json!({"a": many});
    let mut budget = Budget(20_000);
    let loops = "self.a.all(a, self.a.all(b, self.a.all(c, self.a.all(d, a + b + c + d >= 0))))";
    let expression = Expression::compile(loops, Wanted::Bool, &[("self", None)]).expect("a rule");
    assert_eq!(expression.run(&[("self", Bound::Value(&value, None))], &mut budget), Err(Failure::Spent));
    assert_eq!(budget.0, 0);
    let huge = Expression::compile("lists.range(1000000000).size() > 0", Wanted::Bool, &[]).expect("a rule");
    assert_eq!(huge.run(&[], &mut Budget::default()), Err(Failure::Spent));
}

#[test]
fn costs_grow_with_what_schemas_allow() {
    let cost = |text: &str, schema: Value| {
        let schema = Structural::parse(&schema);
        let scope = [("self", Some(&schema))];
        Expression::compile(text, Wanted::Bool, &scope).expect("a rule").cost(&scope)
    };
    let list = |most: Value| json!({"type": "array", "maxItems": most, "items": {"type": "string", "maxLength": 10}});
    let rule = "self.all(a, self.all(b, a != b))";
    assert!(cost(rule, list(json!(10))) < 2_000);
    assert!(cost(rule, list(Value::Null)) > 1_000_000_000);
    assert!(cost("self.all(a, a.size() > 1)", list(json!(100))) < 2_000);
    assert!(cost("self > 1", json!({"type": "integer"})) < 10);
}

/// Runs an expression with variables, and counts what is asked.
fn with_variables(text: &str, variables: &[(&str, &str)], object: &Value) -> (Result<Value, Failure>, usize) {
    let scope = [("object", None), ("authorizer", None), ("variables", None), ("Object", None)];
    let read = |text: &str| Expression::compile(text, Wanted::Any, &scope);
    let named: Vec<_> = variables.iter().map(|(name, text)| ((*name).to_owned(), read(text))).collect();
    let variables = Variables::new(&named);
    let asked = AtomicUsize::new(0);
    let decide = |question: &Question| {
        asked.fetch_add(1, Ordering::Relaxed);
        Decision { allowed: question.ask.verb == "get", reason: String::new(), fault: String::new() }
    };
    let authority = Authority::new(Ask::default(), &decide);
    let names = [
        ("object", Bound::Value(object, None)),
        ("authorizer", Bound::Authorizer(&authority)),
        ("variables", Bound::Variables(&variables)),
    ];
    let done = read(text).expect("an expression").run(&names, &mut Budget::default());
    (done, asked.load(Ordering::Relaxed))
}

#[test]
fn a_question_is_decided_once() {
    let may = |verb: &str| format!("authorizer.group('').resource('pods').check('{verb}').allowed()");
    let text = format!("[1, 2, 3].all(n, {}) && !variables.list && !variables.list && {}", may("get"), may("get"));
    let (done, asked) = with_variables(&text, &[("list", &may("list"))], &json!({}));
    assert_eq!((done, asked), (Ok(json!(true)), 2));
    // What is not reached is not asked.
    assert_eq!(with_variables(&format!("true || {}", may("get")), &[], &json!({})), (Ok(json!(true)), 0));
}

#[test]
fn variables_are_made_when_they_are_asked_for() {
    let variables = [("bad", "object.nope"), ("far", "variables.bad + 1"), ("two", "variables.one + 1"), ("one", "1")];
    let check = |text: &str, expect: Result<Value, &str>| {
        let expect = expect.map_err(|why| Failure::Fault(why.to_owned()));
        assert_eq!(with_variables(text, &variables, &json!({"a": {"b": 1}})).0, expect, "{text}");
    };
    check("true || variables.bad", Ok(json!(true)));
    check("variables.one == 1 && has(variables.bad)", Ok(json!(true)));
    check("variables.bad", Err("composited variable \"bad\" fails to evaluate: no such key: nope"));
    check(
        "variables.far",
        Err(
            "composited variable \"far\" fails to evaluate: composited variable \"bad\" fails to evaluate: no such key: \
             nope",
        ),
    );
    // Only those before it are there.
    check("variables.two", Err("composited variable \"two\" fails to evaluate: no such attribute: variables.one"));
}

#[test]
fn values_may_be_missing() {
    let object = json!({"a": {"b": 1}});
    let check = |text: &str, expect: Value| assert_eq!(with_variables(text, &[], &object).0, Ok(expect), "{text}");
    check("object.?a.?b.orValue(0)", json!(1));
    check("object.?x.?b.orValue(0)", json!(0));
    check("object.?x.b.c.orValue(0)", json!(0));
    check("object.?a.b == object.?a.b && object.?x == object.?y && object.?a.b != object.?x", json!(true));
    check("object.?a.b == optional.of(2)", json!(false));
    check("string(true) + string(1)", json!("true1"));
}

#[test]
fn loops_may_have_two_variables() {
    let object = json!({"m": {"a": 1, "b": 2}, "l": [3, 4], "deep": {"x": {"y": 5}}});
    let check = |text: &str, expect: Value| assert_eq!(with_variables(text, &[], &object).0, Ok(expect), "{text}");
    check("object.m.all(k, v, k != '' && v > 0)", json!(true));
    check("object.m.all(k, v, v > 1)", json!(false));
    check("object.m.exists(k, v, k == 'b' && v == 2)", json!(true));
    check("object.m.existsOne(k, v, v > 0)", json!(false));
    check("object.l.exists_one(i, v, i == 1 && v == 4)", json!(true));
    check("object.m.transformList(k, v, k + string(v))", json!(["a1", "b2"]));
    check("object.l.transformList(i, v, i > 0, v * 10)", json!([40]));
    check("object.deep.all(k, v, v.all(l, w, k + l == 'xy' && w == 5))", json!(true));
    assert!(Expression::compile("object.all(k, v, nope)", Wanted::Bool, &[("object", None)]).is_err());
    let deep = "object.all(a, b, ".repeat(30) + "true" + &")".repeat(30);
    if let Ok(read) = Expression::compile(&deep, Wanted::Bool, &[("object", None)]) {
        let _ = read.run(&[("object", Bound::Value(&json!([1]), None))], &mut Budget::default());
    }
}

#[test]
fn objects_that_are_made_say_of_which_type_they_are() {
    let made = with_variables("Object{a: Object.a{b: object.a.b + 1, ?c: object.?x}}", &[], &json!({"a": {"b": 1}})).0;
    assert_eq!(made, Ok(json!({"@type": "Object", "a": {"@type": "Object.a", "b": 2}})));
}
