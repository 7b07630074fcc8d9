//! The grammars of Kubernetes' names, and names made from Rust's.

/// Whether a text is a JSON pointer to something inside: each step begins with a slash, and a tilde stands in `~0` or
/// `~1` only.
pub(crate) fn is_json_pointer(text: &str) -> bool {
    let mut after_tilde = text.split('~').skip(1);
    text.starts_with('/') && after_tilde.all(|rest| rest.starts_with(['0', '1']))
}

/// A DNS label (RFC 1123): at most 63 lower-case letters, digits and dashes, no dash at the ends.
pub(crate) fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A DNS subdomain: DNS labels with dots between them, at most 253 bytes.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

/// `v1`, or `group/v1`. Kubernetes lets a version be any DNS label that starts with a letter.
pub(crate) fn is_api_version(text: &str) -> bool {
    let (group, version) = text.split_once('/').map_or((None, text), |(group, version)| (Some(group), version));
    group.is_none_or(is_dns_subdomain) && is_dns_label(version) && version.starts_with(|c: char| c.is_ascii_lowercase())
}

/// `v1`, `v2beta1`: what every version of a built-in kind looks like.
pub(crate) fn is_kubernetes_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let channel = rest.strip_prefix("alpha").or_else(|| rest.strip_prefix("beta")).unwrap_or(rest);
    text[1..].starts_with(|c: char| c.is_ascii_digit()) && channel.bytes().all(|byte| byte.is_ascii_digit())
}

/// A kind: letters and digits, a capital first, at most 63 of them.
pub(crate) fn is_kind(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A kind that looks like `text`: a capital after each separator.
pub(crate) fn camel(text: &str) -> String {
    let mut kind = String::new();
    for part in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = part.chars();
        kind.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        kind.push_str(letters.as_str());
    }
    if is_kind(&kind) { kind } else { String::from("Pod") }
}

/// A name with dashes, as controllers have: a DNS label without two dashes in a row.
pub(crate) fn is_kebab(text: &str) -> bool {
    is_dns_label(text) && !text.contains("--")
}

/// `PodWatcher` as `pod-watcher`, `HTTPProxy` as `http-proxy`, where what comes out is a name.
pub(crate) fn kebab(text: &str) -> Option<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(at + 1);
        let word = letter.is_uppercase()
            && before.is_some_and(|before| !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase()));
        if word && !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if matches!(letter, '_' | '-' | ' ' | '.' | '/') {
            if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
        } else {
            return None;
        }
    }
    let name = name.trim_end_matches('-');
    is_kebab(name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_become_names_of_controllers() {
        let check = |written: &str, expect: Option<&str>| assert_eq!(kebab(written).as_deref(), expect, "{written}");
        check("PodWatcher", Some("pod-watcher"));
        check("HTTPProxy", Some("http-proxy"));
        check("ProxyV2", Some("proxy-v2"));
        check("Pod_Watcher", Some("pod-watcher"));
        check("pod watcher", Some("pod-watcher"));
        check("X", Some("x"));
        check("Wächter", None);
        check("_", None);
    }

    #[test]
    fn api_versions() {
        for good in ["v1", "apps/v1", "networking.k8s.io/v1beta1", "example.com/alpha"] {
            assert!(is_api_version(good), "{good}");
        }
        for bad in ["", "V1", "apps/", "/v1", "apps/v1/x", "Apps/v1", "1", "a..b/v1", "v1 "] {
            assert!(!is_api_version(bad), "{bad}");
        }
        assert!(is_kubernetes_version("v1") && is_kubernetes_version("v2beta1") && !is_kubernetes_version("apps"));
        assert!(!is_kubernetes_version("v") && !is_kubernetes_version("virtual") && !is_kubernetes_version(""));
    }

    #[test]
    fn labels_and_subdomains() {
        let long = "a".repeat(63);
        assert!(is_dns_label(&long) && !is_dns_label(&format!("{long}a")));
        assert!(!is_dns_label("-a") && !is_dns_label("a-") && !is_dns_label("") && !is_dns_label("A"));
        assert!(is_dns_subdomain("a.b-c.d") && !is_dns_subdomain("a..b") && !is_dns_subdomain(".a"));
    }

    #[test]
    fn kinds() {
        assert!(is_kind("Pod") && is_kind("APIService") && is_kind("V2") && !is_kind("pod") && !is_kind("Pod-Set"));
        assert_eq!(camel("config-map"), "ConfigMap");
        assert_eq!(camel("pod"), "Pod");
        assert_eq!(camel("9"), "Pod");
    }
}
