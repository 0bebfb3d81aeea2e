//! The authority's files on the leader's machine, below `/var/lib/easyrsa`.
//!
//! `ca.key` and `ca.crt` are the authority; `client.json` and `issued/<request>.json` are what it signed, each a certificate
//! with its key and the names it was asked for. A file that exists is never replaced by something made anew, except an issued
//! certificate whose names changed or that ends soon.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use charm::host::{Host, HostError};
use interface_tls_certificates::{KeyPair, Request, RequestKind};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::authority::{Authority, AuthorityError, Usage};

const ROOT: &str = "/var/lib/easyrsa";
const CLIENT_FILE: &str = "client.json";
const CLIENT_NAME: &str = "client";

/// The directory of the authority's files.
pub(crate) struct Keep {
    host: Rc<dyn Host>,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// The file system failed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The authority failed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The files of the authority are not whole, and certificates of it are in use.
    #[error("{0}; restore {ROOT} from a backup")]
    Broken(String),
    /// A record of ours cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// A signed certificate with what it was asked for.
#[derive(Serialize, Deserialize)]
struct Record {
    fingerprint: String,
    #[serde(flatten)]
    pair: KeyPair,
}

impl Keep {
    /// The files on this machine.
    pub(crate) fn new(host: Rc<dyn Host>) -> Keep {
        Keep { host }
    }

    /// The root certificate, if there is one.
    pub(crate) fn root_cert(&self) -> Result<Option<String>, KeepError> {
        self.text("ca.crt")
    }

    /// Takes up the authority; makes it if there is none and nothing was ever issued by one.
    ///
    /// `published` is the root certificate that the application has given out, as far as is known.
    pub(crate) fn authority(&self, name: &str, published: Option<&str>) -> Result<Authority, KeepError> {
        let issued = self.has_issued()? || published.is_some();
        match (self.text("ca.crt")?, self.text("ca.key")?) {
            (Some(cert), Some(key)) => match Authority::load(cert, &key) {
                Err(error) if issued => Err(KeepError::Broken(format!("certificate authority is unusable: {error}"))),
                Err(_) => self.create(name),
                Ok(authority) if published.is_some_and(|published| published.trim() != authority.cert().trim()) => Err(
                    KeepError::Broken("certificate authority is not the one that was published".to_owned()),
                ),
                Ok(authority) => Ok(authority),
            },
            (None, None) if !issued => self.create(name),
            (cert, key) if issued => Err(KeepError::Broken(format!(
                "certificate authority is incomplete: {}",
                missing(&cert, &key)
            ))),
            _ => self.create(name),
        }
    }

    /// The one client certificate; made if there is none of this authority.
    pub(crate) fn client(&self, authority: &Authority) -> Result<KeyPair, KeepError> {
        self.certificate(authority, &path(CLIENT_FILE), CLIENT_NAME, |now| {
            authority.issue(CLIENT_NAME, &[], Usage::Client, now)
        })
    }

    /// The certificate for a request: the same as long as the same is asked and it does not end soon.
    pub(crate) fn answer(&self, authority: &Authority, request: &Request) -> Result<KeyPair, KeepError> {
        let usage = if request.kind == RequestKind::Client {
            Usage::Client
        } else {
            Usage::ServerAndClient
        };
        self.certificate(authority, &record_path(request), &request.fingerprint(), |now| {
            authority.issue(&request.common_name, &request.sans, usage, now)
        })
    }

    fn certificate(
        &self,
        authority: &Authority,
        path: &Path,
        fingerprint: &str,
        issue: impl FnOnce(OffsetDateTime) -> Result<KeyPair, AuthorityError>,
    ) -> Result<KeyPair, KeepError> {
        let now = OffsetDateTime::from(self.host.now());
        let unreadable = |source| KeepError::Record {
            path: path.to_owned(),
            source,
        };
        if let Some(bytes) = self.host.read(path)? {
            let record: Record = serde_json::from_slice(&bytes).map_err(unreadable)?;
            if record.fingerprint == fingerprint && authority.vouches_for(&record.pair.cert, now)? {
                return Ok(record.pair);
            }
        }
        let record = Record {
            fingerprint: fingerprint.to_owned(),
            pair: issue(now)?,
        };
        let bytes = serde_json::to_vec(&record).map_err(unreadable)?;
        self.host.write(path, &bytes, 0o600)?;
        Ok(record.pair)
    }

    /// Makes a new authority. The key is written first: a certificate that somebody may have seen always has its key.
    fn create(&self, name: &str) -> Result<Authority, KeepError> {
        let (authority, key) = Authority::create(name, OffsetDateTime::from(self.host.now()))?;
        self.host.create_dir(Path::new(ROOT), 0o700)?;
        self.host.create_dir(&path("issued"), 0o700)?;
        self.host.write(&path("ca.key"), key.as_bytes(), 0o600)?;
        self.host.write(&path("ca.crt"), authority.cert().as_bytes(), 0o644)?;
        Ok(authority)
    }

    fn has_issued(&self) -> Result<bool, KeepError> {
        Ok(self.host.exists(&path(CLIENT_FILE)) || !self.host.list(&path("issued"))?.is_empty())
    }

    fn text(&self, name: &str) -> Result<Option<String>, KeepError> {
        let bytes = self.host.read(&path(name))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn missing(cert: &Option<String>, key: &Option<String>) -> &'static str {
    match (cert, key) {
        (Some(_), None) => "ca.key is missing",
        (None, Some(_)) => "ca.crt is missing",
        _ => "ca.key and ca.crt are missing",
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(ROOT).join(name)
}

/// One file for each place that an answer fills.
fn record_path(request: &Request) -> PathBuf {
    let name = match request.kind {
        RequestKind::FirstServer => "server".to_owned(),
        RequestKind::Server => format!("server={}", escape(&request.common_name)),
        RequestKind::Client => format!("client={}", escape(&request.common_name)),
    };
    let relation = escape(request.relation.as_str());
    path("issued").join(format!("{relation}={}={name}.json", escape(&request.unit_name)))
}

/// Remote text as part of a file name: everything but letters, digits, `-`, `_` and `.` by its hexadecimal code.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_.".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02x}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
