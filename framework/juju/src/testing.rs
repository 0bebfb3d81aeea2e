//! A unit agent for this crate's own tests: a socket, and a function that answers.

use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::wire::{ExecResponse, Request, ServerCodec};

type Answer = dyn Fn(&Request) -> Result<ExecResponse, String> + Send + Sync;

/// What the agent does with a connection.
#[derive(Clone)]
enum Manner {
    /// Answers calls.
    Answers(Arc<Answer>),
    /// Reads something and hangs up.
    HangsUp,
    /// Reads something and writes what is not the protocol.
    Babbles,
    /// Reads and never answers.
    Sleeps,
}

/// A server on a socket that ends with this value.
pub(crate) struct Agent {
    address: String,
    connect: SocketAddr,
    stop: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Agent {
    /// An agent on an abstract socket.
    pub(crate) fn start(answer: impl Fn(&Request) -> Result<ExecResponse, String> + Send + Sync + 'static) -> Agent {
        Agent::abstract_socket(Manner::Answers(Arc::new(answer)))
    }

    /// An agent on a socket in the file system.
    pub(crate) fn start_at(
        path: &Path,
        answer: impl Fn(&Request) -> Result<ExecResponse, String> + Send + Sync + 'static,
    ) -> Agent {
        let socket = SocketAddr::from_pathname(path).expect("a short path");
        Agent::listen(
            path.to_str().expect("text").to_owned(),
            socket,
            Manner::Answers(Arc::new(answer)),
        )
    }

    /// An agent that hangs up instead of answering.
    pub(crate) fn start_silent() -> Agent {
        Agent::abstract_socket(Manner::HangsUp)
    }

    /// An agent that speaks another protocol.
    pub(crate) fn start_babbling() -> Agent {
        Agent::abstract_socket(Manner::Babbles)
    }

    /// An agent that never answers.
    pub(crate) fn start_sleepy() -> Agent {
        Agent::abstract_socket(Manner::Sleeps)
    }

    fn abstract_socket(manner: Manner) -> Agent {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "juju-crate-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::SeqCst)
        );
        let socket = SocketAddr::from_abstract_name(&name).expect("a short name");
        Agent::listen(format!("@{name}"), socket, manner)
    }

    fn listen(address: String, connect: SocketAddr, manner: Manner) -> Agent {
        let listener = UnixListener::bind_addr(&connect).expect("a free socket");
        let mut agent = Agent {
            address,
            connect,
            stop: Arc::default(),
            requests: Arc::default(),
            connections: Arc::default(),
            thread: None,
        };
        let (stop, requests, connections) = (
            Arc::clone(&agent.stop),
            Arc::clone(&agent.requests),
            Arc::clone(&agent.connections),
        );
        agent.thread = Some(thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                connections.fetch_add(1, Ordering::SeqCst);
                serve(stream.expect("a connection"), &manner, &requests);
            }
        }));
        agent
    }

    /// The variables of a hook with this agent.
    pub(crate) fn vars(&self) -> Vec<(String, String)> {
        [
            ("JUJU_CONTEXT_ID", "a/0-install-00ff"),
            ("JUJU_UNIT_NAME", "a/0"),
            ("JUJU_AGENT_SOCKET_ADDRESS", &self.address),
            ("JUJU_AGENT_SOCKET_NETWORK", "unix"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// What has been asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic elsewhere").clone()
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let woken = UnixStream::connect_addr(&self.connect).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            drop(thread.join());
        }
    }
}

fn serve(mut stream: UnixStream, manner: &Manner, requests: &Mutex<Vec<Request>>) {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a socket");
    let mut codec = ServerCodec::new();
    let mut buffer = [0; 4096];
    while let Ok(count) = stream.read(&mut buffer) {
        let answer = match manner {
            _ if count == 0 => return,
            Manner::HangsUp => return,
            Manner::Sleeps => continue,
            Manner::Babbles => return drop(stream.write_all(b"\x03\x04hi")),
            Manner::Answers(answer) => answer,
        };
        codec.feed(&buffer[..count]);
        while let Some(call) = codec.next().expect("a sound stream") {
            let result = answer(&call.request);
            requests.lock().expect("no panic elsewhere").push(call.request);
            stream
                .write_all(&codec.encode_reply(call.seq, &result))
                .expect("a client that reads");
        }
    }
}
