//! Owns label selectors as callbacks write them: the grammar that kubectl and the API server take.

use std::fmt;

/// What the labels of an object have to be: all requirements hold.
///
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    /// Also true where there is no such label.
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

/// A selector that does not parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelectorError {
    text: String,
    part: String,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the label selector \"{}\" does not parse at \"{}\": write requirements such as app=web, tier!=db, \
             zone in (a, b), zone notin (c), app, !app, separated by commas",
            self.text, self.part
        )
    }
}

impl std::error::Error for SelectorError {}

impl Selector {
    pub(crate) fn parse(text: &str) -> Result<Self, SelectorError> {
        let wrong = |part: &str| SelectorError { text: text.to_owned(), part: part.trim().to_owned() };
        parts(text)
            .into_iter()
            .map(|part| requirement(part).ok_or_else(|| wrong(part)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Adds the requirements of another selector.
    pub(crate) fn and(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether labels match; `label` looks one up.
    pub(crate) fn matches(&self, label: impl Fn(&str) -> Option<String>) -> bool {
        self.0.iter().all(|requirement| requirement.holds(label(&requirement.key)))
    }

    /// A label that must have one certain value, where there is one: an index over it finds the few that match.
    pub(crate) fn equality(&self) -> Option<(&str, &str)> {
        self.0.iter().find_map(|requirement| match &requirement.test {
            Test::In(values) => match &values[..] {
                [value] => Some((&*requirement.key, &**value)),
                _ => None,
            },
            _ => None,
        })
    }
}

impl Requirement {
    fn holds(&self, value: Option<String>) -> bool {
        let number = |value: Option<String>| value.and_then(|value| value.parse::<i64>().ok());
        match &self.test {
            Test::In(values) => value.is_some_and(|value| values.contains(&value)),
            Test::NotIn(values) => value.is_none_or(|value| !values.contains(&value)),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::Above(limit) => number(value).is_some_and(|value| value > *limit),
            Test::Below(limit) => number(value).is_some_and(|value| value < *limit),
        }
    }
}

/// The text at its commas, but for those in parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut inside = false;
    let between = move |character: char| {
        inside = match character {
            '(' => true,
            ')' => false,
            _ => inside,
        };
        character == ',' && !inside
    };
    if text.trim().is_empty() { Vec::new() } else { text.split(between).collect() }
}

fn requirement(text: &str) -> Option<Requirement> {
    let text = text.trim();
    let made = |key: &str, test| {
        let key = key.trim();
        let plain = !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || "=!<>(),".contains(c));
        plain.then(|| Requirement { key: key.to_owned(), test })
    };
    let value = |value: &str| {
        let value = value.trim();
        (!value.contains(|c: char| c.is_whitespace() || "=!<>(),".contains(c))).then(|| value.to_owned())
    };
    if let Some((key, wanted)) = text.split_once("!=") {
        return made(key, Test::NotIn(vec![value(wanted)?]));
    }
    if let Some((key, wanted)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return made(key, Test::In(vec![value(wanted)?]));
    }
    if let Some((key, limit)) = text.split_once('>') {
        return made(key, Test::Above(limit.trim().parse().ok()?));
    }
    if let Some((key, limit)) = text.split_once('<') {
        return made(key, Test::Below(limit.trim().parse().ok()?));
    }
    if let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let (key, word) = head.trim_end().rsplit_once(char::is_whitespace)?;
        let values = values.split(',').map(value).collect::<Option<Vec<_>>>()?;
        return match word {
            "in" => made(key, Test::In(values)),
            "notin" => made(key, Test::NotIn(values)),
            _ => None,
        };
    }
    match text.strip_prefix('!') {
        Some(key) => made(key, Test::Absent),
        None => made(text, Test::Exists),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(selector: &str, labels: &[(&str, &str)], expect: bool) {
        let parsed = Selector::parse(selector).expect(selector);
        let label = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
        assert_eq!(parsed.matches(label), expect, "{selector} on {labels:?}");
    }

    #[test]
    fn requirements_hold_as_the_api_server_takes_them() {
        let web: &[(&str, &str)] = &[("app", "web"), ("x.io/n", "5")];
        for holds in [
            "",
            "app=web",
            "app == web",
            "app in (db, web)",
            "tier!=db",
            "tier notin (a,b)",
            "!tier",
            " app ",
            "x.io/n>4",
            "x.io/n < 6",
            "app=web,!tier , x.io/n",
            "app!=db",
        ] {
            check(holds, web, true);
        }
        for fails in
            ["app=db", "app!=web", "tier", "!app", "tier in (a)", "app notin (web)", "x.io/n>5", "app>1", "tier="]
        {
            check(fails, web, false);
        }
        check("empty=", &[("empty", "")], true);
    }

    #[test]
    fn what_is_no_selector_is_named() {
        for wrong in ["=a", "a b", "a in b", "a within (b)", ",", "a,", "a=b=c", "a>x", "a in (b", "!"] {
            let error = Selector::parse(wrong).expect_err(wrong);
            assert!(error.to_string().contains(wrong), "{error}");
        }
    }

    #[test]
    fn an_equality_is_found_for_an_index() {
        let equality = |text: &str| {
            let selector = Selector::parse(text).expect(text);
            selector.equality().map(|(key, value)| format!("{key}={value}"))
        };
        assert_eq!(equality("!a,b in (c,d),e=f").as_deref(), Some("e=f"));
        assert_eq!(equality("!a,b!=c"), None);
    }
}
