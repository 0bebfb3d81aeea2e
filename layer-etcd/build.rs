//! Turns the names in `charm-assets/*.yaml` into constants, so that a misspelt option, action or endpoint does not compile.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use package::{Actions, ConfigOptions, Metadata};

fn main() -> ExitCode {
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={}", error.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<(), Box<dyn Error>> {
    let assets = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../charm-assets");
    let metadata = Metadata::parse("charm-assets/metadata.yaml", &read(&assets, "metadata.yaml")?)?;
    let options = ConfigOptions::parse("charm-assets/config.yaml", &read(&assets, "config.yaml")?)?;
    let actions = Actions::parse(
        "charm-assets/actions.yaml",
        &read(&assets, "actions.yaml")?,
        &metadata.name,
    )?;

    let mut groups: BTreeMap<&str, (&str, Vec<String>)> = BTreeMap::new();
    let endpoints = metadata.endpoints().map(|(name, _)| name.to_owned()).collect();
    groups.insert("actions", ("The charm's actions.", actions.0.keys().cloned().collect()));
    groups.insert("endpoints", ("The charm's endpoints.", endpoints));
    groups.insert(
        "options",
        ("The charm's config options.", options.0.keys().cloned().collect()),
    );

    let out = PathBuf::from(env::var("OUT_DIR")?).join("names.rs");
    fs::write(out, render(&groups)?)?;
    Ok(())
}

fn read(assets: &Path, name: &str) -> Result<String, Box<dyn Error>> {
    let path = assets.join(name);
    let shown = path.display().to_string();
    println!("cargo::rerun-if-changed={shown}");
    fs::read_to_string(&path).map_err(|error| format!("cannot read {shown}: {error}").into())
}

fn render(groups: &BTreeMap<&str, (&str, Vec<String>)>) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (module, (doc, names)) in groups {
        writeln!(text, "/// {doc}\npub mod {module} {{")?;
        for name in names {
            let constant = name.to_uppercase().replace(['-', '.'], "_");
            writeln!(text, "    /// `{name}`\n    pub const {constant}: &str = {name:?};")?;
        }
        writeln!(
            text,
            "    /// All of them, sorted.\n    pub const ALL: &[&str] = &{names:?};\n}}"
        )?;
    }
    Ok(text)
}
