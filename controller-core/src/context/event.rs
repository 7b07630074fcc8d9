//! Owns the words of a Kubernetes event that a callback leaves on its object.

/// An event on the object of a run, as `kubectl describe` shows it.
///
/// ```
/// use controller_core::prelude::*;
/// let event = Event::warning("NoQuota", "the namespace's quota is used up").action("CreatePod");
/// assert_eq!(event.reason(), "NoQuota");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    severity: Severity,
    reason: String,
    message: String,
    action: Option<String>,
}

/// Kubernetes' two types of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Severity {
    /// All is well.
    Normal,
    /// Somebody should look.
    Warning,
}

impl Severity {
    /// The word in the event's `type` field.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

impl Event {
    /// An event of type Normal. The reason is one word in CamelCase.
    pub fn normal(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Normal, reason.into(), message.into())
    }

    /// An event of type Warning. The reason is one word in CamelCase.
    pub fn warning(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, reason.into(), message.into())
    }

    fn new(severity: Severity, reason: String, message: String) -> Self {
        Self { severity, reason, message, action: None }
    }

    /// What the controller was doing, one word in CamelCase. Without it the event names the callback.
    #[must_use]
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// Normal or Warning.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The reason, one word in CamelCase.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The text for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn action_word(&self) -> Option<&str> {
        self.action.as_deref()
    }
}
