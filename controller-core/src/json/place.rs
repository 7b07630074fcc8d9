//! Finds the field of an object that did not decode, so that a message can name it.

use super::cursor::pointer_at;

/// The JSON pointer of the field where a decoder gave up. None where the bytes are no JSON up to there.
///
/// A decoder knows the line and the column only; a cached object is one long line.
pub(crate) fn place_of(bytes: &[u8], error: &serde_json::Error) -> Option<String> {
    let before: usize =
        bytes.split_inclusive(|byte| *byte == b'\n').take(error.line().checked_sub(1)?).map(<[u8]>::len).sum();
    // A column counts the bytes that were read, so the last of them is the one before.
    pointer_at(bytes, (before + error.column()).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::Pod;
    use serde::de::DeserializeOwned;

    use super::*;

    fn check<T: DeserializeOwned + std::fmt::Debug>(text: &str, expect: Option<&str>) {
        let error = serde_json::from_str::<T>(text).expect_err(text);
        assert_eq!(place_of(text.as_bytes(), &error).as_deref(), expect, "{error} in {text}");
    }

    #[test]
    fn the_field_that_does_not_decode_is_named() {
        check::<Pod>(r#"{"metadata":{"name":7}}"#, Some("/metadata/name"));
        check::<Pod>(
            r#"{"metadata":{"name":"a"},"spec":{"containers":[{"name":"a"},{"name":true}]}}"#,
            Some("/spec/containers/1/name"),
        );
        check::<Deployment>(r#"{"metadata":{},"spec":{"replicas":"three"}}"#, Some("/spec/replicas"));
        check::<Deployment>("{\"metadata\":{},\n \"spec\": {\n \"replicas\" : [] } }", Some("/spec/replicas"));
        check::<Pod>(r#"{"metadata":{"labels":{"a/b~c":1}}}"#, Some("/metadata/labels/a~1b~0c"));
        check::<Deployment>(r#"{"metadata":{},"spec":{"paused":false,"replicas":{}}}"#, Some("/spec/replicas"));
        check::<Pod>(r#"{"metadata":7}"#, Some("/metadata"));
        check::<Pod>("7", Some(""));
        check::<Pod>(r#"{"metadata":{"name":"#, None);
        check::<Pod>("", None);
    }
}
