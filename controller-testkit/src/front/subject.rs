//! Whom a client's certificate names: the common name is the user, the organizations are the groups.
//!
//! The TLS library has verified the certificate; here it is only read.

/// Who a client has proved to be by its certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

impl Peer {
    /// Reads the subject of a certificate in DER; none if it names no user.
    pub(crate) fn of(certificate: &[u8]) -> Option<Peer> {
        let mut certificate = Der(Der(certificate).next(SEQUENCE)?);
        let mut signed = Der(certificate.next(SEQUENCE)?);
        if signed.0.first() == Some(&VERSION) {
            signed.any()?;
        }
        // The serial number, the signature's algorithm, the issuer, the validity.
        for _ in 0..4 {
            signed.any()?;
        }
        let mut subject = Der(signed.next(SEQUENCE)?);
        let mut peer = Peer::default();
        while !subject.0.is_empty() {
            let mut names = Der(subject.next(SET)?);
            while !names.0.is_empty() {
                let mut name = Der(names.next(SEQUENCE)?);
                let (_, what) = name.any()?;
                let (_, text) = name.any()?;
                match what {
                    COMMON_NAME => peer.user = std::str::from_utf8(text).ok()?.to_owned(),
                    ORGANIZATION => peer.groups.push(std::str::from_utf8(text).ok()?.to_owned()),
                    _ => {}
                }
            }
        }
        Some(peer).filter(|peer| !peer.user.is_empty())
    }
}

/// The rest of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value, which must have this tag.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }

    /// The next value and its tag.
    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::certificate::Authority;
    use super::*;

    fn der(pem: &str) -> Vec<u8> {
        use base64::Engine;
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
    }

    #[test]
    fn the_subject_names_the_user_and_the_groups() {
        let authority = Authority::with_key(None).expect("an authority");
        let check = |user: &str, groups: &[&str]| {
            let certificate = authority.vouch(user, groups).expect("a certificate");
            let peer = Peer::of(&der(&certificate.certificate_pem)).expect("a subject");
            assert_eq!(
                (peer.user.as_str(), peer.groups),
                (user, groups.iter().map(|group| (*group).to_owned()).collect())
            );
        };
        check("jane", &["system:masters"]);
        check("system:node:ümlaut", &[]);
        check(&"x".repeat(64), &[&"y".repeat(64)]);
    }

    #[test]
    fn what_is_cut_off_names_nobody() {
        let authority = Authority::with_key(None).expect("an authority");
        let der = der(&authority.vouch("jane", &["g"]).expect("a certificate").certificate_pem);
        for end in 0..der.len() {
            assert_eq!(Peer::of(&der[..end]), None, "{end}");
        }
    }
}
