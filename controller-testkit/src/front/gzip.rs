//! Large answers to clients that take them compressed, as the real server gives them.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use http::{HeaderMap, HeaderValue, Response};

use super::AnswerBody;

/// A smaller answer is sent as it is.
const LARGE: usize = 128 * 1024;

/// Whether a client takes gzip.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING);
    let mut clauses = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    clauses.any(|clause| {
        let (coding, quality) = clause.split_once(';').unwrap_or((clause, ""));
        coding.trim() == "gzip" && !matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// The same answer, compressed if it is large and whole.
pub(crate) fn squeezed(answer: Response<AnswerBody>) -> Response<AnswerBody> {
    let Some(bytes) = answer.body().as_whole().filter(|bytes| bytes.len() >= LARGE) else { return answer };
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    let Ok(squeezed) = encoder.write_all(bytes).and_then(|()| encoder.finish()) else { return answer };
    let (mut head, _) = answer.into_parts();
    head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, AnswerBody::whole(Bytes::from(squeezed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_that_it_takes_gzip() {
        let check = |accept: &str, expect: bool| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_str(accept).expect("a header"))]);
            assert_eq!(is_accepted(&headers), expect, "{accept}");
        };
        check("gzip", true);
        check("deflate, gzip;q=0.5", true);
        check("gzip;q=0, identity", false);
        check("identity", false);
        assert!(!is_accepted(&HeaderMap::new()));
    }
}
