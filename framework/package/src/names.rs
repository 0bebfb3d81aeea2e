//! The rules for names in charm packages.

/// `[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*`: words joined by hyphens, each with a letter, the first beginning with one.
pub(crate) fn is_charm_name(name: &str) -> bool {
    let word = |word: &str| {
        word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && word.bytes().any(|b| b.is_ascii_lowercase())
    };
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('-').all(word)
}

/// Letters and digits joined by single hyphens or underscores, beginning with a letter.
pub(crate) fn is_endpoint_name(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.split(['-', '_']).all(word)
}

/// `[a-z0-9](?:[a-z0-9-]*[a-z0-9])?`.
pub(crate) fn is_action_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.first().is_some_and(|b| inner(*b))
        && bytes.last().is_some_and(|b| inner(*b))
        && bytes.iter().all(|b| inner(*b) || *b == b'-')
}

/// `juju` and everything that begins with `juju-` belong to Juju, unless the charm itself is named so.
pub(crate) fn is_reserved(charm: &str, name: &str) -> bool {
    !charm.starts_with("juju-") && (name == "juju" || name.starts_with("juju-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charm_names() {
        for good in ["a", "etcd", "etcd-client", "a1-2b", "easyrsa"] {
            assert!(is_charm_name(good), "{good}");
        }
        for bad in ["", "1a", "a-1", "a-", "-a", "A", "a_b", "a--b", "a.b"] {
            assert!(!is_charm_name(bad), "{bad}");
        }
    }

    #[test]
    fn endpoint_names() {
        for good in ["db", "nrpe-external-master", "a_b", "db2", "Db"] {
            assert!(is_endpoint_name(good), "{good}");
        }
        for bad in ["", "2db", "db-", "_db", "a--b", "a b"] {
            assert!(!is_endpoint_name(bad), "{bad}");
        }
    }

    #[test]
    fn action_names() {
        for good in ["a", "0", "snapshot-0-foo", "01-snapshot"] {
            assert!(is_action_name(good), "{good}");
        }
        for bad in ["", "snapshot-", "-x", "Snapshot", "a_b"] {
            assert!(!is_action_name(bad), "{bad}");
        }
    }

    #[test]
    fn reserved_names_and_the_exempt_charms() {
        assert!(is_reserved("etcd", "juju"));
        assert!(is_reserved("etcd", "juju-x"));
        assert!(!is_reserved("etcd", "jujube"));
        assert!(!is_reserved("juju-controller", "juju-x"));
    }
}
