//! The roles in whole dispatches: their flags, what they read and what they write.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests")]

use std::rc::Rc;

use host::SimulatedHost;
use interface_etcd::{Claim, Connection, MemberInfo, PeerData, Peers, Phase, Provides, Requires, SharedData};
use juju::{HookContext, ScriptedTransport, ToolCall, Tools, UnitName};
use reactive::{Charm, Context, DispatchError, HandlerError, Layer, Outcome, Parts, Result, dispatch, when};
use store::Store;

const PEERS: Peers = Peers::new("cluster");
const PROVIDES: Provides = Provides::new("db");
const REQUIRES: Requires = Requires::new("db");

/// The answers of a relation with one remote unit.
fn relation(endpoint: &str, remote: &str, said: &str, own: &str) -> ScriptedTransport {
    let mut transport = ScriptedTransport::new();
    transport
        .answer(
            &format!("relation-ids --format=json {endpoint}"),
            &format!(r#"["{endpoint}:1"]"#),
        )
        .answer(
            &format!("relation-list --format=json -r {endpoint}:1"),
            &format!(r#"["{remote}"]"#),
        )
        .answer(
            &format!("relation-list --format=json --app -r {endpoint}:1"),
            r#""remote""#,
        )
        .answer(&format!("relation-get --format=json -r {endpoint}:1 - {remote}"), said)
        .answer(&format!("relation-get --format=json -r {endpoint}:1 - etcd/0"), own)
        .answer(&format!("relation-set -r {endpoint}:1 --file -"), "");
    transport
}

async fn run(layer: Layer, transport: ScriptedTransport) -> (std::result::Result<(), DispatchError>, Vec<ToolCall>) {
    let log = transport.log();
    let vars = [
        ("JUJU_UNIT_NAME", "etcd/0"),
        ("JUJU_MODEL_NAME", "test"),
        ("JUJU_MODEL_UUID", "0a6fd5ea-9d2a-4fb1-8dd4-000000000000"),
        ("JUJU_CHARM_DIR", "/charm"),
        ("JUJU_VERSION", "3.6.1"),
        ("JUJU_CONTEXT_ID", "context"),
        ("JUJU_DISPATCH_PATH", "hooks/update-status"),
        ("JUJU_HOOK_NAME", "update-status"),
    ];
    let parts = Parts {
        hook: HookContext::from_vars(vars.map(|(key, value)| (key.to_owned(), value.to_owned()))).unwrap(),
        tools: Tools::for_unit(Box::new(transport), UnitName::try_from("etcd/0").unwrap()),
        host: Rc::new(SimulatedHost::new()),
        store: Store::memory().unwrap(),
    };
    let charm = Charm::builder("etcd").layer(layer).build().unwrap();
    let result = dispatch(&charm, parts).await.map(drop);
    (result, log.take())
}

/// What was written to the bags, in order.
fn written(calls: &[ToolCall]) -> Vec<String> {
    let sets = calls.iter().filter(|call| call.tool == "relation-set");
    sets.map(|call| {
        String::from_utf8(call.stdin.clone().unwrap())
            .unwrap()
            .trim()
            .to_owned()
    })
    .collect()
}

fn connection() -> Connection {
    Connection {
        endpoints: vec!["https://10.0.0.2:2379".into(), "https://10.0.0.1:2379".into()],
        version: "3.5.16".into(),
        ca: "CA".into(),
        cert: "CERT".into(),
        key: "KEY".into(),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_provider_gives_clients_everything() {
    async fn publish(ctx: &mut Context) -> Result {
        PROVIDES.publish(ctx, &connection())?;
        Ok(Outcome::Done)
    }
    let layer = Layer::new("test")
        .include(PROVIDES.layer())
        .on(publish, when(PROVIDES.connected()));
    let (result, calls) = run(layer, relation("db", "client/0", "{}", "{}")).await;
    result.unwrap();
    let expected = r#"{"client_ca": "CA", "client_cert": "CERT", "client_key": "KEY", "connection_string": "https://10.0.0.1:2379,https://10.0.0.2:2379", "version": "3.5.16"}"#;
    assert_eq!(written(&calls), [expected]);
}

#[tokio::test(flavor = "current_thread")]
async fn the_client_gets_what_the_provider_gives() {
    async fn compare(ctx: &mut Context) -> Result {
        let found = REQUIRES
            .connection(ctx)?
            .ok_or_else(|| HandlerError::msg("no connection"))?;
        assert_eq!(
            (found.endpoints.len(), found.key.as_str(), found.version.as_str()),
            (2, "KEY", "3.5.16")
        );
        ctx.kv().set("seen", &true)?;
        Ok(Outcome::Waiting("seen".into()))
    }
    let said = r#"{"client_ca": "CA", "client_cert": "CERT", "client_key": "KEY", "connection_string": "https://a:2379,https://b:2379", "version": "3.5.16"}"#;
    let condition = REQUIRES.connected() & REQUIRES.available() & REQUIRES.tls_available();
    let layer = Layer::new("test")
        .include(REQUIRES.layer())
        .on(compare, when(condition));
    let mut transport = relation("db", "server/0", said, "{}");
    transport.answer("status-set waiting -- seen", "");
    let (result, calls) = run(layer, transport).await;
    result.unwrap();
    assert!(calls.iter().any(|call| call.tool == "status-set"), "the handler ran");
}

fn peer() -> PeerData {
    let member = MemberInfo {
        name: "etcd0".into(),
        peer_url: "p".into(),
        client_url: "c".into(),
    };
    PeerData {
        member: Some(member),
        phase: Some(Phase::Ready),
        ..PeerData::default()
    }
}

#[tokio::test(flavor = "current_thread")]
async fn peers_read_each_other_and_their_own_writes() {
    async fn talk(ctx: &mut Context) -> Result {
        PEERS.publish(ctx, &peer())?;
        assert_eq!(PEERS.own(ctx)?, peer());
        let units = PEERS.units(ctx)?;
        let other = units
            .get(&UnitName::try_from("etcd/1")?)
            .ok_or_else(|| HandlerError::msg("no etcd/1"))?;
        assert_eq!(
            (other.phase, other.db_ingress_address.as_deref()),
            (Some(Phase::Member), Some("10.0.0.2"))
        );
        Ok(Outcome::Done)
    }
    let said = r#"{"db-ingress-address": "10.0.0.2", "etcd-phase": "\"member\""}"#;
    let layer = Layer::new("test").include(PEERS.layer()).on(talk, when(PEERS.joined()));
    let (result, calls) = run(
        layer,
        relation("cluster", "etcd/1", said, r#"{"etcd-cluster-id": "\"old\""}"#),
    )
    .await;
    result.unwrap();
    let expected = r#"{"etcd-cluster-id": "", "etcd-member": "{\"name\":\"etcd0\",\"peer_url\":\"p\",\"client_url\":\"c\"}", "etcd-phase": "\"ready\""}"#;
    assert_eq!(written(&calls), [expected]);
}

async fn claim(ctx: &mut Context) -> Result {
    let claim = Claim {
        token: "t".into(),
        members: Vec::new(),
        cluster_id: None,
    };
    let shared = SharedData {
        claim: Some(claim),
        ..SharedData::default()
    };
    PEERS.publish_shared(ctx, &shared)?;
    assert_eq!(PEERS.shared(ctx)?, shared);
    Ok(Outcome::Done)
}

async fn try_to_claim(leader: &str) -> (std::result::Result<(), DispatchError>, Vec<ToolCall>) {
    let mut transport = relation("cluster", "etcd/1", "{}", "{}");
    transport
        .answer("is-leader --format=json", leader)
        .answer("relation-get --format=json -r cluster:1 --app - etcd", "{}")
        .answer("relation-set -r cluster:1 --app --file -", "");
    run(
        Layer::new("test")
            .include(PEERS.layer())
            .on(claim, when(PEERS.joined())),
        transport,
    )
    .await
}

#[tokio::test(flavor = "current_thread")]
async fn only_the_leader_tells_all_units() {
    let (result, calls) = try_to_claim("true").await;
    result.unwrap();
    assert_eq!(
        written(&calls),
        [r#"{"etcd-claim": "{\"token\":\"t\",\"members\":[]}"}"#]
    );
    let (result, calls) = try_to_claim("false").await;
    let text = result.unwrap_err().to_string();
    assert!(
        text.contains("cannot publish shared data on `cluster`: not the leader"),
        "{text}"
    );
    assert!(written(&calls).is_empty());
}
