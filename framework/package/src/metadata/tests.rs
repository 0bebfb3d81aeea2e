//! Metadata that is read, and metadata that is refused.

use super::*;
use crate::storage::StorageKind;

const HEAD: &str = "name: a\nsummary: s\ndescription: d\n";

fn parse(rest: &str) -> Result<Metadata, MetadataError> {
    Metadata::parse("metadata.yaml", &format!("{HEAD}{rest}"))
}

#[track_caller]
fn error(rest: &str) -> String {
    parse(rest).unwrap_err().to_string()
}

#[test]
fn a_whole_file_is_read() {
    let metadata = parse(
        "provides:\n  db: etcd\n  proxy: {interface: etcd-proxy, optional: true}\nrequires:\n  certificates: {interface: tls-certificates, limit: 1}\npeers:\n  cluster: etcd\nstorage:\n  data: {type: block, multiple: {range: 0-1}}\nresources:\n  snapshot: {type: file, filename: s.tgz, upstream-source: x}\nextra-bindings:\n  mgmt:\ntags: [database]\nunknown-key: 5\n",
    )
    .unwrap();
    let expected = Endpoint {
        interface: "etcd".to_owned(),
        role: Role::Provider,
        scope: Scope::Global,
        limit: None,
        optional: false,
    };
    assert_eq!(metadata.endpoint("db"), Some(&expected));
    assert_eq!(metadata.endpoint("certificates").unwrap().limit, Some(1));
    assert_eq!(metadata.endpoint("certificates").unwrap().role, Role::Requirer);
    assert_eq!(metadata.endpoint("cluster").unwrap().role, Role::Peer);
    assert_eq!(metadata.endpoint("juju-info"), None);
    assert_eq!(
        metadata.endpoints().map(|(name, _)| name).collect::<Vec<_>>(),
        ["db", "proxy", "certificates", "cluster"]
    );
    assert_eq!(metadata.storage["data"].kind, StorageKind::Block);
    assert_eq!(metadata.resources["snapshot"].filename, "s.tgz");
    assert_eq!(metadata.tags, ["database"]);
    let json = serde_json::to_string(&metadata).unwrap();
    assert_eq!(serde_json::from_str::<Metadata>(&json).unwrap(), metadata);
}

#[test]
fn keys_without_values_are_empty() {
    let metadata = parse("provides:\nrequires:\ntags:\nstorage:\n").unwrap();
    assert!(metadata.provides.is_empty() && metadata.tags.is_empty());
}

#[test]
fn required_keys() {
    let text = |yaml: &str| Metadata::parse("metadata.yaml", yaml).unwrap_err().to_string();
    assert_eq!(
        text("name: a\ndescription: d"),
        "metadata: summary: expected string, got nothing"
    );
    assert_eq!(
        text("summary: a\ndescription: d"),
        "metadata: name: expected string, got nothing"
    );
    assert!(text("").starts_with("metadata"), "{}", text(""));
    assert!(Metadata::parse("metadata.yaml", "name: a\nsummary: ''\ndescription: ''").is_ok());
    assert_eq!(
        text("name: A_b\nsummary: ''\ndescription: ''"),
        "charm name \"A_b\" not valid"
    );
}

#[test]
fn shape_errors_say_where() {
    assert!(
        error("provides:\n  db: [etcd]\n").starts_with("metadata.yaml:5:3: "),
        "{}",
        error("provides:\n  db: [etcd]\n")
    );
    assert!(error("subordinate: maybe\n").starts_with("metadata.yaml:4:14: "));
}

#[test]
fn names_that_belong_to_juju_or_are_no_names() {
    assert_eq!(
        error("provides: {juju: blob}"),
        "charm \"a\" using a reserved relation name: \"juju\""
    );
    assert_eq!(
        error("requires: {juju-crackle: blub}"),
        "charm \"a\" using a reserved relation name: \"juju-crackle\""
    );
    assert_eq!(
        error("peers: {innocuous: juju}"),
        "charm \"a\" relation \"innocuous\" using a reserved interface: \"juju\""
    );
    assert_eq!(
        error("provides: {x: juju-info}"),
        "charm \"a\" relation \"x\" using a reserved interface: \"juju-info\""
    );
    assert!(parse("requires: {x: juju-info}").is_ok());
    assert_eq!(
        error("provides: {2x: ping}"),
        "charm \"a\" has an invalid relation name: \"2x\""
    );
    assert_eq!(
        error("provides: {x: {limit: 1}}"),
        "metadata: provides.x.interface: expected string, got nothing"
    );
}

#[test]
fn a_name_stands_in_one_map_only() {
    for rest in [
        "provides: {foo: ping}\nrequires: {foo: pong}",
        "requires: {foo: ping}\npeers: {foo: pong}",
        "provides: {foo: ping}\npeers: {foo: pong}",
    ] {
        assert_eq!(error(rest), "charm \"a\" using a duplicated relation name: \"foo\"");
    }
}

#[test]
fn subordinates() {
    assert_eq!(
        error("subordinate: true\nrequires: {x: ping}"),
        "subordinate charm \"a\" lacks \"requires\" relation with container scope"
    );
    assert!(parse("subordinate: true\nrequires:\n  juju-info: {interface: juju-info, scope: container}").is_ok());
}

#[test]
fn extra_bindings() {
    assert_eq!(
        error("provides: {x: ping}\nextra-bindings: {x: }"),
        "charm \"a\" has invalid extra bindings: relation names (x) cannot be used in extra bindings"
    );
}

#[test]
fn storage_and_resources() {
    assert_eq!(
        error("storage: {d: {type: block, location: /x}}"),
        "charm \"a\" storage \"d\": location may not be specified for \"type: block\""
    );
    assert_eq!(
        error("storage: {d: {type: filesystem, location: /var/lib/juju/storage/x}}"),
        "charm \"a\" storage \"d\": invalid location \"/var/lib/juju/storage/x\": must not fall within \"/var/lib/juju/storage\""
    );
    assert_eq!(
        error("storage: {d: {type: filesystem, properties: [fast]}}"),
        "charm \"a\" storage \"d\": properties: unexpected value \"fast\""
    );
    assert_eq!(
        error("resources: {r: {type: file}}"),
        "invalid resource \"r\": resource missing filename"
    );
    assert_eq!(
        error("resources: {r: {type: file, filename: a/b}}"),
        "invalid resource \"r\": filename cannot contain \"/\" (got \"a/b\")"
    );
    assert!(parse("resources: {r: {type: oci-image}}").is_ok());
}

#[test]
fn the_two_formats_do_not_mix() {
    assert_eq!(
        error("series: [focal]\ncontainers: {foo: {resource: x}}"),
        "ambiguous metadata: keys \"series\" cannot be used with \"containers\""
    );
    let v1 = parse("series: [focal]").unwrap();
    assert_eq!(
        v1.check_format(true).unwrap_err().to_string(),
        "metadata v2 manifest.yaml with series slice not valid"
    );
    assert!(v1.check_format(false).is_ok());
    let v2 = parse("assumes: [juju >= 3.1]").unwrap();
    assert_eq!(
        v2.check_format(false).unwrap_err().to_string(),
        "assumes in metadata v1 not valid"
    );
    assert!(v2.check_format(true).is_ok());
}
