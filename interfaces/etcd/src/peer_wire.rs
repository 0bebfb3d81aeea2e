//! The keys of `cluster` and what stands under them: pure functions on relation data.

use std::collections::BTreeMap;

use juju::Databag;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const ADDRESS: &str = "db-ingress-address";
const MEMBER: &str = "etcd-member";
const PHASE: &str = "etcd-phase";
const CLUSTER_ID: &str = "etcd-cluster-id";
const CLAIM: &str = "etcd-claim";
const EXTRA: &str = "etcd-x-";

/// What a unit tells the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PeerData {
    /// Where clients reach the unit; only of a registered one.
    pub db_ingress_address: Option<String>,
    /// The member that the unit is, or wants to be.
    pub member: Option<MemberInfo>,
    /// How far the unit is.
    pub phase: Option<Phase>,
    /// The cluster that the unit's data belongs to.
    pub cluster_id: Option<String>,
    /// Further facts by name.
    pub extra: BTreeMap<String, Value>,
}

/// A member of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Its name.
    pub name: String,
    /// Where the other members reach it.
    pub peer_url: String,
    /// Where clients reach it.
    pub client_url: String,
}

/// How far a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It can start etcd when it is told to.
    Ready,
    /// It is a member.
    Member,
}

/// What the leader tells all units.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SharedData {
    /// The decision which cluster this is.
    pub claim: Option<Claim>,
    /// Further facts by name.
    pub extra: BTreeMap<String, Value>,
}

/// The decision which cluster this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// etcd's cluster token, unique to this claim.
    pub token: String,
    /// The first members.
    pub members: Vec<ClaimedMember>,
    /// The cluster's ID, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
}

/// One of the first members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedMember {
    /// The unit that runs it.
    pub unit: String,
    /// Its name.
    pub name: String,
    /// Where the other members reach it.
    pub peer_url: String,
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

/// What is to be written under each key of a bag; `None` deletes it.
pub type Changes = BTreeMap<String, Option<String>>;

/// Reads a unit's bag; `unit` names it in errors.
pub fn read_peer(unit: &str, bag: &Databag) -> Result<PeerData, WireError> {
    let party = format!("unit {unit}");
    let phase: Option<KnownPhase> = json(&party, bag, PHASE)?;
    Ok(PeerData {
        db_ingress_address: bag.get(ADDRESS).filter(|address| !address.is_empty()).cloned(),
        member: json(&party, bag, MEMBER)?,
        phase: phase.and_then(|phase| phase.0),
        cluster_id: json(&party, bag, CLUSTER_ID)?,
        extra: read_extra(&party, bag)?,
    })
}

/// What to write into a unit's bag that now holds `own`, so that it says this.
pub fn write_peer(data: &PeerData, own: &Databag) -> Changes {
    let mut changes = write_extra(&data.extra, own);
    changes.insert(ADDRESS.to_owned(), data.db_ingress_address.clone());
    changes.insert(MEMBER.to_owned(), data.member.as_ref().map(text));
    changes.insert(PHASE.to_owned(), data.phase.as_ref().map(text));
    changes.insert(CLUSTER_ID.to_owned(), data.cluster_id.as_ref().map(text));
    changes
}

/// Reads the application's bag.
pub fn read_shared(application: &str, bag: &Databag) -> Result<SharedData, WireError> {
    let party = format!("application {application}");
    Ok(SharedData {
        claim: json(&party, bag, CLAIM)?,
        extra: read_extra(&party, bag)?,
    })
}

/// What to write into the application's bag that now holds `own`, so that it says this.
pub fn write_shared(data: &SharedData, own: &Databag) -> Changes {
    let mut changes = write_extra(&data.extra, own);
    changes.insert(CLAIM.to_owned(), data.claim.as_ref().map(text));
    changes
}

fn read_extra(party: &str, bag: &Databag) -> Result<BTreeMap<String, Value>, WireError> {
    let mut extra = BTreeMap::new();
    for key in bag.keys() {
        if let Some(name) = key.strip_prefix(EXTRA)
            && let Some(value) = json(party, bag, key)?
        {
            extra.insert(name.to_owned(), value);
        }
    }
    Ok(extra)
}

/// Facts that are gone from `extra` are deleted; those under other keys are not touched.
fn write_extra(extra: &BTreeMap<String, Value>, own: &Databag) -> Changes {
    let gone = own
        .keys()
        .filter(|key| key.starts_with(EXTRA))
        .map(|key| (key.clone(), None));
    let present = extra
        .iter()
        .map(|(name, value)| (format!("{EXTRA}{name}"), Some(value.to_string())));
    gone.chain(present).collect()
}

fn json<T: DeserializeOwned>(party: &str, bag: &Databag, key: &str) -> Result<Option<T>, WireError> {
    let Some(text) = bag.get(key).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|source| WireError {
        party: party.to_owned(),
        key: key.to_owned(),
        source,
    })
}

/// The JSON of a value of ours. Our types are structures of texts, which are always representable.
fn text<T: Serialize>(value: &T) -> String {
    serde_json::json!(value).to_string()
}

/// A phase, or a word that a later version uses.
#[derive(Deserialize)]
#[serde(from = "String")]
struct KnownPhase(Option<Phase>);

impl From<String> for KnownPhase {
    fn from(word: String) -> KnownPhase {
        KnownPhase(match word.as_str() {
            "ready" => Some(Phase::Ready),
            "member" => Some(Phase::Member),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bag(entries: &[(&str, &str)]) -> Databag {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn apply(changes: Changes, mut bag: Databag) -> Databag {
        for (key, value) in changes {
            match value {
                Some(value) => bag.insert(key, value),
                None => bag.remove(&key),
            };
        }
        bag
    }

    fn peer() -> PeerData {
        PeerData {
            db_ingress_address: Some("10.0.0.1".into()),
            member: Some(MemberInfo {
                name: "etcd0".into(),
                peer_url: "https://10.0.0.1:2380".into(),
                client_url: "https://10.0.0.1:2379".into(),
            }),
            phase: Some(Phase::Member),
            cluster_id: Some("cdf8".into()),
            extra: [("revision".to_owned(), json!(3))].into(),
        }
    }

    #[test]
    fn what_a_unit_writes() {
        let written = apply(write_peer(&peer(), &Databag::new()), Databag::new());
        let expected = [
            ("db-ingress-address", "10.0.0.1"),
            (
                "etcd-member",
                r#"{"name":"etcd0","peer_url":"https://10.0.0.1:2380","client_url":"https://10.0.0.1:2379"}"#,
            ),
            ("etcd-phase", r#""member""#),
            ("etcd-cluster-id", r#""cdf8""#),
            ("etcd-x-revision", "3"),
        ];
        assert_eq!(written, bag(&expected));
        assert_eq!(read_peer("etcd/0", &written).unwrap(), peer());
    }

    #[test]
    fn what_is_no_longer_said_is_deleted_and_foreign_keys_stay() {
        let own = apply(
            write_peer(&peer(), &Databag::new()),
            bag(&[("ingress-address", "10.0.0.1")]),
        );
        let changes = write_peer(&PeerData::default(), &own);
        assert_eq!(apply(changes, own), bag(&[("ingress-address", "10.0.0.1")]));
    }

    #[test]
    fn a_unit_of_the_python_charm_is_read() {
        let data = read_peer(
            "etcd/1",
            &bag(&[("db-ingress-address", "10.0.0.2"), ("private-address", "10.0.0.2")]),
        )
        .unwrap();
        assert_eq!(
            data,
            PeerData {
                db_ingress_address: Some("10.0.0.2".into()),
                ..PeerData::default()
            }
        );
    }

    #[test]
    fn a_later_version_is_understood_as_far_as_possible() {
        let later = bag(&[
            ("etcd-phase", r#""hibernating""#),
            (
                "etcd-member",
                r#"{"name":"n","peer_url":"p","client_url":"c","zone":"z"}"#,
            ),
            ("etcd-new", "not json"),
        ]);
        let data = read_peer("etcd/1", &later).unwrap();
        assert_eq!((data.phase, data.member.unwrap().name.as_str()), (None, "n"));
    }

    #[test]
    fn malformed_json_names_unit_and_key() {
        let error = read_peer("etcd/1", &bag(&[("etcd-member", "{")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read relation data of unit etcd/1: key `etcd-member`"
        );
        let error = read_shared("etcd", &bag(&[("etcd-claim", "[]")])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read relation data of application etcd: key `etcd-claim`"
        );
        assert!(read_peer("etcd/1", &bag(&[("etcd-phase", "ready")])).is_err());
    }

    #[test]
    fn what_the_leader_writes() {
        let shared = SharedData {
            claim: Some(Claim {
                token: "t".into(),
                members: vec![ClaimedMember {
                    unit: "etcd/0".into(),
                    name: "etcd0".into(),
                    peer_url: "u".into(),
                }],
                cluster_id: None,
            }),
            extra: BTreeMap::new(),
        };
        let written = apply(write_shared(&shared, &Databag::new()), Databag::new());
        let expected = r#"{"token":"t","members":[{"unit":"etcd/0","name":"etcd0","peer_url":"u"}]}"#;
        assert_eq!(written, bag(&[("etcd-claim", expected)]));
        assert_eq!(read_shared("etcd", &written).unwrap(), shared);
        assert_eq!(
            apply(write_shared(&SharedData::default(), &written), written),
            Databag::new()
        );
    }
}
