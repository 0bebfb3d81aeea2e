//! Checks `charm-assets/*.yaml` by Juju's rules: a mistake in them fails the build with its file and line.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use package::{Actions, ConfigOptions, Manifest, Metadata};

/// What is wrong with a file, if anything is.
type Check = fn(&str, &str) -> Option<String>;

/// Each file and how it is read.
const FILES: [(&str, Check); 4] = [
    ("metadata.yaml", |file, text| complaint(Metadata::parse(file, text))),
    ("config.yaml", |file, text| complaint(ConfigOptions::parse(file, text))),
    ("actions.yaml", |file, text| {
        complaint(Actions::parse(file, text, "etcd"))
    }),
    ("manifest.yaml", |file, text| complaint(Manifest::parse(file, text))),
];

fn complaint<T, E: Display>(result: Result<T, E>) -> Option<String> {
    result.err().map(|error| error.to_string().replace('\n', " "))
}

fn main() -> ExitCode {
    let root = env::var("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let complaints: Vec<String> = FILES
        .iter()
        .filter_map(|(name, check)| examine(&root, name, *check))
        .collect();
    for complaint in &complaints {
        println!("cargo::error={complaint}");
    }
    if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn examine(root: &Path, name: &str, check: Check) -> Option<String> {
    let file = format!("charm-assets/{name}");
    println!("cargo::rerun-if-changed={file}");
    match fs::read_to_string(root.join(&file)) {
        Ok(text) => check(&file, &text),
        Err(error) => Some(format!("{file}: {error}")),
    }
}
