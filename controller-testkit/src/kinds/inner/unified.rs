//! The difference of two texts in the unified form, as Python's and Go's difflib find it.

use std::collections::BTreeMap;

/// How many lines are shown around a change.
const AROUND: usize = 3;
/// From how many lines on the common ones are not what matches begin with.
const MANY: usize = 200;

/// A stretch of lines that are the same in both texts, or not: where it starts and ends in each.
#[derive(Clone, Copy)]
struct Stretch {
    same: bool,
    old: (usize, usize),
    new: (usize, usize),
}

/// The lines that differ, with those around them.
pub(super) fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut out = String::new();
    for group in groups(&stretches(&old, &new)) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let span = |start: usize, end: usize| match end - start {
            1 => format!("{}", start + 1),
            0 => format!("{start},0"),
            length => format!("{},{length}", start + 1),
        };
        let (from, to) = (span(first.old.0, last.old.1), span(first.new.0, last.new.1));
        out.push_str(&format!("@@ -{from} +{to} @@\n"));
        for stretch in group {
            let mut lines = |mark: char, lines: &[&str]| {
                lines.iter().for_each(|line| out.push_str(&format!("{mark}{line}\n")));
            };
            if stretch.same {
                lines(' ', &old[stretch.old.0..stretch.old.1]);
            } else {
                lines('-', &old[stretch.old.0..stretch.old.1]);
                lines('+', &new[stretch.new.0..stretch.new.1]);
            }
        }
    }
    out
}

/// The changes with what is around them; those that are near stand together.
fn groups(stretches: &[Stretch]) -> Vec<Vec<Stretch>> {
    let mut groups: Vec<Vec<Stretch>> = Vec::new();
    let mut group: Vec<Stretch> = Vec::new();
    for (at, stretch) in stretches.iter().enumerate() {
        let Stretch { same, mut old, mut new } = *stretch;
        if same {
            let length = old.1 - old.0;
            let (first, last) = (at == 0, at + 1 == stretches.len());
            if first {
                (old.0, new.0) = (old.0.max(old.1.saturating_sub(AROUND)), new.0.max(new.1.saturating_sub(AROUND)));
            }
            if last {
                (old.1, new.1) = (old.1.min(old.0 + AROUND), new.1.min(new.0 + AROUND));
            }
            if !first && !last && length > 2 * AROUND {
                group.push(Stretch { same, old: (old.0, old.0 + AROUND), new: (new.0, new.0 + AROUND) });
                groups.push(std::mem::take(&mut group));
                (old.0, new.0) = (old.1 - AROUND, new.1 - AROUND);
            }
        }
        group.push(Stretch { same, old, new });
    }
    groups.push(group);
    groups.retain(|group| group.iter().any(|stretch| !stretch.same));
    groups
}

fn stretches(old: &[&str], new: &[&str]) -> Vec<Stretch> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    new.iter().enumerate().for_each(|(at, line)| places.entry(line).or_default().push(at));
    if new.len() >= MANY {
        places.retain(|_, places| places.len() <= new.len() / 100 + 1);
    }
    let mut blocks = Vec::new();
    let mut todo = vec![((0, old.len()), (0, new.len()))];
    while let Some((left, right)) = todo.pop() {
        let (i, j, length) = longest(old, new, &places, left, right);
        if length > 0 {
            blocks.push((i, j, length));
            todo.push(((left.0, i), (right.0, j)));
            todo.push(((i + length, left.1), (j + length, right.1)));
        }
    }
    blocks.sort_unstable();
    blocks.push((old.len(), new.len(), 0));
    let (mut i, mut j) = (0, 0);
    let mut found: Vec<Stretch> = Vec::new();
    for (block_i, block_j, length) in blocks {
        if i < block_i || j < block_j {
            found.push(Stretch { same: false, old: (i, block_i), new: (j, block_j) });
        }
        (i, j) = (block_i + length, block_j + length);
        match found.last_mut().filter(|last| last.same && length > 0) {
            // Blocks that touch are one.
            Some(last) => (last.old.1, last.new.1) = (i, j),
            None if length > 0 => found.push(Stretch { same: true, old: (block_i, i), new: (block_j, j) }),
            None => {}
        }
    }
    found
}

/// The longest lines in common, the first of them where there are several.
fn longest(
    old: &[&str],
    new: &[&str],
    places: &BTreeMap<&str, Vec<usize>>,
    left: (usize, usize),
    right: (usize, usize),
) -> (usize, usize, usize) {
    let (mut i, mut j, mut length) = (left.0, right.0, 0);
    let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, line) in old.iter().enumerate().take(left.1).skip(left.0) {
        let mut longer = BTreeMap::new();
        for place in places.get(line).into_iter().flatten().filter(|place| (right.0..right.1).contains(place)) {
            let matched = place.checked_sub(1).and_then(|before| lengths.get(&before)).unwrap_or(&0) + 1;
            longer.insert(*place, matched);
            if matched > length {
                (i, j, length) = (at + 1 - matched, place + 1 - matched, matched);
            }
        }
        lengths = longer;
    }
    while i > left.0 && j > right.0 && old[i - 1] == new[j - 1] {
        (i, j, length) = (i - 1, j - 1, length + 1);
    }
    while i + length < left.1 && j + length < right.1 && old[i + length] == new[j + length] {
        length += 1;
    }
    (i, j, length)
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn changes_that_are_near_stand_together() {
        let text = |words: &str| words.split(' ').collect::<Vec<_>>().join("\n");
        let check = |old: &str, new: &str, expect: &str| {
            assert_eq!(difference(&text(old), &text(new)), expect.replace(' ', "\n").replace('_', " ") + "\n");
        };
        check("a b c d e f g", "a b c X e f g", "@@_-1,7_+1,7_@@ _a _b _c -d +X _e _f _g");
        check("a b", "a b c", "@@_-1,2_+1,3_@@ _a _b +c");
        check(
            "a 1 2 3 4 5 6 7 b",
            "A 1 2 3 4 5 6 7 B",
            "@@_-1,4_+1,4_@@ -a +A _1 _2 _3 @@_-6,4_+6,4_@@ _5 _6 _7 -b +B",
        );
        assert_eq!(difference("same\ntext", "same\ntext"), "");
    }
}
