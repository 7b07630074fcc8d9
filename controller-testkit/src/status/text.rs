//! A Status as text: its members come in the order of a real server, since clients print what they are told.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// Writes a Status.
pub(crate) fn write(out: &mut Vec<u8>, status: &Value) {
    const STATUS: &[&str] = &["kind", "apiVersion", "metadata", "status", "message", "reason", "details", "code"];
    const DETAILS: &[&str] = &["name", "group", "kind", "uid", "causes", "retryAfterSeconds"];
    const CAUSE: &[&str] = &["reason", "message", "field"];
    write_ordered(out, status, &[STATUS, DETAILS, CAUSE]);
}

/// The line with which a watch ends that can't go on.
pub(crate) fn line(status: &Value) -> Bytes {
    let mut line = b"{\"type\":\"ERROR\",\"object\":".to_vec();
    write(&mut line, status);
    line.extend_from_slice(b"}\n");
    line.into()
}

/// The first of the orders is for the members of this value, the others for those below.
fn write_ordered(out: &mut Vec<u8>, value: &Value, orders: &[&[&str]]) {
    match value {
        Value::Object(members) => {
            let (order, below) = orders.split_first().map_or((&[][..], orders), |(first, below)| (*first, below));
            let named = order.iter().filter_map(|name| members.get_key_value(*name));
            let others = members.iter().filter(|(name, _)| !order.contains(&name.as_str()));
            let mut separator = b'{';
            for (name, value) in named.chain(others) {
                out.push(std::mem::replace(&mut separator, b','));
                write_plain(out, name);
                out.push(b':');
                write_ordered(out, value, below);
            }
            out.extend_from_slice(if separator == b'{' { b"{}" } else { b"}" });
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_ordered(out, item, orders);
            }
            out.push(b']');
        }
        plain => write_plain(out, plain),
    }
}

/// Writing JSON into memory cannot fail.
fn write_plain(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let _ = serde_json::to_writer(out, value);
}
