//! Where two answers differ.

use std::fmt;

use serde_json::Value;

/// One place, and what is there on either side.
pub(crate) struct Difference {
    pub(crate) place: String,
    pub(crate) real: Option<Value>,
    pub(crate) ours: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{}: {} instead of {}", self.place, side(&self.ours), side(&self.real))
    }
}

pub(crate) fn differences(real: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), Some(real), Some(ours), &mut found);
    found
}

fn compare(place: String, real: Option<&Value>, ours: Option<&Value>, found: &mut Vec<Difference>) {
    match (real, ours) {
        (Some(Value::Object(real)), Some(Value::Object(ours))) => {
            let mut members: Vec<&String> = real.keys().chain(ours.keys()).collect();
            members.sort();
            members.dedup();
            for member in members {
                let step = member.replace('~', "~0").replace('/', "~1");
                compare(format!("{place}/{step}"), real.get(member), ours.get(member), found);
            }
        }
        (Some(Value::Array(real)), Some(Value::Array(ours))) => {
            for index in 0..real.len().max(ours.len()) {
                compare(format!("{place}/{index}"), real.get(index), ours.get(index), found);
            }
        }
        (real, ours) if real == ours => {}
        (real, ours) => found.push(Difference { place, real: real.cloned(), ours: ours.cloned() }),
    }
}
