//! What is made once stays; what is half there is not made good silently.

use super::*;
use charm::host::SimulatedHost;
use charm::juju::RelationId;

fn machine() -> (Rc<SimulatedHost>, Keep) {
    let host = Rc::new(SimulatedHost::new());
    (Rc::clone(&host), Keep::new(host))
}

fn request(kind: RequestKind, common_name: &str, sans: &[&str]) -> Request {
    Request {
        relation: RelationId::try_from("client:1").unwrap(),
        unit_name: "etcd_0".to_owned(),
        kind,
        common_name: common_name.to_owned(),
        sans: sans.iter().map(|san| (*san).to_owned()).collect(),
        certificate_name: None,
    }
}

fn server(sans: &[&str]) -> Request {
    request(RequestKind::FirstServer, "10.0.0.1", sans)
}

#[track_caller]
fn broken(keep: &Keep, published: Option<&str>) -> String {
    match keep.authority("test", published) {
        Err(error @ KeepError::Broken(_)) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the authority was taken up"),
    }
}

#[test]
fn the_authority_is_made_once() {
    let (_, keep) = machine();
    assert_eq!(keep.root_cert().unwrap(), None);
    let first = keep.authority("test", None).unwrap().cert().to_owned();
    assert_eq!(keep.authority("test", None).unwrap().cert(), first);
    assert_eq!(keep.authority("other name", Some(&first)).unwrap().cert(), first);
    assert_eq!(keep.root_cert().unwrap(), Some(first));
}

#[test]
fn equal_requests_get_equal_bytes_and_changed_names_a_new_key() {
    let (_, keep) = machine();
    let authority = keep.authority("test", None).unwrap();
    let first = keep.answer(&authority, &server(&["10.0.0.1", "a"])).unwrap();
    assert_eq!(
        keep.answer(&authority, &server(&["a", "10.0.0.1", "a"])).unwrap(),
        first
    );
    let changed = keep.answer(&authority, &server(&["10.0.0.1", "b"])).unwrap();
    assert_ne!(changed.cert, first.cert);
    assert_ne!(changed.key, first.key);
    assert_eq!(keep.answer(&authority, &server(&["10.0.0.1", "b"])).unwrap(), changed);
    let client = keep.client(&authority).unwrap();
    assert_eq!(keep.client(&authority).unwrap(), client);
}

#[test]
fn a_half_written_authority_is_made_good_while_nothing_was_issued() {
    let (host, keep) = machine();
    host.write(&path("ca.key"), b"half a key", 0o600).unwrap();
    let authority = keep.authority("test", None).unwrap();
    assert_eq!(keep.authority("test", None).unwrap().cert(), authority.cert());
    host.write(&path("ca.crt"), b"half a certificate", 0o644).unwrap();
    assert_ne!(keep.authority("test", None).unwrap().cert(), authority.cert());
}

#[test]
fn a_half_written_authority_that_issued_blocks() {
    let (host, keep) = machine();
    let authority = keep.authority("test", None).unwrap();
    keep.answer(&authority, &server(&[])).unwrap();
    let key = host.read(&path("ca.key")).unwrap().unwrap();
    host.remove(&path("ca.key")).unwrap();
    assert_eq!(
        broken(&keep, None),
        "certificate authority is incomplete: ca.key is missing; restore /var/lib/easyrsa from a backup"
    );
    host.write(&path("ca.key"), b"garbage", 0o600).unwrap();
    assert!(broken(&keep, None).starts_with("certificate authority is unusable: "));
    host.write(&path("ca.key"), &key, 0o600).unwrap();
    assert_eq!(keep.authority("test", None).unwrap().cert(), authority.cert());
    host.remove(&path("ca.crt")).unwrap();
    host.remove(&path("ca.key")).unwrap();
    assert!(broken(&keep, None).contains("ca.key and ca.crt are missing"));
}

#[test]
fn an_authority_that_was_published_is_not_replaced() {
    let (_, keep) = machine();
    assert!(broken(&keep, Some("published")).contains("ca.key and ca.crt are missing"));
    let (_, keep) = machine();
    keep.authority("test", None).unwrap();
    assert!(broken(&keep, Some("published")).starts_with("certificate authority is not the one that was published"));
}

#[test]
fn every_request_has_a_file_of_its_own_below_issued() {
    let kinds = [RequestKind::FirstServer, RequestKind::Server, RequestKind::Client];
    let mut names: Vec<PathBuf> = kinds
        .map(|kind| record_path(&request(kind, "../../etc/x", &[])))
        .to_vec();
    assert_eq!(
        names[1],
        Path::new("/var/lib/easyrsa/issued/client%3a1=etcd_0=server=..%2f..%2fetc%2fx.json")
    );
    names.push(record_path(&request(RequestKind::Server, "a", &[])));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
    assert!(
        names
            .iter()
            .all(|name| name.parent() == Some(Path::new("/var/lib/easyrsa/issued")))
    );
}

#[test]
fn private_keys_are_for_root_only() {
    let (host, keep) = machine();
    let authority = keep.authority("test", None).unwrap();
    keep.answer(&authority, &server(&[])).unwrap();
    keep.client(&authority).unwrap();
    let issued = record_path(&server(&[]));
    let secret = [path("ca.key"), path(CLIENT_FILE), issued].map(|path| host.mode(&path));
    assert_eq!(secret, [Some(0o600); 3]);
    assert_eq!(
        [path(""), path("issued")].map(|path| host.mode(&path)),
        [Some(0o700); 2]
    );
    assert_eq!(host.mode(&path("ca.crt")), Some(0o644));
}

#[test]
fn a_crash_while_the_authority_is_made_is_made_good() {
    for file in ["ca.key", "ca.crt"] {
        let (host, keep) = machine();
        host.break_path(&path(file), std::io::ErrorKind::StorageFull);
        assert!(
            matches!(keep.authority("test", None), Err(KeepError::Host(_))),
            "{file}"
        );
        host.mend(&path(file));
        let made = keep.authority("test", None).unwrap();
        assert_eq!(keep.authority("test", None).unwrap().cert(), made.cert(), "{file}");
    }
}

#[test]
fn certificates_are_renewed_in_time_and_their_authority_stays() {
    let (host, keep) = machine();
    let authority = keep.authority("test", None).unwrap();
    let first = keep.answer(&authority, &server(&[])).unwrap();
    host.advance(std::time::Duration::from_secs(700 * 24 * 3600));
    assert_eq!(keep.answer(&authority, &server(&[])).unwrap(), first);
    host.advance(std::time::Duration::from_secs(100 * 24 * 3600));
    let second = keep.answer(&authority, &server(&[])).unwrap();
    assert_ne!(second.cert, first.cert);
    assert_eq!(keep.authority("test", None).unwrap().cert(), authority.cert());
}
