//! The real adapter: gRPC through the crate `etcd-client`, one connection for each member.
//!
//! Connections are kept, because the TLS handshake is most of what a question costs. One that fails is dropped; a question
//! that fails on a kept connection is asked again on a new one, as the member may have been restarted meanwhile.
//!
//! Every call is wrapped in a deadline of ours: the client's own time-outs do not cover a port that accepts and never
//! answers, which is exactly what a member without quorum does after its restart.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use etcd_client::{
    Certificate, Compare, CompareOp, ConnectOptions, GetOptions, Identity, LeaseGrantOptions, MemberAddOptions,
    PutOptions, ResponseHeader, TlsOptions, Txn, TxnOp,
};

use super::{Answer, CHANGE, Etcd, EtcdError, Lease, Member, MemberList, MemberStatus, QUICK, Refusal, Target};

/// Talks gRPC to real members. Belongs to the runtime in which it is first used.
#[derive(Default)]
pub struct Client {
    /// By endpoint: for whom the connection was made, and the connection.
    open: RefCell<BTreeMap<String, (Target, etcd_client::Client)>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    fn kept(&self, at: &Target) -> Option<etcd_client::Client> {
        let open = self.open.borrow();
        let (owner, connection) = open.get(&at.endpoint)?;
        (owner == at).then(|| connection.clone())
    }

    fn keep(&self, at: &Target, connection: etcd_client::Client) {
        let mut open = self.open.borrow_mut();
        open.insert(at.endpoint.clone(), (at.clone(), connection));
    }

    fn drop_connection(&self, at: &Target) {
        self.open.borrow_mut().remove(&at.endpoint);
    }

    /// A question: asking twice is the same as asking once.
    fn quick<'a>(&'a self, name: &'static str, at: &'a Target) -> Call<'a> {
        self.call(name, at, QUICK)
    }

    /// A change of the membership.
    fn change<'a>(&'a self, name: &'static str, at: &'a Target) -> Call<'a> {
        self.call(name, at, CHANGE)
    }

    fn call<'a>(&'a self, name: &'static str, at: &'a Target, limit: Duration) -> Call<'a> {
        Call {
            client: self,
            name,
            at,
            limit,
        }
    }
}

/// A key that need not exist: reading it makes the answering member catch up with the cluster.
const ANY_KEY: &str = "\0";

type Raw<T> = Result<T, etcd_client::Error>;

/// One call: what it is called in errors, who answers, how long that may take.
struct Call<'a> {
    client: &'a Client,
    name: &'static str,
    at: &'a Target,
    limit: Duration,
}

impl Call<'_> {
    /// Runs the request on the connection that is kept, all within the limit. Where that breaks, the request runs once
    /// more on a new connection: every call of the layer may be repeated.
    async fn run<T>(&self, request: impl AsyncFn(etcd_client::Client) -> Raw<T>) -> Result<T, EtcdError> {
        let whole = async {
            if let Some(connection) = self.client.kept(self.at) {
                match request(connection).await {
                    Err(error) if self.explain(&error).refusal().is_none() => self.client.drop_connection(self.at),
                    answer => return answer,
                }
            }
            let connection = connect(self.at).await?;
            self.client.keep(self.at, connection.clone());
            request(connection).await
        };
        let result = match tokio::time::timeout(self.limit, whole).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err(EtcdError::NoAnswer {
                call: self.name,
                endpoint: self.at.endpoint.clone(),
                after: self.limit,
            }),
        };
        if matches!(&result, Err(error) if error.refusal().is_none()) {
            self.client.drop_connection(self.at);
        }
        result
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

impl Etcd for Client {
    fn status<'a>(&'a self, at: &'a Target) -> Answer<'a, MemberStatus> {
        Box::pin(async move {
            let call = self.quick("ask for the status", at);
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
            let call = self.quick("list the members", at);
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
            let call = self.change("add a learner", at);
            let options = MemberAddOptions::new().with_is_learner();
            let answer = call
                .run(async |mut client| client.member_add([peer_url], Some(options.clone())).await)
                .await?;
            Ok(answer.member().map_or(0, etcd_client::Member::id))
        })
    }

    fn promote<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            self.change("promote a learner", at)
                .run(async |mut client| client.member_promote(id).await)
                .await?;
            Ok(())
        })
    }

    fn remove<'a>(&'a self, at: &'a Target, id: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            self.change("remove a member", at)
                .run(async |mut client| client.member_remove(id).await)
                .await?;
            Ok(())
        })
    }

    fn set_peer_url<'a>(&'a self, at: &'a Target, id: u64, peer_url: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.change("change a peer url", at);
            call.run(async |mut client| client.member_update(id, vec![peer_url.to_owned()]).await)
                .await?;
            Ok(())
        })
    }

    fn move_leader<'a>(&'a self, at: &'a Target, to: u64) -> Answer<'a, ()> {
        Box::pin(async move {
            self.change("move the leadership", at)
                .run(async |mut client| client.move_leader(to).await)
                .await?;
            Ok(())
        })
    }

    fn hold<'a>(&'a self, at: &'a Target, key: &'a str, holder: &'a str, seconds: i64) -> Answer<'a, Option<Lease>> {
        Box::pin(async move {
            let call = self.quick("take the restart token", at);
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
            let call = self.quick("give back the restart token", at);
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
