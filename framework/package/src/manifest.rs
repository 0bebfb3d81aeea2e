//! `manifest.yaml`: the bases a charm runs on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::yaml::{self, YamlError};

/// What `manifest.yaml` says; keys that only the build tool reads are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The bases in the charm author's order; the first one is the default.
    #[serde(default)]
    pub bases: Vec<Base>,
}

/// One operating system release, and the architectures that the charm is built for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The system, for example `ubuntu`.
    pub name: String,
    /// Track and risk, for example `22.04/stable`.
    pub channel: String,
    /// Architectures in Juju's spelling; empty means any.
    #[serde(default)]
    pub architectures: Vec<String>,
}

/// Systems that Juju knows.
const SYSTEMS: [&str; 6] = ["ubuntu", "centos", "windows", "osx", "opensuse", "genericlinux"];
const RISKS: [&str; 4] = ["stable", "candidate", "beta", "edge"];

impl Manifest {
    /// Parses and checks the text of `manifest.yaml`.
    pub fn parse(file: &str, text: &str) -> Result<Manifest, YamlError> {
        let mut manifest: Manifest = yaml::from_str(file, text)?;
        for (index, base) in manifest.bases.iter_mut().enumerate() {
            base.normalise().map_err(|message| YamlError::Parse {
                file: file.to_owned(),
                line: 0,
                column: 0,
                message: format!("manifest: base {index}: {message}"),
            })?;
        }
        Ok(manifest)
    }
}

impl Base {
    /// The release, for example `22.04`.
    pub fn track(&self) -> &str {
        self.channel.split('/').next().unwrap_or(&self.channel)
    }

    /// How Juju writes the base for people: the risk is left out when it is `stable`.
    pub fn short(&self) -> String {
        format!(
            "{}@{}",
            self.name,
            self.channel.strip_suffix("/stable").unwrap_or(&self.channel)
        )
    }

    /// Checks the base and writes its channel in full.
    fn normalise(&mut self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("base without name not valid".to_owned());
        }
        self.name = self.name.to_lowercase();
        if !SYSTEMS.contains(&self.name.as_str()) {
            return Err(format!("os {:?} not valid", self.name));
        }
        let (track, risk) = self.channel.split_once('/').unwrap_or((&self.channel, "stable"));
        if track.is_empty() {
            return Err("channel not valid".to_owned());
        }
        if !RISKS.contains(&risk) {
            return Err(format!("risk in channel {:?} not valid", self.channel));
        }
        self.channel = format!("{track}/{risk}");
        Ok(())
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_read_and_channels_completed() {
        let text = "charmcraft-version: 3.0\nbases:\n- {name: ubuntu, channel: '22.04', architectures: [amd64]}\n- {name: Ubuntu, channel: 24.04/edge}\n";
        let manifest = Manifest::parse("manifest.yaml", text).unwrap();
        assert_eq!(manifest.bases[0].to_string(), "ubuntu@22.04/stable");
        assert_eq!(manifest.bases[0].short(), "ubuntu@22.04");
        assert_eq!(manifest.bases[0].track(), "22.04");
        assert_eq!(manifest.bases[1].short(), "ubuntu@24.04/edge");
        let json = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    }

    #[test]
    fn unknown_systems_and_risks_are_refused() {
        let error = |base: &str| {
            Manifest::parse("manifest.yaml", &format!("bases:\n- {base}\n"))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error("{name: beos, channel: '5'}"),
            "manifest.yaml: manifest: base 0: os \"beos\" not valid"
        );
        assert_eq!(
            error("{name: ubuntu, channel: 22.04/x}"),
            "manifest.yaml: manifest: base 0: risk in channel \"22.04/x\" not valid"
        );
        assert_eq!(
            error("{name: ubuntu, channel: ''}"),
            "manifest.yaml: manifest: base 0: channel not valid"
        );
    }

    #[test]
    fn an_unquoted_release_keeps_its_zero() {
        let manifest = Manifest::parse("manifest.yaml", "bases:\n- name: ubuntu\n  channel: 20.10\n").unwrap();
        assert_eq!(manifest.bases[0].short(), "ubuntu@20.10");
    }
}
