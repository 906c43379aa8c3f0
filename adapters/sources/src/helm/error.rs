//! Why a template could not be run, and where.

use super::template::At;
use super::value::text::Text;
use std::rc::Rc;

/// A result of running a template.
pub(crate) type Result<T> = std::result::Result<T, Fail>;

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Fail(Box<Inner>);

#[derive(Debug)]
struct Inner {
    message: String,
    at: Option<(Rc<Text>, At)>,
    /// `fail` and `required` speak for themselves; Helm shows nothing around their message.
    spoken: bool,
    /// A budget is used up: nothing else of this chart can be rendered.
    limit: bool,
}

impl Fail {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            message: message.into(),
            at: None,
            spoken: false,
            limit: false,
        }))
    }

    /// A chart's own refusal.
    pub(crate) fn spoken(message: impl Into<String>) -> Self {
        let mut fail = Self::new(message);
        fail.0.spoken = true;
        fail
    }

    /// A budget that is used up.
    pub(crate) fn limit(message: impl Into<String>) -> Self {
        let mut fail = Self::spoken(message);
        fail.0.limit = true;
        fail
    }

    pub(crate) fn at(message: impl Into<String>, text: &Rc<Text>, at: At) -> Self {
        Self::new(message).or_at(text, at)
    }

    /// The place, unless a deeper one is known that stands in a file.
    #[must_use]
    pub(crate) fn or_at(mut self, text: &Rc<Text>, at: At) -> Self {
        let known = self.0.at.as_ref();
        if known.is_none_or(|(text, at)| text.origin_at(at.start).file == 0) {
            self.0.at = Some((text.clone(), at));
        }
        self
    }

    /// Names the function that failed, once.
    #[must_use]
    pub(crate) fn in_call(mut self, function: &str) -> Self {
        if self.0.at.is_none() && !self.0.spoken {
            self.0.message = format!("{function}: {}", self.0.message);
        }
        self
    }

    pub(crate) fn is_limit(&self) -> bool {
        self.0.limit
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The template's text and the bytes in it.
    pub(crate) fn place(&self) -> Option<(&Text, At)> {
        self.0.at.as_ref().map(|(text, at)| (&**text, *at))
    }
}

impl From<String> for Fail {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for Fail {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}
