//! Checks `charm-assets/*.yaml` by Juju's rules: a mistake in them fails the build with its file and line.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use package::{Actions, ConfigOptions, Manifest, Metadata};

type Check = fn(&str, &str) -> Result<(), Box<dyn Error>>;

/// Each file and how it is read.
const FILES: [(&str, Check); 4] = [
    ("metadata.yaml", |file, text| Ok(drop(Metadata::parse(file, text)?))),
    ("config.yaml", |file, text| Ok(drop(ConfigOptions::parse(file, text)?))),
    ("actions.yaml", |file, text| {
        Ok(drop(Actions::parse(file, text, "etcd")?))
    }),
    ("manifest.yaml", |file, text| Ok(drop(Manifest::parse(file, text)?))),
];

fn main() -> ExitCode {
    let assets = env::var("CARGO_MANIFEST_DIR")
        .map(|root| PathBuf::from(root).join("charm-assets"))
        .unwrap_or_default();
    let failures: Vec<String> = FILES
        .iter()
        .filter_map(|(name, check)| examine(&assets, name, *check).err())
        .collect();
    for failure in &failures {
        directive(&format!("error={failure}"));
    }
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn examine(assets: &Path, name: &str, check: Check) -> Result<(), String> {
    directive(&format!("rerun-if-changed=charm-assets/{name}"));
    let label = format!("charm-assets/{name}");
    let text = fs::read_to_string(assets.join(name)).map_err(|error| format!("{label}: {error}"))?;
    check(&label, &text).map_err(|error| error.to_string().replace('\n', " "))
}

#[expect(clippy::print_stdout, reason = "cargo reads a build script's standard output")]
fn directive(text: &str) {
    println!("cargo::{text}");
}
