//! The keys of the interface and what stands under them: pure functions on relation data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use juju::{Databag, UnitName};
use serde::{Deserialize, Serialize};

const UNIT_NAME: &str = "unit_name";
const COMMON_NAME: &str = "common_name";
const SANS: &str = "sans";
const CERTIFICATE_NAME: &str = "certificate_name";
const CERT_REQUESTS: &str = "cert_requests";
const CLIENT_CERT_REQUESTS: &str = "client_cert_requests";
const CA: &str = "ca";
const CHAIN: &str = "chain";
const CLIENT_CERT: &str = "client.cert";
const CLIENT_KEY: &str = "client.key";

/// A certificate and its private key, both PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// The certificate.
    pub cert: String,
    /// The private key.
    pub key: String,
}

impl fmt::Debug for KeyPair {
    /// Without the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}

/// What a unit asks for as its server certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerRequest {
    /// The subject's common name.
    pub common_name: String,
    /// Subject alternative names: host names and addresses.
    pub sans: Vec<String>,
    /// A name for the authority's files.
    pub certificate_name: String,
}

/// Which of the request keys a request came in by; it decides where the answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// The plain keys: one server certificate.
    FirstServer,
    /// `cert_requests`: further server certificates.
    Server,
    /// `client_cert_requests`.
    Client,
}

/// A request as it stands in a requirer's bag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireRequest {
    /// The prefix that the answer carries.
    pub unit_name: String,
    /// Where it stood.
    pub kind: RequestKind,
    /// The subject's common name.
    pub common_name: String,
    /// Subject alternative names, sorted, each once.
    pub sans: Vec<String>,
    /// A name for the authority's files.
    pub certificate_name: Option<String>,
}

/// Relation data that is not what the interface says.
#[derive(Debug, thiserror::Error)]
#[error("cannot read relation data of {party}: key `{key}`")]
pub struct WireError {
    /// Whose bag it is.
    pub party: String,
    /// The key.
    pub key: String,
    /// What is wrong.
    #[source]
    pub source: serde_json::Error,
}

/// The name of a unit as it stands in relation data: `etcd_0`.
pub fn unit_name(unit: &UnitName) -> String {
    unit.as_str().replace('/', "_")
}

/// What the requirer writes to ask for its server certificate.
pub fn server_request(unit: &UnitName, request: &ServerRequest) -> Databag {
    let sans = serde_json::Value::from(normal(&request.sans)).to_string();
    Databag::from([
        (UNIT_NAME.to_owned(), unit_name(unit)),
        (COMMON_NAME.to_owned(), request.common_name.clone()),
        (SANS.to_owned(), sans),
        (CERTIFICATE_NAME.to_owned(), request.certificate_name.clone()),
    ])
}

/// Whether the requirer's own bag holds a request.
pub fn is_requested(own: &Databag) -> bool {
    own.contains_key(UNIT_NAME) && own.contains_key(COMMON_NAME)
}

/// The requests in a remote unit's bag.
pub fn requests(unit: &UnitName, bag: &Databag) -> Result<Vec<WireRequest>, WireError> {
    let prefix = bag.get(UNIT_NAME).cloned().unwrap_or_else(|| unit_name(unit));
    let mut found = Vec::new();
    if let Some(common_name) = bag.get(COMMON_NAME) {
        let sans: Option<Vec<String>> = json(unit, bag, SANS)?.flatten();
        found.push(WireRequest {
            unit_name: prefix.clone(),
            kind: RequestKind::FirstServer,
            common_name: common_name.clone(),
            sans: normal(&sans.unwrap_or_default()),
            certificate_name: bag.get(CERTIFICATE_NAME).cloned(),
        });
    }
    for (key, kind) in [
        (CERT_REQUESTS, RequestKind::Server),
        (CLIENT_CERT_REQUESTS, RequestKind::Client),
    ] {
        let batch: Option<BTreeMap<String, Asked>> = json(unit, bag, key)?.flatten();
        found.extend(
            batch
                .unwrap_or_default()
                .into_iter()
                .map(|(common_name, asked)| WireRequest {
                    unit_name: prefix.clone(),
                    kind,
                    common_name,
                    sans: normal(&asked.sans.unwrap_or_default()),
                    certificate_name: asked.certificate_name,
                }),
        );
    }
    Ok(found)
}

/// The answer to a request in the provider's own bag.
pub fn answer_of(own: &Databag, request: &WireRequest) -> Result<Option<KeyPair>, WireError> {
    match request.kind {
        RequestKind::FirstServer => Ok(server(own, &request.unit_name)),
        _ => Ok(processed(own, request)?.remove(&request.common_name)),
    }
}

/// What the provider writes to answer a request. Answers to other requests of the unit stay.
pub fn answer(own: &Databag, request: &WireRequest, pair: &KeyPair) -> Result<Databag, WireError> {
    if request.kind == RequestKind::FirstServer {
        let [cert, key] = server_keys(&request.unit_name);
        return Ok(Databag::from([(cert, pair.cert.clone()), (key, pair.key.clone())]));
    }
    let mut answers = processed(own, request)?;
    answers.insert(request.common_name.clone(), pair.clone());
    let key = processed_key(request);
    let text = serde_json::to_string(&answers).map_err(|source| wire_error("this unit", &key, source))?;
    Ok(Databag::from([(key, text)]))
}

/// All keys that answers to a unit can stand under; they go when the unit has gone.
pub fn answer_keys(unit_name: &str) -> Vec<String> {
    const KEYS: [&str; 4] = [
        "server.cert",
        "server.key",
        "processed_requests",
        "processed_client_requests",
    ];
    KEYS.iter().map(|key| format!("{unit_name}.{key}")).collect()
}

/// What the provider writes for everybody.
pub fn ca_entries(ca: &str, chain: Option<&str>) -> Vec<(&'static str, Option<String>)> {
    vec![(CA, Some(ca.to_owned())), (CHAIN, chain.map(str::to_owned))]
}

/// What the provider writes as the shared client certificate.
pub fn client_entries(pair: &KeyPair) -> [(&'static str, String); 2] {
    [(CLIENT_CERT, pair.cert.clone()), (CLIENT_KEY, pair.key.clone())]
}

/// What all units of the authority say, the most complete first.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    unit_name: String,
    bags: Vec<Databag>,
}

impl Answers {
    /// Orders the bags of the authority's units, given in order of their numbers, for a requirer.
    pub fn new(unit: &UnitName, mut bags: Vec<Databag>) -> Answers {
        let unit_name = unit_name(unit);
        bags.sort_by_key(|bag| {
            let (ca, server, client) = (
                bag.contains_key(CA),
                server(bag, &unit_name).is_some(),
                client(bag).is_some(),
            );
            // The certificate that this unit serves with decides whose root it trusts.
            std::cmp::Reverse((
                ca && server,
                usize::from(ca) + usize::from(server) + usize::from(client),
            ))
        });
        Answers { unit_name, bags }
    }

    /// The root certificate.
    pub fn ca(&self) -> Option<String> {
        self.bags.iter().find_map(|bag| bag.get(CA).cloned())
    }

    /// The intermediate certificates that belong to [`Answers::ca`].
    pub fn chain(&self) -> Option<String> {
        let ca = self.ca();
        self.bags
            .iter()
            .filter(|bag| bag.get(CA) == ca.as_ref())
            .find_map(|bag| bag.get(CHAIN).cloned())
    }

    /// The answer to the unit's server request, if both halves are there.
    pub fn server(&self) -> Option<KeyPair> {
        self.bags.iter().find_map(|bag| server(bag, &self.unit_name))
    }

    /// The shared client certificate, if both halves are there.
    pub fn client(&self) -> Option<KeyPair> {
        self.bags.iter().find_map(client)
    }
}

/// One request in a batch.
#[derive(Deserialize)]
struct Asked {
    sans: Option<Vec<String>>,
    certificate_name: Option<String>,
}

/// Sorted, each name once: the form in which sets of names are compared.
pub(crate) fn normal(sans: &[String]) -> Vec<String> {
    sans.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

fn server_keys(unit_name: &str) -> [String; 2] {
    [format!("{unit_name}.server.cert"), format!("{unit_name}.server.key")]
}

fn server(bag: &Databag, unit_name: &str) -> Option<KeyPair> {
    let [cert, key] = server_keys(unit_name);
    pair(bag, &cert, &key)
}

fn client(bag: &Databag) -> Option<KeyPair> {
    pair(bag, CLIENT_CERT, CLIENT_KEY)
}

fn pair(bag: &Databag, cert: &str, key: &str) -> Option<KeyPair> {
    Some(KeyPair {
        cert: bag.get(cert)?.clone(),
        key: bag.get(key)?.clone(),
    })
}

fn processed_key(request: &WireRequest) -> String {
    let what = if request.kind == RequestKind::Client {
        "processed_client_requests"
    } else {
        "processed_requests"
    };
    format!("{}.{what}", request.unit_name)
}

fn processed(own: &Databag, request: &WireRequest) -> Result<BTreeMap<String, KeyPair>, WireError> {
    let key = processed_key(request);
    let Some(text) = own.get(&key) else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_str(text).map_err(|source| wire_error("this unit", &key, source))
}

fn json<T: serde::de::DeserializeOwned>(unit: &UnitName, bag: &Databag, key: &str) -> Result<Option<T>, WireError> {
    bag.get(key)
        .map(|text| serde_json::from_str(text).map_err(|source| wire_error(&format!("unit {unit}"), key, source)))
        .transpose()
}

fn wire_error(party: &str, key: &str, source: serde_json::Error) -> WireError {
    WireError {
        party: party.to_owned(),
        key: key.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitName {
        UnitName::try_from(name).unwrap()
    }

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn key_pair(tag: &str) -> KeyPair {
        KeyPair {
            cert: format!("{tag}-cert"),
            key: format!("{tag}-key"),
        }
    }

    #[test]
    fn what_a_requirer_writes() {
        let request = ServerRequest {
            common_name: "10.0.0.1".into(),
            sans: vec!["node".into(), "10.0.0.1".into(), "node".into()],
            certificate_name: "etcd_0".into(),
        };
        let written = server_request(&unit("etcd/0"), &request);
        let expected = [
            ("unit_name", "etcd_0"),
            ("common_name", "10.0.0.1"),
            ("sans", r#"["10.0.0.1","node"]"#),
            ("certificate_name", "etcd_0"),
        ];
        assert_eq!(written, bag(&expected));
        assert!(is_requested(&written));
        assert!(!is_requested(&bag(&[("ingress-address", "10.0.0.1")])));
    }

    #[test]
    fn what_the_python_requirer_writes_is_read() {
        let remote = bag(&[
            ("egress-subnets", "10.0.0.1/32"),
            ("unit_name", "kubernetes-control-plane_0"),
            ("common_name", "kubernetes"),
            ("sans", r#"["b", "a", "b"]"#),
            ("certificate_name", "x"),
            ("cert_requests", r#"{"second": {"sans": ["z"]}}"#),
            (
                "client_cert_requests",
                r#"{"admin": {"sans": []}, "proxy": {"sans": null}}"#,
            ),
        ]);
        let found = requests(&unit("kubernetes-control-plane/0"), &remote).unwrap();
        let short: Vec<_> = found
            .iter()
            .map(|r| (r.kind, r.common_name.as_str(), r.sans.join(",")))
            .collect();
        assert_eq!(
            short,
            [
                (RequestKind::FirstServer, "kubernetes", "a,b".to_owned()),
                (RequestKind::Server, "second", "z".to_owned()),
                (RequestKind::Client, "admin", String::new()),
                (RequestKind::Client, "proxy", String::new()),
            ]
        );
        assert!(found.iter().all(|r| r.unit_name == "kubernetes-control-plane_0"));
    }

    #[test]
    fn a_requirer_without_unit_name_is_known_by_its_unit() {
        let found = requests(&unit("etcd/3"), &bag(&[("common_name", "c")])).unwrap();
        assert_eq!((found[0].unit_name.as_str(), found[0].sans.len()), ("etcd_3", 0));
        assert!(
            requests(&unit("etcd/3"), &bag(&[("unit_name", "etcd_3")]))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn malformed_requests_name_unit_and_key() {
        let error = requests(&unit("etcd/3"), &bag(&[("common_name", "c"), ("sans", "a,b")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read relation data of unit etcd/3: key `sans`"
        );
        assert!(requests(&unit("etcd/3"), &bag(&[("cert_requests", "[]")])).is_err());
    }

    #[test]
    fn answers_go_where_the_interface_says() {
        let ask = |kind| WireRequest {
            unit_name: "etcd_0".into(),
            kind,
            common_name: "cn".into(),
            sans: vec![],
            certificate_name: None,
        };
        let mut own = Databag::new();
        assert_eq!(answer_of(&own, &ask(RequestKind::FirstServer)).unwrap(), None);
        own.extend(answer(&own, &ask(RequestKind::FirstServer), &key_pair("s")).unwrap());
        own.extend(answer(&own, &ask(RequestKind::Client), &key_pair("c")).unwrap());
        let other = WireRequest {
            common_name: "other".into(),
            ..ask(RequestKind::Client)
        };
        own.extend(answer(&own, &other, &key_pair("o")).unwrap());
        let expected = [
            ("etcd_0.server.cert", "s-cert"),
            ("etcd_0.server.key", "s-key"),
            (
                "etcd_0.processed_client_requests",
                r#"{"cn":{"cert":"c-cert","key":"c-key"},"other":{"cert":"o-cert","key":"o-key"}}"#,
            ),
        ];
        assert_eq!(own, bag(&expected));
        assert_eq!(answer_of(&own, &ask(RequestKind::Client)).unwrap(), Some(key_pair("c")));
        assert_eq!(answer_of(&own, &ask(RequestKind::Server)).unwrap(), None);
    }

    #[test]
    fn what_a_provider_writes_is_read_for_the_own_unit_only() {
        let provider = bag(&[
            ("ca", "root"),
            ("client.cert", "c"),
            ("client.key", "k"),
            ("etcd_0.server.cert", "s0"),
            ("etcd_0.server.key", "k0"),
            ("etcd_10.server.cert", "s10"),
        ]);
        let answers = Answers::new(&unit("etcd/0"), vec![provider.clone()]);
        assert_eq!(answers.ca().as_deref(), Some("root"));
        assert_eq!(answers.chain(), None);
        assert_eq!(
            answers.server(),
            Some(KeyPair {
                cert: "s0".into(),
                key: "k0".into()
            })
        );
        assert_eq!(
            answers.client(),
            Some(KeyPair {
                cert: "c".into(),
                key: "k".into()
            })
        );
        assert_eq!(Answers::new(&unit("etcd/1"), vec![provider.clone()]).server(), None);
        assert_eq!(
            Answers::new(&unit("etcd/10"), vec![provider]).server(),
            None,
            "a certificate without its key is no answer"
        );
    }

    #[test]
    fn several_units_are_merged_without_mixing_their_halves() {
        let old = bag(&[("ca", "old"), ("etcd_0.server.cert", "half"), ("chain", "old-chain")]);
        let new = bag(&[
            ("ca", "new"),
            ("etcd_0.server.cert", "s"),
            ("etcd_0.server.key", "k"),
            ("client.cert", "c"),
            ("client.key", "ck"),
        ]);
        let answers = Answers::new(&unit("etcd/0"), vec![Databag::new(), old, new]);
        assert_eq!(answers.ca().as_deref(), Some("new"));
        assert_eq!(answers.chain(), None, "the chain of another authority");
        assert_eq!(answers.server().unwrap().cert, "s");
        assert_eq!(answers.client().unwrap().key, "ck");
    }

    #[test]
    fn the_root_comes_with_the_server_certificate() {
        let without = bag(&[("ca", "other"), ("client.cert", "c"), ("client.key", "k")]);
        let with = bag(&[("ca", "mine"), ("etcd_0.server.cert", "s"), ("etcd_0.server.key", "k")]);
        let answers = Answers::new(&unit("etcd/0"), vec![without, with]);
        assert_eq!(answers.ca().as_deref(), Some("mine"));
        assert_eq!(answers.client().unwrap().cert, "c");
    }

    #[test]
    fn private_keys_do_not_show() {
        assert!(!format!("{:?}", key_pair("x")).contains("x-key"));
    }
}
