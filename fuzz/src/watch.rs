//! The pure rooms of the watch, as they stand in controller-core, and what is asked of each.

#[rustfmt::skip]
#[path = "../../controller-core/src/watch/frame.rs"]
mod frame;
#[rustfmt::skip]
#[path = "../../controller-core/src/watch/list.rs"]
mod list;
#[rustfmt::skip]
#[path = "../../controller-core/src/watch/scan.rs"]
mod scan;
#[rustfmt::skip]
#[path = "../../controller-core/src/watch/scan/tests/strict.rs"]
mod strict;

use std::ops::ControlFlow;

use frame::{Frame, LONGEST, Line};
use list::Page;
use serde_json::Value;

/// A line is read as a strict parser reads it, or refused by both, or flawed where nobody looks.
pub(crate) fn event(line: &[u8]) {
    if let Err(parted) = strict::agree(line) {
        panic!("{parted}");
    }
}

/// A list says the same however it is cut, and of a list that a strict parser takes it shows each item.
pub(crate) fn list(body: &[u8]) {
    let cut = body.len() / 2;
    let (whole, parts) = (items(&[body]), items(&[&body[..cut], &body[cut..]]));
    assert_eq!(whole, parts, "cut at {cut}: {}", body.escape_ascii());
    let Ok(Value::Object(strictly)) = serde_json::from_slice(body) else { return };
    // Which of two lists counts is left open.
    let twice = memchr::memmem::find_iter(body, b"items").count() > 1 || body.contains(&b'\\');
    if let (Some(Value::Array(strictly)), Ok(found), false) = (strictly.get("items"), &whole, twice) {
        assert_eq!(found.len(), strictly.len(), "{}", body.escape_ascii());
    }
}

/// The items of a list, each with its name or its flaw. None where it is no list.
fn items(chunks: &[&[u8]]) -> Result<Vec<String>, ()> {
    let mut items = Vec::new();
    let mut each = |item: list::Item<'_>| {
        items.push(match item {
            Ok(object) => object.head.name.into_owned(),
            Err(unreadable) => unreadable.flaw.to_string(),
        });
    };
    let mut page = Page::new();
    for chunk in chunks {
        page.feed(chunk, &mut each).map_err(|_| ())?;
    }
    page.end(&mut each).map_err(|_| ())?;
    Ok(items)
}

/// The first byte says how large the chunks are in which the others come: the lines are the same.
pub(crate) fn lines(bytes: &[u8]) {
    let Some((size, text)) = bytes.split_first() else { return };
    let mut frame = Frame::new();
    let mut found = Vec::new();
    for chunk in text.chunks(usize::from(*size).max(1)) {
        let told = frame.feed(chunk, |line| {
            found.push(match line {
                Line::Whole(line) => Ok(line.to_vec()),
                Line::TooLong(length) => Err(length),
            });
            ControlFlow::Continue(())
        });
        assert!(told.is_continue());
    }
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let rest = lines.pop().unwrap_or_default();
    let expect = lines.into_iter().filter_map(|line| {
        let whole = line.strip_suffix(b"\r").unwrap_or(line);
        if whole.len() > LONGEST {
            Some(Err(line.len()))
        } else {
            Some(Ok(whole.to_vec())).filter(|_| !whole.is_empty())
        }
    });
    assert_eq!(found, expect.collect::<Vec<_>>());
    if rest.len() <= LONGEST {
        assert_eq!(frame.rest(), rest);
    }
}
