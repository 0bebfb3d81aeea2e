//! The unit as the layer's concerns share it: its settings, addresses, member name and places on the machine.

use std::path::PathBuf;

use charm::host::Host;
use charm::prelude::*;

use crate::addresses::Addresses;
use crate::cluster::identity;
use crate::config::Settings;
use crate::etcd::{Credentials, Target};
use crate::tls::files;

/// Facts about the unit that hold for one handler.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) settings: Settings,
    pub(crate) addresses: Addresses,
    /// The unit's member by name.
    pub(crate) name: String,
    credentials: Option<Credentials>,
}

impl Site {
    /// Looks up the facts. The options have to be valid.
    pub(crate) fn observe(ctx: &mut Context) -> Result<Site> {
        Ok(Site {
            settings: Settings::valid(ctx)?,
            addresses: Addresses::observe(ctx)?,
            name: identity::member_name(ctx.unit().as_str()),
            credentials: files::credentials(ctx.host().as_ref())?,
        })
    }

    /// Where other members reach this one.
    pub(crate) fn peer_url(&self) -> String {
        self.addresses.peer_url(&self.settings)
    }

    /// Where clients reach this member.
    pub(crate) fn client_url(&self) -> String {
        self.addresses.client_url(&self.settings)
    }

    /// The unit's own member, by the shortest way.
    pub(crate) fn own(&self) -> Target {
        self.target(self.addresses.own_url(&self.settings))
    }

    /// A member, asked with the unit's client certificate.
    pub(crate) fn target(&self, endpoint: impl Into<String>) -> Target {
        target(endpoint, self.credentials.as_ref())
    }

    /// The member's data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        data_dir(&self.name)
    }

    /// Whether the member has data, see [`has_data`].
    pub(crate) fn has_data(&self, host: &dyn Host) -> Result<bool> {
        has_data(host, &self.name)
    }
}

/// A member and who asks it; the certificate is only for `https`.
pub(crate) fn target(endpoint: impl Into<String>, credentials: Option<&Credentials>) -> Target {
    let endpoint = endpoint.into();
    let credentials = credentials.filter(|_| endpoint.starts_with("https:")).cloned();
    Target { endpoint, credentials }
}

/// Whether a member's data directory has a log: from then on it decides who the member is.
pub(crate) fn has_data(host: &dyn Host, name: &str) -> Result<bool> {
    let names = host.list(&data_dir(name).join("member/wal"))?;
    Ok(names.iter().any(|name| name.ends_with(".wal")))
}

/// Where a member's data lives.
pub(crate) fn data_dir(name: &str) -> PathBuf {
    PathBuf::from("/var/lib/etcd").join(name)
}
