//! Regular expressions, checked for balance only: a whole parser would weigh more than this crate.

/// Whether `pattern` can be a regular expression; if not, what was expected.
pub(super) fn check(pattern: &str) -> Result<(), &'static str> {
    let mut open = 0_usize;
    // Whether there is something that `*`, `+` and `?` can repeat.
    let mut operand = false;
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                letters.next().ok_or("a character after the last backslash")?;
                operand = true;
            }
            '[' => {
                class(&mut letters)?;
                operand = true;
            }
            '(' => {
                open += 1;
                operand = false;
                if letters.next_if_eq(&'?').is_some() && letters.peek().is_none() {
                    return Err("a group that is closed with `)`");
                }
            }
            ')' => {
                open = open.checked_sub(1).ok_or("a `(` before the `)`")?;
                operand = true;
            }
            '|' | '^' => operand = false,
            '*' | '+' | '?' if !operand => return Err("something to repeat before `*`, `+` or `?`"),
            // A second `?` or `+` makes a repetition lazy or possessive.
            '*' | '+' | '?' => {
                let _ = letters.next_if(|next| matches!(next, '?' | '+'));
                operand = false;
            }
            _ => operand = true,
        }
    }
    if open == 0 { Ok(()) } else { Err("a group that is closed with `)`") }
}

/// Reads the rest of a character class.
fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(), &'static str> {
    let unclosed = "a class that is closed with `]`";
    let _ = letters.next_if_eq(&'^');
    // A bracket that comes first is a member.
    let _ = letters.next_if_eq(&']');
    loop {
        match letters.next().ok_or(unclosed)? {
            ']' => return Ok(()),
            '\\' => drop(letters.next().ok_or(unclosed)?),
            '[' if letters.peek() == Some(&':') => class(letters)?,
            _ => {}
        }
    }
}
