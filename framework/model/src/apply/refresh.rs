//! `juju refresh`: another charm for the same application.

use juju::ApplicationName;
use package::{CharmInfo, Role};

use super::integrate::own_endpoints;
use crate::error::ModelError;
use crate::event::Reply;
use crate::resolver::IMPLICIT;
use crate::state::{Model, RelationEndpoint};
use crate::time::Time;

impl Model {
    /// Puts the charm in place. Units run `upgrade-charm` when they come to it.
    pub(super) fn refresh(
        &mut self,
        at: Time,
        name: &ApplicationName,
        charm: CharmInfo,
        url: String,
        charm_id: String,
    ) -> Result<Reply, ModelError> {
        let application = self
            .applications
            .get(name)
            .ok_or_else(|| ModelError::no_application(name))?;
        if !application.life.is_alive() {
            return Err(ModelError::NotAlive {
                what: format!("cannot upgrade application {:?}: application", name.as_str()),
            });
        }
        if charm.metadata.name != application.charm.metadata.name {
            let (old, new) = (&application.charm.metadata.name, &charm.metadata.name);
            let text = format!(
                "cannot upgrade application {:?} to charm {url:?}: charm name {new:?} is not {old:?}",
                name.as_str()
            );
            return Err(ModelError::Deploy(text));
        }
        super::deploy::check_supported(&charm)?;
        let endpoints = own_endpoints(name, &charm)?;
        self.check_relations_survive(name, &url, &endpoints)?;
        let fresh: Vec<RelationEndpoint> = endpoints
            .into_iter()
            .filter(|endpoint| endpoint.role == Role::Peer && !self.has_relation_on(endpoint))
            .collect();
        self.count_charm(&charm.metadata.name, &url);
        let application = self.application_mut(name)?;
        application
            .settings
            .retain(|option, value| charm.config.validate_value(option, value).is_ok());
        application.charm = charm;
        application.charm_url = url;
        application.charm_id = charm_id;
        for peer in fresh {
            self.new_relation(at, vec![peer]);
        }
        Ok(Reply::Done)
    }

    fn has_relation_on(&self, endpoint: &RelationEndpoint) -> bool {
        self.relations
            .values()
            .any(|relation| relation.endpoints.contains(endpoint))
    }

    fn check_relations_survive(
        &self,
        name: &ApplicationName,
        url: &str,
        endpoints: &[RelationEndpoint],
    ) -> Result<(), ModelError> {
        for relation in self.relations_of(name) {
            let own = relation.endpoint_of(name);
            let kept = own.is_none_or(|own| own.name == *IMPLICIT || endpoints.contains(own));
            if !kept {
                let text = format!(
                    "cannot upgrade application {:?} to charm {url:?}: would break relation {:?}",
                    name.as_str(),
                    relation.key()
                );
                return Err(ModelError::Deploy(text));
            }
        }
        Ok(())
    }
}
