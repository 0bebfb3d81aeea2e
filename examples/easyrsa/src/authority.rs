//! The certificate authority itself: keys and signatures, no files and no Juju.

use std::net::IpAddr;

use interface_tls_certificates::KeyPair;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};
use x509_parser::pem::Pem;

const AUTHORITY_YEARS: i64 = 10;
const CERTIFICATE_DAYS: i64 = 825;
/// A certificate that ends sooner than this is replaced.
const RENEWAL_DAYS: i64 = 60;
/// Machines' clocks differ.
const CLOCK_SKEW: Duration = Duration::hours(1);
/// The longest common name that X.509 allows.
const MAX_COMMON_NAME: usize = 64;

/// A certificate authority that can sign.
pub(crate) struct Authority {
    cert: String,
    not_after: OffsetDateTime,
    issuer: Issuer<'static, rcgen::KeyPair>,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Servers that are also clients of each other, as members of etcd are.
    ServerAndClient,
    /// Clients only.
    Client,
}

/// Why something cannot be signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// A name that no certificate can hold.
    #[error("cannot use {0:?} in a certificate: neither an address nor a host name")]
    Name(String),
    /// The certificate does not belong to the key.
    #[error("certificate and private key do not belong together")]
    Mismatch,
    /// A certificate that cannot be read.
    #[error("cannot read certificate: {0}")]
    Unreadable(String),
    /// The cryptography library failed.
    #[error("cannot make certificate: {0}")]
    Crypto(#[from] rcgen::Error),
}

impl Authority {
    /// Makes a new authority. Returns it with its private key, PEM.
    pub(crate) fn create(name: &str, now: OffsetDateTime) -> Result<(Authority, String), AuthorityError> {
        let key = rcgen::KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = now - CLOCK_SKEW;
        params.not_after = now + Duration::days(AUTHORITY_YEARS * 365);
        let cert = params.self_signed(&key)?.pem();
        let key_pem = key.serialize_pem();
        Ok((Authority::load(cert, &key_pem)?, key_pem))
    }

    /// Takes up an authority from its certificate and key, both PEM, which must belong together.
    pub(crate) fn load(cert: String, key: &str) -> Result<Authority, AuthorityError> {
        let key = rcgen::KeyPair::from_pem(key)?;
        let (public_key, not_after) = {
            let pem = read_pem(&cert)?;
            let parsed = pem
                .parse_x509()
                .map_err(|error| AuthorityError::Unreadable(error.to_string()))?;
            (
                parsed.public_key().subject_public_key.data.to_vec(),
                parsed.validity().not_after.to_datetime(),
            )
        };
        if public_key != key.public_key_raw() {
            return Err(AuthorityError::Mismatch);
        }
        let issuer = Issuer::from_ca_cert_pem(&cert, key)?;
        Ok(Authority {
            cert,
            not_after,
            issuer,
        })
    }

    /// The root certificate, PEM.
    pub(crate) fn cert(&self) -> &str {
        &self.cert
    }

    /// Makes a key and signs a certificate for it. Without other names the common name is the name.
    pub(crate) fn issue(
        &self,
        name: &str,
        sans: &[String],
        usage: Usage,
        now: OffsetDateTime,
    ) -> Result<KeyPair, AuthorityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.subject_alt_names = match (sans.is_empty(), usage) {
            (true, Usage::ServerAndClient) => vec![alternative_name(name)?],
            _ => sans.iter().map(|san| alternative_name(san)).collect::<Result<_, _>>()?,
        };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = match usage {
            Usage::ServerAndClient => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.use_authority_key_identifier_extension = true;
        params.not_before = now - CLOCK_SKEW;
        params.not_after = (now + Duration::days(CERTIFICATE_DAYS)).min(self.not_after);
        let key = rcgen::KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?.pem();
        Ok(KeyPair {
            cert,
            key: key.serialize_pem(),
        })
    }

    /// Whether a certificate is of this authority and does not end soon (or ends with the authority).
    pub(crate) fn vouches_for(&self, cert: &str, now: OffsetDateTime) -> Result<bool, AuthorityError> {
        let (own, pem) = (read_pem(&self.cert)?, read_pem(cert)?);
        let unreadable = |error: x509_parser::asn1_rs::Err<x509_parser::error::X509Error>| {
            AuthorityError::Unreadable(error.to_string())
        };
        let (own, parsed) = (
            own.parse_x509().map_err(unreadable)?,
            pem.parse_x509().map_err(unreadable)?,
        );
        let signed = parsed.verify_signature(Some(own.public_key())).is_ok();
        let end = parsed.validity().not_after.to_datetime();
        Ok(signed && (end - now > Duration::days(RENEWAL_DAYS) || end >= self.not_after))
    }
}

fn read_pem(text: &str) -> Result<Pem, AuthorityError> {
    let parsed = x509_parser::pem::parse_x509_pem(text.as_bytes());
    parsed
        .map(|(_, pem)| pem)
        .map_err(|error| AuthorityError::Unreadable(error.to_string()))
}

fn common_name(name: &str) -> DistinguishedName {
    let short: String = name.chars().take(MAX_COMMON_NAME).collect();
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, short);
    distinguished
}

fn alternative_name(text: &str) -> Result<SanType, AuthorityError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let is_host_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._*".contains(c));
    let name = text.try_into().map_err(|_| AuthorityError::Name(text.to_owned()))?;
    if is_host_name {
        Ok(SanType::DnsName(name))
    } else {
        Err(AuthorityError::Name(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::extensions::GeneralName;
    use x509_parser::prelude::X509Certificate;

    const NOW: OffsetDateTime = time::macros::datetime!(2030-01-01 00:00 UTC);

    fn authority() -> Authority {
        Authority::create("test authority", NOW).unwrap().0
    }

    fn names(cert: &X509Certificate<'_>) -> Vec<String> {
        let extension = cert.subject_alternative_name().unwrap().unwrap();
        let name = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => format!("DNS:{name}"),
            GeneralName::IPAddress(bytes) => format!("IP:{bytes:?}"),
            other => format!("{other:?}"),
        };
        extension.value.general_names.iter().map(name).collect()
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn the_root_is_a_certificate_authority_for_ten_years() {
        let authority = authority();
        let pem = read_pem(authority.cert()).unwrap();
        let root = pem.parse_x509().unwrap();
        assert!(root.is_ca());
        assert!(root.verify_signature(None).is_ok());
        assert_eq!(root.validity().not_after.to_datetime() - NOW, Duration::days(3650));
        assert!(root.validity().not_before.to_datetime() < NOW);
        assert!(root.key_usage().unwrap().unwrap().value.key_cert_sign());
    }

    #[test]
    fn server_certificates_are_signed_named_and_serve_both_sides() {
        let authority = authority();
        let sans = texts(&["10.0.0.1", "fd00::1", "node-1.local"]);
        let pair = authority.issue("10.0.0.1", &sans, Usage::ServerAndClient, NOW).unwrap();
        let (root, pem) = (read_pem(authority.cert()).unwrap(), read_pem(&pair.cert).unwrap());
        let (root, cert) = (root.parse_x509().unwrap(), pem.parse_x509().unwrap());
        assert!(cert.verify_signature(Some(root.public_key())).is_ok());
        assert_eq!(cert.issuer(), root.subject());
        assert_eq!(cert.subject().to_string(), "CN=10.0.0.1");
        let ipv6 = "IP:[253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]";
        assert_eq!(names(&cert), ["IP:[10, 0, 0, 1]", ipv6, "DNS:node-1.local"]);
        let usage = cert.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && usage.client_auth);
        assert!(!cert.is_ca());
        assert_eq!(
            cert.validity().not_after.to_datetime() - NOW,
            Duration::days(CERTIFICATE_DAYS)
        );
        let key = rcgen::KeyPair::from_pem(&pair.key).unwrap();
        assert_eq!(key.public_key_raw(), &*cert.public_key().subject_public_key.data);
    }

    #[test]
    fn client_certificates_do_not_serve() {
        let pair = authority().issue("client", &[], Usage::Client, NOW).unwrap();
        let pem = read_pem(&pair.cert).unwrap();
        let cert = pem.parse_x509().unwrap();
        let usage = cert.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
        assert!(cert.subject_alternative_name().unwrap().is_none());
    }

    #[test]
    fn a_server_without_other_names_is_named_by_its_common_name() {
        let pair = authority()
            .issue("web.local", &[], Usage::ServerAndClient, NOW)
            .unwrap();
        let pem = read_pem(&pair.cert).unwrap();
        assert_eq!(names(&pem.parse_x509().unwrap()), ["DNS:web.local"]);
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for bad in ["", "two words", "straße.de", "a/b"] {
            let error = authority()
                .issue("x", &texts(&[bad]), Usage::ServerAndClient, NOW)
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("cannot use {bad:?} in a certificate: neither an address nor a host name")
            );
        }
    }

    #[test]
    fn an_authority_is_taken_up_again_only_with_its_own_key() {
        let (first, first_key) = Authority::create("one", NOW).unwrap();
        let (_, other_key) = Authority::create("two", NOW).unwrap();
        let again = Authority::load(first.cert().to_owned(), &first_key).unwrap();
        let pair = again.issue("x", &[], Usage::ServerAndClient, NOW).unwrap();
        assert!(first.vouches_for(&pair.cert, NOW).unwrap());
        let error = Authority::load(first.cert().to_owned(), &other_key).err().unwrap();
        assert_eq!(error.to_string(), "certificate and private key do not belong together");
        assert!(Authority::load("garbage".to_owned(), &first_key).is_err());
    }

    #[test]
    fn certificates_that_end_soon_or_are_of_another_are_not_vouched_for() {
        let (one, two) = (authority(), authority());
        let pair = one.issue("x", &[], Usage::ServerAndClient, NOW).unwrap();
        assert!(one.vouches_for(&pair.cert, NOW).unwrap());
        assert!(!two.vouches_for(&pair.cert, NOW).unwrap());
        assert!(
            !one.vouches_for(&pair.cert, NOW + Duration::days(CERTIFICATE_DAYS - RENEWAL_DAYS))
                .unwrap()
        );
    }

    #[test]
    fn certificates_end_with_the_authority_at_the_latest_and_are_not_renewed_then() {
        let authority = authority();
        let late = NOW + Duration::days(3600);
        let pair = authority.issue("x", &[], Usage::ServerAndClient, late).unwrap();
        let pem = read_pem(&pair.cert).unwrap();
        let cert = pem.parse_x509().unwrap();
        assert_eq!(cert.validity().not_after.to_datetime(), authority.not_after);
        assert!(authority.vouches_for(&pair.cert, late).unwrap());
    }
}
