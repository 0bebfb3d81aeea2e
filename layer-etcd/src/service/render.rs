//! etcd's configuration file, from one template for all minor versions.
//!
//! etcd ignores keys that it does not know, so a key that is misspelt or belongs to another version has no symptom; it
//! refuses values of the wrong YAML type. Texts are therefore written as JSON strings, which YAML reads as they are.

use minijinja::{Environment, UndefinedBehavior, context};

use crate::addresses::Addresses;
use crate::config::Settings;
use crate::install::Version;

const TEMPLATE: &str = include_str!("etcd.conf.yml.j2");

/// What a start with an empty data directory means. With data, etcd ignores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// Found the cluster of these members.
    Found {
        /// `name=url`, separated by commas.
        list: String,
        /// The claim's token.
        token: String,
    },
    /// Become the member that the cluster has a place for.
    Join {
        /// All members of the cluster and this one.
        list: String,
        /// The claim's token.
        token: String,
    },
    /// Refuse: the list holds only the member itself, and an etcd that is to join asks the others.
    Refuse {
        /// The claim's token.
        token: String,
    },
}

/// Everything that the file is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan<'a> {
    pub(crate) version: Version,
    pub(crate) settings: &'a Settings,
    pub(crate) addresses: &'a Addresses,
    pub(crate) name: &'a str,
    /// Where others reach the member, which after a change of address may differ from what the settings say.
    pub(crate) peer_url: &'a str,
    pub(crate) files: &'a Files,
    pub(crate) start: &'a Start,
}

/// The places that etcd is told about, as etcd sees them.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) data_dir: String,
    pub(crate) ca: String,
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// The file's content.
pub(crate) fn config_file(plan: &Plan<'_>) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("quoted", quoted);
    let own = format!("{}={}", plan.name, plan.peer_url);
    let (state, list, token) = match plan.start {
        Start::Found { list, token } => ("new", list.as_str(), token),
        Start::Join { list, token } => ("existing", list.as_str(), token),
        Start::Refuse { token } => ("existing", own.as_str(), token),
    };
    let mut file = environment.render_str(
        TEMPLATE,
        context! {
            name => plan.name,
            data_dir => &plan.files.data_dir,
            listen_peer => plan.addresses.listen_peer(plan.settings),
            listen_client => plan.addresses.listen_client(plan.settings),
            peer_url => plan.peer_url,
            client_url => plan.addresses.client_url(plan.settings),
            initial_cluster => list,
            initial_state => state,
            token => token,
            heartbeat_interval => plan.settings.heartbeat_interval,
            election_timeout => plan.settings.election_timeout,
            snapshot_count => plan.settings.snapshot_count,
            minor => plan.version.minor,
            cert => &plan.files.cert,
            key => &plan.files.key,
            ca => &plan.files.ca,
            cipher_suites => &plan.settings.cipher_suites,
        },
    )?;
    file.push('\n'); // The template's last one is dropped.
    Ok(file)
}

/// The file without what matters only to an etcd that has no data yet: a change of the rest needs a restart.
pub(crate) fn without_start(file: &str) -> String {
    let lines = file.lines().filter(|line| !line.starts_with("initial-"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The systemd unit.
pub(crate) fn unit_file(etcd: &str, config: &str, description: &str) -> String {
    format!(
        "[Unit]
Description={description}
Documentation=https://etcd.io/docs
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart={etcd} --config-file {config}
Restart=always
RestartSec=1
TimeoutStopSec=20
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"
    )
}

fn quoted(text: String) -> String {
    serde_json::Value::String(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::Binding;

    fn render(minor: u32, start: &Start, snapshot_count: Option<u64>) -> String {
        let binding = Binding {
            bind: "10.0.0.1".parse().unwrap(),
            ingress: "10.0.0.1".parse().unwrap(),
        };
        let settings = Settings {
            port: 2379,
            management_port: 2380,
            heartbeat_interval: 100,
            election_timeout: 1000,
            snapshot_count,
            bind_to_all_interfaces: false,
            bind_with_insecure_http: false,
            cipher_suites: vec!["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".into()],
        };
        let files = Files {
            data_dir: "/var/lib/etcd/etcd0".into(),
            ca: "/ca".into(),
            cert: "/c".into(),
            key: "/k".into(),
        };
        config_file(&Plan {
            version: Version {
                major: 3,
                minor,
                patch: 1,
            },
            settings: &settings,
            addresses: &Addresses {
                peer: binding,
                client: binding,
            },
            name: "etcd0",
            peer_url: "https://10.0.0.1:2380",
            files: &files,
            start,
        })
        .unwrap()
    }

    fn refuse() -> Start {
        Start::Refuse { token: "t".into() }
    }

    #[test]
    fn each_minor_version_gets_its_own_keys() {
        for (minor, has, lacks) in [
            (
                4,
                &[
                    "pre-vote: true",
                    "logger: zap",
                    "experimental-initial-corrupt-check: true",
                    "max-snapshots: 5",
                ][..],
                &["feature-gates"][..],
            ),
            (
                5,
                &["experimental-initial-corrupt-check: true", "max-snapshots: 5"],
                &["feature-gates", "logger", "pre-vote"],
            ),
            (
                6,
                &["feature-gates: \"InitialCorruptCheck=true\""],
                &["experimental", "logger", "pre-vote", "max-snapshots"],
            ),
            (
                7,
                &["feature-gates: \"InitialCorruptCheck=true\""],
                &["experimental", "logger", "pre-vote", "max-snapshots"],
            ),
        ] {
            let file = render(minor, &refuse(), None);
            for key in has {
                assert!(file.lines().any(|line| line == *key), "3.{minor} lacks {key}:\n{file}");
            }
            for key in lacks {
                assert!(!file.contains(key), "3.{minor} has {key}");
            }
        }
    }

    #[test]
    fn values_have_the_types_that_etcd_demands() {
        let file = render(4, &refuse(), Some(5000));
        let lines: Vec<&str> = file.lines().collect();
        for line in [
            "name: \"etcd0\"",
            "heartbeat-interval: 100",
            "election-timeout: 1000",
            "snapshot-count: 5000",
            "listen-client-urls: \"https://10.0.0.1:2379\"",
            "  client-cert-auth: true",
            "  - \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"",
        ] {
            assert!(lines.contains(&line), "no {line} in\n{file}");
        }
        assert!(
            !render(4, &refuse(), None).contains("snapshot-count"),
            "etcd's own default is its own"
        );
        assert!(file.ends_with('\n') && !file.contains("\n\n"), "no stray blank lines");
    }

    #[test]
    fn only_a_founder_may_start_a_new_cluster() {
        let found = render(
            5,
            &Start::Found {
                list: "etcd0=x,etcd1=y".into(),
                token: "t".into(),
            },
            None,
        );
        assert!(
            found.contains("initial-cluster-state: \"new\"") && found.contains("initial-cluster: \"etcd0=x,etcd1=y\"")
        );
        let settled = render(5, &refuse(), None);
        assert!(settled.contains("initial-cluster-state: \"existing\""));
        assert!(settled.contains("initial-cluster: \"etcd0=https://10.0.0.1:2380\""));
        assert_eq!(
            without_start(&found),
            without_start(&settled),
            "settling needs no restart"
        );
    }
}
