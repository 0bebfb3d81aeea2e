//! Why a command failed: what is printed after `ERROR`, and the exit code.

use std::fmt;

/// A failed command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The text without `ERROR`; empty = nothing is printed, all was said.
    pub(crate) text: String,
    /// The exit code: 1 = it did not work, 2 = it was asked for wrongly.
    pub(crate) code: i32,
}

impl Failure {
    /// It did not work.
    pub(crate) fn new(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            code: 1,
        }
    }

    /// It was asked for wrongly.
    pub(crate) fn usage(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            code: 2,
        }
    }

    /// Everything has been said already.
    pub(crate) fn silent(code: i32) -> Failure {
        Failure {
            text: String::new(),
            code,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// Not an `Error` itself, so that every error can become one.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::new(error.to_string())
    }
}
