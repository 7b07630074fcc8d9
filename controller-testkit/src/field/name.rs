//! The grammars of names: DNS labels and subdomains, label keys and values, path segments.
//!
//! Each function answers what is wrong with a name, in Kubernetes' words, and nothing for a good one. The matching is
//! by hand, since names are checked on every write.

/// A label of the domain name system: object names in some kinds, namespaces.
pub(crate) fn dns1123_label(name: &str) -> Vec<String> {
    let mut wrong = at_most_characters(name, 63);
    if !is_dns1123_label(name) {
        wrong.push(if is_dns1123_subdomain(name) {
            "must not contain dots".to_owned()
        } else {
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
             and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                .to_owned()
        });
    }
    wrong
}

/// A domain name: the names of most objects.
pub(crate) fn dns1123_subdomain(name: &str) -> Vec<String> {
    let mut wrong = at_most_characters(name, 253);
    if !is_dns1123_subdomain(name) {
        wrong.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    wrong
}

/// A domain name that is only searched, whose labels may start with a low line and have some in them.
pub(crate) fn dns1123_subdomain_with_low_lines(name: &str) -> Vec<String> {
    let mut wrong = at_most_characters(name, 253);
    let is_label = |label: &str| {
        let label = label.strip_prefix('_').unwrap_or(label);
        is_dns1123_label(&label.replace('_', "-")) && !label.starts_with('_') && !label.ends_with('_')
    };
    if !name.split('.').all(is_label) {
        wrong.push(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and \
             must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
             '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"
                .to_owned(),
        );
    }
    wrong
}

/// A label that starts with a letter: plurals, kinds in lower case, versions, services.
pub(crate) fn dns1035_label(name: &str) -> Vec<String> {
    let mut wrong = at_most(name, 63);
    if !(is_dns1123_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())) {
        wrong.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
             character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
             validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    wrong
}

const LABEL_KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                         alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                         validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// The key of a label, an annotation or a taint, and the name of a finalizer: `name` or `example.com/name`.
pub(crate) fn qualified(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                wrong.extend(dns1123_subdomain(prefix).into_iter().map(|text| format!("prefix part {text}")));
            }
            *name
        }
        _ => {
            return vec![format!(
                "a valid label key {LABEL_KEY} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_label_text(name) {
        wrong.push(format!("name part {LABEL_KEY}"));
    }
    wrong
}

/// The value of a label.
pub(crate) fn label_value(value: &str) -> Vec<String> {
    let mut wrong = at_most(value, 63);
    if !value.is_empty() && !is_label_text(value) {
        wrong.push(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
             start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
             for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                .to_owned(),
        );
    }
    wrong
}

/// A name that can stand in a URL's path: roles, and objects embedded in others.
pub(crate) fn path_segment(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    ['/', '%'].into_iter().filter(|c| name.contains(*c)).map(|c| format!("may not contain '{c}'")).collect()
}

/// The limit of a name, which is of ASCII if it is good: its bytes are its characters.
fn at_most_characters(name: &str, max: usize) -> Vec<String> {
    if name.len() > max {
        return vec![format!("must be no more than {max} characters")];
    }
    Vec::new()
}

fn at_most(name: &str, max: usize) -> Vec<String> {
    if name.len() > max {
        return vec![format!("must be no more than {max} bytes")];
    }
    Vec::new()
}

fn is_dns1123_label(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.is_empty()
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn is_dns1123_subdomain(name: &str) -> bool {
    name.split('.').all(is_dns1123_label)
}

fn is_label_text(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().all(inner)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}
