//! Real certificates, for the real etcd that these tests require.

use std::process::{Command, Stdio};

use layer_etcd::etcd::Credentials;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use tempfile::TempDir;

/// These tests run real members.
pub(crate) fn require_etcd() {
    let found = Command::new("etcd").arg("--version").stdout(Stdio::null()).status();
    assert!(
        found.is_ok(),
        "this test needs `etcd` on PATH: install etcd-server, or use `make test`, which does"
    );
}

/// A certificate authority and what it signed, in a directory.
pub(crate) struct Tls {
    dir: TempDir,
    pub(crate) credentials: Credentials,
}

impl Tls {
    /// One certificate for these addresses, good for servers and clients. Connections between loopback addresses come
    /// from 127.0.0.1, and members check where a certificate comes from.
    pub(crate) fn new(addresses: &[String]) -> Tls {
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).chain(["127.0.0.1"]).collect();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut leaf = CertificateParams::new(Vec::new()).unwrap();
        leaf.subject_alt_names = addresses
            .iter()
            .map(|a| SanType::IpAddress(a.parse().unwrap()))
            .collect();
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let cert = leaf.signed_by(&key, &ca).unwrap();
        let credentials = Credentials {
            ca: ca.pem(),
            cert: cert.pem(),
            key: key.serialize_pem(),
        };
        let dir = tempfile::tempdir().unwrap();
        for (name, pem) in [
            ("ca", &credentials.ca),
            ("cert", &credentials.cert),
            ("key", &credentials.key),
        ] {
            std::fs::write(dir.path().join(name), pem).unwrap();
        }
        Tls { dir, credentials }
    }

    /// Where a file of it is: `ca`, `cert`, `key`.
    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}
