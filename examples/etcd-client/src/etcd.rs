//! Calls to etcd, each with a deadline of its own: the client's time-outs do not cover a port that accepts and never answers.

use std::future::Future;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use interface_etcd::Connection;
use tokio::time::timeout;

/// How long one call may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// A cluster, as a client sees it.
pub(crate) struct Etcd {
    connection: Connection,
    deadline: Duration,
}

/// Why etcd did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EtcdError {
    /// No answer in time.
    #[error("cannot {what}: no answer from {endpoints} within {} ms", deadline.as_millis())]
    Deadline {
        /// What was being done.
        what: String,
        /// Who was asked.
        endpoints: String,
        /// How long we waited.
        deadline: Duration,
    },
    /// Nobody to ask.
    #[error("etcd has published no endpoint")]
    NoEndpoint,
    /// An answer that is an error, or no connection.
    #[error("cannot {what}: {source}")]
    Call {
        /// What was being done.
        what: String,
        /// The client's error.
        source: etcd_client::Error,
    },
}

/// What [`Etcd::read_through_each`] found.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// The endpoints that gave the value that was looked for.
    pub(crate) good: usize,
    /// What went wrong at the others.
    pub(crate) problems: Vec<String>,
}

impl Etcd {
    /// The cluster of a relation.
    pub(crate) fn new(connection: Connection) -> Etcd {
        Etcd {
            connection,
            deadline: DEADLINE,
        }
    }

    /// Writes a key through the first endpoint that takes it.
    pub(crate) async fn put(&self, key: &str, value: &str) -> Result<(), EtcdError> {
        self.first(async |endpoint| self.put_to(endpoint, key, value).await)
            .await
    }

    /// Reads a key through the first endpoint that answers; none if it does not exist.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<String>, EtcdError> {
        self.first(async |endpoint| self.get_from(endpoint, key).await).await
    }

    /// One endpoint after the other: the client's own balancing gives up when the member it picked is down.
    async fn first<T>(&self, call: impl AsyncFn(&[String]) -> Result<T, EtcdError>) -> Result<T, EtcdError> {
        let mut failure = None;
        for endpoint in &self.connection.endpoints {
            match call(std::slice::from_ref(endpoint)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or(EtcdError::NoEndpoint))
    }

    async fn put_to(&self, endpoints: &[String], key: &str, value: &str) -> Result<(), EtcdError> {
        let mut client = self.connect(endpoints).await?;
        self.call(format!("write {key}"), endpoints, client.put(key, value, None))
            .await?;
        Ok(())
    }

    /// Reads a key through each endpoint by itself and compares it with what it should be.
    pub(crate) async fn read_through_each(&self, key: &str, expected: &str) -> Reads {
        let mut reads = Reads::default();
        for endpoint in &self.connection.endpoints {
            match self.get_from(std::slice::from_ref(endpoint), key).await {
                Ok(Some(value)) if value == expected => reads.good += 1,
                Ok(value) => reads.problems.push(format!("{endpoint} gives {value:?} for {key}")),
                Err(error) => reads.problems.push(error.to_string()),
            }
        }
        reads
    }

    async fn get_from(&self, endpoints: &[String], key: &str) -> Result<Option<String>, EtcdError> {
        let mut client = self.connect(endpoints).await?;
        let response = self
            .call(format!("read {key}"), endpoints, client.get(key, None))
            .await?;
        Ok(response
            .kvs()
            .first()
            .map(|entry| String::from_utf8_lossy(entry.value()).into_owned()))
    }

    async fn connect(&self, endpoints: &[String]) -> Result<Client, EtcdError> {
        let tls = TlsOptions::new()
            .ca_certificate(Certificate::from_pem(&self.connection.ca))
            .identity(Identity::from_pem(&self.connection.cert, &self.connection.key));
        let options = ConnectOptions::new().with_tls(tls).with_connect_timeout(self.deadline);
        let connecting = Client::connect(endpoints, Some(options));
        self.call(format!("connect to {}", endpoints.join(",")), endpoints, connecting)
            .await
    }

    async fn call<T>(
        &self,
        what: String,
        endpoints: &[String],
        call: impl Future<Output = Result<T, etcd_client::Error>>,
    ) -> Result<T, EtcdError> {
        match timeout(self.deadline, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(EtcdError::Call { what, source }),
            Err(_) => Err(EtcdError::Deadline {
                what,
                endpoints: endpoints.join(","),
                deadline: self.deadline,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
