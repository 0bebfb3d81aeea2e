//! Names of hooks as handlers write them, with alternatives in braces.

use std::borrow::Cow;
use std::fmt;

/// A hook's name, or several: `install`, `db-relation-{joined,changed}`, `{db,proxy}-relation-changed`.
///
/// `{endpoint}` stands for any endpoint: `{endpoint}-relation-broken`. A name that Juju cannot run is a mistake that the
/// charm's builder reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookPattern(Cow<'static, str>);

const PLAIN: &[&str] = &[
    "install",
    "start",
    "stop",
    "remove",
    "config-changed",
    "update-status",
    "upgrade-charm",
    "leader-elected",
    "leader-deposed",
    "leader-settings-changed",
    "pre-series-upgrade",
    "post-series-upgrade",
    "collect-metrics",
    "meter-status-changed",
    "secret-changed",
    "secret-expired",
    "secret-remove",
    "secret-rotate",
];

const SUFFIXES: &[&str] = &[
    "-relation-created",
    "-relation-joined",
    "-relation-changed",
    "-relation-departed",
    "-relation-broken",
    "-storage-attached",
    "-storage-detaching",
    "-pebble-ready",
    "-pebble-custom-notice",
    "-pebble-check-failed",
    "-pebble-check-recovered",
];

const ANY_ENDPOINT: &str = "{endpoint}";

impl HookPattern {
    /// Whether the hook of this name is meant.
    pub fn matches(&self, hook_name: &str) -> bool {
        !hook_name.is_empty()
            && self
                .alternatives()
                .is_ok_and(|all| all.iter().any(|name| matches_one(name, hook_name)))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The endpoints that the pattern names.
    pub fn endpoints(&self) -> Vec<String> {
        let names = self.alternatives().unwrap_or_default();
        let endpoint = |name: &String| {
            let (endpoint, _) = name.rsplit_once("-relation-")?;
            (endpoint != ANY_ENDPOINT).then(|| endpoint.to_owned())
        };
        let mut found: Vec<String> = names.iter().filter_map(endpoint).collect();
        found.dedup();
        found
    }

    /// The name of a hook that matches.
    pub(crate) fn example(&self) -> String {
        let names = self.alternatives().unwrap_or_default();
        let first = names.into_iter().next().unwrap_or_default();
        first.replace(ANY_ENDPOINT, "endpoint")
    }

    /// What is wrong with the pattern, if anything.
    pub(crate) fn mistake(&self) -> Option<String> {
        match self.alternatives() {
            Err(problem) => Some(problem.to_owned()),
            Ok(names) => names
                .iter()
                .find(|name| !runnable(name))
                .map(|name| format!("juju has no hook `{name}`")),
        }
    }

    /// The pattern without its braces, `{endpoint}` left in place.
    fn alternatives(&self) -> Result<Vec<String>, &'static str> {
        let mut names = vec![String::new()];
        let mut rest = &*self.0;
        while let Some(open) = rest.find(['{', '}']) {
            let literal = &rest[..open];
            let closing = rest[open..].find('}').map(|at| open + at);
            let (true, Some(close)) = (rest[open..].starts_with('{'), closing) else {
                return Err("its braces do not match");
            };
            let group = &rest[open..=close];
            let choices: Vec<&str> = match group {
                ANY_ENDPOINT => vec![ANY_ENDPOINT],
                _ => group[1..group.len() - 1].split(',').map(str::trim).collect(),
            };
            names = product(&names, literal, &choices);
            rest = &rest[close + 1..];
        }
        names.iter_mut().for_each(|name| name.push_str(rest));
        Ok(names)
    }
}

fn product(names: &[String], literal: &str, choices: &[&str]) -> Vec<String> {
    let one = |name: &String| -> Vec<String> {
        choices
            .iter()
            .map(|choice| format!("{name}{literal}{choice}"))
            .collect()
    };
    names.iter().flat_map(one).collect()
}

fn matches_one(name: &str, hook_name: &str) -> bool {
    match name.strip_prefix(ANY_ENDPOINT) {
        Some(suffix) => hook_name.strip_suffix(suffix).is_some_and(|ep| !ep.is_empty()),
        None => name == hook_name,
    }
}

fn runnable(name: &str) -> bool {
    let subject = |suffix: &&str| name.strip_suffix(*suffix);
    PLAIN.contains(&name)
        || SUFFIXES
            .iter()
            .find_map(subject)
            .is_some_and(|subject| subject == ANY_ENDPOINT || is_name(subject))
}

/// Whether Juju takes this as the name of an endpoint, a storage or a container.
fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(inner) && !text.ends_with(['-', '_'])
}

impl From<&'static str> for HookPattern {
    fn from(text: &'static str) -> HookPattern {
        HookPattern(Cow::Borrowed(text))
    }
}

impl From<String> for HookPattern {
    fn from(text: String) -> HookPattern {
        HookPattern(Cow::Owned(text))
    }
}

impl fmt::Display for HookPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &'static str, matching: &[&str], other: &[&str]) {
        let pattern = HookPattern::from(pattern);
        assert_eq!(pattern.mistake(), None);
        for name in matching {
            assert!(pattern.matches(name), "{pattern} should match {name}");
        }
        for name in other {
            assert!(!pattern.matches(name), "{pattern} should not match {name}");
        }
    }

    #[test]
    fn matching() {
        check("install", &["install"], &["start", "", "reinstall"]);
        check(
            "db-relation-{joined,changed}",
            &["db-relation-joined", "db-relation-changed"],
            &["db-relation-broken", "a-db-relation-joined"],
        );
        check(
            "{db, proxy}-relation-changed",
            &["db-relation-changed", "proxy-relation-changed"],
            &["cluster-relation-changed"],
        );
        check(
            "{endpoint}-relation-{joined,changed}",
            &["x-relation-joined", "y-z-relation-changed"],
            &["-relation-joined", "x-relation-broken"],
        );
        check("data-storage-attached", &["data-storage-attached"], &[]);
    }

    #[test]
    fn misnamed() {
        for (pattern, problem) in [
            ("instal", "juju has no hook `instal`"),
            ("db-relation-{joined,change}", "juju has no hook `db-relation-change`"),
            ("db-relation-{joined", "its braces do not match"),
            ("db-relation}-joined", "its braces do not match"),
            ("-relation-joined", "juju has no hook `-relation-joined`"),
            ("", "juju has no hook ``"),
        ] {
            let pattern = HookPattern::from(pattern);
            assert_eq!(pattern.mistake().as_deref(), Some(problem));
        }
    }

    #[test]
    fn endpoints() {
        let pattern = HookPattern::from("{db,proxy}-relation-{joined,changed}");
        assert_eq!(pattern.endpoints(), ["db", "proxy"]);
        assert!(HookPattern::from("{endpoint}-relation-joined").endpoints().is_empty());
    }
}
