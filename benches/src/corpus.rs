//! The objects that are measured with: of fixed sizes, with the share of managedFields that real ones have.
//!
//! Each is a file of `corpus/`, in the order of members in which an API server writes it, with holes: a run of one
//! capital letter stands for what differs from object to object and from version to version. See [`crate::template`].

/// One of the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Corpus {
    /// 2 KB.
    PodSmall,
    /// 4 KB.
    PodMid,
    /// 8.4 KB, of which managedFields are a third.
    PodLarge,
    /// The same without managedFields.
    PodBare,
    /// 0.6 KB.
    ConfigMap,
    /// 4 KB, nearly all of it data.
    Secret,
    /// A custom resource of 2 KB, whose members stand in alphabetical order.
    Widget,
}

impl Corpus {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::PodSmall, Self::PodMid, Self::PodLarge, Self::PodBare, Self::ConfigMap, Self::Secret, Self::Widget];

    /// As the command line and the reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PodSmall => "pod-small",
            Self::PodMid => "pod-mid",
            Self::PodLarge => "pod-large",
            Self::PodBare => "pod-bare",
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
            Self::Widget => "widget",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|corpus| corpus.name() == name)
    }

    /// `v1`, `bench.example.com/v1`
    pub fn api_version(self) -> &'static str {
        if self == Self::Widget { "bench.example.com/v1" } else { "v1" }
    }

    /// `Pod`
    pub fn kind(self) -> &'static str {
        match self {
            Self::PodSmall | Self::PodMid | Self::PodLarge | Self::PodBare => "Pod",
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::Widget => "Widget",
        }
    }

    /// `pods`
    pub fn plural(self) -> &'static str {
        match self {
            Self::PodSmall | Self::PodMid | Self::PodLarge | Self::PodBare => "pods",
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
            Self::Widget => "widgets",
        }
    }

    /// The object with its holes, without a space between its tokens.
    pub fn text(self) -> String {
        let file = match self {
            Self::PodSmall => include_str!("../corpus/pod-small.json"),
            Self::PodMid => include_str!("../corpus/pod-mid.json"),
            Self::PodLarge | Self::PodBare => include_str!("../corpus/pod-large.json"),
            Self::ConfigMap => include_str!("../corpus/configmap.json"),
            Self::Secret => include_str!("../corpus/secret.json"),
            Self::Widget => include_str!("../corpus/widget.json"),
        };
        let text = minified(file);
        if self == Self::PodBare { without_managed_fields(&text) } else { text }
    }

    /// How large it is on the wire, and how much of that is managedFields.
    pub fn sizes(self) -> Sizes {
        let text = self.text();
        Sizes { bytes: text.len(), stripped: without_managed_fields(&text).len() }
    }
}

/// The size of an object in bytes of JSON.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// As the server sends it.
    pub bytes: usize,
    /// Without managedFields.
    pub stripped: usize,
}

impl Sizes {
    /// The share of managedFields in percent.
    pub fn managed_percent(self) -> usize {
        (self.bytes - self.stripped) * 100 / self.bytes
    }
}

/// Drops the space between tokens, and keeps the order of members.
fn minified(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    text.chars()
        .filter(|&c| {
            let keep = inside || !c.is_whitespace();
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => inside = !inside,
                _ => {}
            }
            keep
        })
        .collect()
}

/// Cuts the member and the comma beside it.
fn without_managed_fields(text: &str) -> String {
    const MEMBER: &str = r#""managedFields":["#;
    let Some(start) = text.find(MEMBER) else { return text.to_owned() };
    let (mut depth, mut inside, mut escaped) = (0, false, false);
    let length = text[start + MEMBER.len() - 1..].find(|c| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => inside = !inside,
            '[' if !inside => depth += 1,
            ']' if !inside => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let end = start + MEMBER.len() + length.expect("the corpus has its brackets in pairs");
    let (before, after) = (&text[..start], &text[end..]);
    match after.strip_prefix(',') {
        Some(after) => format!("{before}{after}"),
        None => format!("{}{after}", before.trim_end_matches(',')),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn objects_have_the_sizes_and_the_share_of_managed_fields_that_the_reports_count_on() {
        let check = |corpus: Corpus, bytes: usize, managed: usize| {
            let sizes = corpus.sizes();
            let near = sizes.bytes.abs_diff(bytes) * 100 <= bytes * 8;
            assert!(near && sizes.managed_percent().abs_diff(managed) <= 2, "{corpus:?}: {sizes:?}");
        };
        check(Corpus::PodSmall, 2000, 27);
        check(Corpus::PodMid, 4000, 25);
        check(Corpus::PodLarge, 8400, 35);
        check(Corpus::PodBare, 5500, 0);
        check(Corpus::ConfigMap, 600, 33);
        check(Corpus::Secret, 4000, 7);
        check(Corpus::Widget, 2000, 31);
    }

    #[test]
    fn what_is_cut_is_managed_fields_and_nothing_else() {
        for corpus in Corpus::ALL {
            let mut whole: Value = serde_json::from_str(&corpus.text()).expect("the corpus is JSON");
            let cut: Value = serde_json::from_str(&without_managed_fields(&corpus.text())).expect("still JSON");
            whole["metadata"].as_object_mut().expect("an object").remove("managedFields");
            assert_eq!(whole, cut, "{corpus:?}");
            assert_eq!((&cut["kind"], &cut["apiVersion"]), (&corpus.kind().into(), &corpus.api_version().into()));
        }
    }
}
