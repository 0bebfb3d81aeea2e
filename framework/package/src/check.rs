//! The rules that Juju applies to `metadata.yaml` as a whole.

use std::collections::BTreeSet;

use crate::metadata::{Endpoint, Metadata, MetadataError, ResourceKind, ResourceSpec, Role, Scope};
use crate::names;
use crate::storage::{StorageKind, StorageSpec};

impl Metadata {
    /// Checks everything that can be said about the file alone.
    pub(crate) fn check(&self) -> Result<(), MetadataError> {
        if !names::is_charm_name(&self.name) {
            return Err(MetadataError::Name(self.name.clone()));
        }
        self.check_ambiguity()?;
        self.check_endpoints()?;
        self.check_extra_bindings()?;
        if self.subordinate
            && !self
                .requires
                .values()
                .any(|endpoint| endpoint.scope == Scope::Container)
        {
            return Err(MetadataError::Subordinate(self.name.clone()));
        }
        for (name, storage) in &self.storage {
            self.check_storage(name, storage)?;
        }
        self.resources
            .iter()
            .try_for_each(|(name, resource)| check_resource(name, resource))
    }

    /// Checks the file against the metadata format that the manifest decides.
    pub(crate) fn check_format(&self, manifest_has_bases: bool) -> Result<(), MetadataError> {
        let refused = if manifest_has_bases || !self.containers.is_empty() {
            match (self.series.is_empty(), manifest_has_bases) {
                (false, true) => Some("metadata v2 manifest.yaml with series slice"),
                (false, false) => Some("series slice in metadata v2"),
                _ if self.min_juju_version.is_some() => Some("min-juju-version in metadata v2"),
                _ if self.deployment.is_some() => Some("deployment in metadata v2"),
                _ => None,
            }
        } else {
            self.assumes.as_ref().map(|_| "assumes in metadata v1")
        };
        refused.map_or(Ok(()), |what| Err(MetadataError::Format(what)))
    }

    /// Refuses a file that has keys of both formats.
    fn check_ambiguity(&self) -> Result<(), MetadataError> {
        let marks = [
            ("assumes", self.assumes.is_some(), 2),
            ("charm-user", self.charm_user.is_some(), 2),
            ("containers", !self.containers.is_empty(), 2),
            ("deployment", self.deployment.is_some(), 1),
            ("min-juju-version", self.min_juju_version.is_some(), 1),
            ("series", !self.series.is_empty(), 1),
        ];
        let present: Vec<_> = marks.iter().filter(|(_, present, _)| *present).collect();
        let Some((_, _, first)) = present.first() else {
            return Ok(());
        };
        let list = |wanted: bool| {
            let keys: Vec<String> = present
                .iter()
                .filter(|(_, _, format)| (format == first) == wanted)
                .map(|(key, _, _)| format!("{key:?}"))
                .collect();
            keys.join(", ")
        };
        let mismatched = list(false);
        if mismatched.is_empty() {
            Ok(())
        } else {
            Err(MetadataError::Ambiguous {
                mismatched,
                matched: list(true),
            })
        }
    }

    fn check_endpoints(&self) -> Result<(), MetadataError> {
        let mut seen = BTreeSet::new();
        for (map_name, map) in [
            ("provides", &self.provides),
            ("requires", &self.requires),
            ("peers", &self.peers),
        ] {
            for (name, endpoint) in map {
                self.check_endpoint(map_name, name, endpoint)?;
                if !seen.insert(name) {
                    return Err(MetadataError::DuplicateName {
                        charm: self.name.clone(),
                        endpoint: name.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn check_endpoint(&self, map: &'static str, name: &str, endpoint: &Endpoint) -> Result<(), MetadataError> {
        let (charm, owned) = (self.name.clone(), name.to_owned());
        if !names::is_endpoint_name(name) {
            return Err(MetadataError::EndpointName { charm, endpoint: owned });
        }
        if endpoint.interface.is_empty() {
            return Err(MetadataError::NoInterface { map, endpoint: owned });
        }
        let requires = endpoint.role == Role::Requirer;
        let exempt = self.subordinate && requires && endpoint.scope == Scope::Container;
        if !exempt && names::is_reserved(&self.name, name) {
            return Err(MetadataError::ReservedName { charm, endpoint: owned });
        }
        if !requires && names::is_reserved(&self.name, &endpoint.interface) {
            return Err(MetadataError::ReservedInterface {
                charm,
                endpoint: owned,
                interface: endpoint.interface.clone(),
            });
        }
        Ok(())
    }

    fn check_extra_bindings(&self) -> Result<(), MetadataError> {
        let used: Vec<&str> = self
            .extra_bindings
            .keys()
            .map(String::as_str)
            .filter(|name| self.endpoint(name).is_some())
            .collect();
        let reason = if self.extra_bindings.contains_key("") {
            "missing binding name".to_owned()
        } else if !used.is_empty() {
            format!("relation names ({}) cannot be used in extra bindings", used.join(", "))
        } else {
            return Ok(());
        };
        Err(MetadataError::ExtraBindings {
            charm: self.name.clone(),
            reason,
        })
    }

    fn check_storage(&self, name: &str, storage: &StorageSpec) -> Result<(), MetadataError> {
        let reason = match &storage.location {
            Some(_) if storage.kind == StorageKind::Block => {
                "location may not be specified for \"type: block\"".to_owned()
            }
            Some(location) if !location.starts_with('/') => format!("location {location:?} is not an absolute path"),
            Some(location) if format!("{location}/").starts_with("/var/lib/juju/storage/") => {
                format!("invalid location {location:?}: must not fall within \"/var/lib/juju/storage\"")
            }
            _ => match storage.properties.iter().find(|property| *property != "transient") {
                Some(property) => format!("properties: unexpected value {property:?}"),
                None => return Ok(()),
            },
        };
        Err(MetadataError::Storage {
            charm: self.name.clone(),
            storage: name.to_owned(),
            reason,
        })
    }
}

fn check_resource(name: &str, resource: &ResourceSpec) -> Result<(), MetadataError> {
    let reason = match resource.kind {
        ResourceKind::File if resource.filename.is_empty() => "resource missing filename".to_owned(),
        ResourceKind::File if resource.filename.contains('/') => {
            format!("filename cannot contain \"/\" (got {:?})", resource.filename)
        }
        _ => return Ok(()),
    };
    Err(MetadataError::Resource {
        resource: name.to_owned(),
        reason,
    })
}
