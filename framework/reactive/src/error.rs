//! The error of a handler: any error, with context added on the way up.

use std::error::Error;
use std::fmt;

/// Why a handler failed. Every error turns into it with `?`; its text is the whole chain of causes.
///
/// ```
/// use reactive::{HandlerError, WithContext};
/// fn port(text: &str) -> Result<u16, HandlerError> {
///     text.parse::<u16>().context("cannot read the port")
/// }
/// let error = port("x").unwrap_err();
/// assert_eq!(error.to_string(), "cannot read the port: invalid digit found in string");
/// ```
pub struct HandlerError {
    contexts: Vec<String>,
    cause: Cause,
}

enum Cause {
    Text(String),
    Error(Box<dyn Error + Send + Sync>),
}

/// What handlers return.
pub type Result<T = crate::Outcome, E = HandlerError> = std::result::Result<T, E>;

impl HandlerError {
    /// An error that is only a text.
    pub fn msg(text: impl Into<String>) -> HandlerError {
        HandlerError {
            contexts: Vec::new(),
            cause: Cause::Text(text.into()),
        }
    }

    /// Says what was being done.
    #[must_use]
    pub fn context(mut self, text: impl Into<String>) -> HandlerError {
        self.contexts.push(text.into());
        self
    }

    /// The texts from the outermost context down to the first cause.
    pub fn chain(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.contexts.iter().rev().cloned().collect();
        match &self.cause {
            Cause::Text(text) => texts.push(text.clone()),
            Cause::Error(error) => {
                let mut next: Option<&dyn Error> = Some(&**error);
                while let Some(error) = next {
                    texts.push(error.to_string());
                    next = error.source();
                }
            }
        }
        texts
    }

    /// The cause as the type it was, if it is of that type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match &self.cause {
            Cause::Text(_) => None,
            Cause::Error(error) => error.downcast_ref(),
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> HandlerError {
        HandlerError {
            contexts: Vec::new(),
            cause: Cause::Error(Box::new(error)),
        }
    }
}

impl fmt::Display for HandlerError {
    /// The chain on one line. An error that already ends with the text of its cause does not get it twice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        for text in self.chain() {
            if shown.is_empty() {
                shown = text;
            } else if !shown.ends_with(&text) {
                shown.push_str(": ");
                shown.push_str(&text);
            }
        }
        f.write_str(&shown)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandlerError").field(&self.chain()).finish()
    }
}

/// Adds context to the error of a result.
pub trait WithContext<T> {
    /// Says what was being done.
    fn context(self, text: impl Into<String>) -> Result<T>;
    /// Says what was being done, with a text that is only made when needed.
    fn with_context(self, text: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<HandlerError>> WithContext<T> for std::result::Result<T, E> {
    fn context(self, text: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().context(text))
    }

    fn with_context(self, text: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.into().context(text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn shows_the_whole_chain_once() {
        let parse = "x".parse::<u8>().unwrap_err();
        let error = HandlerError::from(Outer(parse)).context("inner").context("outer");
        assert_eq!(
            error.to_string(),
            "outer: inner: cannot start: invalid digit found in string"
        );
        let nested = HandlerError::msg("disk full").context("cannot write: disk full");
        assert_eq!(nested.to_string(), "cannot write: disk full");
    }

    #[test]
    fn keeps_the_cause() {
        let parse = "x".parse::<u8>().unwrap_err();
        let error = HandlerError::from(parse.clone());
        assert_eq!(error.downcast_ref(), Some(&parse));
    }
}
