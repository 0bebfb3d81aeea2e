//! Relations: which endpoints fit, and making one.

use juju::{ApplicationName, EndpointName};
use package::{CharmInfo, Role, Scope};

use crate::error::ModelError;
use crate::event::Reply;
use crate::resolver::IMPLICIT;
use crate::state::{Model, Relation, RelationEndpoint};
use crate::time::Time;

/// The endpoints of a charm as those of an application, without the implicit one.
pub(super) fn own_endpoints(
    application: &ApplicationName,
    charm: &CharmInfo,
) -> Result<Vec<RelationEndpoint>, ModelError> {
    let endpoints = charm.metadata.endpoints();
    let convert = |(name, endpoint): (&str, &package::Endpoint)| {
        let name = EndpointName::try_from(name).map_err(|error| ModelError::Deploy(error.to_string()))?;
        Ok(RelationEndpoint {
            application: application.clone(),
            name,
            interface: endpoint.interface.clone(),
            role: endpoint.role,
            scope: endpoint.scope,
        })
    };
    endpoints.map(convert).collect()
}

/// Two endpoints that can be related, requirer first.
type Pair = [RelationEndpoint; 2];

fn pair_key(pair: &Pair) -> String {
    format!("{} {}", pair[0], pair[1])
}

fn is_implicit(endpoint: &RelationEndpoint) -> bool {
    endpoint.name == *IMPLICIT && endpoint.role == Role::Provider
}

/// Implicit endpoints count only if nothing else fits.
fn prefer_explicit(pairs: &mut Vec<Pair>) {
    if pairs.len() > 1 {
        pairs.retain(|pair| !pair.iter().any(is_implicit));
    }
}

/// The pair in Juju's order if the two endpoints fit together.
fn fit(a: &RelationEndpoint, b: &RelationEndpoint) -> Option<Pair> {
    let related = a.application != b.application && a.interface == b.interface;
    // Container scope needs a subordinate on one side, and there are none here.
    let global = a.scope == Scope::Global && b.scope == Scope::Global;
    match (a.role, b.role) {
        _ if !related || !global => None,
        (Role::Requirer, Role::Provider) => Some([a.clone(), b.clone()]),
        (Role::Provider, Role::Requirer) => Some([b.clone(), a.clone()]),
        _ => None,
    }
}

impl Model {
    /// `juju integrate a b`.
    pub(super) fn integrate(&mut self, at: Time, a: &str, b: &str) -> Result<Reply, ModelError> {
        let pair = self.choose_pair(a, b)?;
        let key = pair_key(&pair);
        if self.relation_by_key(&key).is_some() {
            return Err(ModelError::RelationExists { key });
        }
        for endpoint in &pair {
            self.check_can_relate(&key, endpoint)?;
        }
        Ok(Reply::Related(self.new_relation(at, pair.into())))
    }

    /// Finds the relation that two names, or one number, speak of.
    pub(super) fn find_relation(&self, names: &[String]) -> Result<u32, ModelError> {
        match names {
            [a, b] => self.find_relation_between(a, b),
            [number] => {
                let known = number.parse().ok().filter(|number| self.relations.contains_key(number));
                known.ok_or_else(|| ModelError::RelationNotFound(format!("{number:?}")))
            }
            _ => Err(ModelError::NoRelations),
        }
    }

    /// The relation that two names speak of; every pair of endpoints that fits may be the one.
    fn find_relation_between(&self, a: &str, b: &str) -> Result<u32, ModelError> {
        let mut pairs = self.pairs(a, b)?;
        let found: Vec<&Relation> = pairs
            .iter()
            .filter_map(|pair| self.relation_by_key(&pair_key(pair)))
            .collect();
        match found.as_slice() {
            [relation] => return Ok(relation.number),
            [] => {}
            _ => return Err(ambiguous(a, b, found.iter().map(|relation| relation.key()))),
        }
        prefer_explicit(&mut pairs);
        match pairs.as_slice() {
            [] => Err(ModelError::NoRelations),
            [pair] => Err(ModelError::RelationNotFound(format!("{:?}", pair_key(pair)))),
            _ => Err(ModelError::RelationNotFound(format!("{:?}", format!("{a} {b}")))),
        }
    }

    fn relation_by_key(&self, key: &str) -> Option<&Relation> {
        self.relations.values().find(|relation| relation.key() == key)
    }

    /// The one pair that fits.
    fn choose_pair(&self, a: &str, b: &str) -> Result<Pair, ModelError> {
        let mut pairs = self.pairs(a, b)?;
        prefer_explicit(&mut pairs);
        match pairs.as_slice() {
            [] => Err(ModelError::NoRelations),
            [pair] => Ok(pair.clone()),
            _ => Err(ambiguous(a, b, pairs.iter().map(pair_key))),
        }
    }

    fn pairs(&self, a: &str, b: &str) -> Result<Vec<Pair>, ModelError> {
        let (left, right) = (self.endpoints_named(a)?, self.endpoints_named(b)?);
        Ok(left
            .iter()
            .flat_map(|left| right.iter().filter_map(move |right| fit(left, right)))
            .collect())
    }

    /// The endpoints that `application[:endpoint]` can mean.
    fn endpoints_named(&self, text: &str) -> Result<Vec<RelationEndpoint>, ModelError> {
        let (name, wanted) = text
            .split_once(':')
            .map_or((text, None), |(name, endpoint)| (name, Some(endpoint)));
        let known = ApplicationName::try_from(name)
            .ok()
            .and_then(|name| self.applications.get(&name));
        let application = known.ok_or_else(|| ModelError::ApplicationNotFound(name.to_owned()))?;
        let mut endpoints = own_endpoints(&application.name, &application.charm)?;
        endpoints.extend(implicit_endpoint(&application.name));
        let Some(wanted) = wanted else { return Ok(endpoints) };
        endpoints.retain(|endpoint| endpoint.name == *wanted);
        if endpoints.is_empty() {
            return Err(ModelError::EndpointNotFound {
                application: name.to_owned(),
                endpoint: wanted.to_owned(),
            });
        }
        Ok(endpoints)
    }

    fn check_can_relate(&self, key: &str, endpoint: &RelationEndpoint) -> Result<(), ModelError> {
        let application = self.applications.get(&endpoint.application);
        let application = application.ok_or_else(|| ModelError::no_application(&endpoint.application))?;
        if !application.life.is_alive() {
            let name = endpoint.application.as_str();
            return Err(ModelError::NotAlive {
                what: format!("cannot add relation {key:?}: application {name:?}"),
            });
        }
        let limit = application
            .charm
            .metadata
            .endpoint(endpoint.name.as_str())
            .and_then(|endpoint| endpoint.limit);
        let mine = |relation: &&Relation| {
            relation
                .endpoint_of(&endpoint.application)
                .is_some_and(|own| own.name == endpoint.name)
        };
        let used = self.relations.values().filter(mine).count();
        match limit.filter(|limit| *limit > 0) {
            Some(limit) if used >= usize::try_from(limit).unwrap_or(usize::MAX) => Err(ModelError::RelationLimit {
                key: key.to_owned(),
                endpoint: endpoint.to_string(),
                limit,
            }),
            _ => Ok(()),
        }
    }
}

fn implicit_endpoint(application: &ApplicationName) -> Option<RelationEndpoint> {
    Some(RelationEndpoint {
        application: application.clone(),
        name: EndpointName::try_from(IMPLICIT).ok()?,
        interface: IMPLICIT.to_owned(),
        role: Role::Provider,
        scope: Scope::Global,
    })
}

fn ambiguous(a: &str, b: &str, keys: impl Iterator<Item = String>) -> ModelError {
    let mut choices: Vec<String> = keys.map(|key| format!("{key:?}")).collect();
    choices.sort();
    ModelError::AmbiguousRelation {
        names: format!("{a} {b}"),
        choices: choices.join("; "),
    }
}
