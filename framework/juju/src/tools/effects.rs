//! What a charm tells Juju: status, versions, log lines, ports, state on the controller.

use std::collections::BTreeMap;

use super::{Databag, LogLevel, PortRange, ToolError, Tools, WorkloadStatus, yaml};
use crate::transport::ToolCall;

/// The longest text of one log call. A single argument of a program is limited to 128 KiB by the kernel.
const MAX_LOG_TEXT: usize = 64 << 10;

impl Tools {
    /// Sets the unit's workload status, at once: it stays even if the hook fails.
    pub fn status_set(&mut self, status: WorkloadStatus, message: &str) -> Result<(), ToolError> {
        if message.is_empty() {
            return self.command("status-set", [status.as_str()]);
        }
        self.command("status-set", [status.as_str(), "--", message])
    }

    /// Sets the application's workload status, at once; only the leader may.
    pub fn application_status_set(&mut self, status: WorkloadStatus, message: &str) -> Result<(), ToolError> {
        self.command("status-set", ["--application", status.as_str(), "--", message])
    }

    /// Sets the workload's version that `juju status` shows, at once.
    pub fn application_version_set(&mut self, version: &str) -> Result<(), ToolError> {
        self.command("application-version-set", ["--", version])
    }

    /// Writes to the model's log, at once. Empty text is not sent: the tool refuses it.
    pub fn log(&mut self, level: LogLevel, text: &str) -> Result<(), ToolError> {
        for part in pieces(text, MAX_LOG_TEXT) {
            self.command("juju-log", ["--log-level", level.as_str(), "--", part])?;
        }
        Ok(())
    }

    /// Opens ports to the outside, once the application is exposed. Takes effect when the hook has succeeded.
    pub fn open_port(&mut self, ports: PortRange) -> Result<(), ToolError> {
        self.command("open-port", [ports.to_string()])
    }

    /// Closes ports. Takes effect when the hook has succeeded.
    pub fn close_port(&mut self, ports: PortRange) -> Result<(), ToolError> {
        self.command("close-port", [ports.to_string()])
    }

    /// Asks for a reboot of the machine after the hook, or right now: then this hook is killed and run again later.
    pub fn reboot(&mut self, now: bool) -> Result<(), ToolError> {
        self.command("juju-reboot", now.then_some("--now"))
    }

    /// The value that [`Tools::state_set`] stored under a key, in this hook or before.
    pub fn state_get(&mut self, key: &str) -> Result<Option<String>, ToolError> {
        Ok(self.state()?.get(key).cloned())
    }

    /// Stores a value for this unit on the controller. Takes effect when the hook has succeeded.
    pub fn state_set(&mut self, key: &str, value: &str) -> Result<(), ToolError> {
        let values = BTreeMap::from([(key.to_owned(), Some(value.to_owned()))]);
        self.run(&ToolCall::new("state-set", ["--file", "-"]).with_stdin(yaml::map(&values)))?;
        if let Some(state) = &mut self.cache.state {
            state.insert(key.to_owned(), value.to_owned());
        }
        Ok(())
    }

    /// Deletes a value of [`Tools::state_set`]; that there is none is fine.
    pub fn state_delete(&mut self, key: &str) -> Result<(), ToolError> {
        self.command("state-delete", ["--", key])?;
        if let Some(state) = &mut self.cache.state {
            state.remove(key);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<&BTreeMap<String, String>, ToolError> {
        let state = match self.cache.state.take() {
            Some(state) => state,
            None => self.json("state-get", &[])?.unwrap_or_default(),
        };
        Ok(self.cache.state.insert(state))
    }

    /// The leader's settings. Gone in Juju 4 ([`ToolError::is_unknown_tool`]).
    pub fn leader_get(&mut self) -> Result<Databag, ToolError> {
        if let Some(settings) = &self.cache.leader_settings {
            return Ok(settings.clone());
        }
        let settings: Databag = self.json("leader-get", &[])?.unwrap_or_default();
        self.cache.leader_settings = Some(settings.clone());
        Ok(settings)
    }

    /// Changes the leader's settings, at once; only the leader may. An empty value deletes. Blanks around keys and values
    /// are lost. Gone in Juju 4 ([`ToolError::is_unknown_tool`]).
    pub fn leader_set<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), ToolError> {
        let args: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        if args.is_empty() {
            return Ok(());
        }
        self.command("leader-set", args)?;
        self.cache.leader_settings = None;
        Ok(())
    }
}

/// The text cut into parts of a bounded length, between characters.
fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > limit {
        let end = (1..=limit)
            .rev()
            .find(|end| rest.is_char_boundary(*end))
            .unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        parts.push(part);
        rest = tail;
    }
    parts.extend((!rest.is_empty()).then_some(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(pieces("", 4), Vec::<&str>::new());
        assert_eq!(pieces("abcd", 4), ["abcd"]);
        assert_eq!(pieces("abcdé", 5), ["abcd", "é"]);
        assert_eq!(pieces("ééé", 4), ["éé", "é"]);
    }
}
