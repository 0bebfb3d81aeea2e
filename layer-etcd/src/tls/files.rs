//! The five certificate files: where they are, and how they are written.

use std::path::{Path, PathBuf};

use charm::host::Host;
use charm::prelude::*;

use crate::etcd::Credentials;

const DIRECTORY: &str = "/etc/ssl/etcd";

/// The authority's certificate.
pub(crate) fn ca() -> PathBuf {
    at("ca.crt")
}

/// The member's certificate, for clients and other members alike.
pub(crate) fn server_cert() -> PathBuf {
    at("server.crt")
}

/// The key of the member's certificate.
pub(crate) fn server_key() -> PathBuf {
    at("server.key")
}

/// The certificate that the charm itself and all clients use.
pub(crate) fn client_cert() -> PathBuf {
    at("client.crt")
}

/// The key of the client certificate.
pub(crate) fn client_key() -> PathBuf {
    at("client.key")
}

fn at(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// What the authority gave, ready to be written.
#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) ca: String,
    pub(crate) chain: Option<String>,
    pub(crate) server_cert: String,
    pub(crate) server_key: String,
    pub(crate) client_cert: String,
    pub(crate) client_key: String,
}

/// Writes all five files. Key and certificate of a pair are renamed into place back to back, since etcd reads both at
/// every handshake. Returns whether the authority changed, which etcd reads only when it starts.
pub(crate) fn write(host: &dyn Host, bundle: &Bundle) -> Result<bool> {
    host.create_dir(Path::new(DIRECTORY), 0o755)?;
    let changed = host.write(&ca(), terminated(&bundle.ca).as_bytes(), 0o644)?;
    let chain = bundle.chain.as_deref().unwrap_or_default();
    for (key, key_file, cert, cert_file) in [
        (&bundle.server_key, server_key(), &bundle.server_cert, server_cert()),
        (&bundle.client_key, client_key(), &bundle.client_cert, client_cert()),
    ] {
        let chained = format!("{}{}", terminated(cert), terminated(chain));
        host.write(&key_file, terminated(key).as_bytes(), 0o600)?;
        host.write(&cert_file, chained.as_bytes(), 0o644)?;
    }
    Ok(changed)
}

/// The client certificate on disk, if it is there.
pub(crate) fn credentials(host: &dyn Host) -> Result<Option<Credentials>> {
    let (Some(ca), Some(cert), Some(key)) = (
        text(host, &ca())?,
        text(host, &client_cert())?,
        text(host, &client_key())?,
    ) else {
        return Ok(None);
    };
    Ok(Some(Credentials { ca, cert, key }))
}

fn text(host: &dyn Host, path: &Path) -> Result<Option<String>> {
    Ok(host
        .read(path)?
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// PEM texts are joined by lines, so each ends with one.
fn terminated(pem: &str) -> String {
    match pem.trim_end() {
        "" => String::new(),
        text => format!("{text}\n"),
    }
}
