//! Every message of the attribute, in one table.
//!
//! A message says what was written and what to write instead; the caret says where. It is one line without a full
//! stop, in the words of the documentation (`docs/attribute.md`). Texts stand nowhere else in this crate, so that they
//! can be read, compared and listed as one piece of prose. Messages about types are not here: the compiler finds those,
//! and `controller-core` words them on its traits.

use std::fmt;

/// Declares the messages: a name, the words that vary, and the text.
macro_rules! messages {
    ($($name:ident { $($field:ident),* } => $text:literal;)*) => {
        /// One mistake, with the words to report it.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Message {
            $($name { $($field: String),* },)*
        }

        impl fmt::Display for Message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name { $($field),* } => write!(f, $text),)*
                }
            }
        }

        #[cfg(test)]
        impl Message {
            /// The names of all messages, in the table's order.
            pub(crate) const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// This message's name in the table.
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => stringify!($name),)*
                }
            }
        }
    };
}

messages! {
    // The item.
    NotAnImpl { word } =>
        "`#[controller]` goes on the `impl` block that holds the callbacks, not on {word}: write `#[controller(..)] impl PodWatcher {{ async fn reconcile(..) .. }}`";
    TraitImpl { name, instead } =>
        "`#[controller]` goes on a plain `impl` block, not on an implementation of `{name}`: {instead}";
    AssociatedType { name } =>
        "a plain `impl` holds no types: remove `type {name}`, the callbacks say what their object is";
    OnAMacro {} =>
        "`#[controller]` reads no macros: put it on `impl PodWatcher {{ .. }}` itself, in the macro where that writes it";
    NotANamedType { written } =>
        "a controller is a type with a name, not `{written}`: declare a struct and write `impl PodWatcher {{ .. }}`";
    ImplLifetime { lifetime } =>
        "a controller lives as long as its operator, so it can't borrow for `{lifetime}`: hold owned values or an `Arc` in its fields, and drop the lifetime";
    SecondAttribute {} =>
        "`#[controller]` is written twice on this `impl`: remove the second attribute, and move its options to the first";
    AsyncTrait {} =>
        "callbacks are plain `async fn`s: remove `#[async_trait]`";
    NoCallback { name } =>
        "`{name}` has no callback: write at least one of `add`, `modify`, `delete`, `reconcile`, such as `async fn reconcile(&self, obj: &Pod, cx: &Context<Self>) -> Result {{ Ok(()) }}`";
    UnnamedController { written } =>
        "no name can be made of `{written}`: give one with `name = \"pod-watcher\"`";
    RenamedCrate { renamed } =>
        "`controller-core` is called `{renamed}` in Cargo.toml: write `#[controller(crate = ::{renamed}, ..)]`";
    MissingCrate {} =>
        "`controller-core` is not among the dependencies in Cargo.toml: add it with `cargo add controller-core`, or say where it is re-exported with `#[controller(crate = ::facade::controller_core, ..)]`";

    // The callbacks.
    MisspeltCallback { written, meant } =>
        "`{written}` is not a callback, did you mean `{meant}`? The callbacks are `add`, `modify`, `delete`, `reconcile`; a helper of this name must not be `async`";
    MisspeltNotYet { written, meant } =>
        "`{written}` looks like the callback `{meant}`, which is not available yet: remove it, or write a helper, which must not be `async`";
    CallbackNotYet { name } =>
        "the callback `{name}` is not available yet: remove it, or give the method another name";
    NotAsync { name, answer } =>
        "the callback `{name}` must be async: write `async fn {name}(..){answer}`";
    CallbackQualifier { name, qualifier } =>
        "the callback `{name}` can't be `{qualifier}`: write `async fn {name}(..)`";
    NoReceiver { name } =>
        "the callback `{name}` takes `&self` first: write `async fn {name}(&self, ..)`";
    WrongReceiver { name, written } =>
        "the callback `{name}` takes `&self`, not `{written}`: runs share one controller, so keep what changes in a `Mutex` or an atomic";
    CallbackGenerics { name, written } =>
        "the callback `{name}` can't have parameters or bounds of its own: remove `{written}`, and name the types it takes, or give the `impl` the parameter";
    ObjectForm { name, written } =>
        "the callback `{name}` can't decode an object into `{written}`: write `&Pod`, or the struct to decode into";
    BorrowedObject { written } =>
        "an object owns what is in it, so it can't be `{written}`: hold `String` in place of `&str` in its fields, and drop the lifetime";
    TooFewArguments { name, count } =>
        "the callback `{name}` takes the object and the context, found {count}: write `async fn {name}(&self, obj: &Pod, cx: &Context<Self>)`";
    TooManyArguments { name, count } =>
        "the callback `{name}` takes the object and the context only, found {count}: keep what else it needs in fields of `self`";
    ArgumentOrder { name } =>
        "the object comes before the context: write `async fn {name}(&self, obj: &Pod, cx: &Context<Self>)`";
    OwnedObject { written } =>
        "a callback borrows its object: write `&{written}`";
    MutableObject { written } =>
        "a callback can't change its object in place: write `&{written}`, and clone what is to be sent back";
    OwnedContext { written } =>
        "a callback borrows its context: write `&{written}`";
    MutableContext { written } =>
        "a callback's context is shared: write `&{written}`";
    BareContext {} =>
        "`Context` lacks the controller that it is of: write `&Context<Self>`";
    ForeignContext { written } =>
        "the context is that of this controller, not of `{written}`: write `&Context<Self>`";
    MixedObjects { name, written, expected } =>
        "all callbacks of a controller take the same object: `{name}` takes `{written}`, the others take `{expected}`: write `&{expected}`, or give `{written}` a controller of its own";

    // The list of options.
    StrayComma {} =>
        "there is no option before this comma: remove it";
    NotAnOption { written, example } =>
        "an option starts with its name, not with `{written}`: write `{example}`";
    DashedOption { written, meant } =>
        "the names of options have underscores: write `{meant}`, not `{written}`";
    OddEquals { option, sign } =>
        "options are written with `=`: write `{option} = ..`, not `{option}{sign} ..`";
    NoEquals { option } =>
        "`=` is missing between `{option}` and its value: write `{option} = ..`";
    NoValue { option, example } =>
        "`{option} =` has no value: write `{example}`";
    MissingComma { next } =>
        "a comma is missing before `{next}`";

    // Every option.
    UnknownOption { written, list } =>
        "there is no option `{written}`; the options are {list}";
    MisspeltOption { written, meant, list } =>
        "there is no option `{written}`, did you mean `{meant}`? The options are {list}";
    PlannedOption { written, meant } =>
        "there is no option `{written}`, and `{meant}`, which it looks like, is not available yet: remove it";
    MisplacedOption { written, place } =>
        "`{written}` is an option of the supervisor: write `{place}`";
    CallbackAsOption { name } =>
        "`{name}` is a callback, not an option: remove it here, and write `async fn {name}(&self, obj: &Pod, cx: &Context<Self>)` in the `impl`";
    OptionNotYet { option } =>
        "the option `{option}` is not available yet: remove it";
    OptionTwice { option } =>
        "`{option}` is given twice: remove one";
    WantsValue { option, example } =>
        "`{option}` takes a value: write `{example}`";
    WantsList { option, example } =>
        "`{option}` takes a list in parentheses: write `{example}`";
    WantsNothing { option, example } =>
        "`{option}` stands alone: write `{example}`";
    WrongValue { option, written, forms } =>
        "`{written}` is not a value of `{option}`: write {forms}";
    QuotedNumber { option, written } =>
        "`{option}` takes a number without quotes: write `{option} = {written}`";
    UnknownWord { option, written, list } =>
        "`{written}` is not a value of `{option}`; the values are {list}";
    MisspeltWord { option, written, meant, list } =>
        "`{written}` is not a value of `{option}`, did you mean `{meant}`? The values are {list}";
    EmptyOption { option, example } =>
        "`{option}` is empty: write `{example}`, or remove it";

    // One option each.
    ApiVersionGrammar { written } =>
        "`{written}` is not an API version: write `v1`, or a group and a version as in `apps/v1`";
    GroupAlone { group, meant } =>
        "`{group}` is a group without a version: write `{meant}`";
    UnknownGroup { group, meant } =>
        "there is no group `{group}`, did you mean `{meant}`?";
    KindGrammar { written, meant } =>
        "`{written}` is not a kind: kinds are singular and in camel case, write `{meant}`";
    UnknownKind { kind, api_version, meant } =>
        "there is no kind `{kind}` in `{api_version}`, did you mean `{meant}`?";
    KindElsewhere { kind, api_version, meant } =>
        "`{kind}` is not in `{api_version}`: write `api_version = \"{meant}\"`";
    KindOfOtherFeatures { kind, api_version, features } =>
        "k8s-openapi has `{kind}` of `{api_version}` with {features}: choose that feature in Cargo.toml, or write another `api_version`";
    PluralGrammar { written } =>
        "`{written}` is not the plural name of a resource: write it in lower case, as in `pods`";
    PluralMismatch { written, kind, meant } =>
        "the plural of `{kind}` is not `{written}`: write `plural = \"{meant}\"`, or remove the option";
    NameGrammar { written, meant } =>
        "`{written}` is not a controller's name, which has lower-case letters, digits and single dashes: write `{meant}`";
    NamespaceGrammar { written } =>
        "`{written}` is not a namespace: write at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends, as in `kube-system`";
    NamespaceTwice { written } =>
        "the namespace `{written}` is listed twice: remove one";
    ClusterScoped { kind } =>
        "objects of kind `{kind}` have no namespace: remove the option";
    LabelRequirement { written } =>
        "`{written}` is not a label requirement: write `app=web`, `app!=web`, `app in (web, api)`, `app notin (web)`, `app` or `!app`";
    LabelKey { written } =>
        "`{written}` is not a label's key: write a name of at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, after a domain and `/` where it has one, as in `example.com/tier`";
    LabelValue { written } =>
        "`{written}` is not a label's value: write at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";
    LabelsContradict { key } =>
        "no object matches `labels`: all requirements have to hold, and what it says of `{key}` can't; remove one, or write `{key} in (a, b)` for either of two values";
    FieldsContradict { path } =>
        "no object matches `fields`: all requirements have to hold, and what it says of `{path}` can't; remove one";
    FieldOfNamespace { written, namespaces } =>
        "no object matches `fields`: it asks for the namespace `{written}`, and `namespace` has {namespaces}; remove one of the two";
    FieldRequirement { written } =>
        "`{written}` is not a field requirement: write `status.phase=Running` or `spec.nodeName!=node-1`";
    PartKey { written } =>
        "`{written}` is not the key of a label or an annotation: write a name of at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, after a domain and `/` where it has one, as in `example.com/tier`";
    PointerGrammar { written } =>
        "`{written}` is not a JSON pointer: each step begins with a slash, as in `/spec/nodeName`, and in a name `~1` is a slash and `~0` a tilde";
    WhenUnused {} =>
        "`when` does nothing where no callback hears of changes: write `modify` or `reconcile`, or remove the option";
    WhenNotKept { pointer } =>
        "`{pointer}` never changes, since `cache(metadata)` keeps nothing of it: write a pointer below `/metadata`, or remove `cache(metadata)`";
    KindsForm { option, written } =>
        "`{option}` takes types, not `{written}`: write `{option}(ConfigMap, Secret)`";
    KindTwice { option, written } =>
        "`{written}` stands twice in `{option}`: remove one";
    DurationGrammar { option, written, never } =>
        "`{written}` is not a duration for `{option}`: write whole numbers with `ms`, `s`, `m` or `h`, as in `30s` or `1m30s`{never}";
    DurationZero { option, instead } =>
        "`{option}` can't be zero: write {instead}";
    DurationTooLong { option, written } =>
        "`{written}` is too long for `{option}`: write at most `8760h`, a year";
    ConcurrencyRange { written } =>
        "`concurrency` is a whole number from 1 to 10000, not {written}: write `concurrency = 4`";
    BackoffOrder { min, max } =>
        "`backoff` goes from the first wait to the longest: {min} is longer than {max}, swap them";
    BackoffDefault { given, written, relation, other, default } =>
        "`{given}` of `backoff` is {written}, {relation}, which is {default} where `{other}` is not written: write `{other}` too";
    HalfEscalation {} =>
        "`escalate` takes a number and a time: write `escalate(panics = 3, within = \"1m\")`";
    HalfRateLimit { option } =>
        "`{option}` takes a number of runs and a time: write `{option}(runs = 10, per = \"1s\")`";
    KeyLimitUnused {} =>
        "`key_rate_limit` does nothing here, since `rate_limit` lets no more runs begin of all objects together: lower it, or remove it";
    SignificantPermanent {} =>
        "a child that is always restarted can't be `significant`: write `restart = transient` or `restart = temporary` beside it";
    OnStartCallback { word } =>
        "`on_start = {word}` needs the callback `{word}`, which is not written: add it, or remove the option";
    ResyncUnused {} =>
        "`reconcile_delay` does nothing without the callback `reconcile`: add it, or remove the option";
    CratePath { written } =>
        "`crate` takes a path from the root, not `{written}`: write `crate = ::controller_core` or `crate = crate::sdk`";
    GenericObject { written } =>
        "the kind of `{written}` depends on a parameter of the `impl`: write both `api_version` and `kind`";

    // Schemas.
    SchemaForm { written } =>
        "`schema` does not take `{written}`: write `schema = \"schema.json\"`, `schema = derive` or `schema({{ \"type\": \"object\" }})`";
    SchemaUnreadable { path, cause } =>
        "the schema file can't be read ({cause}): {path}; the path starts at the folder of Cargo.toml";
    SchemaSyntax { cause } =>
        "the schema file is not JSON: {cause}";
    SchemaFault { pointer, written, expected } =>
        "the schema is not valid at `{pointer}`: found {written}, expected {expected}";
    InlineJson { written, expected } =>
        "the inline schema is JSON: expected {expected}, found {written}";
}
