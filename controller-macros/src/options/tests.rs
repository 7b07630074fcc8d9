use std::path::Path;

use super::*;

/// The options, and the names of the messages about them.
fn parse(source: &str) -> (Options, Vec<&'static str>) {
    let mut errors = Errors::default();
    let options = Options::parse(source.parse().expect("tokens"), &mut errors);
    (options, errors.messages().map(Message::name).collect())
}

/// Checks which messages a list of options gives.
fn refused(source: &str, expect: &[&str]) {
    assert_eq!(parse(source).1, expect, "{source}");
}

/// The options of a list without mistakes.
fn good(source: &str) -> Options {
    let (options, messages) = parse(source);
    assert_eq!(messages, [""; 0], "{source}");
    options
}

fn text(given: &Given<Spanned<String>>) -> Option<&str> {
    given.good().map(|value| value.value.as_str())
}

#[test]
fn strings_and_words() {
    let options = good("api_version = \"apps/v1\", kind = Deployment, plural = \"deployments\", name = \"a-b\"");
    assert_eq!(text(&options.api_version), Some("apps/v1"));
    assert_eq!(text(&options.kind), Some("Deployment"));
    assert_eq!(text(&options.plural), Some("deployments"));
    assert_eq!(text(&options.name), Some("a-b"));
    assert_eq!(text(&good("kind = \"Pod\",").kind), Some("Pod"));
    assert_eq!(text(&good("api_version = v1").api_version), Some("v1"));
}

#[test]
fn namespaces_are_all_or_named() {
    let names = |source: &str| good(source).namespaces.good().map(|names| names.value.clone());
    assert_eq!(names("namespace = all"), Some(None));
    assert_eq!(names("namespace = \"all\""), Some(None));
    assert_eq!(names("namespace = \"a\""), Some(Some(vec!["a".into()])));
    assert_eq!(names("namespace = [\"a\", \"all\"]"), Some(Some(vec!["a".into(), "all".into()])));
    refused("namespace = []", &["EmptyOption"]);
    refused("namespace = \"\"", &["EmptyOption"]);
    refused("namespace = [\"a\", \"a\"]", &["NamespaceTwice"]);
    refused("namespace = [\"A\", \"-\"]", &["NamespaceGrammar", "NamespaceGrammar"]);
    refused("namespace = default", &["WrongValue"]);
    refused("namespace = [all]", &["WrongValue"]);
}

#[test]
fn durations_and_off() {
    let delay = |source: &str| good(source).reconcile_delay.good().map(|delay| delay.value);
    assert_eq!(delay("reconcile_delay = \"1m30s\""), Some(Limit::Millis(90_000)));
    assert_eq!(delay("reconcile_delay = 250"), Some(Limit::Millis(250)));
    assert_eq!(delay("reconcile_delay = off"), Some(Limit::Off));
    assert_eq!(delay("reconcile_delay = \"off\""), Some(Limit::Off));
    for zero in ["0", "\"0s\"", "\"0h0ms\""] {
        refused(&format!("timeout = {zero}"), &["DurationZero"]);
    }
    for bad in ["\"1.5s\"", "\"fast\"", "1.5", "-1", "5u8", "[\"5s\"]", "never", "true"] {
        refused(&format!("timeout = {bad}"), &["DurationGrammar"]);
    }
    refused("timeout = \"9000h\"", &["DurationTooLong"]);
    refused("timeout = \"\"", &["EmptyOption"]);
    refused("timeout(5)", &["WantsValue"]);
}

#[test]
fn backoff_by_place_and_by_name() {
    let waits = |source: &str| good(source).backoff.good().map(|waits| (waits.min.value, waits.max.value));
    assert_eq!(waits("backoff(\"5ms\", \"60s\")"), Some((5, 60_000)));
    assert_eq!(waits("backoff(10, 10)"), Some((10, 10)));
    assert_eq!(waits("backoff(min = 1, max = 2)"), Some((1, 2)));
    assert_eq!(waits("backoff(max = \"1h\")"), Some((5, 3_600_000)));
    assert_eq!(waits("backoff(min = \"1s\")"), Some((1_000, 60_000)));
    refused("backoff(\"60s\", \"5ms\")", &["BackoffOrder"]);
    refused("backoff(min = \"2m\")", &["BackoffDefault"]);
    refused("backoff(max = 1)", &["BackoffDefault"]);
    refused("backoff()", &["EmptyOption"]);
    refused("backoff(\"5ms\")", &["WrongValue"]);
    refused("backoff(1, 2, 3)", &["WrongValue"]);
    refused("backoff(0, \"x\")", &["DurationZero", "DurationGrammar"]);
    refused("backoff(min = 1, min = 2)", &["OptionTwice"]);
    refused("backoff(mim = 1)", &["MisspeltOption"]);
    refused("backoff = \"5ms\"", &["WantsList"]);
}

#[test]
fn escalation_has_both_halves() {
    let options = good("escalate(panics = 3, within = \"1m\")");
    assert_eq!(options.escalate.good(), Some(&Escalation { panics: 3, within: 60_000 }));
    refused("escalate(panics = 3)", &["HalfEscalation"]);
    refused("escalate(panics = 0, within = 5)", &["WrongValue"]);
    refused("escalate(panics = \"3\", within = 0)", &["QuotedNumber", "DurationZero"]);
    refused("escalate(panics = 3, withing = 5)", &["MisspeltOption"]);
    refused("escalate(3, 5)", &["NotAnOption"]);
    refused("escalate = 3", &["WantsList"]);
}

#[test]
fn rate_limits_have_runs_and_a_time_and_perhaps_a_burst() {
    let limit = |source: &str| good(source).rate_limit.good().map(|limit| limit.value);
    let full = RateLimit { runs: 10, per: 1_000, burst: 20 };
    assert_eq!(limit("rate_limit(runs = 10, per = \"1s\", burst = 20)"), Some(full));
    assert_eq!(limit("rate_limit(per = 1000, runs = 10)"), Some(RateLimit { burst: 10, ..full }));
    let each = good("key_rate_limit(runs = 1, per = \"1m\")");
    assert!(each.rate_limit.is_absent());
    assert_eq!(each.key_rate_limit.good().map(|limit| limit.value), Some(RateLimit { runs: 1, per: 60_000, burst: 1 }));
    refused("rate_limit(runs = 10)", &["HalfRateLimit"]);
    refused("key_rate_limit(per = \"1s\", burst = 2)", &["HalfRateLimit"]);
    refused("rate_limit(runs = 0, per = \"1s\")", &["WrongValue"]);
    refused("rate_limit(runs = 1, per = 0, burst = 0)", &["DurationZero", "WrongValue"]);
    refused("rate_limit(runs = \"1\", per = \"1s\")", &["QuotedNumber"]);
    refused("rate_limit(runs = 1, per = \"1s\", runs = 2)", &["OptionTwice"]);
    refused("rate_limit(runs = 1, per = \"1s\", brust = 2)", &["MisspeltOption"]);
    refused("rate_limit(runs = 1, every = \"1s\")", &["UnknownOption"]);
    refused("rate_limit(10, \"1s\")", &["NotAnOption"]);
    refused("rate_limit()", &["EmptyOption"]);
    refused("rate_limit = 10", &["WantsList"]);
    refused("qps = 10, throttle = 10, rate_limits(runs = 1)", &["MisspeltOption"; 3]);
}

#[test]
fn the_supervisor_and_its_options() {
    let options = good("supervisor(restart = \"transient\", shutdown = brutal_kill, significant)");
    assert_eq!(options.restart.good().map(|restart| restart.value), Some("transient"));
    assert_eq!(options.shutdown.good(), Some(&Shutdown::BrutalKill));
    assert!(options.significant.good().is_some());
    for (source, expect) in [
        ("5000", Shutdown::After(5_000)),
        ("\"5s\"", Shutdown::After(5_000)),
        ("infinity", Shutdown::Infinity),
        ("\"brutal_kill\"", Shutdown::BrutalKill),
    ] {
        assert_eq!(good(&format!("supervisor(shutdown = {source})")).shutdown.good(), Some(&expect));
    }
    refused("supervisor(restart = transiant)", &["MisspeltWord"]);
    refused("supervisor(restart = never)", &["UnknownWord"]);
    refused("supervisor(restart = 5)", &["UnknownWord"]);
    refused("supervisor(shutdown = 0)", &["DurationZero"]);
    refused("supervisor(shutdown = kill)", &["UnknownWord"]);
    refused("supervisor(shutdown = \"5x\")", &["DurationGrammar"]);
    refused("supervisor(significant = true)", &["WantsNothing"]);
    refused("supervisor()", &["EmptyOption"]);
    refused("supervisor(restrat = transient, nonsense)", &["MisspeltOption", "UnknownOption"]);
    refused("supervisor(restart = transient restart = x)", &["MissingComma"]);
    refused("supervisor(significant), supervisor(significant)", &["OptionTwice"]);
    refused("supervisor(significant, significant)", &["OptionTwice"]);
    refused("restart = transient, significant", &["MisplacedOption", "MisplacedOption"]);
}

#[test]
fn numbers_are_in_range_and_unquoted() {
    assert_eq!(good("concurrency = 10000").concurrency.good().map(|count| count.value), Some(10_000));
    refused("concurrency = 0", &["ConcurrencyRange"]);
    refused("concurrency = 10001", &["ConcurrencyRange"]);
    refused("concurrency = -1", &["ConcurrencyRange"]);
    refused("concurrency = \"4\"", &["QuotedNumber"]);
    refused("concurrency = many", &["ConcurrencyRange"]);
}

#[test]
fn names_follow_their_grammars() {
    refused("api_version = \"apps\"", &["GroupAlone"]);
    refused("api_version = \"V1\"", &["ApiVersionGrammar"]);
    refused("api_version = 1", &["WrongValue"]);
    refused("api_version = \"\"", &["EmptyOption"]);
    refused("kind = \"pods\"", &["KindGrammar"]);
    refused("kind = pod", &["KindGrammar"]);
    refused("plural = \"Pods\"", &["PluralGrammar"]);
    refused("plural = pods", &["WrongValue"]);
    refused("name = \"PodWatcher\"", &["NameGrammar"]);
    refused("labels = \"\"", &["EmptyOption"]);
    refused("labels = \"app in web\"", &["LabelRequirement"]);
    refused("labels = \"app=we!b\"", &["LabelValue"]);
    refused("labels = \"-=x\"", &["LabelKey"]);
    refused("fields = \"status.phase\"", &["FieldRequirement"]);
    refused("on_start = \"reconcille\"", &["MisspeltWord"]);
    refused("crate = sdk", &["CratePath"]);
    refused("crate = \"::sdk\"", &["CratePath"]);
    refused("crate = self::sdk", &["CratePath"]);
}

#[test]
fn unknown_options_are_named() {
    refused("kindd = \"Pod\"", &["MisspeltOption"]);
    refused("apiVersion = \"v1\"", &["MisspeltOption"]);
    refused("interval = \"5s\"", &["MisspeltOption"]);
    refused("colour = \"red\"", &["UnknownOption"]);
    refused("finaliser = \"a/b\"", &["PlannedOption"]);
    for planned in PLANNED {
        refused(&format!("{planned}(x)"), &["OptionNotYet"]);
    }
    refused("kind = \"Pod\", kind = \"Pod\"", &["OptionTwice"]);
    refused("kind = \"\", kind = \"Pod\"", &["EmptyOption", "OptionTwice"]);
    refused("kind", &["WantsValue"]);
    refused("kind(Pod)", &["WantsValue"]);
    refused("a = 1, b = 2", &["UnknownOption", "UnknownOption"]);
    refused("kind = \"Pod\" name = \"x\", colour = red", &["MissingComma"]);
}

#[test]
fn schemas() {
    let inline = |source: &str| match good(source).schema.good() {
        Some(Schema::Inline(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(inline("schema({ \"type\": \"object\" })"), "{\"type\":\"object\"}");
    assert!(matches!(good("schema = derive").schema.good(), Some(Schema::Derive(_))));
    assert!(matches!(good("schema = \"derive\"").schema.good(), Some(Schema::Derive(_))));
    refused("schema({ \"type\": \"strin\", \"minLength\": -1 })", &["SchemaFault", "SchemaFault"]);
    refused("schema({ type: \"object\" })", &["InlineJson"]);
    refused("schema()", &["EmptyOption"]);
    refused("schema(derive)", &["SchemaForm"]);
    refused("schema = { }", &["SchemaForm"]);
    refused("schema = derived", &["SchemaForm"]);
    refused("schema", &["WantsValue"]);
    refused("schema = \"\"", &["SchemaForm"]);
    refused("schema = \"there/is/none.json\"", &["SchemaUnreadable"]);
    refused("schema = \"Cargo.toml\"", &["SchemaSyntax"]);
}

#[test]
fn a_schema_file_is_found_from_the_manifest() {
    let folder = std::env::temp_dir().join(format!("controller-macros-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the case");
    let path = folder.join("schema.json");
    std::fs::write(&path, "{ \"type\": \"object\", \"required\": true }").expect("a schema for the case");
    let source = format!("schema = {:?}", path.display().to_string());
    refused(&source, &["SchemaFault"]);
    std::fs::write(&path, "{ \"type\": \"object\" }").expect("a schema for the case");
    let options = good(&source);
    let Some(Schema::File(found)) = options.schema.good() else { panic!("{:?}", options.schema) };
    assert_eq!(Path::new(&found.value), path);
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

#[test]
fn parts_of_objects_are_named() {
    let parts = |source: &str| good(source).when.good().map(|parts| parts.value.len());
    assert_eq!(parts("when(generation)"), Some(1));
    assert_eq!(parts("when(label(\"a\"), label(\"x.io/b\"), annotation(\"a\"), field(\"/spec/a~1b\"))"), Some(4));
    refused("when()", &["EmptyOption"]);
    refused("when = generation", &["WantsList"]);
    refused("when(generation())", &["WantsNothing"]);
    refused("when(generation = 1)", &["WantsNothing"]);
    refused("when(generations)", &["MisspeltOption"]);
    refused("when(spec)", &["UnknownOption"]);
    refused("when(label)", &["WantsList"]);
    refused("when(label(\"\"))", &["EmptyOption"]);
    refused("when(label(\"a\", \"b\"))", &["WrongValue"]);
    refused("when(label(a))", &["WrongValue"]);
    refused("when(annotation(\"a b\"))", &["PartKey"]);
    refused("when(field(\"spec.nodeName\"))", &["PointerGrammar"]);
    refused("when(field(\"/a~2\"))", &["PointerGrammar"]);
    refused("when(generation, generation)", &["OptionTwice"]);
    refused("when(label(\"a\"), label(\"a\"))", &["OptionTwice"]);
    refused("when(label(\"a b\"), field(\"x\"))", &["PartKey", "PointerGrammar"]);
}

#[test]
fn kinds_are_types() {
    let count = |source: &str| good(source).reads.good().map(Vec::len);
    assert_eq!(count("reads(ConfigMap, core::v1::Secret, ::a::B<C>,)"), Some(3));
    assert_eq!(good("writes(ConfigMap), reads(ConfigMap)").writes.good().map(Vec::len), Some(1));
    refused("reads()", &["EmptyOption"]);
    refused("reads = ConfigMap", &["WantsList"]);
    refused("reads(\"ConfigMap\")", &["KindsForm"]);
    refused("writes(&ConfigMap, 7)", &["KindsForm", "KindsForm"]);
    refused("reads(A, A)", &["KindTwice"]);
    refused("reads(A,, B)", &["StrayComma"]);
}

#[test]
fn what_is_kept_of_objects_is_named_by_words() {
    let words = |source: &str| {
        let cache = good(source).cache;
        let cache = cache.good().expect("it is given");
        [&cache.metadata, &cache.managed_fields, &cache.compressed].map(|word| word.good().is_some())
    };
    assert_eq!(words("cache(metadata)"), [true, false, false]);
    assert_eq!(words("cache(compressed, managed_fields,)"), [false, true, true]);
    refused("cache()", &["EmptyOption"]);
    refused("cache = metadata", &["WantsList"]);
    refused("cache(metadata = true, compressed())", &["WantsNothing", "WantsNothing"]);
    refused("cache(metadata, metadata)", &["OptionTwice"]);
    refused("cache(bytes)", &["UnknownOption"]);
    refused("cache(compress)", &["MisspeltOption"]);
}
