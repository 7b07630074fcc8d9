//! Owns what a callback says when it fails, and what follows from it.
//!
//! [`Error`] carries a class: try again, try again after a while, don't try again until the object changes,
//! or the object is wrong. [`Failure`] is what a callback returns: any error converts into it with `?`, and
//! its class is that of the outermost [`Error`] in its chain of sources.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// An error that says what to do next.
///
/// ```
/// use controller_core::prelude::*;
/// use std::time::Duration;
/// # fn connect() -> std::io::Result<()> { Ok(()) }
/// fn reconcile() -> Result {
///     connect().map_err(|e| Error::temporary(e).after(Duration::from_secs(30)))?;
///     if false {
///         return Err(Error::invalid("/spec/size", "must be a power of two").into());
///     }
///     Ok(())
/// }
/// # assert!(reconcile().is_ok());
/// ```
pub struct Error {
    class: Class,
    source: BoxError,
}

/// What follows from a failed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Class {
    /// Retried with backoff, or after this time where one is given.
    Temporary { after: Option<Duration> },
    /// Not retried until the object changes.
    Permanent,
    /// The object is wrong at this JSON pointer. Not retried until it changes.
    Invalid { pointer: String },
}

impl Error {
    /// The run is retried, with the controller's backoff. This is also what `?` makes of any other error.
    pub fn temporary(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { class: Class::Temporary { after: None }, source: error.into() }
    }

    /// The run is not retried until the object changes.
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { class: Class::Permanent, source: error.into() }
    }

    /// The object is wrong at `pointer`, a JSON pointer such as `/spec/size`. Not retried until it changes.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class: Class::Invalid { pointer: pointer.into() }, source: message.into().into() }
    }

    /// The status with which the API server refused, where it did: 404, 409, 422 and the like.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// assert_eq!(Error::temporary("not from a server").code(), None);
    /// ```
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(&*self.source);
        while let Some(error) = next {
            if let Some(kube::Error::Api(status)) = error.downcast_ref() {
                return Some(status.code);
            }
            next = error.source();
        }
        None
    }

    /// Retry after `delay` in place of the backoff. An error that is not temporary becomes so.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.class = Class::Temporary { after: Some(delay) };
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Class::Invalid { pointer } = &self.class {
            write!(f, "{pointer}: ")?;
        }
        write!(f, "{}", self.source)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("class", &self.class).field("source", &self.source).finish()
    }
}

impl StdError for Error {
    // Display already shows the error inside, so the chain goes on behind it.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let class = failure.class();
        match failure.error.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => Self { class, source },
        }
    }
}

/// What a failed callback returns. Any error converts into it, so `?` works on all of them.
///
/// It is not an error itself, as `anyhow::Error` is not: only so can it take every error there is.
///
/// ```
/// use controller_core::prelude::*;
/// fn parse(text: &str) -> Result<u16> {
///     Ok(text.parse()?)
/// }
/// assert!(parse("many").is_err());
/// ```
pub struct Failure {
    error: BoxError,
    /// The class of what an `anyhow::Error` held: boxed it no longer shows it.
    #[cfg(feature = "anyhow")]
    inside: Option<Class>,
}

impl Failure {
    /// The class of the outermost [`Error`] in the chain; temporary where there is none.
    pub(crate) fn class(&self) -> Class {
        #[cfg(feature = "anyhow")]
        if let Some(class) = &self.inside {
            return class.clone();
        }
        class_of(&*self.error)
    }

    /// The whole chain on one line, outermost first.
    pub(crate) fn chain(&self) -> String {
        chain(&*self.error)
    }
}

#[diagnostic::do_not_recommend]
impl<E> From<E> for Failure
where
    E: Into<Box<dyn StdError + Send + Sync>> + 'static,
{
    fn from(error: E) -> Self {
        Self {
            #[cfg(feature = "anyhow")]
            inside: inside_anyhow(&error),
            error: error.into(),
        }
    }
}

/// The class that an `anyhow::Error` holds, before it is boxed and only its text and its sources can be seen.
#[cfg(feature = "anyhow")]
fn inside_anyhow(error: &dyn std::any::Any) -> Option<Class> {
    let error = error.downcast_ref::<anyhow::Error>()?;
    // Each context of anyhow's own hides the error that it was given to from the chain, but not from a downcast.
    let found = error.downcast_ref::<Error>().map(|error| &error.class);
    let in_chain = || error.chain().find_map(|cause| cause.downcast_ref::<Error>()).map(|error| &error.class);
    found.or_else(in_chain).cloned()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

/// The answer of a callback, and of anything called from one.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Gives any error its class on the way out.
///
/// ```
/// use controller_core::prelude::*;
/// fn size(text: &str) -> Result<u32, Error> {
///     text.parse::<u32>().invalid("/spec/size")
/// }
/// assert_eq!(size("x").unwrap_err().to_string(), "/spec/size: invalid digit found in string");
/// ```
pub trait ResultExt<T> {
    /// Not retried until the object changes.
    ///
    /// # Errors
    /// The error it was called on, as a permanent one.
    fn permanent(self) -> Result<T, Error>;

    /// Retried after `delay`.
    ///
    /// # Errors
    /// The error it was called on, as a temporary one.
    fn retry_after(self, delay: Duration) -> Result<T, Error>;

    /// The object is wrong at `pointer`, a JSON pointer. Not retried until it changes.
    ///
    /// # Errors
    /// The error it was called on, as an invalid object.
    fn invalid(self, pointer: &str) -> Result<T, Error>;
}

impl<T, E> ResultExt<T> for std::result::Result<T, E>
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn permanent(self) -> Result<T, Error> {
        self.map_err(Error::permanent)
    }

    fn retry_after(self, delay: Duration) -> Result<T, Error> {
        self.map_err(|error| Error::temporary(error).after(delay))
    }

    fn invalid(self, pointer: &str) -> Result<T, Error> {
        self.map_err(|error| Error { class: Class::Invalid { pointer: pointer.to_owned() }, source: error.into() })
    }
}

fn class_of(error: &(dyn StdError + 'static)) -> Class {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return found.class.clone();
        }
        next = error.source();
    }
    Class::Temporary { after: None }
}

/// The texts of an error and its sources on one line, outermost first.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("applying the config")]
    struct Outer(#[source] Error);

    #[track_caller]
    fn check(failure: impl Into<Failure>, class: Class, chain: &str) {
        let failure = failure.into();
        assert_eq!((failure.class(), failure.chain()), (class, chain.to_owned()));
    }

    #[test]
    fn the_outermost_class_in_the_chain_wins() {
        let secs = Duration::from_secs;
        check("plain", Class::Temporary { after: None }, "plain");
        check(Error::permanent("p"), Class::Permanent, "p");
        check(Error::temporary("t").after(secs(3)), Class::Temporary { after: Some(secs(3)) }, "t");
        check(Error::invalid("/spec", "bad"), Class::Invalid { pointer: "/spec".into() }, "/spec: bad");
        check(Outer(Error::permanent("inner")), Class::Permanent, "applying the config: inner");
        check(
            Error::temporary(Outer(Error::permanent("i"))),
            Class::Temporary { after: None },
            "applying the config: i",
        );
    }

    #[test]
    fn a_failure_keeps_its_class_as_an_error() {
        let error = Error::from(Failure::from(Outer(Error::permanent("inner"))));
        assert_eq!((&error.class, chain(&error)), (&Class::Permanent, "applying the config: inner".to_owned()));
    }
}
