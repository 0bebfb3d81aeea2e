//! The `etcd-client` charm: uses etcd, to show and to test that it can be used.

mod etcd;
mod layer;

use std::process::ExitCode;

use charm::prelude::*;

const ASSETS: Assets = Assets {
    metadata: include_str!("../charm-assets/metadata.yaml"),
    config: include_str!("../charm-assets/config.yaml"),
    actions: include_str!("../charm-assets/actions.yaml"),
    manifest: include_str!("../charm-assets/manifest.yaml"),
    files: &[],
};

fn build() -> CharmBuilder {
    Charm::builder("etcd-client").layer(layer::layer())
}

fn main() -> ExitCode {
    charm::run("etcd-client-charm", ASSETS, build)
}
