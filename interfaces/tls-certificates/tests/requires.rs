//! The requiring role in whole dispatches: its flags, what it reads and what it writes.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests")]

use std::rc::Rc;

use host::SimulatedHost;
use interface_tls_certificates::{Requires, ServerRequest};
use juju::{HookContext, ScriptedTransport, ToolCall, Tools, UnitName};
use reactive::{Charm, Context, Flag, Layer, Outcome, Parts, Result, always, dispatch, hook, when};
use store::Store;

const CERTIFICATES: Requires = Requires::new("certificates");

/// Asks, and shows the flags and the certificate as its status.
async fn handler(ctx: &mut Context) -> Result {
    let request = ServerRequest {
        common_name: "10.0.0.1".into(),
        sans: vec!["10.0.0.1".into()],
        certificate_name: "etcd_0".into(),
    };
    let flags: [(&str, Flag); 4] = [
        ("available", CERTIFICATES.available()),
        ("ca", CERTIFICATES.ca_available()),
        ("server", CERTIFICATES.server_available()),
        ("client", CERTIFICATES.client_available()),
    ];
    let mut shown: Vec<&str> = flags
        .iter()
        .filter(|(_, flag)| ctx.is_set(flag))
        .map(|(name, _)| *name)
        .collect();
    let server = CERTIFICATES.server(ctx)?;
    shown.extend(server.as_ref().map(|pair| pair.cert.as_str()));
    let text = shown.join(" ");
    CERTIFICATES.request_server(ctx, &request)?;
    Ok(Outcome::Active(text))
}

fn charm(role: Layer) -> Charm {
    let layer = Layer::new("test").include(role).on(handler, when(always()));
    Charm::builder("etcd").layer(layer).build().unwrap()
}

/// Runs a hook in which the authority says `remote` and this unit has said `own`.
async fn run(units: &str, remote: &str, own: &str) -> Vec<ToolCall> {
    run_with(CERTIFICATES.layer(), units, remote, own).await
}

async fn run_with(role: Layer, units: &str, remote: &str, own: &str) -> Vec<ToolCall> {
    let mut transport = ScriptedTransport::new();
    transport
        .answer("relation-ids --format=json certificates", r#"["certificates:1"]"#)
        .answer("relation-list --format=json -r certificates:1", units)
        .answer("relation-list --format=json --app -r certificates:1", r#""easyrsa""#)
        .answer("relation-get --format=json -r certificates:1 - easyrsa/0", remote)
        .answer("relation-get --format=json -r certificates:1 - etcd/0", own)
        .answer("relation-set -r certificates:1 --file -", "");
    for text in [
        "",
        " -- available",
        " -- available CERT",
        " -- available ca client",
        " -- available ca server client CERT",
    ] {
        transport.answer(&format!("status-set active{text}"), "");
    }
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
    dispatch(&charm(role), parts).await.unwrap();
    log.take()
}

fn status(calls: &[ToolCall]) -> String {
    let call = calls.iter().rfind(|call| call.tool == "status-set").unwrap();
    call.args.last().unwrap().clone()
}

fn written(calls: &[ToolCall]) -> Option<String> {
    let call = calls.iter().find(|call| call.tool == "relation-set")?;
    Some(String::from_utf8(call.stdin.clone().unwrap()).unwrap())
}

const ANSWERS: &str =
    r#"{"ca": "CA", "client.cert": "C", "client.key": "K", "etcd_0.server.cert": "CERT", "etcd_0.server.key": "KEY"}"#;
const OWN: &str =
    r#"{"unit_name": "etcd_0", "common_name": "10.0.0.1", "sans": "[\"10.0.0.1\"]", "certificate_name": "etcd_0"}"#;

#[tokio::test(flavor = "current_thread")]
async fn a_joined_authority_is_asked() {
    let calls = run(r#"["easyrsa/0"]"#, "{}", "{}").await;
    assert_eq!(status(&calls), "available");
    let expected =
        r#"{"certificate_name": "etcd_0", "common_name": "10.0.0.1", "sans": "[\"10.0.0.1\"]", "unit_name": "etcd_0"}"#;
    assert_eq!(written(&calls).unwrap().trim(), expected);
}

#[tokio::test(flavor = "current_thread")]
async fn its_answer_is_read_and_an_equal_request_is_not_sent_again() {
    let calls = run(r#"["easyrsa/0"]"#, ANSWERS, OWN).await;
    assert_eq!(status(&calls), "available ca server client CERT");
    assert_eq!(written(&calls), None);
}

#[tokio::test(flavor = "current_thread")]
async fn an_answer_that_was_not_asked_for_does_not_count() {
    let calls = run(r#"["easyrsa/0"]"#, ANSWERS, "{}").await;
    assert_eq!(status(&calls), "available ca client");
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_unit_of_the_authority_no_flag_is_set() {
    let calls = run("[]", "{}", OWN).await;
    assert_eq!(status(&calls), "active");
}

#[tokio::test(flavor = "current_thread")]
async fn flags_of_the_answer_can_be_left_out_of_a_hook() {
    let role = CERTIFICATES.layer_while(!hook("update-status"));
    let calls = run_with(role, r#"["easyrsa/0"]"#, ANSWERS, OWN).await;
    assert_eq!(
        status(&calls),
        "available CERT",
        "only the flag; who asks gets the answer"
    );
}
