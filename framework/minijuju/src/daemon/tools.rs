//! The agent's end of the hook-tool protocol: one socket for each run, any number of connections.

use std::io;

use juju::UnitName;
use juju::wire::{self, ExecResponse, ServerCodec};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Message;

/// A tool call on its way to the controller. Dropping `reply` closes the connection without an answer.
#[derive(Debug)]
pub(crate) struct ToolRequest {
    pub(crate) unit: UnitName,
    /// The context whose socket the call came to.
    pub(crate) context_id: String,
    pub(crate) request: wire::Request,
    pub(crate) reply: oneshot::Sender<Result<ExecResponse, String>>,
}

/// Serves the socket of one context until it is cancelled.
pub(crate) async fn serve(
    listener: UnixListener,
    unit: UnitName,
    context_id: String,
    controller: UnboundedSender<Message>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn_local(converse(stream, unit.clone(), context_id.clone(), controller.clone()));
                }
                // Out of file descriptors, most likely: let some connections end first.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// One connection; an error or a malformed message ends it, as Go's server does.
async fn converse(
    mut stream: UnixStream,
    unit: UnitName,
    context_id: String,
    controller: UnboundedSender<Message>,
) -> io::Result<()> {
    let mut codec = ServerCodec::new();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        codec.feed(&buffer[..count]);
        while let Some(call) = codec.next().map_err(io::Error::other)? {
            let result = if call.method == wire::METHOD {
                let (reply, answer) = oneshot::channel();
                let request = ToolRequest {
                    unit: unit.clone(),
                    context_id: context_id.clone(),
                    request: call.request,
                    reply,
                };
                if controller.send(Message::Tool(request)).is_err() {
                    return Ok(());
                }
                match answer.await {
                    Ok(result) => result,
                    Err(_) => return Ok(()),
                }
            } else {
                Err(wire::unknown_method(&call.method))
            };
            stream.write_all(&codec.encode_reply(call.seq, &result)).await?;
        }
    }
}
