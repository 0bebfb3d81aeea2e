//! The `easyrsa` charm: a certificate authority for the other charms of a model.

mod authority;
mod keep;
mod layer;
mod replicas;

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
    Charm::builder("easyrsa").layer(layer::layer())
}

fn main() -> ExitCode {
    charm::run("easyrsa", ASSETS, build)
}
