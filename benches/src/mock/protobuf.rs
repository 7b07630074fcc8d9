//! The envelopes around an object in protobuf: what client-go asks for where a kind is built in.
//!
//! The object's own bytes come from k8s.io/api, made by the Go peer: here is only what stands around them. An answer is
//! `k8s\0` and a `runtime.Unknown`; a watch is a `WatchEvent` after another, each behind its length in four bytes, with
//! such an answer inside.

/// In `Accept` and `Content-Type`.
pub(super) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

const MAGIC: &[u8] = b"k8s\0";

/// A member that has a length: a text, bytes or a message.
pub(super) fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = head(number, content.len());
    out.extend_from_slice(content);
    out
}

fn head(number: u8, length: usize) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(length as u64, &mut out);
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(number: u8, value: u64) -> Vec<u8> {
    let mut out = vec![number << 3];
    varint(value, &mut out);
    out
}

/// What stands before an object of so many bytes.
fn unknown_head(api_version: &str, kind: &str, length: usize) -> Vec<u8> {
    let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), field(1, &type_meta), head(2, length)].concat()
}

/// A whole event of a watch, its length before it.
pub(super) fn event(event_type: &str, api_version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
    let unknown = [unknown_head(api_version, kind, object.len()), object.to_vec()].concat();
    let event = [field(1, event_type.as_bytes()), field(2, &field(1, &unknown))].concat();
    let length = u32::try_from(event.len()).expect("an event is smaller than 4 GB");
    [length.to_be_bytes().to_vec(), event].concat()
}

pub(super) fn bookmark(api_version: &str, kind: &str, version: u64, ends_list: bool) -> Vec<u8> {
    let annotation = [field(1, b"k8s.io/initial-events-end"), field(2, b"true")].concat();
    let mut metadata = field(6, version.to_string().as_bytes());
    if ends_list {
        metadata.extend(field(12, &annotation));
    }
    event("BOOKMARK", api_version, kind, &field(1, &metadata))
}

pub(super) fn expired() -> Vec<u8> {
    let status = [
        field(1, b""),
        field(2, b"Failure"),
        field(3, b"too old resource version"),
        field(4, b"Expired"),
        number(6, 410),
    ];
    event("ERROR", "v1", "Status", &status.concat())
}

/// All of a list but its items, which follow and have so many bytes.
pub(super) fn list_head(
    api_version: &str,
    kind: &str,
    version: u64,
    next: Option<(String, usize)>,
    items: usize,
) -> Vec<u8> {
    let mut metadata = field(2, version.to_string().as_bytes());
    if let Some((token, remaining)) = next {
        metadata.extend(field(3, token.as_bytes()));
        metadata.extend(number(4, remaining as u64));
    }
    let metadata = field(1, &metadata);
    [unknown_head(api_version, kind, metadata.len() + items), metadata].concat()
}
