//! Owns objects as bytes: the type of those that a callback does not want decoded, and the decoding of all others.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::any::{Any, TypeId};
use std::fmt;

use crate::error::Error;
use crate::json::{self, Pointer, place_of};

/// An object as the JSON that the cache holds: nothing of it is decoded until it is asked for.
///
/// As the object type of a controller it makes a call cost next to nothing, whatever the size of the object. It is for
/// callbacks that need the key alone, or a field or two, or that pass the object on.
///
/// ```
/// use controller_core::prelude::*;
///
/// struct Scheduled;
///
/// #[controller(api_version = "v1", kind = "Pod", plural = "pods")]
/// impl Scheduled {
///     async fn reconcile(&self, pod: &Raw, cx: &Context<Self>) -> Result {
///         if let Some(node) = pod.text("/spec/nodeName") {
///             tracing::info!("{} runs on {node}", cx.key());
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(Bytes);

impl Raw {
    /// The object's JSON.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// let pod: Raw = serde_json::from_str(r#"{"kind":"Pod"}"#).expect("it is JSON");
    /// assert_eq!(pod.bytes(), br#"{"kind":"Pod"}"#);
    /// ```
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The field at a [JSON pointer](https://www.rfc-editor.org/rfc/rfc6901) as a text: a string as it is meant, anything
    /// else as it is written. None where there is no such field. What stands before the field is passed over without
    /// being decoded.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// let pod: Raw = serde_json::from_str(r#"{"spec":{"nodeName":"n1","priority":7}}"#).expect("it is JSON");
    /// assert_eq!(pod.text("/spec/nodeName").as_deref(), Some("n1"));
    /// assert_eq!(pod.text("/spec/priority").as_deref(), Some("7"));
    /// assert_eq!(pod.text("/status/phase"), None);
    /// ```
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<String> {
        Pointer::parse(pointer)?.text(&self.0)
    }

    /// The field at a JSON pointer in a type; none where there is no such field. The empty pointer is the whole object.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// let pod: Raw = serde_json::from_str(r#"{"spec":{"priority":7}}"#).expect("it is JSON");
    /// assert_eq!(pod.get::<u32>("/spec/priority").unwrap(), Some(7));
    /// let error = pod.get::<bool>("/spec/priority").unwrap_err();
    /// assert!(error.to_string().contains("/spec/priority"));
    /// ```
    ///
    /// # Errors
    /// An [invalid](Error::invalid) object: the field does not decode, and which one that is.
    pub fn get<T: DeserializeOwned + 'static>(&self, pointer: &str) -> Result<Option<T>, Error> {
        let Some(field) = Pointer::parse(pointer).and_then(|pointer| pointer.find(&self.0)) else { return Ok(None) };
        json::decode(field).map(Some).map_err(|error| {
            let place = place_of(field, &error).unwrap_or_default();
            Error::invalid(format!("{pointer}{place}"), error.to_string())
        })
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|value| Self(Bytes::copy_from_slice(value.get().as_bytes())))
    }
}

/// An object of a cache in a type. As [`Raw`] it is not looked at.
pub(crate) fn decode<T: DeserializeOwned + 'static>(bytes: &Bytes) -> serde_json::Result<T> {
    if TypeId::of::<T>() == TypeId::of::<Raw>() {
        let mut raw = Some(Raw(bytes.clone()));
        let same = (&mut raw as &mut dyn Any).downcast_mut::<Option<T>>().and_then(Option::take);
        if let Some(same) = same {
            return Ok(same);
        }
    }
    json::decode(bytes)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    #[test]
    fn raw_is_what_the_cache_holds_whatever_that_is() {
        let bytes = Bytes::from_static(b"{\"not\": JSON");
        let raw: Raw = decode(&bytes).expect("nothing is decoded");
        assert_eq!(raw.0.as_ptr(), bytes.as_ptr());
        assert!(decode::<ConfigMap>(&bytes).is_err());
    }

    #[test]
    fn anything_else_is_decoded() {
        let bytes = Bytes::from_static(br#"{"data":{"a":"b"}}"#);
        let map: ConfigMap = decode(&bytes).expect("it is one");
        assert_eq!(map.data.expect("data").get("a").map(String::as_str), Some("b"));
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_that_says_where() {
        let bytes = Bytes::from_static(b"{\"data\":{\"a\":\"\xff\"}}");
        assert!(decode::<ConfigMap>(&bytes).expect_err("no text").to_string().contains("unicode"));
    }

    #[test]
    fn a_field_that_does_not_decode_is_named() {
        let raw: Raw = serde_json::from_str(r#"{"spec":{"ports":[{"port":1},{"port":"x"}]}}"#).expect("it is JSON");
        #[derive(Debug, Deserialize)]
        struct Port {
            #[expect(dead_code, reason = "it is there to be decoded")]
            port: u16,
        }
        let error = raw.get::<Vec<Port>>("/spec/ports").expect_err("x is no number");
        assert!(error.to_string().contains("/spec/ports/1/port"), "{error}");
        assert!(raw.get::<Vec<Port>>("/status").expect("absent").is_none());
    }
}
