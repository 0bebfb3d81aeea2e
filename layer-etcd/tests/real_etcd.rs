//! The adapter against real etcd processes on loopback addresses: what it asks, and what it makes of refusals and silence.

#![expect(clippy::unwrap_used, reason = "a test's helpers are tests too")]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use layer_etcd::cluster::identity;
use layer_etcd::etcd::{EtcdError, EtcdPort, QUICK, Refusal, Survey, Target};
use support::tls::{Tls, require_etcd};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A member that dies with the test.
struct Member {
    address: String,
    process: Child,
    tls: bool,
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn url(address: &str, port: u16, tls: bool) -> String {
    format!("{}://{address}:{port}", if tls { "https" } else { "http" })
}

impl Member {
    fn start(address: &str, state: &str, list: &str, dir: &Path, tls: Option<&Tls>) -> Member {
        let (peer, client) = (url(address, 2380, tls.is_some()), url(address, 2379, tls.is_some()));
        let mut command = Command::new("etcd");
        command.env_clear().args([
            "--name",
            address,
            "--initial-cluster-state",
            state,
            "--initial-cluster",
            list,
        ]);
        command.args([
            "--initial-cluster-token",
            "real-etcd-test",
            "--logger",
            "zap",
            "--log-level",
            "error",
        ]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.arg("--data-dir").arg(dir.join(address));
        if let Some(tls) = tls {
            for scope in ["", "peer-"] {
                for (flag, file) in [("cert-file", "cert"), ("key-file", "key"), ("trusted-ca-file", "ca")] {
                    command.args([format!("--{scope}{flag}"), tls.file(file)]);
                }
                command.arg(format!("--{scope}client-cert-auth"));
            }
        }
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Member {
            address: address.to_owned(),
            process,
            tls: tls.is_some(),
        }
    }

    fn at(&self, tls: Option<&Tls>) -> Target {
        let credentials = tls.map(|tls| tls.credentials.clone());
        Target {
            endpoint: url(&self.address, 2379, self.tls),
            credentials,
        }
    }
}

/// Asks again until the answer fits; a test that waits too long says for what.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(begin.elapsed() < LIMIT, "gave up waiting for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn healthy(etcd: &EtcdPort, at: &Target) {
    let ask = async || etcd.status(at).await.ok().filter(|status| status.healthy());
    until(&format!("{} to be healthy", at.endpoint), ask).await;
}

#[tokio::test]
async fn one_member_with_tls_grows_and_shrinks() {
    require_etcd();
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = ("127.77.41.1".to_owned(), "127.77.41.2".to_owned());
    let tls = Tls::new(&[first.clone(), second.clone()]);
    let etcd = EtcdPort::real();
    let (first_url, second_url) = (url(&first, 2380, true), url(&second, 2380, true));
    let one = Member::start(&first, "new", &format!("{first}={first_url}"), dir.path(), Some(&tls));
    let at = one.at(Some(&tls));
    healthy(&etcd, &at).await;

    let status = etcd.status(&at).await.unwrap();
    assert_eq!(
        status.cluster_id,
        identity::cluster_id([first_url.as_str()], "real-etcd-test")
    );
    assert_eq!(status.member_id, identity::member_id(&first_url, "real-etcd-test"));
    assert_eq!((status.leader, status.is_learner), (status.member_id, false));

    let refused = async |result: Result<u64, EtcdError>| result.unwrap_err().refusal();
    let id = etcd.add_learner(&at, &second_url).await.unwrap();
    let again = refused(etcd.add_learner(&at, &second_url).await).await;
    assert!(
        matches!(again, Some(Refusal::PeerUrlExists | Refusal::MemberIdExists)),
        "{again:?}"
    );
    let third = url("127.77.41.3", 2380, true);
    assert_eq!(
        refused(etcd.add_learner(&at, &third).await).await,
        Some(Refusal::TooManyLearners)
    );
    let early = etcd.promote(&at, id).await.unwrap_err();
    assert_eq!(early.refusal(), Some(Refusal::NotInSync), "{early}");
    let listed = etcd.members(&at).await.unwrap();
    assert!(
        listed
            .by_id(id)
            .is_some_and(|member| member.is_learner && !member.has_started())
    );

    let list = format!("{first}={first_url},{second}={second_url}");
    let two = Member::start(&second, "existing", &list, dir.path(), Some(&tls));
    let there = two.at(Some(&tls));
    let learner = until("the learner", async || etcd.status(&there).await.ok()).await;
    assert!(learner.is_learner && learner.member_id == id);
    assert_eq!(
        etcd.members(&there).await.unwrap_err().refusal(),
        Some(Refusal::Learner)
    );
    until("the promotion", async || etcd.promote(&at, id).await.ok()).await;
    let again = etcd.promote(&at, id).await.unwrap_err().refusal();
    assert!(
        matches!(again, Some(Refusal::AlreadyVoter | Refusal::NotInSync)),
        "{again:?}"
    );
    healthy(&etcd, &there).await;

    let survey = Survey::take(&*etcd, std::slice::from_ref(&there)).await.unwrap();
    assert!(survey.healthy().len() == 2 && survey.has_quorum() && survey.survives_without(id));
    assert!(!survey.survives_pause_of(id));
    assert_eq!(
        etcd.move_leader(&there, id).await.unwrap_err().refusal(),
        Some(Refusal::NotLeader)
    );
    etcd.move_leader(&at, id).await.unwrap();

    let lease = etcd.hold(&at, "/token", "one", 30).await.unwrap().unwrap();
    assert_eq!(etcd.hold(&there, "/token", "two", 30).await.unwrap(), None);
    assert!(
        etcd.hold(&there, "/token", "one", 30).await.unwrap().is_some(),
        "the holder may take it again"
    );
    etcd.release(&at, lease).await.unwrap();

    until("the removal", async || etcd.remove(&at, status.member_id).await.ok()).await;
    until("a list of one", async || {
        etcd.members(&there).await.ok().filter(|list| list.members.len() == 1)
    })
    .await;
    let again = etcd.remove(&there, status.member_id).await.unwrap_err();
    assert_eq!(again.refusal(), Some(Refusal::MemberNotFound), "{again}");
    assert_eq!(
        etcd.remove(&there, id).await.unwrap_err().refusal(),
        Some(Refusal::NotEnoughStarted)
    );
}

#[tokio::test]
async fn silence_has_a_deadline() {
    let listener = TcpListener::bind("127.77.41.9:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let tls = Tls::new(&["127.77.41.9".to_owned()]);
    let at = Target {
        endpoint,
        credentials: Some(tls.credentials.clone()),
    };
    let begin = Instant::now();
    let error = EtcdPort::real().status(&at).await.unwrap_err();
    assert!(matches!(error, EtcdError::NoAnswer { .. }), "{error}");
    assert!(begin.elapsed() < QUICK + Duration::from_secs(2));
    assert!(!error.to_string().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_closed_port_is_told_apart() {
    let at = Target {
        endpoint: "http://127.77.41.8:9".into(),
        credentials: None,
    };
    let error = EtcdPort::real().members(&at).await.unwrap_err();
    assert!(matches!(error, EtcdError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "the cause is named: {error}");
}

#[tokio::test]
async fn a_member_without_quorum_answers_no_list() {
    require_etcd();
    let dir = tempfile::tempdir().unwrap();
    let address = "127.77.41.5".to_owned();
    let list = format!(
        "{address}={},other={}",
        url(&address, 2380, false),
        url("127.77.41.6", 2380, false)
    );
    let member = Member::start(&address, "new", &list, dir.path(), None);
    let at = member.at(None);
    let etcd = EtcdPort::real();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begin = Instant::now();
    let error = etcd.members(&at).await.unwrap_err();
    assert!(
        error.is_uncertain() && begin.elapsed() < QUICK + Duration::from_secs(2),
        "{error}"
    );
}

#[tokio::test]
async fn a_kept_connection_does_not_outlive_its_member() {
    require_etcd();
    let dir = tempfile::tempdir().unwrap();
    let address = "127.77.41.7".to_owned();
    let tls = Tls::new(std::slice::from_ref(&address));
    let list = format!("{address}={}", url(&address, 2380, true));
    let member = Member::start(&address, "new", &list, dir.path(), Some(&tls));
    let (at, etcd) = (member.at(Some(&tls)), EtcdPort::real());
    healthy(&etcd, &at).await;
    drop(member);
    let error = etcd.status(&at).await.unwrap_err();
    assert!(matches!(error, EtcdError::Unreachable { .. }), "{error}");
    let again = Member::start(&address, "new", &list, dir.path(), Some(&tls));
    healthy(&EtcdPort::real(), &again.at(Some(&tls))).await;
    healthy(&etcd, &at).await;
    drop(again);
    let _third = Member::start(&address, "new", &list, dir.path(), Some(&tls));
    healthy(&EtcdPort::real(), &at).await;
    let first = etcd.status(&at).await;
    assert!(
        first.is_ok(),
        "the broken connection is replaced within the call: {first:?}"
    );
}
