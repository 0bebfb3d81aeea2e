//! The keys of `db` and what stands under them: pure functions on relation data.

use std::fmt;

use juju::Databag;

const CONNECTION_STRING: &str = "connection_string";
const VERSION: &str = "version";
const CA: &str = "client_ca";
const CERT: &str = "client_cert";
const KEY: &str = "client_key";

/// All a client needs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Client URLs of the members.
    pub endpoints: Vec<String>,
    /// etcd's version number; empty if the provider does not say, which those of the 2.x series do not.
    pub version: String,
    /// The authority that signed the members' certificates, PEM.
    pub ca: String,
    /// The client's certificate, PEM.
    pub cert: String,
    /// The client's private key, PEM.
    pub key: String,
}

impl fmt::Debug for Connection {
    /// Without the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("endpoints", &self.endpoints)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What a provider writes.
pub fn provide(connection: &Connection) -> Databag {
    Databag::from([
        (CONNECTION_STRING.to_owned(), connection_string(&connection.endpoints)),
        (VERSION.to_owned(), connection.version.clone()),
        (CA.to_owned(), connection.ca.clone()),
        (CERT.to_owned(), connection.cert.clone()),
        (KEY.to_owned(), connection.key.clone()),
    ])
}

/// The endpoints joined by commas, each once, sorted as text by address.
pub fn connection_string(endpoints: &[String]) -> String {
    let mut sorted: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    sorted.sort_by_key(|endpoint| (address(endpoint), *endpoint));
    sorted.dedup();
    sorted.join(",")
}

/// The endpoints that some provider has published, without regard to credentials.
pub fn endpoints(bags: &[Databag]) -> Option<Vec<String>> {
    bags.iter().find_map(endpoints_of)
}

/// The first complete set of values among the providers' bags, given in order of their units' numbers.
pub fn connection(bags: &[Databag]) -> Option<Connection> {
    bags.iter().find_map(|bag| {
        let text = |key: &str| bag.get(key).filter(|value| !value.is_empty()).cloned();
        Some(Connection {
            endpoints: endpoints_of(bag)?,
            version: text(VERSION).unwrap_or_default(),
            ca: text(CA)?,
            cert: text(CERT)?,
            key: text(KEY)?,
        })
    })
}

fn endpoints_of(bag: &Databag) -> Option<Vec<String>> {
    let text = bag.get(CONNECTION_STRING)?;
    let endpoints: Vec<String> = text
        .split(',')
        .map(str::trim)
        .filter(|url| !url.is_empty())
        .map(str::to_owned)
        .collect();
    (!endpoints.is_empty()).then_some(endpoints)
}

/// The address in a URL, without scheme, port and brackets.
fn address(endpoint: &str) -> &str {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => rest.split([':', '/']).next().unwrap_or(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn complete(tag: &str) -> Databag {
        bag(&[
            ("connection_string", &format!("https://{tag}:2379")),
            ("client_ca", "ca"),
            ("client_cert", "cert"),
            ("client_key", tag),
        ])
    }

    #[test]
    fn addresses_are_sorted_as_text_and_named_once() {
        let urls = [
            "https://10.0.0.2:2379",
            "https://10.0.0.1:2379",
            "https://10.0.0.10:2379",
            "https://[fd00::1]:2379",
            "https://10.0.0.2:2379",
        ];
        let expected = "https://10.0.0.1:2379,https://10.0.0.10:2379,https://10.0.0.2:2379,https://[fd00::1]:2379";
        assert_eq!(connection_string(&urls.map(str::to_owned)), expected);
    }

    #[test]
    fn what_a_provider_writes() {
        let connection = Connection {
            endpoints: vec!["https://b:2379".into(), "https://a:2379".into()],
            version: "3.5.0".into(),
            ca: "CA".into(),
            cert: "CERT".into(),
            key: "KEY".into(),
        };
        let expected = [
            ("connection_string", "https://a:2379,https://b:2379"),
            ("version", "3.5.0"),
            ("client_ca", "CA"),
            ("client_cert", "CERT"),
            ("client_key", "KEY"),
        ];
        assert_eq!(provide(&connection), bag(&expected));
        assert!(!format!("{connection:?}").contains("KEY"));
    }

    #[test]
    fn values_of_two_units_are_never_mixed() {
        let mut half = complete("half");
        half.remove("client_key");
        let found = connection(&[Databag::new(), half.clone(), complete("whole")]).unwrap();
        assert_eq!(
            (found.endpoints, found.key.as_str()),
            (vec!["https://whole:2379".to_owned()], "whole")
        );
        assert_eq!(connection(&[half.clone()]), None);
        assert_eq!(endpoints(&[half]), Some(vec!["https://half:2379".to_owned()]));
    }

    #[test]
    fn an_old_provider_does_not_tell_its_version() {
        assert_eq!(connection(&[complete("x")]).unwrap().version, "");
    }

    #[test]
    fn nothing_is_available_before_the_provider_writes() {
        let joined = bag(&[("ingress-address", "10.0.0.1"), ("connection_string", "")]);
        let bags = [joined];
        assert_eq!((endpoints(&bags), connection(&bags)), (None, None));
    }
}
