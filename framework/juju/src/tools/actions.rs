//! The tools of actions. Outside an action each of them fails.

use serde_json::{Map, Value};

use super::{ToolError, Tools};

impl Tools {
    /// The action's parameters, with the defaults of its schema filled in.
    pub fn action_get(&mut self) -> Result<Map<String, Value>, ToolError> {
        if let Some(params) = &self.cache.action_params {
            return Ok(params.clone());
        }
        let params: Map<String, Value> = self.json("action-get", &[])?.unwrap_or_default();
        self.cache.action_params = Some(params.clone());
        Ok(params)
    }

    /// Adds to the action's results. Dots in the key make nested results.
    pub fn action_set(&mut self, key: &str, value: &str) -> Result<(), ToolError> {
        self.command("action-set", [format!("{key}={value}")])
    }

    /// Marks the action as failed. The action goes on, and what it changes is kept if its process succeeds.
    pub fn action_fail(&mut self, message: &str) -> Result<(), ToolError> {
        self.command("action-fail", ["--", message])
    }

    /// Tells who waits for the action how far it is, at once.
    pub fn action_log(&mut self, message: &str) -> Result<(), ToolError> {
        self.command("action-log", ["--", message])
    }
}
