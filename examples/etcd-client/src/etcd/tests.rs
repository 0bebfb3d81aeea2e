//! Against a real etcd with TLS where there is one, and against ports that never answer.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::*;

/// An etcd of one member that ends with the test.
struct Server {
    process: Child,
    _dir: tempfile::TempDir,
    connection: Connection,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Certificate authority, certificate and key, PEM.
fn credentials() -> [String; 3] {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::from_ca_cert_pem(&ca, ca_key).unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    [ca, params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem()]
}

fn connection(endpoints: Vec<String>) -> Connection {
    let [ca, cert, key] = credentials();
    Connection {
        endpoints,
        version: "3".to_owned(),
        ca,
        cert,
        key,
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn start() -> Option<Server> {
    let dir = tempfile::tempdir().unwrap();
    let connection = connection(vec![format!("https://127.0.0.1:{}", free_port())]);
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let files = [
        file("ca", &connection.ca),
        file("cert", &connection.cert),
        file("key", &connection.key),
    ];
    let process = spawn(dir.path(), &connection.endpoints[0], &files)?;
    Some(Server {
        process,
        _dir: dir,
        connection,
    })
}

fn spawn(dir: &Path, url: &str, [ca, cert, key]: &[String; 3]) -> Option<Child> {
    let peer = format!("http://127.0.0.1:{}", free_port());
    let mut command = Command::new("etcd");
    command.args(["--name", "t", "--data-dir"]).arg(dir.join("data"));
    command.args([
        "--listen-client-urls",
        url,
        "--advertise-client-urls",
        url,
        "--client-cert-auth",
    ]);
    command.args(["--trusted-ca-file", ca, "--cert-file", cert, "--key-file", key]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &format!("t={peer}")]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().ok()
}

#[tokio::test(flavor = "current_thread")]
async fn keys_are_written_and_read_with_tls() {
    let server = start().expect("etcd is on PATH: install etcd-server, or use `make test`, which does");
    let etcd = Etcd::new(server.connection.clone());
    let begin = Instant::now();
    while let Err(error) = etcd.put("/k", "v").await {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "etcd does not come up: {error}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(etcd.get("/k").await.unwrap().as_deref(), Some("v"));
    assert_eq!(etcd.get("/none").await.unwrap(), None);
    let reads = etcd.read_through_each("/k", "v").await;
    assert_eq!((reads.good, reads.problems.len()), (1, 0), "{:?}", reads.problems);
    let reads = etcd.read_through_each("/k", "other").await;
    assert!(
        reads.problems[0].ends_with("gives Some(\"v\") for /k"),
        "{:?}",
        reads.problems
    );
    // A member that is down is passed over.
    let mut degraded = server.connection.clone();
    degraded
        .endpoints
        .insert(0, format!("https://127.0.0.1:{}", free_port()));
    let degraded = Etcd::new(degraded);
    degraded.put("/k", "w").await.unwrap();
    assert_eq!(degraded.get("/k").await.unwrap().as_deref(), Some("w"));
    // A certificate of another authority is not let in.
    let mut stranger = connection(server.connection.endpoints.clone());
    stranger.ca.clone_from(&server.connection.ca);
    let stranger = Etcd {
        connection: stranger,
        deadline: Duration::from_secs(2),
    };
    assert!(stranger.get("/k").await.is_err());
}

#[tokio::test(flavor = "current_thread")]
async fn a_port_that_never_answers_costs_one_deadline_for_each_call() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let etcd = Etcd {
        connection: connection(vec![endpoint.clone()]),
        deadline: Duration::from_millis(300),
    };
    let begin = Instant::now();
    let error = etcd.put("/k", "v").await.unwrap_err().to_string();
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert!(error.starts_with("cannot "), "{error}");
    let reads = etcd.read_through_each("/k", "v").await;
    assert_eq!((reads.good, reads.problems.len()), (0, 1));
}
