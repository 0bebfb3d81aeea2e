//! What makes a cluster itself: its token, its founding members, and the id that follows from both.
//!
//! etcd derives the id of a founding member from its peer URLs and the token, and the id of the cluster from those of
//! its founders. So the id is known before the first member starts, and can be compared with etcd's own answer.

use sha1::{Digest, Sha1};

/// The id that a founding member with this peer URL gets.
pub fn member_id(peer_url: &str, token: &str) -> u64 {
    let mut hash = Sha1::new();
    hash.update(peer_url.as_bytes());
    hash.update(token.as_bytes());
    first_eight(&hash.finalize())
}

/// The id of the cluster that members with these peer URLs found.
pub fn cluster_id<'a>(peer_urls: impl IntoIterator<Item = &'a str>, token: &str) -> u64 {
    let mut ids: Vec<u64> = peer_urls.into_iter().map(|url| member_id(url, token)).collect();
    ids.sort_unstable();
    let mut hash = Sha1::new();
    for id in ids {
        hash.update(id.to_be_bytes());
    }
    first_eight(&hash.finalize())
}

fn first_eight(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}

/// The name of a unit's member: the unit's name without the slash, as every epoch of the charm has called it.
pub fn member_name(unit: &str) -> String {
    unit.replace('/', "")
}

/// Members as etcd's `initial-cluster` wants them: `name=url`, separated by commas.
pub fn initial_cluster<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let entries: Vec<String> = members.into_iter().map(|(name, url)| format!("{name}={url}")).collect();
    entries.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What etcd 3.4.23 answered for this list and token.
    #[test]
    fn ids_are_etcds_own() {
        let (a, b) = ("http://127.77.0.1:2380", "http://127.77.0.2:2380");
        assert_eq!(member_id(a, "tok"), 1_214_947_604_256_465_655);
        assert_eq!(member_id(b, "tok"), 6_533_968_477_405_659_340);
        assert_eq!(cluster_id([a, b], "tok"), 0xa4f3_cb87_7fdc_02fc);
        assert_eq!(cluster_id([b, a], "tok"), cluster_id([a, b], "tok"));
        assert_ne!(cluster_id([a, b], "other"), cluster_id([a, b], "tok"));
    }

    #[test]
    fn names_and_lists() {
        assert_eq!(member_name("my-etcd/12"), "my-etcd12");
        assert_eq!(initial_cluster([("a", "u"), ("b", "v")]), "a=u,b=v");
    }
}
