//! What a misspelt word was probably meant to be.

/// The candidate nearest to `written`, where it is near enough to be a slip of the fingers: one change in a short
/// word, two from five letters on. A swap of neighbours is one change. Case and dashes don't count.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', '_'], "");
    let written = plain(written);
    let limit = if written.chars().count() < 5 { 1 } else { 2 };
    candidates
        .into_iter()
        .map(|candidate| (distance(&written, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Whether two words differ by one change.
pub(crate) fn is_one_change(a: &str, b: &str) -> bool {
    distance(a, b) <= 1
}

/// The words of a list, each in backquotes.
pub(crate) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                let swapped: &Vec<usize> = &before;
                least = least.min(swapped[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn a_slip_is_recognised() {
        let check = |written: &str, expect: Option<&str>| {
            let words = ["kind", "plural", "reconcile_delay", "add", "reconcile"];
            assert_eq!(nearest(written, words), expect, "{written}");
        };
        check("kidn", Some("kind"));
        check("plurals", Some("plural"));
        check("reconcileDelay", Some("reconcile_delay"));
        check("reconcil", Some("reconcile"));
        check("ad", Some("add"));
        check("read", None);
        check("group", None);
        check("", None);
    }

    #[test]
    fn a_swap_counts_once() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
