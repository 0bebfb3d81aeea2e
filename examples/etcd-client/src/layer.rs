//! The charm's state machine.

use charm::prelude::*;
use interface_etcd::Requires;

use crate::etcd::{Etcd, Reads};

/// The cluster that the charm uses.
const DB: Requires = Requires::new("db");

/// All of the charm.
pub(crate) fn layer() -> Layer {
    Layer::new("etcd-client")
        .include(DB.layer())
        .on(want_relation, when(!DB.connected()))
        .on(wait_for_etcd, when(DB.connected() & !DB.tls_available()))
        .on(use_etcd, when(DB.connected() & DB.tls_available()))
        .action("get", get)
        .action("put", put)
}

async fn want_relation(_: &mut Context) -> Result<Outcome> {
    Ok(Outcome::Blocked("Missing relation to etcd".to_owned()))
}

async fn wait_for_etcd(_: &mut Context) -> Result<Outcome> {
    Ok(Outcome::Waiting(
        "Waiting for endpoints and credentials of etcd".to_owned(),
    ))
}

/// Writes this unit's key and reads it back through every endpoint.
async fn use_etcd(ctx: &mut Context) -> Result<Outcome> {
    let etcd = etcd(ctx)?;
    let value = ctx.config_str("value")?;
    let key = format!("/etcd-client/{}", ctx.unit());
    if let Err(error) = etcd.put(&key, &value).await {
        ctx.log(LogLevel::Warning, error.to_string());
        return Ok(Outcome::Waiting(format!("Waiting for etcd: {error}")));
    }
    let reads = etcd.read_through_each(&key, &value).await;
    for problem in &reads.problems {
        ctx.log(LogLevel::Warning, problem);
    }
    Ok(report(&value, &reads))
}

/// The action: reads a key.
async fn get(ctx: &mut Context) -> Result<Outcome> {
    let key = parameter(ctx, "key")?;
    match etcd(ctx)?.get(&key).await? {
        Some(value) => ctx.tools().action_set("value", &value)?,
        None => return Err(HandlerError::msg(format!("key {key} does not exist"))),
    }
    Ok(Outcome::Done)
}

/// The action: writes a key.
async fn put(ctx: &mut Context) -> Result<Outcome> {
    let (key, value) = (parameter(ctx, "key")?, parameter(ctx, "value")?);
    etcd(ctx)?.put(&key, &value).await?;
    ctx.tools().action_set("key", &key)?;
    Ok(Outcome::Done)
}

fn etcd(ctx: &mut Context) -> Result<Etcd> {
    let connection = DB.connection(ctx)?;
    connection
        .map(Etcd::new)
        .ok_or_else(|| HandlerError::msg("etcd has not given endpoints and credentials yet"))
}

/// A parameter of the action that runs; Juju has checked that it is there and a text.
fn parameter(ctx: &mut Context, name: &str) -> Result<String> {
    let parameters = ctx.tools().action_get()?;
    let text = parameters.get(name).and_then(|value| value.as_str());
    text.map(str::to_owned)
        .ok_or_else(|| HandlerError::msg(format!("parameter `{name}` is not a text")))
}

fn report(value: &str, reads: &Reads) -> Outcome {
    match (reads.good, reads.problems.first()) {
        (good, None) => Outcome::Active(format!("read {value} through {}", endpoints(good))),
        (0, Some(problem)) => Outcome::Waiting(format!("Waiting for etcd: {problem}")),
        (good, Some(_)) => Outcome::Active(format!(
            "read {value} through {good} of {}",
            endpoints(good + reads.problems.len())
        )),
    }
}

fn endpoints(count: usize) -> String {
    format!("{count} endpoint{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(good: usize, problems: &[&str]) -> Outcome {
        report(
            "hello",
            &Reads {
                good,
                problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
            },
        )
    }

    #[test]
    fn the_charm_is_consistent() {
        let charm = crate::build().build().unwrap();
        assert_eq!(charm.actions(), ["get", "put"]);
        assert!(charm.endpoints().contains("db"));
    }

    #[test]
    fn what_is_reported() {
        assert_eq!(text(3, &[]), Outcome::Active("read hello through 3 endpoints".into()));
        assert_eq!(text(1, &[]), Outcome::Active("read hello through 1 endpoint".into()));
        assert_eq!(
            text(2, &["x"]),
            Outcome::Active("read hello through 2 of 3 endpoints".into())
        );
        assert_eq!(
            text(0, &["no answer"]),
            Outcome::Waiting("Waiting for etcd: no answer".into())
        );
    }
}
