//! One run of a hook, action or command: its process, its output line by line, its end.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::script::Program;

/// A longer line arrives as several records.
const LINE_BUFFER: usize = 4096;
/// So much output of an action is kept for its results.
const COLLECT_AT_MOST: usize = 16 << 20;
/// After the end of the process its pipes may be open in background children: they are read so long.
const DRAIN: Duration = Duration::from_millis(100);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) duration: Duration,
}

/// The end of a process as Juju tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It returned, or died by a signal of its own making (128 + signal).
    Code(i32),
    /// SIGTERM or SIGKILL.
    Killed,
}

/// Which of the two streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Starts the program in its own process group with exactly this environment.
pub(crate) fn start(program: &Program, dir: &Path, environment: &BTreeMap<String, String>) -> io::Result<Child> {
    let mut command = match program {
        Program::Script(path) => Command::new(path),
        Program::Shell(text) => {
            let mut bash = Command::new("/bin/bash");
            bash.arg("-c").arg(text);
            bash
        }
        Program::Missing => return Err(io::ErrorKind::NotFound.into()),
    };
    command
        .current_dir(dir)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Waits for the end, handing every line of output to `line`; `collect` keeps the output as well.
pub(crate) async fn watch(
    mut child: Child,
    started: Instant,
    collect: bool,
    line: impl Fn(Stream, &str),
) -> io::Result<Ended> {
    let mut out = Lines::new(collect);
    let mut err = Lines::new(collect);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let status = {
        let reading = async {
            tokio::join!(
                out.read(stdout, |text| line(Stream::Stdout, text)),
                err.read(stderr, |text| line(Stream::Stderr, text))
            );
        };
        tokio::pin!(reading);
        tokio::select! {
            status = child.wait() => {
                let _cut_off = tokio::time::timeout(DRAIN, &mut reading).await;
                status?
            }
            () = &mut reading => child.wait().await?,
        }
    };
    out.flush(|text| line(Stream::Stdout, text));
    err.flush(|text| line(Stream::Stderr, text));
    Ok(Ended {
        end: end_of(status),
        stdout: out.collected,
        stderr: err.collected,
        duration: started.elapsed(),
    })
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, Some(9 | 15)) => End::Killed,
        (None, signal) => End::Code(128 + signal.unwrap_or(0)),
    }
}

/// Cuts a stream into lines.
struct Lines {
    line: Vec<u8>,
    collect: bool,
    collected: Vec<u8>,
}

impl Lines {
    fn new(collect: bool) -> Lines {
        Lines {
            line: Vec::new(),
            collect,
            collected: Vec::new(),
        }
    }

    async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>, mut emit: impl FnMut(&str)) {
        let Some(mut stream) = stream else { return };
        let mut buffer = [0; LINE_BUFFER];
        // A pipe ends, or fails, when nobody holds its other end any more.
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            for byte in &buffer[..count] {
                if *byte == b'\n' {
                    self.end_line(true, &mut emit);
                } else {
                    self.line.push(*byte);
                    if self.line.len() == LINE_BUFFER {
                        self.end_line(false, &mut emit);
                    }
                }
            }
        }
    }

    /// A last line without an end counts as a line.
    fn flush(&mut self, mut emit: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.end_line(true, &mut emit);
        }
    }

    fn end_line(&mut self, whole: bool, emit: &mut impl FnMut(&str)) {
        if whole && self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.collect && self.collected.len() + self.line.len() < COLLECT_AT_MOST {
            self.collected.extend_from_slice(&self.line);
            if whole {
                self.collected.push(b'\n');
            }
        }
        emit(&String::from_utf8_lossy(&self.line));
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn run(shell: &str) -> (Ended, Vec<(Stream, String)>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let lines = RefCell::new(Vec::new());
        let environment = BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap())]);
        let ended = runtime.block_on(async {
            let child = start(&Program::Shell(shell.to_owned()), Path::new("/"), &environment).unwrap();
            let watching = watch(child, Instant::now(), true, |s, l| {
                lines.borrow_mut().push((s, l.to_owned()))
            });
            tokio::time::timeout(Duration::from_secs(20), watching)
                .await
                .unwrap()
                .unwrap()
        });
        (ended, lines.into_inner())
    }

    #[test]
    fn output_arrives_line_by_line_and_is_collected_with_clean_ends() {
        let (ended, lines) = run(r"printf 'a\r\nb'; echo oops >&2; exit 3");
        assert_eq!(ended.end, End::Code(3));
        assert_eq!(ended.stdout, b"a\nb\n");
        assert_eq!(ended.stderr, b"oops\n");
        assert!(lines.contains(&(Stream::Stdout, "a".into())) && lines.contains(&(Stream::Stderr, "oops".into())));
    }

    #[test]
    fn a_long_line_becomes_several_records_and_one_line_of_results() {
        let (ended, lines) = run("head -c 9000 /dev/zero | tr '\\0' x");
        assert_eq!(
            lines.iter().map(|(_, l)| l.len()).collect::<Vec<_>>(),
            [4096, 4096, 808]
        );
        assert_eq!(ended.stdout.len(), 9001);
    }

    #[test]
    fn a_background_child_does_not_hold_up_the_end() {
        let (ended, _) = run("sleep 3 & echo $!; exit 0");
        assert_eq!(ended.end, End::Code(0));
        assert!(ended.duration < Duration::from_secs(2), "{:?}", ended.duration);
    }

    #[test]
    fn signals_are_told_apart() {
        assert_eq!(run("kill -9 $$").0.end, End::Killed);
        assert_eq!(run("kill -TERM $$").0.end, End::Killed);
        assert_eq!(run("kill -SEGV $$").0.end, End::Code(139));
    }

    #[test]
    fn nothing_is_inherited() {
        let (ended, _) = run("env | cut -d= -f1 | sort | tr '\\n' ' '");
        let text = String::from_utf8(ended.stdout).unwrap();
        assert!(!text.contains("HOME") && text.contains("PATH"), "{text}");
    }
}
