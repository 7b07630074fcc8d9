//! A request for a certificate, in DER, as far as Go's library reads it before it looks at keys: what is wrong with its
//! form is said in that library's words.
//!
//! The form is that of PKCS #10, after <https://www.rfc-editor.org/rfc/rfc2986>: who asks, for which key, with which
//! attributes, and a signature. The key and the signature are taken as they are.

/// The tags of values that every type knows.
const INTEGER: u32 = 2;
const BITS: u32 = 3;
const IDENTIFIER: u32 = 6;
const SEQUENCE: u32 = 16;
const SET: u32 = 17;

/// What Go says of the type of a field, which has no options here.
const PLAIN: &str = "{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> \
                     stringType:0 timeType:0 set:false omitEmpty:false}";

type Read<T> = Result<T, String>;

/// What is wrong with the form of a request; nothing if all is well.
pub(super) fn fault(der: &[u8]) -> Option<String> {
    check(der).err().map(|fault| format!("asn1: {fault}"))
}

fn check(der: &[u8]) -> Read<()> {
    let mut whole = Der { bytes: der, at: 0 };
    let mut request = whole.next(SEQUENCE, "certificateRequest")?;
    let mut about = request.next(SEQUENCE, "tbsCertificateRequest")?;
    integer(about.next(INTEGER, "int")?.bytes)?;
    let subject = about.any()?;
    let mut key = about.next(SEQUENCE, "publicKeyInfo")?;
    algorithm(&mut key)?;
    bits(key.next(BITS, "BitString")?.bytes)?;
    about.attributes()?;
    algorithm(&mut request)?;
    bits(request.next(BITS, "BitString")?.bytes)?;
    if whole.is_more() {
        return Err(syntax("trailing data"));
    }
    names(subject)
}

/// A value's tag and length.
#[derive(Clone, Copy, Debug)]
struct Head {
    class: u8,
    tag: u32,
    length: usize,
    is_compound: bool,
}

/// Values one after another, and how far they have been read.
#[derive(Clone, Copy, Debug)]
struct Der<'a> {
    bytes: &'a [u8],
    at: usize,
}

fn syntax(what: &str) -> String {
    format!("syntax error: {what}")
}

fn structure(what: &str) -> String {
    format!("structure error: {what}")
}

impl<'a> Der<'a> {
    fn is_more(&self) -> bool {
        self.at < self.bytes.len()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn head(&mut self) -> Read<Head> {
        let truncated = || syntax("truncated tag or length");
        let first = self.byte().ok_or_else(|| syntax("sequence truncated"))?;
        let (class, is_compound) = (first >> 6, first & 0x20 != 0);
        let tag = match first & 0x1f {
            0x1f => match base_128(self)? {
                tag if tag < 0x1f => return Err(syntax("non-minimal tag")),
                tag => tag,
            },
            tag => u32::from(tag),
        };
        let length = match self.byte().ok_or_else(truncated)? {
            0x80 => return Err(syntax("indefinite length found (not DER)")),
            digits @ 0x81.. => {
                let mut length = 0_usize;
                for _ in 0..digits & 0x7f {
                    let digit = self.byte().ok_or_else(truncated)?;
                    if length >= 1 << 23 {
                        return Err(structure("length too large"));
                    }
                    length = length << 8 | usize::from(digit);
                    if length == 0 {
                        return Err(structure("superfluous leading zeros in length"));
                    }
                }
                match length {
                    0..0x80 => return Err(structure("non-minimal length")),
                    length => length,
                }
            }
            short => usize::from(short),
        };
        Ok(Head { class, tag, length, is_compound })
    }

    fn content(&mut self, length: usize, truncated: &str) -> Read<Der<'a>> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (bytes, _) = rest.split_at_checked(length).ok_or_else(|| syntax(truncated))?;
        self.at += length;
        Ok(Der { bytes, at: 0 })
    }

    /// The next value, which must be of that type.
    fn next(&mut self, tag: u32, name: &str) -> Read<Der<'a>> {
        let head = self.head()?;
        let is_compound = matches!(tag, SEQUENCE | SET);
        if head.class != 0 || head.tag != tag || head.is_compound != is_compound {
            let Head { class, tag: found, length, is_compound } = head;
            let found = format!("{{class:{class} tag:{found} length:{length} isCompound:{is_compound}}}");
            let at = self.at;
            return Err(structure(&format!("tags don't match ({tag} vs {found}) {PLAIN} {name} @{at}")));
        }
        self.content(head.length, "data truncated")
    }

    /// The next value, whatever it is, from its tag on.
    fn any(&mut self) -> Read<Der<'a>> {
        let from = self.at;
        let head = self.head()?;
        self.content(head.length, "data truncated")?;
        Ok(Der { bytes: &self.bytes[from..self.at], at: 0 })
    }

    /// What is asked for besides a name and a key.
    fn attributes(&mut self) -> Read<()> {
        let head = self.head()?;
        if (head.class, head.tag, head.is_compound) != (2, 0, true) {
            // What Go says here differs from run to run.
            return Err(structure("tags don't match"));
        }
        let mut all = self.content(head.length, "data truncated")?;
        while all.is_more() {
            let head = all.head()?;
            all.content(head.length, "truncated sequence")?;
        }
        Ok(())
    }

    /// Values that are all of one type.
    fn each(&mut self, tag: u32) -> Read<Vec<Der<'a>>> {
        let mut all = Vec::new();
        while self.is_more() {
            let head = self.head()?;
            if (head.class, head.tag, head.is_compound) != (0, tag, true) {
                return Err(structure("sequence tag mismatch"));
            }
            all.push(self.content(head.length, "truncated sequence")?);
        }
        Ok(all)
    }
}

/// A number in digits of seven bits.
fn base_128(der: &mut Der<'_>) -> Read<u32> {
    let mut number = 0_u64;
    for place in 0.. {
        let Some(digit) = der.byte() else { break };
        if place == 5 {
            return Err(structure("base 128 integer too large"));
        }
        if place == 0 && digit == 0x80 {
            return Err(syntax("integer is not minimally encoded"));
        }
        number = number << 7 | u64::from(digit & 0x7f);
        if digit & 0x80 == 0 {
            let number = u32::try_from(number).ok().filter(|number| *number <= i32::MAX.unsigned_abs());
            return number.ok_or_else(|| structure("base 128 integer too large"));
        }
    }
    Err(syntax("truncated base 128 integer"))
}

fn integer(bytes: &[u8]) -> Read<()> {
    match bytes {
        [] => Err(structure("empty integer")),
        [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(structure("integer not minimally-encoded")),
        bytes if bytes.len() > 8 => Err(structure("integer too large")),
        _ => Ok(()),
    }
}

fn identifier(bytes: &[u8]) -> Read<()> {
    if bytes.is_empty() {
        return Err(syntax("zero length OBJECT IDENTIFIER"));
    }
    let mut rest = Der { bytes, at: 0 };
    while rest.is_more() {
        base_128(&mut rest)?;
    }
    Ok(())
}

fn bits(bytes: &[u8]) -> Read<()> {
    match bytes {
        [] => Err(syntax("zero length BIT STRING")),
        [0, ..] => Ok(()),
        [padding @ 1..=7, .., last] if last & ((1 << padding) - 1) == 0 => Ok(()),
        _ => Err(syntax("invalid padding bits in BIT STRING")),
    }
}

/// An algorithm, and what there may be of parameters.
fn algorithm(der: &mut Der<'_>) -> Read<()> {
    let mut algorithm = der.next(SEQUENCE, "AlgorithmIdentifier")?;
    identifier(algorithm.next(IDENTIFIER, "ObjectIdentifier")?.bytes)?;
    if algorithm.is_more() {
        algorithm.any()?;
    }
    Ok(())
}

/// The names of who asks: sets of pairs.
fn names(mut subject: Der<'_>) -> Read<()> {
    let mut sets = subject.next(SEQUENCE, "RDNSequence")?;
    for mut set in sets.each(SET)? {
        for mut pair in set.each(SEQUENCE)? {
            identifier(pair.next(IDENTIFIER, "ObjectIdentifier")?.bytes)?;
            pair.any()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// A request of one of the people for a key on a curve.
    const REQUEST: &str = "\
        MIHaMIGBAgEAMB8xDzANBgNVBAoMBnBlb3BsZTEMMAoGA1UEAwwDZXZlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYOm2\
        l07yIHN630rVdFXi1zcEzQRGp2njqgZYQJjpRMEKioFdOkMlYdsfF5YUYBjwBe4cbJ0IfdLtUUbPzPUmi6AAMAoGCCqGSM49\
        BAMCA0gAMEUCID3Gz+sxPu95+8dUKf3hWGiOi+TPB+ztl4kAu913Fp7cAiEAzgztiVEderm/Jy7JUWpS6uCDsZwAnbIODFAI\
        3cbYZCY=";

    #[test]
    fn what_is_cut_off_or_goes_on_is_no_request() {
        let der = STANDARD.decode(REQUEST).expect("base64");
        assert_eq!(fault(&der), None);
        for end in 0..der.len() {
            let why = fault(&der[..end]).expect("it is cut off");
            assert!(why.contains("truncated"), "{end}: {why}");
        }
        let more = [der, vec![0]].concat();
        assert_eq!(fault(&more).as_deref(), Some("asn1: syntax error: trailing data"));
    }

    #[test]
    fn values_are_of_their_types() {
        for (der, expect) in [
            (&[2, 1, 5][..], "structure error: tags don't match (16 vs {class:0 tag:2 length:1 isCompound:false})"),
            (&[0x30, 0x80, 0, 0], "syntax error: indefinite length found (not DER)"),
            (&[0x30, 0x81, 5, 0, 0, 0, 0, 0], "structure error: non-minimal length"),
            (&[0x30, 0x82, 0, 5], "structure error: superfluous leading zeros in length"),
            (&[0x30, 0x84, 1, 0, 0, 0], "syntax error: data truncated"),
            (&[0x30, 0x85, 1, 0, 0, 0, 0], "structure error: length too large"),
            (&[0x3f, 0x1e, 0], "syntax error: non-minimal tag"),
            (&[0x3f, 0x80, 0], "syntax error: integer is not minimally encoded"),
            (&[0x30, 4, 0x30, 2, 2, 0], "structure error: empty integer"),
            (&[0x30, 6, 0x30, 4, 2, 2, 0, 1], "structure error: integer not minimally-encoded"),
        ] {
            let why = fault(der).expect("it is none");
            assert!(why.starts_with(&format!("asn1: {expect}")), "{der:?}: {why}");
        }
    }
}
