//! The real adapter: gRPC through the crate `etcd-client`, one connection for each call.
//!
//! Every call is wrapped in a deadline of ours: the client's own time-outs do not cover a port that accepts and never
//! answers, which is exactly what a member without quorum does after its restart.

use std::error::Error as _;
use std::future::Future;
use std::time::Duration;

use etcd_client::{
    Certificate, Compare, CompareOp, ConnectOptions, GetOptions, Identity, LeaseGrantOptions, MemberAddOptions,
    PutOptions, ResponseHeader, TlsOptions, Txn, TxnOp,
};

use super::{Answer, CHANGE, Etcd, EtcdError, Lease, Member, MemberList, MemberStatus, QUICK, Refusal, Target};

/// Talks gRPC to real members.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client;

/// A key that need not exist: reading it makes the answering member catch up with the cluster.
const ANY_KEY: &str = "\0";

type Raw<T> = Result<T, etcd_client::Error>;

/// One call: what it is called in errors, who answers, how long that may take.
struct Call<'a> {
    name: &'static str,
    at: &'a Target,
    limit: Duration,
}

impl Call<'_> {
    /// Connects and runs the request, all within the limit.
    async fn run<T, F: Future<Output = Raw<T>>>(
        &self,
        request: impl FnOnce(etcd_client::Client) -> F,
    ) -> Result<T, EtcdError> {
        let whole = async { request(connect(self.at).await?).await };
        match tokio::time::timeout(self.limit, whole).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err(EtcdError::NoAnswer {
                call: self.name,
                endpoint: self.at.endpoint.clone(),
                after: self.limit,
            }),
        }
    }

    fn explain(&self, error: &etcd_client::Error) -> EtcdError {
        let (call, endpoint) = (self.name, self.at.endpoint.clone());
        let text = match error {
            etcd_client::Error::GRpcStatus(status) => status.message().to_owned(),
            other => other.to_string(),
        };
        if text.starts_with("etcdserver:") || Refusal::of(&text) != Refusal::Other {
            EtcdError::Refused {
                call,
                endpoint,
                refusal: Refusal::of(&text),
                text,
            }
        } else {
            EtcdError::Unreachable {
                call,
                endpoint,
                reason: with_causes(text, error),
            }
        }
    }
}

/// The text and the causes below it, without repetition.
fn with_causes(mut text: String, error: &etcd_client::Error) -> String {
    let mut cause = match error {
        etcd_client::Error::GRpcStatus(status) => status.source(),
        other => other.source(),
    };
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

async fn connect(at: &Target) -> Raw<etcd_client::Client> {
    let mut options = ConnectOptions::new();
    if let Some(credentials) = &at.credentials {
        let tls = TlsOptions::new()
            .ca_certificate(Certificate::from_pem(&credentials.ca))
            .identity(Identity::from_pem(&credentials.cert, &credentials.key))
            .domain_name(host_of(&at.endpoint));
        options = options.with_tls(tls);
    }
    etcd_client::Client::connect([at.endpoint.as_str()], Some(options)).await
}

/// The host of a URL, without the brackets of an IPv6 address: the name that the certificate has to carry.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((host, _)) => host,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    }
}

fn quick<'a>(name: &'static str, at: &'a Target) -> Call<'a> {
    Call { name, at, limit: QUICK }
}

fn change<'a>(name: &'static str, at: &'a Target) -> Call<'a> {
    Call {
        name,
        at,
        limit: CHANGE,
    }
}

impl Etcd for Client {
    fn status<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberStatus> {
        Box::pin(async move {
            let call = quick("ask for the status", at);
            let answer = call.run(async |mut client| client.status().await).await?;
            Ok(MemberStatus {
                cluster_id: answer.header().map_or(0, ResponseHeader::cluster_id),
                member_id: answer.header().map_or(0, ResponseHeader::member_id),
                leader: answer.leader(),
                is_learner: answer.is_learner(),
                raft_index: answer.raft_index(),
                applied_index: answer.raft_applied_index(),
                version: answer.version().to_owned(),
                errors: answer.errors().to_vec(),
            })
        })
    }

    fn members<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberList> {
        Box::pin(async move {
            let call = quick("list the members", at);
            let answer = call
                .run(async |mut client| {
                    client.get(ANY_KEY, Some(GetOptions::new().with_count_only())).await?;
                    client.member_list().await
                })
                .await?;
            Ok(MemberList {
                cluster_id: answer.header().map_or(0, ResponseHeader::cluster_id),
                members: answer.members().iter().map(member).collect(),
            })
        })
    }

    fn add_learner<'a>(&'a self, at: &'a Target, peer_url: &'a str) -> Answer<'a, u64> {
        Box::pin(async move {
            let call = change("add a learner", at);
            let options = MemberAddOptions::new().with_is_learner();
            let answer = call
                .run(async |mut client| client.member_add([peer_url], Some(options)).await)
                .await?;
            Ok(answer.member().map_or(0, etcd_client::Member::id))
        })
    }

    fn promote<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            change("promote a learner", at)
                .run(async |mut client| client.member_promote(id).await)
                .await?;
            Ok(())
        })
    }

    fn remove<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            change("remove a member", at)
                .run(async |mut client| client.member_remove(id).await)
                .await?;
            Ok(())
        })
    }

    fn set_peer_url<'a>(&'a self, at: &'a Target, id: u64, peer_url: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = change("change a peer url", at);
            call.run(async |mut client| client.member_update(id, vec![peer_url.to_owned()]).await)
                .await?;
            Ok(())
        })
    }

    fn move_leader<'a>(&'a self, at: &'a Target, to: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            change("move the leadership", at)
                .run(async |mut client| client.move_leader(to).await)
                .await?;
            Ok(())
        })
    }

    fn hold<'a>(&'a self, at: &'a Target, key: &'a str, holder: &'a str, seconds: i64) -> Answer<'a, Option<Lease>> {
        Box::pin(async move {
            let call = quick("take the restart token", at);
            call.run(async |mut client| {
                let lease = client.lease_grant(seconds, None::<LeaseGrantOptions>).await?.id();
                let put = || TxnOp::put(key, holder, Some(PutOptions::new().with_lease(lease)));
                let again = Txn::new()
                    .when([Compare::value(key, CompareOp::Equal, holder)])
                    .and_then([put()]);
                let free = Txn::new()
                    .when([Compare::version(key, CompareOp::Equal, 0)])
                    .and_then([put()]);
                if client.txn(free).await?.succeeded() || client.txn(again).await?.succeeded() {
                    return Ok(Some(Lease(lease)));
                }
                client.lease_revoke(lease).await?;
                Ok(None)
            })
            .await
        })
    }

    fn release<'a>(&'a self, at: &'a Target, lease: Lease) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = quick("give back the restart token", at);
            call.run(async |mut client| client.lease_revoke(lease.0).await).await?;
            Ok(())
        })
    }
}

fn member(raw: &etcd_client::Member) -> Member {
    Member {
        id: raw.id(),
        name: raw.name().to_owned(),
        peer_urls: raw.peer_urls().to_vec(),
        client_urls: raw.client_urls().to_vec(),
        is_learner: raw.is_learner(),
    }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn the_host_of_a_url_has_no_brackets_and_no_port() {
        assert_eq!(host_of("https://10.0.0.5:2379"), "10.0.0.5");
        assert_eq!(host_of("https://[fd00::5]:2379/"), "fd00::5");
        assert_eq!(host_of("http://localhost"), "localhost");
    }
}
