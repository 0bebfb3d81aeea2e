//! Keeps certificates and keys on the machine.
//!
//! ```no_run
//! use std::path::Path;
//! use layers::tls_client::{self, PemFile};
//! # fn f(ctx: &mut reactive::Context, ca: &str, cert: &str, key: &str) -> reactive::Result<()> {
//! let changed = tls_client::save(ctx, &[
//!     PemFile::public(Path::new("/etc/app/ca.crt"), ca),
//!     PemFile::private(Path::new("/etc/app/server.key"), key),
//!     PemFile::public(Path::new("/etc/app/server.crt"), cert),
//! ])?;
//! # Ok(()) }
//! ```

use std::path::{Path, PathBuf};

use host::{Host, HostError};
use reactive::{Context, Result};

/// A PEM file that shall be on the machine.
#[derive(Clone, Copy)]
pub struct PemFile<'a> {
    /// Where.
    pub path: &'a Path,
    /// The certificates or the key.
    pub content: &'a str,
    /// The file's mode.
    pub mode: u32,
}

impl<'a> PemFile<'a> {
    /// A certificate that everybody may read.
    pub fn public(path: &'a Path, content: &'a str) -> PemFile<'a> {
        PemFile {
            path,
            content,
            mode: 0o644,
        }
    }

    /// A key that only its owner may read.
    pub fn private(path: &'a Path, content: &'a str) -> PemFile<'a> {
        PemFile {
            path,
            content,
            mode: 0o600,
        }
    }
}

/// Why certificates are not written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The text is not PEM. It is not shown, since it may be a key.
    #[error("cannot save {path:?}: the text is not in PEM format")]
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// A private key would be readable for others.
    #[error("cannot save {path:?} with mode {mode:04o}: it holds a private key")]
    ExposedKey {
        /// The file.
        path: PathBuf,
        /// The mode.
        mode: u32,
    },
    /// The machine refuses.
    #[error("cannot save {path:?}")]
    Host {
        /// The file.
        path: PathBuf,
        /// Why.
        source: HostError,
    },
}

/// Makes the files be there with these contents and modes, in the order given; true if any of them changed. All are
/// looked at before the first is written.
pub fn save(ctx: &Context, files: &[PemFile<'_>]) -> Result<bool> {
    Ok(save_on(&*ctx.host(), files)?)
}

/// [`save`] for who has a machine but no hook.
pub fn save_on(host: &dyn Host, files: &[PemFile<'_>]) -> Result<bool, SaveError> {
    files.iter().try_for_each(check)?;
    let mut changed = false;
    for file in files {
        let mut content = file.content.trim().to_owned();
        content.push('\n');
        let written = host.write(file.path, content.as_bytes(), file.mode);
        let path = file.path.to_owned();
        changed |= written.map_err(|source| SaveError::Host { path, source })?;
    }
    Ok(changed)
}

fn check(file: &PemFile<'_>) -> Result<(), SaveError> {
    let path = || file.path.to_owned();
    let text = file.content.trim();
    if !text.starts_with("-----BEGIN ") || !text.ends_with("-----") {
        return Err(SaveError::NotPem { path: path() });
    }
    if text.contains("PRIVATE KEY-----") && file.mode & 0o077 != 0 {
        return Err(SaveError::ExposedKey {
            path: path(),
            mode: file.mode,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::SimulatedHost;

    const CERT: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
    const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n";

    #[test]
    fn writes_once() {
        let host = SimulatedHost::new();
        let (cert, key) = (Path::new("/etc/app/a.crt"), Path::new("/etc/app/a.key"));
        let files = [PemFile::public(cert, CERT), PemFile::private(key, KEY)];
        assert!(save_on(&host, &files).unwrap());
        assert!(!save_on(&host, &files).unwrap());
        let content = host.read(cert).unwrap().unwrap();
        assert_eq!(String::from_utf8(content).unwrap(), format!("{CERT}\n"));
        let renewed = CERT.replace("AA", "BB");
        assert!(save_on(&host, &[PemFile::public(cert, &renewed), files[1]]).unwrap());
    }

    #[test]
    fn refuses_before_it_writes() {
        let host = SimulatedHost::new();
        let path = Path::new("/a");
        let exposed = PemFile {
            mode: 0o640,
            ..PemFile::private(path, KEY)
        };
        let error = save_on(&host, &[PemFile::public(Path::new("/b"), CERT), exposed]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot save \"/a\" with mode 0640: it holds a private key"
        );
        let error = save_on(&host, &[PemFile::private(path, "secret")]).unwrap_err();
        assert_eq!(error.to_string(), "cannot save \"/a\": the text is not in PEM format");
        assert!(!host.exists(Path::new("/b")));
    }
}
