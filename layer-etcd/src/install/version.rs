//! The version of the installed etcd, and which configuration keys it knows.

use std::fmt;
use std::str::FromStr;

/// A version such as 3.4.23; what follows a hyphen is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 3
    pub major: u32,
    /// 4
    pub minor: u32,
    /// 23
    pub patch: u32,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the version of etcd from {0:?}")]
pub struct NotAVersion(String);

impl Version {
    /// The oldest etcd that this layer can run: earlier ones have no learners.
    pub const OLDEST: (u32, u32) = (3, 4);

    /// Reads the answer of `etcd --version`.
    pub fn from_output(output: &str) -> Result<Version, NotAVersion> {
        let line = output
            .lines()
            .find_map(|line| line.trim().strip_prefix("etcd Version:"));
        line.ok_or_else(|| NotAVersion(output.trim().to_owned()))?
            .trim()
            .parse()
    }

    /// Whether this layer can run it.
    pub fn is_supported(&self) -> bool {
        (self.major, self.minor) >= Version::OLDEST && self.major == Version::OLDEST.0
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Version, NotAVersion> {
        let wrong = || NotAVersion(text.to_owned());
        let plain = text.trim_start_matches('v').split(['-', '+']).next().unwrap_or(text);
        let mut numbers = plain.split('.').map(str::parse);
        let mut next = || numbers.next().and_then(Result::ok);
        let (major, minor) = (next().ok_or_else(wrong)?, next().ok_or_else(wrong)?);
        Ok(Version {
            major,
            minor,
            patch: next().unwrap_or(0),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_etcd_is_read() {
        let output =
            "etcd Version: 3.4.23\nGit SHA: Not provided (use ./build instead of go build)\nGo Version: go1.19.8\n";
        assert_eq!(Version::from_output(output).unwrap().to_string(), "3.4.23");
        assert_eq!(
            Version::from_output("etcd Version: 3.6.0-rc.1\n").unwrap(),
            Version {
                major: 3,
                minor: 6,
                patch: 0
            }
        );
        assert!(Version::from_output("bash: etcd: command not found").is_err());
        assert!(Version::from_output("etcd Version: latest").is_err());
    }

    #[test]
    fn versions_without_learners_are_too_old() {
        let supported = |text: &str| text.parse::<Version>().unwrap().is_supported();
        assert!(supported("3.4.0") && supported("3.7.1") && supported("3.10.0"));
        assert!(!supported("3.3.25") && !supported("2.2.5") && !supported("4.0.0"));
    }
}
