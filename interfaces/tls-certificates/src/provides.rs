//! The role of a certificate authority.

use std::collections::BTreeMap;

use juju::{Bag, Databag, Party, RelationId};
use reactive::{Context, Flag, Layer, Result, flags, when};
use serde_json::json;

use crate::wire::{self, KeyPair, RequestKind, WireRequest};

/// The endpoint of a certificate authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provides {
    endpoint: &'static str,
}

/// A request of some remote unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The relation it came by.
    pub relation: RelationId,
    /// The prefix that the answer carries, `etcd_0`.
    pub unit_name: String,
    /// Which certificate it is.
    pub kind: RequestKind,
    /// The subject's common name.
    pub common_name: String,
    /// Subject alternative names, sorted, each once.
    pub sans: Vec<String>,
    /// A name for the authority's files.
    pub certificate_name: Option<String>,
}

impl Provides {
    /// The role on the endpoint of this name.
    pub const fn new(endpoint: &'static str) -> Provides {
        Provides { endpoint }
    }

    /// The endpoint's name.
    pub const fn endpoint(&self) -> &'static str {
        self.endpoint
    }

    /// Computes the flags at the start of every dispatch.
    pub fn layer(&self) -> Layer {
        let role = *self;
        Layer::new("tls-certificates").at_start(
            async move |ctx: &mut Context| role.compute_flags(ctx),
            when(flags::joined(self.endpoint)).sets([self.joined(), self.requested()]),
        )
    }

    /// A unit that may want certificates is there.
    pub fn joined(&self) -> Flag {
        Flag::named(format!("{}.available", self.endpoint))
    }

    /// A request waits for its answer.
    pub fn requested(&self) -> Flag {
        Flag::named(format!("{}.requested", self.endpoint))
    }

    /// All requests, answered or not.
    pub fn requests(&self, ctx: &mut Context) -> Result<Vec<Request>> {
        let mut found = Vec::new();
        for relation in crate::relations(ctx, self.endpoint)? {
            for unit in ctx.tools().relation_units(&relation)? {
                let bag = ctx.tools().relation_get(&relation, &Party::Unit(unit.clone()))?;
                let requests = wire::requests(&unit, &bag)?;
                found.extend(requests.into_iter().map(|request| Request::new(&relation, request)));
            }
        }
        Ok(found)
    }

    /// The requests that have no answer, or one to an earlier form of the request.
    pub fn pending(&self, ctx: &mut Context) -> Result<Vec<Request>> {
        let mut pending = Vec::new();
        for request in self.requests(ctx)? {
            if !self.is_answered(ctx, &request)? {
                pending.push(request);
            }
        }
        Ok(pending)
    }

    /// Gives the root certificate, and the intermediate ones if there are any, to everybody.
    pub fn publish_ca(&self, ctx: &mut Context, ca: &str, chain: Option<&str>) -> Result<()> {
        for relation in crate::relations(ctx, self.endpoint)? {
            for (key, value) in wire::ca_entries(ca, chain) {
                ctx.tools().relation_set(&relation, Bag::Unit, key, value.as_deref());
            }
        }
        Ok(())
    }

    /// Gives the one client certificate to everybody.
    pub fn publish_client(&self, ctx: &mut Context, pair: &KeyPair) -> Result<()> {
        for relation in crate::relations(ctx, self.endpoint)? {
            for (key, value) in wire::client_entries(pair) {
                ctx.tools().relation_set(&relation, Bag::Unit, key, Some(&value));
            }
        }
        Ok(())
    }

    /// Answers a request, and remembers for which names.
    pub fn answer(&self, ctx: &mut Context, request: &Request, pair: &KeyPair) -> Result<()> {
        let own = self.own_bag(ctx, &request.relation)?;
        for (key, value) in wire::answer(&own, &request.wire(), pair)? {
            ctx.tools()
                .relation_set(&request.relation, Bag::Unit, &key, Some(&value));
        }
        let mut record = self.record(ctx, &request.relation)?;
        record.insert(request.slot(), request.fingerprint());
        ctx.kv().set(&self.record_key(&request.relation), &record)
    }

    /// Takes back the answers to units that have left, private keys and all.
    pub fn forget_departed(&self, ctx: &mut Context) -> Result<()> {
        let requests = self.requests(ctx)?;
        for relation in crate::relations(ctx, self.endpoint)? {
            let present = |slot: &str| {
                requests
                    .iter()
                    .any(|request| request.relation == relation && request.unit_name == unit_of(slot))
            };
            let record = self.record(ctx, &relation)?;
            let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
                record.into_iter().partition(|(slot, _)| present(slot));
            for key in gone.keys().flat_map(|slot| wire::answer_keys(unit_of(slot))) {
                ctx.tools().relation_set(&relation, Bag::Unit, &key, None);
            }
            if !gone.is_empty() {
                ctx.kv().set(&self.record_key(&relation), &kept)?;
            }
        }
        Ok(())
    }

    /// Whether this unit has answered the request in its present form.
    pub fn is_answered(&self, ctx: &mut Context, request: &Request) -> Result<bool> {
        let own = self.own_bag(ctx, &request.relation)?;
        let record = self.record(ctx, &request.relation)?;
        let same_names = record.get(&request.slot()) == Some(&request.fingerprint());
        Ok(same_names && wire::answer_of(&own, &request.wire())?.is_some())
    }

    fn compute_flags(&self, ctx: &mut Context) -> Result<()> {
        ctx.set(&self.joined())?;
        if !self.pending(ctx)?.is_empty() {
            ctx.set(&self.requested())?;
        }
        Ok(())
    }

    fn own_bag(&self, ctx: &mut Context, relation: &RelationId) -> Result<Databag> {
        let own = Party::Unit(ctx.unit().clone());
        Ok(ctx.tools().relation_get(relation, &own)?)
    }

    fn record_key(&self, relation: &RelationId) -> String {
        format!("tls-certificates.answered.{relation}")
    }

    /// Fingerprints of the answered requests of a relation, by what was asked.
    fn record(&self, ctx: &mut Context, relation: &RelationId) -> Result<BTreeMap<String, String>> {
        Ok(ctx.kv().get(&self.record_key(relation))?.unwrap_or_default())
    }
}

impl Request {
    fn new(relation: &RelationId, request: WireRequest) -> Request {
        Request {
            relation: relation.clone(),
            unit_name: request.unit_name,
            kind: request.kind,
            common_name: request.common_name,
            sans: request.sans,
            certificate_name: request.certificate_name,
        }
    }

    /// The names that the certificate is for; another value asks for another certificate.
    pub fn fingerprint(&self) -> String {
        json!([self.common_name, wire::normal(&self.sans)]).to_string()
    }

    /// Which place the answer fills: a unit has one first server certificate, and one of each common name otherwise.
    fn slot(&self) -> String {
        match self.kind {
            RequestKind::FirstServer => format!("{}:server", self.unit_name),
            RequestKind::Server => format!("{}:server:{}", self.unit_name, self.common_name),
            RequestKind::Client => format!("{}:client:{}", self.unit_name, self.common_name),
        }
    }

    fn wire(&self) -> WireRequest {
        WireRequest {
            unit_name: self.unit_name.clone(),
            kind: self.kind,
            common_name: self.common_name.clone(),
            sans: self.sans.clone(),
            certificate_name: self.certificate_name.clone(),
        }
    }
}

/// The unit name in front of a [`Request::slot`].
fn unit_of(slot: &str) -> &str {
    slot.split(':').next().unwrap_or(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: RequestKind, common_name: &str, sans: &[&str]) -> Request {
        Request {
            relation: RelationId::try_from("client:1").unwrap(),
            unit_name: "etcd_0".to_owned(),
            kind,
            common_name: common_name.to_owned(),
            sans: sans.iter().map(|san| (*san).to_owned()).collect(),
            certificate_name: None,
        }
    }

    #[test]
    fn order_and_repetition_of_names_do_not_matter() {
        let a = request(RequestKind::FirstServer, "c", &["b", "a", "a"]);
        let b = request(RequestKind::FirstServer, "c", &["a", "b"]);
        assert_eq!(a.fingerprint(), b.fingerprint());
        assert_ne!(
            a.fingerprint(),
            request(RequestKind::FirstServer, "c", &["a"]).fingerprint()
        );
        assert_ne!(
            a.fingerprint(),
            request(RequestKind::FirstServer, "d", &["a", "b"]).fingerprint()
        );
    }

    #[test]
    fn a_unit_has_one_first_server_certificate_whatever_its_name() {
        let slot = |kind, name| request(kind, name, &[]).slot();
        assert_eq!(slot(RequestKind::FirstServer, "a"), slot(RequestKind::FirstServer, "b"));
        assert_ne!(slot(RequestKind::Server, "a"), slot(RequestKind::Server, "b"));
        assert_ne!(slot(RequestKind::Server, "a"), slot(RequestKind::Client, "a"));
    }
}
