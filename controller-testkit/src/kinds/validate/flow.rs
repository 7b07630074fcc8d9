//! FlowSchemas and PriorityLevelConfigurations.

use super::at::{At, Faults};
use crate::field::name;

const VERBS: [&str; 9] = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

pub(super) fn schema(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    let name = new.at("metadata.name").text();
    let precedence = spec.field("matchingPrecedence");
    match precedence.number() {
        ..=0 => f.invalid_as(&precedence, &precedence.number(), "must be a positive value"),
        10_001.. => f.invalid(&precedence, "must not be greater than 10000"),
        1 if name != "exempt" => {
            f.invalid(&precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
        }
        _ => {}
    }
    let method = spec.field("distinguisherMethod");
    if method.is_set() && !["ByNamespace", "ByUser"].contains(&method.field("type").text()) {
        f.unsupported(&method.told_as(method.field("type").path), &["ByNamespace", "ByUser"]);
    }
    let level = spec.at("priorityLevelConfiguration.name");
    match level.is_empty() {
        true => f.required(&level, "must reference a priority level"),
        false => f.follows(&level, name::dns1123_subdomain),
    }
    spec.field("rules").items().iter().for_each(|rule| self::rule(rule, f));
    let is_fixed = match name {
        "exempt" => precedence.number() == 1 && level.text() == "exempt",
        "catch-all" => precedence.number() == 10_000 && level.text() == "catch-all",
        _ => true,
    };
    if !is_fixed {
        f.invalid(&spec, format!("spec of '{name}' must equal the fixed value"));
    }
}

fn rule(rule: &At<'_>, f: &mut Faults) {
    let subjects = rule.field("subjects");
    if subjects.is_empty() {
        f.required(&subjects, "subjects must contain at least one value");
    }
    subjects.items().iter().for_each(|subject| self::subject(subject, f));
    let (resources, others) = (rule.field("resourceRules"), rule.field("nonResourceRules"));
    if resources.is_empty() && others.is_empty() {
        f.required(rule, "at least one of resourceRules and nonResourceRules has to be non-empty");
    }
    for rule in resources.items() {
        verbs(&rule.field("verbs"), f);
        some_or_all(&rule.field("apiGroups"), "resource rules must supply at least one api group", "api groups", f);
        some_or_all(&rule.field("resources"), "resource rules must supply at least one resource", "resources", f);
        let spaces = rule.field("namespaces");
        if spaces.is_empty() {
            if !rule.field("clusterScope").is_true() {
                let why = "resource rules that are not cluster scoped must supply at least one namespace";
                f.required(&spaces, why);
            }
        } else if !is_all(&spaces, "namespaces", f) {
            for space in spaces.items() {
                for wrong in name::dns1123_label(space.text()) {
                    f.invalid(&space, format!("each member of this list must be '*' or a DNS-1123 label; {wrong}"));
                }
            }
        }
    }
    for rule in others.items() {
        verbs(&rule.field("verbs"), f);
        let urls = rule.field("nonResourceURLs");
        if urls.is_empty() {
            f.required(&urls, "nonResourceURLs must contain at least one value");
        } else if !is_all(&urls, "non-resource URLs", f) {
            urls.items().iter().for_each(|url| path(url, f));
        }
    }
}

/// Whether a list names everything, which it then does alone.
fn is_all(list: &At<'_>, what: &str, f: &mut Faults) -> bool {
    let items = list.items();
    let all = items.iter().any(|item| item.text() == "*");
    if all && items.len() > 1 {
        f.invalid(list, format!("if '*' is present, must not specify other {what}"));
    }
    all
}

fn some_or_all(list: &At<'_>, missing: &str, what: &str, f: &mut Faults) {
    match list.is_empty() {
        true => f.required(list, missing),
        false => {
            is_all(list, what, f);
        }
    }
}

fn verbs(verbs: &At<'_>, f: &mut Faults) {
    if verbs.is_empty() {
        f.required(verbs, "verbs must contain at least one value");
    } else if !is_all(verbs, "verbs", f) && !verbs.items().iter().all(|verb| VERBS.contains(&verb.text())) {
        f.unsupported(verbs, &VERBS);
    }
}

fn path(path: &At<'_>, f: &mut Faults) {
    let text = path.text();
    let wrong = match text {
        "" => "must not be empty",
        "/" => return,
        _ if !text.starts_with('/') => "must start with slash",
        _ if text.contains(' ') => "must not contain white-space",
        _ if text.contains("//") => "must not contain double slash",
        _ if text.strip_suffix("/*").unwrap_or(text).contains('*') => "wildcard can only do suffix matching",
        _ => return,
    };
    f.invalid(path, wrong);
}

fn subject(subject: &At<'_>, f: &mut Faults) {
    let kind = subject.field("kind");
    let kinds = [("ServiceAccount", "serviceAccount"), ("User", "user"), ("Group", "group")];
    let Some((word, member)) = kinds.iter().find(|(word, _)| *word == kind.text()) else {
        f.one_of(&kind, &["Group", "ServiceAccount", "User"]);
        return;
    };
    let own = subject.field(member);
    match own.is_set() {
        false => f.required(&own, &format!("{member} is required when subject kind is '{word}'")),
        true => {
            let name = own.field("name");
            if f.needs(&name) && *word == "ServiceAccount" && name.text() != "*" {
                f.follows(&name, name::dns1123_subdomain);
            }
            if *word == "ServiceAccount" {
                let space = own.field("namespace");
                match space.is_empty() {
                    true => f.required(&space, "must specify namespace for service account"),
                    false => f.follows(&space, name::dns1123_label),
                }
            }
        }
    }
    for (word, other) in kinds.iter().filter(|(_, other)| other != member) {
        if subject.field(other).is_set() {
            f.forbidden(&subject.field(other), format!("{other} is forbidden when subject kind is not '{word}'"));
        }
    }
}

pub(super) fn level(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    let name = new.at("metadata.name").text();
    let (kind, limited, exempt) = (spec.field("type"), spec.field("limited"), spec.field("exempt"));
    if (name == "exempt") != (kind.text() == "Exempt") && ["Exempt", "Limited"].contains(&kind.text()) {
        f.invalid(&kind, "must be 'Exempt' if and only if `name` is 'exempt'");
    }
    match kind.text() {
        "Exempt" => shares(&exempt, f),
        "Limited" if limited.is_set() => limits(&limited, f),
        "Limited" | "" => {}
        _ => {
            f.one_of(&kind, &["Exempt", "Limited"]);
        }
    }
    match name {
        "exempt" if kind.text() != "Exempt" || limited.is_set() => {
            f.invalid(&spec, "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value");
        }
        "catch-all" => {
            let is_fixed = limited.field("nominalConcurrencyShares").number() == 5
                && limited.at("limitResponse.type").text() == "Reject"
                && limited.field("lendablePercent").number() == 0
                && !limited.field("borrowingLimitPercent").is_set();
            if !is_fixed {
                f.invalid(&spec, "spec of 'catch-all' must equal the fixed value");
            }
        }
        _ => {}
    }
    for (member, own) in [(&exempt, "Exempt"), (&limited, "Limited")] {
        if member.is_set() && kind.text() != own {
            f.forbidden(member, "");
        }
    }
    if kind.text() == "Limited" && !limited.is_set() {
        f.required(&limited, "");
    }
    f.needs(&kind);
}

fn shares(bounds: &At<'_>, f: &mut Faults) {
    let (shares, lent) = (bounds.field("nominalConcurrencyShares"), bounds.field("lendablePercent"));
    if shares.number() < 0 {
        f.invalid(&shares, "must be a non-negative integer");
    }
    if !(0..=100).contains(&lent.number()) {
        f.invalid(&lent, "must be between 0 and 100, inclusive");
    }
}

fn limits(limited: &At<'_>, f: &mut Faults) {
    shares(limited, f);
    let borrowed = limited.field("borrowingLimitPercent");
    if borrowed.number() < 0 {
        f.invalid(&borrowed, "if specified, must be a non-negative integer");
    }
    let response = limited.field("limitResponse");
    let (kind, queuing) = (response.field("type"), response.field("queuing"));
    match (kind.text(), queuing.is_set()) {
        ("Reject", true) => f.forbidden(&queuing, ""),
        ("Reject", false) => {}
        ("Queue", false) => f.required(&queuing, ""),
        ("Queue", true) => self::queuing(&queuing, f),
        _ => {
            f.needs_one_of(&kind, &["Queue", "Reject"]);
        }
    }
}

fn queuing(queuing: &At<'_>, f: &mut Faults) {
    let (queues, hand) = (queuing.field("queues"), queuing.field("handSize"));
    let length = queuing.field("queueLengthLimit");
    if length.number() <= 0 {
        f.invalid(&length, "must be positive");
    }
    match queues.number() {
        ..=0 => f.invalid(&queues, "must be positive"),
        10_000_001.. => f.invalid(&queues, "must not be greater than 10000000"),
        _ => {}
    }
    match hand.number() {
        ..=0 => f.invalid(&hand, "must be positive"),
        cards if cards > queues.number() => {
            f.invalid(&hand, format!("should not be greater than queues ({})", queues.number()));
        }
        cards => {
            let deck = u128::try_from(queues.number()).unwrap_or(1);
            // How many bits tell which hand of the deck it is.
            let low = deck.saturating_sub(u128::try_from(cards).unwrap_or(0));
            let bits = (low + 1..=deck).take(61).map(|left| f64::from(u32::try_from(left).unwrap_or(u32::MAX)).log2());
            if bits.sum::<f64>().ceil() > 60.0 {
                let deck = queues.number();
                let why = format!(
                    "required entropy bits of deckSize {deck} and handSize {cards} should not be greater than 60"
                );
                f.invalid(&hand, why);
            }
        }
    }
}
