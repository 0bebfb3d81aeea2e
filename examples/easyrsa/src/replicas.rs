//! What the units of the application tell each other: which certificate authority it is, and where its key lives.
//!
//! The leader writes two keys into the application's bag of the peer relation: `ca`, the root certificate, and
//! `authority`, the unit that holds its private key. The key itself never leaves the machine, so a later leader can tell
//! that there is an authority already and does not make a second one.

use charm::juju::{Bag, EndpointName, Party, RelationId};
use charm::prelude::*;

const ENDPOINT: &str = "replicas";
const CA: &str = "ca";
const AUTHORITY: &str = "authority";

/// What the application has given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// The root certificate.
    pub(crate) ca: String,
    /// The unit that holds its private key.
    pub(crate) authority: String,
}

/// What the leader has written, if it has.
pub(crate) fn published(ctx: &mut Context) -> Result<Option<Published>> {
    let Some(relation) = relation(ctx)? else {
        return Ok(None);
    };
    let application = Party::Application(ctx.unit().application());
    let mut bag = ctx.tools().relation_get(&relation, &application)?;
    Ok(bag.remove(CA).map(|ca| Published {
        ca,
        authority: bag.remove(AUTHORITY).unwrap_or_default(),
    }))
}

/// Writes what the leader has to tell.
pub(crate) fn publish(ctx: &mut Context, ca: &str) -> Result<()> {
    let Some(relation) = relation(ctx)? else { return Ok(()) };
    let unit = ctx.unit().to_string();
    ctx.tools().relation_set(&relation, Bag::Application, CA, Some(ca));
    ctx.tools()
        .relation_set(&relation, Bag::Application, AUTHORITY, Some(&unit));
    Ok(())
}

fn relation(ctx: &mut Context) -> Result<Option<RelationId>> {
    let endpoint = EndpointName::try_from(ENDPOINT)?;
    Ok(ctx.tools().relation_ids(&endpoint)?.into_iter().next())
}
