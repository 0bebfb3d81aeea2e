//! The smallest charm with an option and an action. `cargo run --example hello -- pack` makes `hello.charm`.

use std::process::ExitCode;

use charm::prelude::*;

const GREETED: Flag = Flag::new("hello.greeted");

const ASSETS: Assets = Assets {
    metadata: include_str!("metadata.yaml"),
    config: include_str!("config.yaml"),
    actions: include_str!("actions.yaml"),
    manifest: include_str!("manifest.yaml"),
    files: &[],
};

fn main() -> ExitCode {
    charm::run("hello", ASSETS, build)
}

fn build() -> CharmBuilder {
    Charm::builder("hello").layer(layer())
}

fn layer() -> Layer {
    Layer::new("hello")
        .on(greet, when(!GREETED).sets(GREETED))
        .trigger(on_set(flags::config_changed("name")).clears(GREETED))
        .action("wave", wave)
}

async fn greet(ctx: &mut Context) -> Result<Outcome> {
    let name = ctx.config_str("name")?;
    if name.is_empty() {
        return Ok(Outcome::Blocked("option `name` is empty".into()));
    }
    ctx.set(&GREETED)?;
    Ok(Outcome::Active(format!("hello, {name}")))
}

async fn wave(ctx: &mut Context) -> Result<Outcome> {
    let parameters = ctx.tools().action_get()?;
    let Some(to) = parameters.get("to").and_then(|to| to.as_str()) else {
        return Err(HandlerError::msg("parameter `to` is missing").context("cannot wave"));
    };
    ctx.tools().action_set("waved-to", to)?;
    Ok(Outcome::Done)
}
