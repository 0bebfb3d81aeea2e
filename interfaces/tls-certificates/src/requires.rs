//! The role of a charm that needs certificates.

use juju::{Bag, Party};
use reactive::{Condition, Context, Flag, Layer, Result, always, flags, when};

use crate::wire::{self, Answers, KeyPair, ServerRequest};

/// The endpoint of a charm that needs certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requires {
    endpoint: &'static str,
}

impl Requires {
    /// The role on the endpoint of this name.
    pub const fn new(endpoint: &'static str) -> Requires {
        Requires { endpoint }
    }

    /// The endpoint's name.
    pub const fn endpoint(&self) -> &'static str {
        self.endpoint
    }

    /// Computes the flags at the start of every dispatch.
    pub fn layer(&self) -> Layer {
        self.layer_while(always())
    }

    /// The same, but what the authority says is read only while the condition holds: elsewhere all flags are clear but
    /// [`Requires::available`]. For hooks in which nobody looks at the answer, such as `update-status`.
    pub fn layer_while(&self, condition: impl Into<Condition>) -> Layer {
        let (role, available) = (*self, self.available());
        let joined = || flags::joined(self.endpoint);
        Layer::new("tls-certificates")
            .at_start(
                async move |ctx: &mut Context| ctx.set(&available),
                when(joined()).sets(self.available()),
            )
            .at_start(
                async move |ctx: &mut Context| role.compute_flags(ctx),
                when(joined() & condition.into()).sets([
                    self.ca_available(),
                    self.server_available(),
                    self.client_available(),
                ]),
            )
    }

    /// A unit of the authority is there.
    pub fn available(&self) -> Flag {
        self.flag("available")
    }

    /// The root certificate is known.
    pub fn ca_available(&self) -> Flag {
        self.flag("ca.available")
    }

    /// The answer to this unit's request is there.
    pub fn server_available(&self) -> Flag {
        self.flag("server.certs.available")
    }

    /// The shared client certificate is there.
    pub fn client_available(&self) -> Flag {
        self.flag("client.certs.available")
    }

    /// Asks every authority on the endpoint for this unit's server certificate. A changed request gets a new certificate
    /// and key.
    pub fn request_server(&self, ctx: &mut Context, request: &ServerRequest) -> Result<()> {
        let entries = wire::server_request(ctx.unit(), request);
        for relation in crate::relations(ctx, self.endpoint)? {
            for (key, value) in &entries {
                ctx.tools().relation_set(&relation, Bag::Unit, key, Some(value));
            }
        }
        Ok(())
    }

    /// The root certificate.
    pub fn ca(&self, ctx: &mut Context) -> Result<Option<String>> {
        Ok(self.answers(ctx)?.ca())
    }

    /// The intermediate certificates between the root and the others.
    pub fn chain(&self, ctx: &mut Context) -> Result<Option<String>> {
        Ok(self.answers(ctx)?.chain())
    }

    /// The answer to this unit's request.
    pub fn server(&self, ctx: &mut Context) -> Result<Option<KeyPair>> {
        let requested = self.is_requested(ctx)?;
        Ok(if requested { self.answers(ctx)?.server() } else { None })
    }

    /// The shared client certificate.
    pub fn client(&self, ctx: &mut Context) -> Result<Option<KeyPair>> {
        Ok(self.answers(ctx)?.client())
    }

    fn flag(&self, name: &str) -> Flag {
        Flag::named(format!("{}.{name}", self.endpoint))
    }

    fn compute_flags(&self, ctx: &mut Context) -> Result<()> {
        let answers = self.answers(ctx)?;
        let requested = self.is_requested(ctx)?;
        let facts = [
            (self.ca_available(), answers.ca().is_some()),
            (self.server_available(), requested && answers.server().is_some()),
            (self.client_available(), answers.client().is_some()),
        ];
        for (flag, _) in facts.into_iter().filter(|(_, holds)| *holds) {
            ctx.set(&flag)?;
        }
        Ok(())
    }

    /// Whether this unit's own bag holds a request.
    fn is_requested(&self, ctx: &mut Context) -> Result<bool> {
        let own = Party::Unit(ctx.unit().clone());
        for relation in crate::relations(ctx, self.endpoint)? {
            if wire::is_requested(&ctx.tools().relation_get(&relation, &own)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn answers(&self, ctx: &mut Context) -> Result<Answers> {
        let mut bags = Vec::new();
        for relation in crate::relations(ctx, self.endpoint)? {
            for unit in ctx.tools().relation_units(&relation)? {
                bags.push(ctx.tools().relation_get(&relation, &Party::Unit(unit))?);
            }
        }
        Ok(Answers::new(ctx.unit(), bags))
    }
}
