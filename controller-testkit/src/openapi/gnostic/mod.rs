//! The documents in protobuf, which is the only form that Go's clients ask for: the messages of gnostic's
//! `openapiv2/OpenAPIv2.proto` and `openapiv3/OpenAPIv3.proto`, as far as the documents use them. What they have no
//! field for is left out, and so is, as protobuf has it, what is nothing: an empty text, a zero.

mod version_2;
mod version_3;

use serde_json::{Map, Value};

pub(crate) use self::version_2::encoded as version_2;
pub(crate) use self::version_3::encoded as version_3;

/// Writes one message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u32, message: &Message) {
        self.bytes(field, &message.0);
    }

    /// A message that is filled here.
    fn filled(&mut self, field: u32, fill: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        fill(&mut inner);
        self.message(field, &inner);
    }

    fn text(&mut self, field: u32, value: Option<&Value>) {
        if let Some(text) = value.and_then(Value::as_str).filter(|text| !text.is_empty()) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u32, value: Option<&Value>) {
        for text in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn truth(&mut self, field: u32, value: Option<&Value>) {
        if value == Some(&Value::Bool(true)) {
            self.bit(field, true);
        }
    }

    /// What is said even where it is false.
    fn bit(&mut self, field: u32, value: bool) {
        self.varint(u64::from(field) << 3);
        self.varint(value.into());
    }

    fn count(&mut self, field: u32, value: Option<&Value>) {
        if let Some(count) = value.and_then(Value::as_u64).filter(|count| *count != 0) {
            self.varint(u64::from(field) << 3);
            self.varint(count);
        }
    }

    fn number(&mut self, field: u32, value: Option<&Value>) {
        if let Some(number) = value.and_then(Value::as_f64).filter(|number| *number != 0.0) {
            self.double(field, number);
        }
    }

    fn double(&mut self, field: u32, number: f64) {
        self.varint(u64::from(field) << 3 | 1);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A value of any type, as YAML.
    fn any(&mut self, field: u32, value: &Value) {
        let text = serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string());
        self.filled(field, |any| any.bytes(2, text.as_bytes()));
    }

    fn named(&mut self, field: u32, name: &str, value: &Message) {
        let mut named = Message::default();
        named.bytes(1, name.as_bytes());
        named.message(2, value);
        self.message(field, &named);
    }

    fn extensions(&mut self, field: u32, members: &Map<String, Value>) {
        for (name, value) in members.iter().filter(|(name, _)| name.starts_with("x-")) {
            let mut named = Message::default();
            named.bytes(1, name.as_bytes());
            named.any(2, value);
            self.message(field, &named);
        }
    }
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}
