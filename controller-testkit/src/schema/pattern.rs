//! Regular expressions of schemas: Go's RE2 grammar, run by the `regex` crate.
//!
//! The two dialects agree on most of what a schema says, but not on all of it: Go's `\d`, `\w` and `\s` are ASCII
//! classes, `[a&&b]` has no set operators, `\Q…\E` quotes and `a{,5}` is plain text. A pattern is therefore translated
//! first, and refused in Go's words where Go refuses it, so that nothing is accepted here that a cluster would refuse,
//! and no object is refused for what a cluster accepts. What Go accepts and this server cannot run is refused when the
//! definition is written, with a text that says so.

use std::iter::Peekable;
use std::str::CharIndices;

use regex::Regex;

/// Compiles a pattern of a schema; the error is the text that stands after `isn't: `.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = Translator::new(pattern).run()?;
    Regex::new(&translated).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        format!("this server cannot run it: {reason}")
    })
}

/// The limit that Go puts on the counts of `{n,m}`.
const MAX_REPEAT: u32 = 1000;

/// What stands directly before the place of reading, as far as repetition is concerned.
#[derive(Clone, Copy)]
enum Before {
    /// Nothing that could be repeated: the start, an open group, a bar.
    Nothing,
    Atom,
    /// A repetition that started at this byte.
    Repeat(usize),
}

struct Translator<'a> {
    pattern: &'a str,
    chars: Peekable<CharIndices<'a>>,
    out: String,
    before: Before,
    open_groups: usize,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            pattern,
            chars: pattern.char_indices().peekable(),
            out: String::with_capacity(pattern.len() + 8),
            before: Before::Nothing,
            open_groups: 0,
        }
    }

    fn run(mut self) -> Result<String, String> {
        while let Some((at, c)) = self.chars.next() {
            match c {
                '(' => self.group(at)?,
                ')' => {
                    if self.open_groups == 0 {
                        return Err(refused("unexpected )", self.pattern));
                    }
                    self.open_groups -= 1;
                    self.out.push(')');
                    self.before = Before::Atom;
                }
                '|' => {
                    self.out.push('|');
                    self.before = Before::Nothing;
                }
                '[' => {
                    self.class(at)?;
                    self.before = Before::Atom;
                }
                '*' | '+' | '?' => self.repeat(at)?,
                '{' => self.counted(at)?,
                '\\' => {
                    self.escape(at)?;
                    self.before = Before::Atom;
                }
                c => {
                    self.out.push(c);
                    self.before = Before::Atom;
                }
            }
        }
        if self.open_groups > 0 {
            return Err(refused("missing closing )", self.pattern));
        }
        Ok(self.out)
    }

    /// The byte at which the next character stands.
    fn here(&mut self) -> usize {
        self.chars.peek().map_or(self.pattern.len(), |(at, _)| *at)
    }

    fn text(&self, from: usize, to: usize) -> &'a str {
        self.pattern.get(from..to).unwrap_or_default()
    }

    fn take(&mut self, wanted: char) -> bool {
        self.chars.next_if(|(_, c)| *c == wanted).is_some()
    }

    fn group(&mut self, at: usize) -> Result<(), String> {
        self.before = Before::Nothing;
        self.out.push('(');
        if !self.take('?') {
            self.open_groups += 1;
            return Ok(());
        }
        self.out.push('?');
        let rest = self.text(at, self.pattern.len());
        if rest.starts_with("(?P<") || rest.starts_with("(?<") {
            let name_at = rest.find('<').unwrap_or(0) + 1;
            let end = rest.find('>');
            let name = rest.get(name_at..end.unwrap_or(rest.len())).unwrap_or_default();
            let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let (Some(end), true) = (end, named) else {
                // Go shows the text up to the closing bracket, or all that is left.
                let shown = end.map_or(rest, |end| rest.get(..=end).unwrap_or(rest));
                return Err(refused("invalid named capture", shown));
            };
            while self.here() <= at + end && self.chars.next().is_some() {}
            self.out.push_str("P<");
            // Rust wants a letter first where Go takes a digit.
            self.out.push('n');
            self.out.push_str(name);
            self.out.push('>');
            self.open_groups += 1;
            return Ok(());
        }
        let mut flags = 0;
        for (place, c) in self.chars.by_ref() {
            match c {
                'i' | 'm' | 's' | 'U' | '-' => {
                    self.out.push(c);
                    flags += 1;
                }
                ':' => {
                    self.out.push(':');
                    self.open_groups += 1;
                    return Ok(());
                }
                ')' if flags > 0 => {
                    self.out.push(')');
                    return Ok(());
                }
                c => {
                    let shown = self.pattern.get(at..place + c.len_utf8()).unwrap_or_default();
                    return Err(refused("invalid or unsupported Perl syntax", shown));
                }
            }
        }
        Err(refused("invalid or unsupported Perl syntax", rest))
    }

    fn repeat(&mut self, at: usize) -> Result<(), String> {
        let op = self.text(at, at + 1);
        self.out.push_str(op);
        self.repeated(at)
    }

    /// `{n}`, `{n,}` or `{n,m}`; anything else that starts with a brace is plain text.
    fn counted(&mut self, at: usize) -> Result<(), String> {
        let rest = self.text(at + 1, self.pattern.len());
        let counts = rest.find('}').and_then(|end| rest.get(..end)).filter(|counts| {
            let (low, high) = counts.split_once(',').unwrap_or((counts, "0"));
            !low.is_empty() && (low.to_owned() + high).chars().all(|c| c.is_ascii_digit())
        });
        let Some(counts) = counts else {
            self.out.push_str("\\{");
            self.before = Before::Atom;
            return Ok(());
        };
        let whole = self.text(at, at + counts.len() + 2);
        let (low, high) = counts.split_once(',').unwrap_or((counts, ""));
        let low: u32 = low.parse().unwrap_or(u32::MAX);
        let high: u32 = if high.is_empty() { low } else { high.parse().unwrap_or(u32::MAX) };
        if low > MAX_REPEAT || high > MAX_REPEAT || low > high {
            return Err(refused("invalid repeat count", whole));
        }
        for _ in 0..=counts.len() {
            self.chars.next();
        }
        self.out.push_str(whole);
        self.repeated(at)
    }

    fn repeated(&mut self, at: usize) -> Result<(), String> {
        if self.take('?') {
            self.out.push('?');
        }
        let end = self.here();
        match self.before {
            Before::Nothing => {
                let shown = self.text(at, end);
                Err(refused("missing argument to repetition operator", shown))
            }
            Before::Repeat(first) => {
                let shown = self.text(first, end);
                Err(refused("invalid nested repetition operator", shown))
            }
            Before::Atom => {
                self.before = Before::Repeat(at);
                Ok(())
            }
        }
    }

    fn escape(&mut self, at: usize) -> Result<(), String> {
        let Some((_, c)) = self.chars.next() else {
            return Err(refused("trailing backslash at end of expression", ""));
        };
        match c {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            'w' => self.out.push_str("[0-9A-Za-z_]"),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            's' => self.out.push_str("[\\t\\n\\f\\r ]"),
            'S' => self.out.push_str("[^\\t\\n\\f\\r ]"),
            'b' => self.out.push_str("(?-u:\\b)"),
            'B' => self.out.push_str("\\B"),
            'A' => self.out.push_str("\\A"),
            'z' => self.out.push_str("\\z"),
            'Q' => {
                let start = self.here();
                let rest = self.text(start, self.pattern.len());
                let literal = rest.find("\\E").map_or(rest, |end| rest.get(..end).unwrap_or(rest));
                self.out.push_str(&regex::escape(literal));
                let end = (start + literal.len() + 2).min(self.pattern.len());
                while self.here() < end && self.chars.next().is_some() {}
            }
            'p' | 'P' => self.unicode_class(at, c)?,
            c => {
                let literal = self.escaped_char(at, c)?;
                self.out.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
            }
        }
        Ok(())
    }

    /// `\pN`, `\p{Greek}`, `\p{^Greek}`, and the same with `P`.
    fn unicode_class(&mut self, at: usize, sign: char) -> Result<(), String> {
        let start = self.here();
        let Some((_, first)) = self.chars.next() else {
            return Err(refused("invalid character class range", self.text(at, start)));
        };
        let mut negated = sign == 'P';
        let name = if first == '{' {
            let mut name = String::new();
            loop {
                match self.chars.next() {
                    Some((_, '}')) => break name,
                    Some((_, '^')) if name.is_empty() => negated = !negated,
                    Some((_, c)) => name.push(c),
                    None => {
                        let shown = self.text(at, self.pattern.len());
                        return Err(refused("invalid character class range", shown));
                    }
                }
            }
        } else {
            first.to_string()
        };
        let class = format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' });
        if Regex::new(&class).is_err() {
            let end = self.here();
            let shown = self.text(at, end);
            return Err(refused("invalid character class range", shown));
        }
        self.out.push_str(&class);
        Ok(())
    }

    /// The single character that an escape stands for.
    fn escaped_char(&mut self, at: usize, c: char) -> Result<char, String> {
        let found = match c {
            'a' => Some('\u{7}'),
            'f' => Some('\u{c}'),
            't' => Some('\t'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            'v' => Some('\u{b}'),
            'x' => self.hexadecimal(),
            '0'..='7' => self.octal(c),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c),
            _ => None,
        };
        let end = self.here();
        found.ok_or_else(|| refused("invalid escape sequence", self.text(at, end)))
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let mut digits = String::new();
        if self.take('{') {
            loop {
                match self.chars.next()? {
                    (_, '}') => break,
                    (_, c) if c.is_ascii_hexdigit() && digits.len() < 8 => digits.push(c),
                    _ => return None,
                }
            }
        } else {
            for _ in 0..2 {
                digits.push(self.chars.next_if(|(_, c)| c.is_ascii_hexdigit())?.1);
            }
        }
        u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
    }

    /// `\0`, `\012`, `\123`; a single digit other than zero would be a reference to a group, which RE2 has not.
    fn octal(&mut self, first: char) -> Option<char> {
        let mut digits = first.to_string();
        while digits.len() < 3 {
            let Some((_, digit)) = self.chars.next_if(|(_, c)| ('0'..='7').contains(c)) else {
                break;
            };
            digits.push(digit);
        }
        if first != '0' && digits.len() == 1 {
            return None;
        }
        u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32)
    }

    fn class(&mut self, at: usize) -> Result<(), String> {
        self.out.push('[');
        if self.take('^') {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let start = self.here();
            let Some((_, c)) = self.chars.next() else {
                return Err(refused("missing closing ]", self.text(at, self.pattern.len())));
            };
            match c {
                ']' if !first => break,
                '[' if self.text(start, start + 2) == "[:" && self.posix(start)? => {}
                '\\' if self.class_escape(start)? => {}
                c => self.range(at, start, c)?,
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// `[:alpha:]` and its like; answers whether there was one.
    fn posix(&mut self, start: usize) -> Result<bool, String> {
        let rest = self.text(start, self.pattern.len());
        let Some(end) = rest.find(":]") else {
            return Ok(false);
        };
        let class = rest.get(..end + 2).unwrap_or_default();
        let name = class.trim_matches(['[', ']', ':']).trim_start_matches('^');
        let known = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
            "word", "xdigit",
        ];
        if !known.contains(&name) {
            return Err(refused("invalid character class range", class));
        }
        self.out.push_str(class);
        while self.here() < start + class.len() && self.chars.next().is_some() {}
        Ok(true)
    }

    /// An escape for a whole class inside of brackets; answers whether there was one.
    fn class_escape(&mut self, start: usize) -> Result<bool, String> {
        let Some((_, c)) = self.chars.peek().copied() else {
            return Err(refused("missing closing ]", self.text(start, self.pattern.len())));
        };
        let class = match c {
            'd' => "0-9",
            'D' => "[^0-9]",
            'w' => "0-9A-Za-z_",
            'W' => "[^0-9A-Za-z_]",
            's' => "\\t\\n\\f\\r ",
            'S' => "[^\\t\\n\\f\\r ]",
            'p' | 'P' => {
                self.chars.next();
                return self.unicode_class(start, c).map(|()| true);
            }
            _ => return Ok(false),
        };
        self.chars.next();
        self.out.push_str(class);
        Ok(true)
    }

    fn range(&mut self, class_at: usize, start: usize, c: char) -> Result<(), String> {
        let low = self.class_char(start, c)?;
        let after = self.here();
        let dash = self.text(after, after + 1) == "-";
        if !dash || self.text(after + 1, after + 2) == "]" {
            push_class_char(&mut self.out, low);
            return Ok(());
        }
        self.chars.next();
        let high_at = self.here();
        let Some((_, c)) = self.chars.next() else {
            return Err(refused("missing closing ]", self.text(class_at, self.pattern.len())));
        };
        let high = self.class_char(high_at, c)?;
        if high < low {
            let end = self.here();
            return Err(refused("invalid character class range", self.text(start, end)));
        }
        push_class_char(&mut self.out, low);
        self.out.push('-');
        push_class_char(&mut self.out, high);
        Ok(())
    }

    fn class_char(&mut self, start: usize, c: char) -> Result<char, String> {
        if c != '\\' {
            return Ok(c);
        }
        match self.chars.next() {
            Some((_, escaped)) => self.escaped_char(start, escaped),
            None => Err(refused("trailing backslash at end of expression", "")),
        }
    }
}

fn push_class_char(out: &mut String, c: char) {
    if matches!(c, '[' | ']' | '&' | '~' | '-' | '^' | '\\') {
        out.push('\\');
    }
    out.push(c);
}

fn refused(what: &str, shown: &str) -> String {
    format!("error parsing regexp: {what}: `{shown}`")
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[test]
    fn patterns_match_as_go_matches_them() {
        for (pattern, matching, other) in [
            ("^[a-z]+$", "abc", "abC"),
            (r"^\d+$", "123", "١٢٣"),
            (r"^\w+$", "a_1", "é"),
            (r"^[\w.-]+$", "a.b-c", "a b"),
            (r"^[^\s]+$", "a\u{a0}b", "a b"),
            (r"^[[:alpha:]_]+$", "ab_", "a1"),
            ("^[a&&b]+$", "a&b", "c"),
            ("^[[]$", "[", "a"),
            ("^[]a]+$", "]a", "b"),
            ("^[a~~b]$", "~", "c"),
            (r"^a{,5}$", "a{,5}", "aaa"),
            (r"^a{2}$", "aa", "aaa"),
            (r"^\Qa.b\E$", "a.b", "axb"),
            (r"^\x41\x{42}\103$", "ABC", "abc"),
            (r"^(?i)abc$", "ABC", "abd"),
            (r"^(?P<1st>a)(?<second>b)$", "ab", "ba"),
            (r"^a\/b\<$", "a/b<", "a/b"),
            (r"^\p{Greek}\PL$", "α1", "a1"),
            (r"^\p{^Greek}$", "a", "α"),
            (r"^[\p{Lu}\D]$", "A", "1"),
            ("^(a|b)+?c$", "abac", "abad"),
            (r"\bfoo\b", "a foo b", "afoob"),
            (r"^[a\]-]+$", "]-a", "b"),
            ("^a$", "a", "a\n"),
        ] {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert!(regex.is_match(matching), "{pattern} should match {matching}");
            assert!(!regex.is_match(other), "{pattern} should not match {other}");
        }
    }

    #[test]
    fn patterns_are_refused_in_the_words_of_go() {
        for (pattern, expected) in [
            ("(abc", "missing closing ): `(abc`"),
            ("abc)", "unexpected ): `abc)`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("[a", "missing closing ]: `[a`"),
            ("[b-a]", "invalid character class range: `b-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            (r"\pX", r"invalid character class range: `\pX`"),
            ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            ("(?i-", "invalid or unsupported Perl syntax: `(?i-`"),
            ("(?<=a)", "invalid named capture: `(?<=a)`"),
            ("(?P<n", "invalid named capture: `(?P<n`"),
            (r"(a)\1", r"invalid escape sequence: `\1`"),
            (r"\y", r"invalid escape sequence: `\y`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{5,2}", "invalid repeat count: `{5,2}`"),
            ("\\", "trailing backslash at end of expression: ``"),
        ] {
            let error = compile(pattern).err();
            assert_eq!(error.as_deref(), Some(format!("error parsing regexp: {expected}").as_str()));
        }
    }
}
