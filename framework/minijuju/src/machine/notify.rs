//! `NOTIFY_SOCKET`: where a service says `READY=1`, `STATUS=…` and `MAINPID=…`.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::UnixDatagram;
use tokio::task::JoinHandle;

/// One service's socket; it is gone with this value.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    path: PathBuf,
    task: JoinHandle<()>,
}

/// What a service said in one datagram.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) ready: bool,
    pub(crate) stopping: bool,
    pub(crate) status: Option<String>,
    pub(crate) main_pid: Option<i32>,
}

impl NotifySocket {
    /// Listens at `path`; each message is handed to `deliver`.
    pub(crate) fn bind(path: PathBuf, deliver: impl Fn(Message) + Send + 'static) -> io::Result<NotifySocket> {
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixDatagram::bind(&path)?;
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(length) = socket.recv(&mut buffer).await {
                deliver(Message::parse(&String::from_utf8_lossy(
                    buffer.get(..length).unwrap_or_default(),
                )));
            }
        });
        Ok(NotifySocket { path, task })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        self.task.abort();
        // Nobody would miss it: the next socket of this path removes it as well.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Message {
    fn parse(text: &str) -> Message {
        let mut message = Message::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "READY" => message.ready = value == "1",
                "STOPPING" => message.stopping = value == "1",
                "STATUS" => message.status = Some(value.to_owned()),
                "MAINPID" => message.main_pid = value.parse().ok(),
                _ => {}
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_has_one_variable_a_line() {
        let message = Message::parse("READY=1\nSTATUS=all is well\nMAINPID=12\nX\nWATCHDOG=1");
        let expected = Message {
            ready: true,
            stopping: false,
            status: Some("all is well".into()),
            main_pid: Some(12),
        };
        assert_eq!(message, expected);
    }
}
