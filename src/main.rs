//! The etcd charm, put together: the etcd layer, the files Juju reads, and real etcd behind the layer's port.

use std::process::ExitCode;

use charm::prelude::*;
use layer_etcd::etcd::EtcdPort;

/// What Juju reads.
const ASSETS: Assets = Assets {
    metadata: include_str!("../charm-assets/metadata.yaml"),
    config: include_str!("../charm-assets/config.yaml"),
    actions: include_str!("../charm-assets/actions.yaml"),
    manifest: include_str!("../charm-assets/manifest.yaml"),
    files: &[],
};

/// What runs.
fn build() -> CharmBuilder {
    Charm::builder("etcd").layer(layer_etcd::layer()).port(EtcdPort::real())
}

fn main() -> ExitCode {
    charm::run("etcd", ASSETS, build)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_layers_fit_together() {
        let charm = super::build().build().unwrap();
        assert!(charm.warnings().is_empty(), "{:?}", charm.warnings());
    }
}
