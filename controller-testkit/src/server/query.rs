//! The options of a request: what its query says, checked as the real server checks it.

use std::num::IntErrorKind;

use serde_json::{Map, Value};

use super::route::{decode, is_escaped};
use crate::field::{FieldError, echo};
use crate::status::{ApiError, Subject};
use crate::table::IncludeObject;

/// The pairs of a query, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

/// How unknown and duplicate fields of a body are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// How a list's resourceVersion is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Exact,
    NotOlderThan,
}

/// The options of a list or a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListOptions {
    pub(crate) label_selector: String,
    pub(crate) field_selector: String,
    pub(crate) watch: bool,
    pub(crate) bookmarks: bool,
    pub(crate) resource_version: String,
    pub(crate) version_match: Option<Match>,
    pub(crate) timeout_seconds: Option<i64>,
    pub(crate) limit: usize,
    pub(crate) continue_token: String,
    pub(crate) send_initial_events: Option<bool>,
}

/// The options of a create, an update or a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
}

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        // What Go can't read of a query is as if it were not there.
        let pairs = query.unwrap_or_default().split('&').filter(|pair| {
            let readable = !pair.contains(';') && is_escaped(pair);
            !pair.is_empty() && readable
        });
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name, true), decode(value, true))
                })
                .collect(),
        )
    }

    /// The first value of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// Anything but `0` and `false` is true, even nothing at all.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// What the rows of a table carry of their objects.
    pub(crate) fn include(&self) -> Result<IncludeObject, ApiError> {
        match self.get("includeObject").unwrap_or_default() {
            "" | "Metadata" => Ok(IncludeObject::Metadata),
            "None" => Ok(IncludeObject::None),
            "Object" => Ok(IncludeObject::Object),
            other => {
                let fault =
                    FieldError::invalid("includeObject", other, "must be 'Metadata', 'Object', 'None', or empty");
                Err(ApiError::bad_request(format!("Unable to convert to Table as requested: {fault}")))
            }
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.parse().map_err(|fault: std::num::ParseIntError| {
            let why = match fault.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            ApiError::bad_request(format!("strconv.ParseInt: parsing {}: {why}", echo::quote(value)))
        })?;
        Ok(Some(number))
    }

    /// The options of a list or watch; `forced` is the old `/watch/` prefix.
    pub(crate) fn list_options(&self, forced: bool) -> Result<ListOptions, ApiError> {
        let resource_version = self.text("resourceVersion");
        let continue_token = self.text("continue");
        let watch = forced || self.flag("watch") == Some(true);
        let send_initial_events = self.flag("sendInitialEvents");
        let wanted = self.get("resourceVersionMatch").unwrap_or_default();
        let faults = match watch {
            true => watch_faults(send_initial_events, wanted, &continue_token),
            false => list_faults(send_initial_events, wanted, &resource_version, &continue_token),
        };
        if !faults.is_empty() {
            return Err(ApiError::invalid(options("ListOptions"), "", &faults));
        }
        Ok(ListOptions {
            label_selector: self.text("labelSelector"),
            field_selector: self.text("fieldSelector"),
            watch,
            bookmarks: self.flag("allowWatchBookmarks") == Some(true),
            version_match: match wanted {
                "Exact" => Some(Match::Exact),
                "NotOlderThan" => Some(Match::NotOlderThan),
                _ => None,
            },
            timeout_seconds: self.number("timeoutSeconds")?,
            limit: self.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0),
            resource_version,
            continue_token,
            send_initial_events,
        })
    }

    /// The options of a write; `kind` is their kind in messages.
    pub(crate) fn write_options(&self, kind: &str) -> Result<WriteOptions, ApiError> {
        let mut faults = Vec::new();
        let dry_run: Vec<&str> = self.all("dryRun").collect();
        faults.extend(dry_run_fault(&dry_run));
        let manager = self.get("fieldManager").unwrap_or_default();
        if manager.len() > 128 {
            faults.push(FieldError::too_long("fieldManager", 128));
        }
        for (at, letter) in manager.char_indices().filter(|(_, letter)| !is_printable(*letter)) {
            let why = format!("invalid character U+{:04X} (at position {at})", u32::from(letter));
            faults.push(FieldError::invalid("fieldManager", manager, why));
        }
        let validation = match self.get("fieldValidation").unwrap_or_default() {
            "Ignore" => FieldValidation::Ignore,
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            other => {
                let known = ["", "Ignore", "Strict", "Warn"];
                faults.push(FieldError::not_supported("fieldValidation", other, known));
                FieldValidation::Warn
            }
        };
        if !faults.is_empty() {
            return Err(ApiError::invalid(options(kind), "", &faults));
        }
        Ok(WriteOptions { dry_run: !dry_run.is_empty(), validation })
    }
}

impl Query {
    /// The options of a write as they are told to webhooks: those that were given.
    pub(crate) fn given_options(&self) -> Map<String, Value> {
        let mut given = Map::new();
        let dry_run: Vec<&str> = self.all("dryRun").collect();
        if !dry_run.is_empty() {
            given.insert("dryRun".into(), dry_run.into());
        }
        for member in ["fieldManager", "fieldValidation"] {
            if let Some(text) = self.get(member).filter(|text| !text.is_empty()) {
                given.insert(member.into(), text.into());
            }
        }
        given
    }
}

/// Whether Go would print a letter as it is; of the blanks only the space.
fn is_printable(letter: char) -> bool {
    letter == ' ' || !(letter.is_control() || letter.is_whitespace())
}

/// How messages name a kind of options.
pub(crate) fn options(kind: &str) -> Subject<'_> {
    Subject { group: "meta.k8s.io", resource: kind }
}

/// `All` is the only dry run there is.
pub(crate) fn dry_run_fault(wanted: &[&str]) -> Option<FieldError> {
    wanted.iter().any(|one| *one != "All").then(|| FieldError::not_supported("dryRun", wanted, ["All"]))
}

fn list_faults(send_initial_events: Option<bool>, wanted: &str, version: &str, token: &str) -> Vec<FieldError> {
    let field = "resourceVersionMatch";
    let mut faults = Vec::new();
    if !wanted.is_empty() {
        if version.is_empty() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            faults.push(FieldError::forbidden(field, why));
        }
        if !token.is_empty() {
            faults.push(FieldError::forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
        }
        if wanted != "Exact" && wanted != "NotOlderThan" {
            faults.push(FieldError::not_supported(field, wanted, ["Exact", "NotOlderThan", ""]));
        }
        if wanted == "Exact" && version == "0" {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            faults.push(FieldError::forbidden(field, why));
        }
    }
    if send_initial_events.is_some() {
        faults.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    faults
}

fn watch_faults(send_initial_events: Option<bool>, wanted: &str, token: &str) -> Vec<FieldError> {
    let field = "resourceVersionMatch";
    let mut faults = Vec::new();
    if send_initial_events.is_some() && wanted != "NotOlderThan" {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        faults.push(FieldError::forbidden(field, why));
    }
    if wanted.is_empty() && !token.is_empty() {
        faults.push(FieldError::forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
    }
    if !wanted.is_empty() {
        if send_initial_events.is_none() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            faults.push(FieldError::forbidden(field, why));
        }
        if wanted != "NotOlderThan" {
            faults.push(FieldError::not_supported(field, wanted, ["NotOlderThan"]));
        }
        if !token.is_empty() {
            faults.push(FieldError::forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
        }
    }
    faults
}
