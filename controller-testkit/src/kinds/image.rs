//! The references by which containers name their images: `[host[:port]/]path[:tag][@digest]`.

/// When an image is pulled unless its container says so: one that may be another the next time, always.
pub(super) fn pull_policy(image: &str) -> &'static str {
    if is_latest(image) { "Always" } else { "IfNotPresent" }
}

/// Whether a reference names what is newest. One that is none names nothing.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let (path, tag) = match image.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (image, None),
    };
    is_name(path) && tag.is_none_or(|tag| tag == "latest")
}

/// Whether a text is a name: words of small letters between slashes, after what may be a host.
fn is_name(text: &str) -> bool {
    let is_host = |first: &str| first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first;
    let path = match text.split_once('/') {
        Some((first, rest)) if is_host(first) => {
            let (host, port) = first.split_once(':').unwrap_or((first, "0"));
            let is_label = |label: &str| {
                let alone = |c: char| c.is_ascii_alphanumeric() || c == '-';
                !label.is_empty() && label.chars().all(alone) && !label.starts_with('-') && !label.ends_with('-')
            };
            if !host.split('.').all(is_label) || port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            rest
        }
        _ => text,
    };
    // Such a name would be taken for the identifier of an image.
    let is_identifier = path.len() == 64 && path.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Without a host it is one of docker.io, and without a slash too one of its library.
    let added = match (path.len() == text.len(), path.contains('/')) {
        (true, true) => "docker.io/".len(),
        (true, false) => "docker.io/library/".len(),
        (false, _) => 0,
    };
    !is_identifier && text.len() + added <= 255 && path.split('/').all(is_word)
}

/// Letters and digits with dots, dashes, and one or two low lines between them.
fn is_word(word: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !word.starts_with(is_letter) || !word.ends_with(is_letter) {
        return false;
    }
    word.split(is_letter).all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|c| c == b'-'))
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn what_may_be_another_one_is_pulled_always() {
        let check = |policy: &str, images: &[&str]| {
            images.iter().for_each(|image| assert_eq!(pull_policy(image), policy, "{image}"));
        };
        check("Always", &["a", "a:latest", "x/a", "host:5000/a", "Host.example/a-b__c", "localhost/a"]);
        check("IfNotPresent", &["a:1", "a:1@sha256:x", "a@sha256:x", "", "Abc", "a b", "a..b", "x/", "a/../b", "ä"]);
        let long = "x".repeat(300);
        check("IfNotPresent", &[&long, &"a".repeat(64)]);
    }
}
