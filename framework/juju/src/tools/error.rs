//! What can go wrong with a hook tool, and which of its arguments may be shown.

use crate::transport::{ToolCall, ToolOutput, TransportError};

/// A hook tool did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The tool ran and failed.
    #[error("cannot run `{}`: exit status {code}: {stderr}", line(tool, args))]
    Failed {
        /// The tool.
        tool: String,
        /// Its arguments, values that can be secret hidden.
        args: Vec<String>,
        /// Its exit code: 2 for wrong use, 1 for everything else.
        code: i64,
        /// Its standard error, without the prefix `ERROR` and surrounding blanks.
        stderr: String,
    },
    /// The tool could not be asked.
    #[error("cannot run `{}`: {source}", line(tool, args))]
    Transport {
        /// The tool.
        tool: String,
        /// Its arguments, values that can be secret hidden.
        args: Vec<String>,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// The tool answered something else than it should.
    #[error("cannot read the answer of `{}`: {reason}", line(tool, args))]
    Output {
        /// The tool.
        tool: String,
        /// Its arguments, values that can be secret hidden.
        args: Vec<String>,
        /// What is wrong with it.
        reason: String,
    },
    /// Own relation data was written, but nobody said which unit this is (see [`crate::Tools::for_unit`]).
    #[error("cannot tell the unit's own relation data from others': the unit's name is not known")]
    UnknownUnit,
}

impl ToolError {
    pub(super) fn failed(call: &ToolCall, args: Vec<String>, output: &ToolOutput) -> ToolError {
        let text = String::from_utf8_lossy(&output.stderr);
        let text = text.trim();
        let stderr = text.strip_prefix("ERROR ").unwrap_or(text).to_owned();
        ToolError::Failed {
            tool: call.tool.clone(),
            args,
            code: output.code,
            stderr,
        }
    }

    pub(super) fn output(call: &ToolCall, reason: impl Into<String>) -> ToolError {
        ToolError::Output {
            tool: call.tool.clone(),
            args: hide_values(call),
            reason: reason.into(),
        }
    }

    /// The tool, unless the error is not about one.
    pub fn tool(&self) -> Option<&str> {
        match self {
            ToolError::Failed { tool, .. } | ToolError::Transport { tool, .. } | ToolError::Output { tool, .. } => {
                Some(tool)
            }
            ToolError::UnknownUnit => None,
        }
    }

    /// The exit code, if the tool ran.
    pub fn exit_code(&self) -> Option<i64> {
        match self {
            ToolError::Failed { code, .. } => Some(*code),
            ToolError::Transport { .. } | ToolError::Output { .. } | ToolError::UnknownUnit => None,
        }
    }

    /// The tool's standard error, if it ran.
    pub fn stderr(&self) -> Option<&str> {
        match self {
            ToolError::Failed { stderr, .. } => Some(stderr),
            ToolError::Transport { .. } | ToolError::Output { .. } | ToolError::UnknownUnit => None,
        }
    }

    /// Whether Juju does not let this unit read what it asked for, such as the own application's data of a normal
    /// relation on a unit that is not the leader.
    pub fn is_permission_denied(&self) -> bool {
        self.stderr().is_some_and(|text| text.contains("permission denied"))
    }

    /// Whether this version of Juju does not have the tool (`leader-get` in Juju 4).
    pub fn is_unknown_tool(&self) -> bool {
        match self {
            ToolError::Transport {
                source: TransportError::NoProgram { .. },
                ..
            } => true,
            ToolError::Transport {
                source: TransportError::Refused { text },
                ..
            } => text.starts_with("bad request: unknown command"),
            ToolError::Failed { .. }
            | ToolError::Transport { .. }
            | ToolError::Output { .. }
            | ToolError::UnknownUnit => false,
        }
    }
}

/// The arguments of a call as they may be shown: of `key=value` pairs only the key.
pub(super) fn hide_values(call: &ToolCall) -> Vec<String> {
    const PAIRS: [&str; 6] = [
        "action-set",
        "leader-set",
        "relation-set",
        "secret-add",
        "secret-set",
        "state-set",
    ];
    let pairs = PAIRS.contains(&call.tool.as_str());
    let hide = |arg: &String| match arg.split_once('=') {
        Some((key, _)) if pairs && !key.starts_with('-') => format!("{key}=<hidden>"),
        _ => arg.clone(),
    };
    call.args.iter().map(hide).collect()
}

fn line(tool: &str, args: &[String]) -> String {
    std::iter::once(tool)
        .chain(args.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_values_of_pairs() {
        let call = ToolCall::new("action-set", ["key=s3cret", "--format=json", "x"]);
        assert_eq!(hide_values(&call), ["key=<hidden>", "--format=json", "x"]);
        let call = ToolCall::new("config-get", ["a=b"]);
        assert_eq!(hide_values(&call), ["a=b"], "other tools have no pairs");
    }

    #[test]
    fn speaks_of_tool_arguments_code_and_stderr() {
        let call = ToolCall::new("relation-get", ["-r", "db:1"]);
        let output = ToolOutput::error(1, "permission denied");
        let error = ToolError::failed(&call, call.args.clone(), &output);
        assert_eq!(
            error.to_string(),
            "cannot run `relation-get -r db:1`: exit status 1: permission denied"
        );
        assert!(error.is_permission_denied() && !error.is_unknown_tool());
        assert_eq!((error.tool(), error.exit_code()), (Some("relation-get"), Some(1)));
    }

    #[test]
    fn knows_unknown_tools_of_both_transports() {
        let unknown = |source| ToolError::Transport {
            tool: "leader-get".into(),
            args: Vec::new(),
            source,
        };
        assert!(
            unknown(TransportError::NoProgram {
                tool: "leader-get".into()
            })
            .is_unknown_tool()
        );
        let refused = |text: &str| unknown(TransportError::Refused { text: text.into() });
        assert!(refused("bad request: unknown command: leader-get").is_unknown_tool());
        assert!(!refused("bad request: token does not match").is_unknown_tool());
        assert!(!unknown(TransportError::Closed).is_unknown_tool());
    }
}
