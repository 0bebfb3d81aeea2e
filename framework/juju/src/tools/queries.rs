//! Questions about the model: configuration, leadership, addresses, goal, storage, resources.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{GoalState, NetworkInfo, PortRange, StorageInfo, ToolError, Tools, json_call};
use crate::transport::ToolCall;

impl Tools {
    /// The charm's configuration: all options that have a value, by their types.
    pub fn config(&mut self) -> Result<&Map<String, Value>, ToolError> {
        let config = match self.cache.config.take() {
            Some(config) => config,
            None => self.json("config-get", &[])?.unwrap_or_default(),
        };
        Ok(self.cache.config.insert(config))
    }

    /// Whether this unit is the leader, asked once per hook.
    pub fn is_leader(&mut self) -> Result<bool, ToolError> {
        match self.cache.leader {
            Some(leader) => Ok(leader),
            None => self.confirm_leader(),
        }
    }

    /// Whether this unit is the leader now: asks again. Juju's `true` is a promise for 30 seconds, so in a long hook ask
    /// again before something that only the leader may do.
    pub fn confirm_leader(&mut self) -> Result<bool, ToolError> {
        let call = json_call("is-leader", &[]);
        let answer: Option<bool> = self.json("is-leader", &[])?;
        let leader = answer.ok_or_else(|| ToolError::output(&call, "neither true nor false"))?;
        self.cache.leader = Some(leader);
        Ok(leader)
    }

    /// The addresses behind a binding: an endpoint, or an extra binding of the charm.
    pub fn network_get(&mut self, binding: &str) -> Result<NetworkInfo, ToolError> {
        if let Some(info) = self.cache.networks.get(binding) {
            return Ok(info.clone());
        }
        let raw: RawNetwork = self.json("network-get", &[binding])?.unwrap_or_default();
        let call = json_call("network-get", &[binding]);
        let info = raw.parse().map_err(|reason| ToolError::output(&call, reason))?;
        self.cache.networks.insert(binding.to_owned(), info.clone());
        Ok(info)
    }

    /// `private-address` or `public-address`.
    pub fn unit_get(&mut self, setting: &str) -> Result<String, ToolError> {
        if let Some(value) = self.cache.unit_settings.get(setting) {
            return Ok(value.clone());
        }
        let answer: Option<String> = self.json("unit-get", &[setting])?;
        let value = answer.ok_or_else(|| ToolError::output(&json_call("unit-get", &[setting]), "no address"))?;
        self.cache.unit_settings.insert(setting.to_owned(), value.clone());
        Ok(value)
    }

    /// The units and relations that the operator has asked for.
    pub fn goal_state(&mut self) -> Result<GoalState, ToolError> {
        if let Some(state) = &self.cache.goal_state {
            return Ok(state.clone());
        }
        let state: GoalState = self.json("goal-state", &[])?.unwrap_or_default();
        self.cache.goal_state = Some(state.clone());
        Ok(state)
    }

    /// The ports that this unit has open. Juju 2.9 does not show what this hook has changed.
    pub fn opened_ports(&mut self) -> Result<Vec<PortRange>, ToolError> {
        let lines: Vec<String> = self.json("opened-ports", &[])?.unwrap_or_default();
        let call = json_call("opened-ports", &[]);
        let parse = |line: &String| {
            line.parse()
                .map_err(|error| ToolError::output(&call, format!("{error}")))
        };
        lines.iter().map(parse).collect()
    }

    /// The ids of attached storage, such as `data/0`: of one storage name, or of all.
    pub fn storage_list(&mut self, name: Option<&str>) -> Result<Vec<String>, ToolError> {
        Ok(self.json("storage-list", name.as_slice())?.unwrap_or_default())
    }

    /// A storage instance by its id.
    pub fn storage_get(&mut self, id: &str) -> Result<StorageInfo, ToolError> {
        if let Some(info) = self.cache.storage.get(id) {
            return Ok(info.clone());
        }
        let call = json_call("storage-get", &["-s", id]);
        let answer: Option<StorageInfo> = self.json("storage-get", &["-s", id])?;
        let info = answer.ok_or_else(|| ToolError::output(&call, "no such storage"))?;
        self.cache.storage.insert(id.to_owned(), info.clone());
        Ok(info)
    }

    /// The file of a resource, downloaded if need be.
    pub fn resource_get(&mut self, name: &str) -> Result<PathBuf, ToolError> {
        if let Some(path) = self.cache.resources.get(name) {
            return Ok(path.clone());
        }
        let text = self.text("resource-get", [name])?;
        let path = PathBuf::from(text.trim_end_matches('\n'));
        if !path.is_absolute() {
            return Err(ToolError::output(
                &ToolCall::new("resource-get", [name]),
                format!("no path: {text:?}"),
            ));
        }
        self.cache.resources.insert(name.to_owned(), path.clone());
        Ok(path)
    }
}

/// `network-get`'s answer; each part is left out when it is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct RawNetwork {
    bind_addresses: Option<Vec<RawInterface>>,
    ingress_addresses: Option<Vec<String>>,
    egress_subnets: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawInterface {
    addresses: Option<Vec<RawAddress>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawAddress {
    value: String,
    /// The older name of `value`.
    address: String,
}

impl RawNetwork {
    fn parse(self) -> Result<NetworkInfo, String> {
        let interfaces = self.bind_addresses.unwrap_or_default();
        let addresses = interfaces
            .into_iter()
            .flat_map(|interface| interface.addresses.unwrap_or_default());
        let bind_addresses = addresses.map(RawAddress::parse).collect::<Result<_, _>>()?;
        Ok(NetworkInfo {
            bind_addresses,
            ingress_addresses: self.ingress_addresses.unwrap_or_default(),
            egress_subnets: self.egress_subnets.unwrap_or_default(),
        })
    }
}

impl RawAddress {
    fn parse(self) -> Result<IpAddr, String> {
        let text = if self.value.is_empty() {
            self.address
        } else {
            self.value
        };
        text.parse().map_err(|_| format!("{text:?} is no address"))
    }
}
