//! The workspace's binaries and the packed charms, made once per test run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The charms, and the binary that packs each.
const CHARMS: [(&str, &str); 3] = [
    ("etcd", "etcd-charm"),
    ("easyrsa", "easyrsa"),
    ("etcd-client", "etcd-client-charm"),
];

/// A binary of this workspace, beside the charm's own that cargo built for this test.
pub(crate) fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        let directory = Path::new(env!("CARGO_BIN_EXE_etcd-charm"))
            .parent()
            .unwrap()
            .to_path_buf();
        build_workspace(&directory);
        directory
    });
    directory.join(name)
}

/// Cargo builds only the root package's binaries for this test, so the others are built (or found fresh) here.
fn build_workspace(directory: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--workspace", "--bins"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if directory.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "the workspace's binaries do not build");
}

/// The packed charm of this name (`etcd`, `easyrsa` or `etcd-client`).
pub(crate) fn charm(name: &str) -> PathBuf {
    static PACKED: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = PACKED.get_or_init(|| {
        let directory = tempfile::Builder::new().prefix("story-charms-").tempdir().unwrap();
        for (charm, program) in CHARMS {
            let status = Command::new(binary(program))
                .args(["pack", "--output"])
                .arg(directory.path().join(format!("{charm}.charm")))
                .stdout(std::process::Stdio::null())
                .status()
                .unwrap();
            assert!(status.success(), "cannot pack the charm {charm}");
        }
        directory
    });
    directory.path().join(format!("{name}.charm"))
}
