//! What Go's reader says of a text that is not JSON.

/// Why a text is not JSON; nothing for JSON.
pub(crate) fn of(text: &[u8]) -> Option<String> {
    let mut reader = Reader { text, at: 0 };
    let fault = reader.value().and_then(|()| {
        reader.blanks();
        reader.peek().map_or(Ok(()), |byte| Err(invalid(byte, "after top-level value")))
    });
    fault.err()
}

/// Go reads no deeper than this.
const DEEPEST: usize = 10_000;

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

fn invalid(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        byte => {
            let quoted = crate::field::echo::quote(&char::from(byte).to_string());
            format!("'{}'", quoted.trim_matches('"'))
        }
    };
    format!("invalid character {shown} {place}")
}

type Done = Result<(), String>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, String> {
        let byte = self.peek().ok_or_else(|| "unexpected end of JSON input".to_owned())?;
        self.at += 1;
        Ok(byte)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads a value with all that is in it, however deep, without a call for each level.
    fn value(&mut self) -> Done {
        let mut open = Vec::new();
        loop {
            self.blanks();
            let mut ended = match self.next()? {
                bracket @ (b'{' | b'[') => {
                    open.push(bracket);
                    if open.len() > DEEPEST {
                        return Err("exceeded max depth".to_owned());
                    }
                    self.blanks();
                    let empty = if bracket == b'{' { b'}' } else { b']' };
                    match self.peek() {
                        Some(byte) if byte == empty => {
                            self.at += 1;
                            open.pop();
                            true
                        }
                        _ if bracket == b'{' => {
                            self.key()?;
                            false
                        }
                        _ => false,
                    }
                }
                b'"' => self.string().map(|()| true)?,
                b't' => self.literal("true").map(|()| true)?,
                b'f' => self.literal("false").map(|()| true)?,
                b'n' => self.literal("null").map(|()| true)?,
                byte @ (b'-' | b'0'..=b'9') => self.number(byte).map(|()| true)?,
                byte => return Err(invalid(byte, "looking for beginning of value")),
            };
            while ended {
                let Some(bracket) = open.last() else { return Ok(()) };
                self.blanks();
                match (bracket, self.next()?) {
                    (b'{', b',') => {
                        self.blanks();
                        self.key()?;
                        ended = false;
                    }
                    (_, b',') => ended = false,
                    (b'{', b'}') | (b'[', b']') => drop(open.pop()),
                    (b'{', byte) => return Err(invalid(byte, "after object key:value pair")),
                    (_, byte) => return Err(invalid(byte, "after array element")),
                }
            }
        }
    }

    fn key(&mut self) -> Done {
        match self.next()? {
            b'"' => self.string()?,
            byte => return Err(invalid(byte, "looking for beginning of object key string")),
        }
        self.blanks();
        match self.next()? {
            b':' => Ok(()),
            byte => Err(invalid(byte, "after object key")),
        }
    }

    fn string(&mut self) -> Done {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.next()?;
                            if !byte.is_ascii_hexdigit() {
                                return Err(invalid(byte, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    byte => return Err(invalid(byte, "in string escape code")),
                },
                byte if byte < b' ' => return Err(invalid(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn literal(&mut self, word: &str) -> Done {
        for wanted in word.bytes().skip(1) {
            let byte = self.next()?;
            if byte != wanted {
                return Err(invalid(byte, &format!("in literal {word} (expecting '{}')", char::from(wanted))));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self, first: u8) -> Done {
        let first = match first {
            b'-' => match self.next()? {
                byte @ b'0'..=b'9' => byte,
                byte => return Err(invalid(byte, "in numeric literal")),
            },
            byte => byte,
        };
        if first != b'0' {
            self.digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.digits() {
                return Err(invalid(self.next()?, "after decimal point in numeric literal"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.digits() {
                return Err(invalid(self.next()?, "in exponent of numeric literal"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[track_caller]
    fn check(text: &str, fault: Option<&str>) {
        assert_eq!(of(text.as_bytes()).as_deref(), fault, "{text}");
    }

    #[test]
    fn json_has_no_fault() {
        for text in ["{}", " [1, -0.5e+3, \"a\\u00e9\\n\", true, false, null, {\"a\": {}}] ", "0", "\"\""] {
            check(text, None);
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_in_gos_words() {
        check("", Some("unexpected end of JSON input"));
        check("{\"a\":", Some("unexpected end of JSON input"));
        check("nonsense", Some("invalid character 'o' in literal null (expecting 'u')"));
        check("{} x", Some("invalid character 'x' after top-level value"));
        check("{a", Some("invalid character 'a' looking for beginning of object key string"));
        check("{\"a\" 1}", Some("invalid character '1' after object key"));
        check("{\"a\":1 2}", Some("invalid character '2' after object key:value pair"));
        check("[1 2]", Some("invalid character '2' after array element"));
        check("[01]", Some("invalid character '1' after array element"));
        check("\"\\x\"", Some("invalid character 'x' in string escape code"));
        check("\"\n\"", Some("invalid character '\\n' in string literal"));
        check("-x", Some("invalid character 'x' in numeric literal"));
        check("'a'", Some("invalid character '\\'' looking for beginning of value"));
        check(&"[".repeat(20_000), Some("exceeded max depth"));
    }
}
