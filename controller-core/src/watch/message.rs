//! Owns the words about a watch: each says what was asked of whom, and the next step.

use super::WatchSpec;
use super::pump::Note;
use super::stream::Trouble;

/// The API server as messages name it.
pub(super) fn server(url: Option<&str>) -> String {
    url.map_or_else(|| "the API server".to_owned(), |url| format!("the API server at {}", url.trim_end_matches('/')))
}

/// What is in the way of a watch, and what to do about it.
pub(super) fn trouble(trouble: &Trouble, spec: &WatchSpec, url: Option<&str>) -> String {
    let (server, path, resource) = (server(url), spec.path(), spec.resource());
    match trouble {
        Trouble::Unreachable { why } => {
            let at = url.map_or_else(String::new, |url| format!(" at {}", url.trim_end_matches('/')));
            format!(
                "no API server{at} for GET {path}: {why}: check that it runs, and that the kubeconfig names it; the watch goes on when it answers"
            )
        }
        Trouble::Missing => format!(
            "{server} has no kind {} in {} (GET {path}: 404): install its CRD, or correct api_version and kind; the watch starts when it appears",
            spec.kind,
            spec.api_version()
        ),
        Trouble::Unauthorized { message } => format!(
            "{server} does not know who asks (GET {path}: 401{}): renew the credentials of the kubeconfig or the token of the service account",
            quoted(message)
        ),
        Trouble::Forbidden { message } => {
            let scope = spec
                .namespace
                .as_ref()
                .map_or_else(|| "in all namespaces".to_owned(), |namespace| format!("in namespace {namespace}"));
            format!(
                "no permission to list and watch {resource} {scope} (GET {path}: 403{}): grant list and watch on {resource}; the watch starts when they are granted",
                quoted(message)
            )
        }
        Trouble::Busy { code } => format!("{server} is busy (GET {path}: {code}): it is asked again when it said so"),
        Trouble::Refused { code, message } => format!(
            "{server} refused GET {path}: {code}{}: check the selectors and the server's log; it is asked again",
            quoted(message)
        ),
    }
}

/// What is worth a line in the log, other than trouble.
pub(super) fn note(note: &Note<'_>) -> Option<String> {
    Some(match note {
        Note::Trouble(_) | Note::Recovered => return None,
        Note::Relist(why) => format!("reads the list again: {why}"),
        Note::Skipped(unreadable) => {
            let name = match (&unreadable.namespace, &unreadable.name) {
                (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
                (None, Some(name)) => name.to_string(),
                (_, None) => "an object without a readable name".to_owned(),
            };
            format!("skipped {name}: {}: the object stays as it was known", unreadable.flaw)
        }
        Note::TooLong(length) => format!("skipped an event of {length} bytes: no object is that large"),
        Note::Unknown(kind) => format!("skipped an event of the unknown type {kind}"),
    })
}

fn quoted(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(", \"{message}\"") }
}

#[cfg(test)]
mod tests {
    use super::super::scan::Unreadable;
    use super::*;
    use crate::json::Flaw;

    fn spec(namespace: Option<&str>) -> WatchSpec {
        WatchSpec {
            group: "example.com".into(),
            version: "v1".into(),
            kind: "Foo".into(),
            plural: "foos".into(),
            namespace: namespace.map(Into::into),
            ..WatchSpec::default()
        }
    }

    #[test]
    fn each_trouble_names_the_request_and_the_next_step() {
        let check = |what: Trouble, parts: &[&str]| {
            let words = trouble(&what, &spec(None), Some("https://1.2.3.4:6443/"));
            for part in parts {
                assert!(words.contains(part), "{words} lacks {part}");
            }
        };
        check(
            Trouble::Unreachable { why: "connection refused".into() },
            &["no API server at https://1.2.3.4:6443 ", "GET /apis/example.com/v1/foos", "refused", "kubeconfig"],
        );
        check(Trouble::Missing, &["no kind Foo in example.com/v1", "404", "install its CRD"]);
        check(
            Trouble::Forbidden { message: "no".into() },
            &[
                "no permission to list and watch foos.example.com in all namespaces",
                "403, \"no\"",
                "grant list and watch",
            ],
        );
        check(Trouble::Unauthorized { message: String::new() }, &["401)", "credentials"]);
        check(Trouble::Busy { code: 429 }, &["busy", "429"]);
        check(Trouble::Refused { code: 500, message: "boom".into() }, &["500, \"boom\""]);
        let words = trouble(&Trouble::Forbidden { message: String::new() }, &spec(Some("a")), None);
        assert!(words.contains("in namespace a (GET /apis/example.com/v1/namespaces/a/foos: 403)"), "{words}");
    }

    #[test]
    fn a_skipped_object_is_named() {
        let unreadable = Unreadable {
            flaw: Flaw::Wrong { field: "metadata.generation", wanted: "an integer" },
            namespace: Some("default".into()),
            name: Some("web".into()),
        };
        assert_eq!(
            note(&Note::Skipped(&unreadable)).as_deref(),
            Some("skipped default/web: metadata.generation is not an integer: the object stays as it was known")
        );
    }
}
