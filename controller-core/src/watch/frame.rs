//! Cuts the chunks of a body into lines.
//!
//! A line within one chunk is handed on where it lies; one that spans chunks is copied once. Where the chunks are
//! cut makes no difference. A line beyond the bound is dropped as it comes, so memory stays bounded.

use std::ops::ControlFlow;

use memchr::memchr;

/// Larger than any object that etcd can hold, ten times over.
pub(super) const LONGEST: usize = 16 << 20;

/// Above this the room of a spanning line is given back after use.
const KEPT: usize = 1 << 20;

/// A line, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    /// It went beyond the bound; how long it was.
    TooLong(usize),
}

/// What is left of the chunks so far.
#[derive(Debug)]
pub(super) struct Frame {
    longest: usize,
    begun: Vec<u8>,
    /// How much of a line was dropped.
    dropped: usize,
}

impl Frame {
    pub(super) fn new() -> Self {
        Self::with_longest(LONGEST)
    }

    fn with_longest(longest: usize) -> Self {
        Self { longest, begun: Vec::new(), dropped: 0 }
    }

    /// Hands on each line that ends within the chunk, until `each` breaks. The rest of the chunk is lost then.
    pub(super) fn feed(
        &mut self,
        mut chunk: &[u8],
        mut each: impl FnMut(Line<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some((line, rest)) = memchr(b'\n', chunk).and_then(|at| chunk.split_at_checked(at)) {
            chunk = rest.get(1..).unwrap_or_default();
            if self.begun.is_empty() && self.dropped == 0 {
                self.hand_on(line, &mut each)?;
                continue;
            }
            self.keep(line);
            let begun = std::mem::take(&mut self.begun);
            let told = match std::mem::take(&mut self.dropped) {
                0 => self.hand_on(&begun, &mut each),
                dropped => each(Line::TooLong(dropped)),
            };
            self.reuse(begun);
            told?;
        }
        self.keep(chunk);
        ControlFlow::Continue(())
    }

    /// What stands behind the last line end: a line whose end was cut off, or all of one that needs none.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.dropped = 0;
        std::mem::take(&mut self.begun)
    }

    fn hand_on(&self, line: &[u8], each: &mut impl FnMut(Line<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let length = line.len();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > self.longest {
            return each(Line::TooLong(length));
        }
        if line.is_empty() { ControlFlow::Continue(()) } else { each(Line::Whole(line)) }
    }

    fn keep(&mut self, part: &[u8]) {
        // One byte more than the bound may be a carriage return.
        if self.dropped > 0 || self.begun.len() + part.len() > self.longest + 1 {
            self.dropped += self.begun.len() + part.len();
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(part);
        }
    }

    fn reuse(&mut self, mut room: Vec<u8>) {
        if room.capacity() <= KEPT {
            room.clear();
            self.begun = room;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of a text whose bytes come in chunks of the given sizes.
    fn lines(text: &[u8], sizes: &[usize], longest: usize) -> (Vec<String>, Vec<u8>) {
        let mut frame = Frame::with_longest(longest);
        let mut found = Vec::new();
        let mut rest = text;
        let mut sizes = sizes.iter().copied().chain(std::iter::repeat(usize::MAX));
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
            rest = after;
            let told = frame.feed(chunk, |line| {
                found.push(match line {
                    Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                    Line::TooLong(length) => format!("{length} bytes"),
                });
                ControlFlow::Continue(())
            });
            assert!(told.is_continue());
        }
        (found, frame.rest())
    }

    #[test]
    fn lines_are_the_same_wherever_the_chunks_are_cut() {
        let text = b"first\nsecond line\r\n\n\r\nlast is too long\nx\nno end";
        let expect = (vec!["first".into(), "second line".into(), "16 bytes".into(), "x".into()], b"no end".to_vec());
        for cut in 1..text.len() {
            assert_eq!(lines(text, &[cut], 12), expect, "cut at {cut}");
        }
        assert_eq!(lines(text, &vec![1; text.len()], 12), expect);
    }

    #[test]
    fn a_line_beyond_the_bound_is_dropped_as_it_comes() {
        let mut frame = Frame::with_longest(1000);
        for _ in 0..1000 {
            let _ = frame.feed(&[b'x'; 100], |_| ControlFlow::Continue(()));
            assert!(frame.begun.len() <= 1001);
        }
        let mut found = Vec::new();
        let _ = frame.feed(b"\nnext\n", |line| {
            found.push(match line {
                Line::Whole(line) => line.len(),
                Line::TooLong(length) => length,
            });
            ControlFlow::Continue(())
        });
        assert_eq!(found, [100_000, 4]);
    }

    #[test]
    fn nothing_is_handed_on_after_a_break() {
        let mut frame = Frame::new();
        let mut found = 0;
        let told = frame.feed(b"a\nb\nc\n", |_| {
            found += 1;
            if found == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((told, found), (ControlFlow::Break(()), 2));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a')], 0..80),
            sizes in proptest::collection::vec(1_usize..9, 0..40),
            longest in 1_usize..9,
        ) {
            prop_assert_eq!(lines(&text, &sizes, longest), lines(&text, &[], longest));
        }
    }
}
