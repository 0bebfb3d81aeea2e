//! The daemon's end of `ctl.sock`: one JSON request a line, a stream of answers each.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::Message;
use crate::protocol::{Answer, Request};

/// A request may be so long: a deployment with large options, an action with large parameters.
const MAX_REQUEST: u64 = 16 << 20;

/// Accepts connections until it is told to stop, and lets those that are open come to their end.
pub(crate) async fn serve(
    listener: UnixListener,
    controller: UnboundedSender<Message>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn_local(converse(stream, controller.clone()))),
                // Out of file descriptors, most likely: let some connections end first.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One connection. An error means that the client went away, which is its right.
async fn converse(stream: UnixStream, controller: UnboundedSender<Message>) -> io::Result<()> {
    let (from_client, mut to_client) = stream.into_split();
    let mut lines = BufReader::new(from_client);
    loop {
        let mut line = Vec::new();
        (&mut lines).take(MAX_REQUEST).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(());
        }
        let request: Request = match serde_json::from_slice(&line) {
            Ok(request) => request,
            Err(error) => {
                let text = format!("cannot understand the request: {error}");
                send(&mut to_client, &Answer::Error { text, code: 2 }).await?;
                return Ok(());
            }
        };
        let (answers, mut incoming) = unbounded_channel();
        if controller.send(Message::Request { request, answers }).is_err() {
            let text = "the daemon is ending".to_owned();
            return send(&mut to_client, &Answer::Error { text, code: 1 }).await;
        }
        tokio::select! {
            sent = forward(&mut incoming, &mut to_client) => sent?,
            gone = lines.fill_buf() => {
                // Nothing may come before the final answer but the end of the connection; dropping `incoming` withdraws the wait.
                return gone.map(drop);
            }
        }
    }
}

async fn forward(incoming: &mut UnboundedReceiver<Answer>, to_client: &mut OwnedWriteHalf) -> io::Result<()> {
    while let Some(answer) = incoming.recv().await {
        send(to_client, &answer).await?;
        if matches!(answer, Answer::Done { .. } | Answer::Error { .. }) {
            return Ok(());
        }
    }
    send(
        to_client,
        &Answer::Error {
            text: "the daemon is ending".to_owned(),
            code: 1,
        },
    )
    .await
}

async fn send(to_client: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    to_client.write_all(&line).await
}
