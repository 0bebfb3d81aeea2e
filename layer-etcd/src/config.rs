//! The charm's options, checked: a bad value is named, and a member that runs is left alone.

use charm::prelude::*;

use crate::names::options;

/// Cipher suites of an empty `tls_cipher_suites`, in the order of preference.
const DEFAULT_CIPHERS: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// The other names that etcd knows for TLS 1.2.
const OTHER_CIPHERS: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
];

/// HTTP/2 demands one of these two.
const REQUIRED_CIPHERS: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
];

/// Where `bind_with_insecure_http` serves clients without TLS.
pub(crate) const INSECURE_PORT: u16 = 4001;

/// The options of the charm, valid and typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Clients' port.
    pub port: u16,
    /// Members' port.
    pub management_port: u16,
    /// Milliseconds between heartbeats.
    pub heartbeat_interval: u32,
    /// Milliseconds before an election.
    pub election_timeout: u32,
    /// Transactions between snapshots; `None` is etcd's own default.
    pub snapshot_count: Option<u64>,
    /// Whether to listen on every interface.
    pub bind_to_all_interfaces: bool,
    /// Whether to serve clients without TLS on the loopback interface.
    pub bind_with_insecure_http: bool,
    /// Cipher suites of TLS 1.2.
    pub cipher_suites: Vec<String>,
}

/// A value that an option cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid value for option {option}: {value} (allowed: {allowed})")]
pub struct Invalid {
    option: &'static str,
    value: String,
    allowed: String,
}

impl Invalid {
    fn new(option: &'static str, value: impl ToString, allowed: impl Into<String>) -> Invalid {
        Invalid {
            option,
            value: value.to_string(),
            allowed: allowed.into(),
        }
    }
}

/// The options as Juju has them, typed and no more.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    port: i64,
    management_port: i64,
    heartbeat_interval: i64,
    election_timeout: i64,
    snapshot_count: String,
    bind_to_all_interfaces: bool,
    bind_with_insecure_http: bool,
    tls_cipher_suites: String,
}

impl Raw {
    fn read(ctx: &mut Context) -> Result<Raw> {
        Ok(Raw {
            port: ctx.config_int(options::PORT)?,
            management_port: ctx.config_int(options::MANAGEMENT_PORT)?,
            heartbeat_interval: ctx.config_int(options::HEARTBEAT_INTERVAL)?,
            election_timeout: ctx.config_int(options::ELECTION_TIMEOUT)?,
            snapshot_count: ctx.config_str(options::SNAPSHOT_COUNT)?,
            bind_to_all_interfaces: ctx.config_bool(options::BIND_TO_ALL_INTERFACES)?,
            bind_with_insecure_http: ctx.config_bool(options::BIND_WITH_INSECURE_HTTP)?,
            tls_cipher_suites: ctx.config_str(options::TLS_CIPHER_SUITES)?,
        })
    }
}

impl Settings {
    /// Reads and checks the options: `Err` inside is a value that a person has to change.
    pub(crate) fn read(ctx: &mut Context) -> Result<std::result::Result<Settings, Invalid>> {
        Ok(Settings::check(&Raw::read(ctx)?))
    }

    /// The options of a unit whose options are known to be valid.
    pub(crate) fn valid(ctx: &mut Context) -> Result<Settings> {
        Ok(Settings::read(ctx)??)
    }

    fn check(raw: &Raw) -> std::result::Result<Settings, Invalid> {
        let port = port(options::PORT, raw.port)?;
        let management_port = port_beside(options::MANAGEMENT_PORT, raw.management_port, port)?;
        if raw.bind_with_insecure_http && port == INSECURE_PORT {
            let allowed = format!(
                "any but {INSECURE_PORT}, which {} uses",
                options::BIND_WITH_INSECURE_HTTP
            );
            return Err(Invalid::new(options::PORT, port, allowed));
        }
        let heartbeat_interval = milliseconds(options::HEARTBEAT_INTERVAL, raw.heartbeat_interval, 1, 10_000)?;
        let least = i64::from(heartbeat_interval) * 5;
        Ok(Settings {
            port,
            management_port,
            heartbeat_interval,
            election_timeout: milliseconds(options::ELECTION_TIMEOUT, raw.election_timeout, least, 50_000)?,
            snapshot_count: snapshot_count(&raw.snapshot_count)?,
            bind_to_all_interfaces: raw.bind_to_all_interfaces,
            bind_with_insecure_http: raw.bind_with_insecure_http,
            cipher_suites: cipher_suites(&raw.tls_cipher_suites)?,
        })
    }
}

fn port(option: &'static str, value: i64) -> std::result::Result<u16, Invalid> {
    match u16::try_from(value) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Invalid::new(option, value, "1 to 65535")),
    }
}

fn port_beside(option: &'static str, value: i64, taken: u16) -> std::result::Result<u16, Invalid> {
    let found = port(option, value)?;
    if found == taken {
        return Err(Invalid::new(
            option,
            value,
            format!("any but {taken}, which is {}", options::PORT),
        ));
    }
    Ok(found)
}

fn milliseconds(option: &'static str, value: i64, least: i64, most: i64) -> std::result::Result<u32, Invalid> {
    match u32::try_from(value) {
        Ok(fits) if (least..=most).contains(&value) => Ok(fits),
        _ if option == options::ELECTION_TIMEOUT => {
            let allowed = format!("{least} to {most}, at least five times {}", options::HEARTBEAT_INTERVAL);
            Err(Invalid::new(option, value, allowed))
        }
        _ => Err(Invalid::new(option, value, format!("{least} to {most}"))),
    }
}

fn snapshot_count(text: &str) -> std::result::Result<Option<u64>, Invalid> {
    match text.trim() {
        "auto" => Ok(None),
        number => match number.parse() {
            Ok(count) if count > 0 => Ok(Some(count)),
            _ => Err(Invalid::new(options::SNAPSHOT_COUNT, text, "auto, or a number above 0")),
        },
    }
}

fn cipher_suites(text: &str) -> std::result::Result<Vec<String>, Invalid> {
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Ok(DEFAULT_CIPHERS.iter().map(|&name| name.to_owned()).collect());
    }
    if let Some(unknown) = names
        .iter()
        .find(|name| !DEFAULT_CIPHERS.contains(name) && !OTHER_CIPHERS.contains(name))
    {
        let allowed = "the IANA names of cipher suites of TLS 1.2 that etcd knows";
        return Err(Invalid::new(options::TLS_CIPHER_SUITES, unknown, allowed));
    }
    if !names.iter().any(|name| REQUIRED_CIPHERS.contains(name)) {
        let allowed = format!("a list with {}", REQUIRED_CIPHERS.join(" or "));
        return Err(Invalid::new(options::TLS_CIPHER_SUITES, text, allowed));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Reports options that have a bad value; the rest of the layer stands still meanwhile.
pub(crate) async fn report_invalid(ctx: &mut Context) -> Result<Outcome> {
    Ok(match Settings::read(ctx)? {
        Ok(_) => Outcome::Done,
        Err(invalid) => Outcome::Blocked(invalid.to_string()),
    })
}

/// At the start of every dispatch, where the flag is clear: are the options usable?
pub(crate) async fn validate(ctx: &mut Context) -> Result<()> {
    match Settings::read(ctx)? {
        Ok(_) => ctx.set(&crate::flags::OPTIONS_VALID),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Raw {
        Raw {
            port: 2379,
            management_port: 2380,
            heartbeat_interval: 100,
            election_timeout: 1000,
            snapshot_count: "auto".into(),
            bind_to_all_interfaces: true,
            bind_with_insecure_http: false,
            tls_cipher_suites: String::new(),
        }
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Raw), words: &[&str]) {
        let mut raw = raw();
        change(&mut raw);
        let text = Settings::check(&raw).unwrap_err().to_string();
        for word in words {
            assert!(text.contains(word), "{text} lacks {word}");
        }
    }

    #[test]
    fn defaults_are_valid() {
        let settings = Settings::check(&raw()).unwrap();
        assert_eq!(
            (settings.port, settings.management_port, settings.snapshot_count),
            (2379, 2380, None)
        );
        assert_eq!(settings.cipher_suites.len(), 6);
    }

    #[test]
    fn a_bad_value_names_option_value_and_what_is_allowed() {
        refused(|raw| raw.port = 70_000, &["port", "70000", "1 to 65535"]);
        refused(
            |raw| raw.management_port = 2379,
            &["management_port", "2379", "any but"],
        );
        refused(|raw| raw.heartbeat_interval = 0, &["heartbeat_interval", "0"]);
        refused(
            |raw| raw.election_timeout = 499,
            &["election_timeout", "499", "500 to 50000", "five times"],
        );
        refused(
            |raw| raw.snapshot_count = "many".into(),
            &["snapshot_count", "many", "auto"],
        );
        refused(
            |raw| raw.tls_cipher_suites = "TLS_FOO".into(),
            &["tls_cipher_suites", "TLS_FOO"],
        );
        refused(
            |raw| raw.tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".into(),
            &["tls_cipher_suites", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
        );
        refused(
            |raw| {
                raw.port = 4001;
                raw.bind_with_insecure_http = true;
            },
            &["port", "4001", "bind_with_insecure_http"],
        );
    }

    #[test]
    fn lists_and_counts_are_read_with_blanks() {
        let mut raw = raw();
        raw.snapshot_count = " 5000 ".into();
        raw.tls_cipher_suites = " TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 , TLS_RSA_WITH_AES_128_CBC_SHA,".into();
        let settings = Settings::check(&raw).unwrap();
        assert_eq!(settings.snapshot_count, Some(5000));
        assert_eq!(
            settings.cipher_suites,
            [REQUIRED_CIPHERS[1], "TLS_RSA_WITH_AES_128_CBC_SHA"]
        );
    }
}
