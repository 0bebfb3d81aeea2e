//! Compares what a charm's handlers name with what its files declare.

use std::collections::BTreeSet;

use package::{CharmInfo, PackageError, Parts};
use reactive::Charm;

use crate::Assets;

/// Something that handlers and files do not agree about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A handler names an endpoint that metadata.yaml does not have.
    #[error("handlers name endpoint `{0}`, which metadata.yaml does not have")]
    UnknownEndpoint(String),
    /// A handler names an option that config.yaml does not have.
    #[error("handlers name config option `{0}`, which config.yaml does not have")]
    UnknownOption(String),
    /// There is a handler for an action that actions.yaml does not have.
    #[error("there is a handler for action `{0}`, which actions.yaml does not have")]
    UnknownAction(String),
    /// An action has no handler.
    #[error("action `{0}` of actions.yaml has no handler")]
    UnhandledAction(String),
}

/// Reads the charm's files as Juju will.
pub(crate) fn info(assets: &Assets) -> Result<CharmInfo, PackageError> {
    let some = |text: &'static str| (!text.trim().is_empty()).then_some(text);
    CharmInfo::from_parts(Parts {
        metadata: assets.metadata,
        config: some(assets.config),
        actions: some(assets.actions),
        manifest: some(assets.manifest),
        ..Parts::default()
    })
}

/// All findings, sorted by kind and name.
pub(crate) fn findings(charm: &Charm, info: &CharmInfo) -> Vec<Finding> {
    let metadata = &info.metadata;
    let endpoints = [&metadata.provides, &metadata.requires, &metadata.peers];
    let known = |endpoint: &String| {
        endpoint == "juju-info" || endpoints.iter().any(|role| role.contains_key(endpoint.as_str()))
    };
    let handled: BTreeSet<String> = charm.actions().into_iter().map(str::to_owned).collect();
    let declared: BTreeSet<String> = info.actions.0.keys().map(ToString::to_string).collect();
    let mut found = Vec::new();
    found.extend(
        charm
            .endpoints()
            .into_iter()
            .filter(|e| !known(e))
            .map(Finding::UnknownEndpoint),
    );
    let options = charm.config_options().into_iter();
    found.extend(
        options
            .filter(|o| !info.config.0.contains_key(o.as_str()))
            .map(Finding::UnknownOption),
    );
    found.extend(handled.difference(&declared).cloned().map(Finding::UnknownAction));
    found.extend(declared.difference(&handled).cloned().map(Finding::UnhandledAction));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use reactive::{Context, Layer, Outcome, always, flags, when};

    const ASSETS: Assets = Assets {
        metadata: "{name: app, summary: s, description: d, provides: {db: {interface: etcd}}}",
        config: "{options: {port: {type: int, default: 1, description: d}}}",
        actions: "{health: {description: d}, backup: {description: d}}",
        manifest: "",
        files: &[],
    };

    async fn idle(_: &mut Context) -> reactive::Result {
        Ok(Outcome::Done)
    }

    async fn other(_: &mut Context) -> reactive::Result {
        Ok(Outcome::Done)
    }

    fn check(layer: Layer) -> Vec<String> {
        let charm = Charm::builder("app").layer(layer).build().unwrap();
        findings(&charm, &info(&ASSETS).unwrap())
            .iter()
            .map(Finding::to_string)
            .collect()
    }

    #[test]
    fn agreement() {
        let layer = Layer::new("l")
            .on(idle, when(flags::joined("db") & flags::config_changed("port")))
            .on_hook("juju-info-relation-joined", idle, when(always()))
            .action("health", idle)
            .action("backup", idle);
        assert!(check(layer).is_empty());
    }

    #[test]
    fn disagreement() {
        let layer = Layer::new("l")
            .on(idle, when(flags::joined("dp") & flags::config_set("prot")))
            .on_hook("{db,proxy}-relation-joined", other, when(always()))
            .action("health", idle)
            .action("bakcup", idle);
        assert_eq!(
            check(layer),
            [
                "handlers name endpoint `dp`, which metadata.yaml does not have",
                "handlers name endpoint `proxy`, which metadata.yaml does not have",
                "handlers name config option `prot`, which config.yaml does not have",
                "there is a handler for action `bakcup`, which actions.yaml does not have",
                "action `backup` of actions.yaml has no handler",
            ]
        );
    }
}
