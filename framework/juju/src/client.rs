//! The program behind every hook tool's name.
//!
//! A unit's tools directory holds one link per hook tool, all to the same program. It sends its name and arguments to the
//! unit agent, where the tool really runs, and repeats what the agent answers. Standard input is read only if the agent
//! asks for it, so that a tool in a pipeline does not swallow another program's input.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::transport::{RpcTransport, ToolCall, TransportError};
use crate::wire::{ExecResponse, STDIN_REQUIRED};

/// Runs the hook tool that `argv0` names, with this process's standard streams and current directory, and returns the
/// exit code for the process.
///
/// ```no_run
/// # fn main() -> std::process::ExitCode {
/// let mut args = std::env::args();
/// let argv0 = args.next().unwrap_or_default();
/// juju::client::jujuc_main(&argv0, args, juju::env::of_process()).into()
/// # }
/// ```
pub fn jujuc_main<A, E>(argv0: &str, args: A, env: E) -> u8
where
    A: IntoIterator<Item = String>,
    E: IntoIterator<Item = (String, String)>,
{
    run(
        argv0,
        args,
        env,
        &mut io::stdin().lock(),
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
    )
}

/// [`jujuc_main`] with other streams.
pub fn run<A, E>(
    argv0: &str,
    args: A,
    env: E,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> u8
where
    A: IntoIterator<Item = String>,
    E: IntoIterator<Item = (String, String)>,
{
    let name = Path::new(argv0)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    // Nothing sensible can be done when the standard streams are closed; the exit code still tells.
    match ask(ToolCall::new(name, args), env.into_iter().collect(), stdin) {
        Ok(answer) => {
            let _ = stdout.write_all(&answer.stdout).and_then(|()| stdout.flush());
            let _ = stderr.write_all(&answer.stderr);
            // As the system does with larger codes.
            answer.code.to_le_bytes()[0]
        }
        Err(error) => {
            let _ = writeln!(stderr, "ERROR {error}");
            1
        }
    }
}

/// Calls without standard input first, and again with it if the agent says that the tool needs it.
fn ask(call: ToolCall, env: BTreeMap<String, String>, stdin: &mut dyn Read) -> Result<ExecResponse, TransportError> {
    let mut transport = RpcTransport::connect(env)?;
    let answer = match transport.request(&call)? {
        Err(text) if text == STDIN_REQUIRED => {
            let mut input = Vec::new();
            let read = stdin.read_to_end(&mut input);
            read.map_err(|source| TransportError::Io {
                action: "read standard input".to_owned(),
                source,
            })?;
            transport.request(&call.with_stdin(input))?
        }
        answer => answer,
    };
    answer.map_err(|text| TransportError::Refused { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Agent;
    use crate::wire::Request;

    /// Runs a tool and returns its exit code, standard output and standard error.
    fn tool(argv0: &str, args: &[&str], env: Vec<(String, String)>, input: &str) -> (u8, String, String) {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let args = args.iter().map(ToString::to_string);
        let code = run(argv0, args, env, &mut input.as_bytes(), &mut stdout, &mut stderr);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (code, text(stdout), text(stderr))
    }

    fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn repeats_the_agents_answer() {
        let agent = Agent::start(|request| {
            let stdout = format!("{} {:?}\n", request.command_name, request.args).into_bytes();
            Ok(ExecResponse {
                code: 2,
                stdout,
                stderr: b"oh\n".to_vec(),
            })
        });
        let (code, stdout, stderr) = tool("/tools/unit-a-0/config-get", &["--format=json"], agent.vars(), "unread");
        assert_eq!(
            (code, stdout.as_str(), stderr.as_str()),
            (2, "config-get [\"--format=json\"]\n", "oh\n")
        );
        let seen = agent.requests();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].stdin, None);
        assert_eq!(seen[0].context_id, "a/0-install-00ff");
        assert!(Path::new(&seen[0].dir).is_absolute());
    }

    #[test]
    fn sends_standard_input_when_asked_on_the_same_connection() {
        let agent = Agent::start(|request: &Request| match &request.stdin {
            None => Err(STDIN_REQUIRED.to_owned()),
            Some(input) => Ok(ExecResponse {
                stdout: input.clone(),
                ..ExecResponse::default()
            }),
        });
        let answer = tool("relation-set", &["--file", "-"], agent.vars(), "a: b\n");
        assert_eq!(answer, (0, "a: b\n".to_owned(), String::new()));
        let with_input: Vec<bool> = agent.requests().iter().map(|request| request.stdin.is_some()).collect();
        assert_eq!(with_input, [false, true]);
        assert_eq!(agent.connections(), 1);
    }

    #[test]
    fn prints_the_agents_refusal() {
        let agent = Agent::start(|_| Err("bad request: unknown command: nope".to_owned()));
        let answer = tool("nope", &[], agent.vars(), "");
        assert_eq!(
            answer,
            (
                1,
                String::new(),
                "ERROR bad request: unknown command: nope\n".to_owned()
            )
        );
    }

    #[test]
    fn names_the_first_variable_that_is_missing() {
        let complaint = |pairs: &[(&str, &str)]| tool("config-get", &[], vars(pairs), "").2;
        let context = ("JUJU_CONTEXT_ID", "x");
        let address = ("JUJU_AGENT_SOCKET_ADDRESS", "/nowhere/agent.socket");
        assert_eq!(complaint(&[]), "ERROR JUJU_CONTEXT_ID not set\n");
        assert_eq!(complaint(&[("JUJU_CONTEXT_ID", "")]), "ERROR JUJU_CONTEXT_ID not set\n");
        assert_eq!(complaint(&[context]), "ERROR JUJU_AGENT_SOCKET_ADDRESS not set\n");
        assert_eq!(
            complaint(&[context, address]),
            "ERROR JUJU_AGENT_SOCKET_NETWORK not set\n"
        );
        assert_eq!(
            complaint(&[context, address, ("JUJU_AGENT_SOCKET_NETWORK", "unix")]),
            "ERROR dial unix /nowhere/agent.socket: connect: no such file or directory\n"
        );
    }

    #[test]
    fn an_agent_that_hangs_up_is_an_error() {
        let agent = Agent::start_silent();
        assert_eq!(
            tool("config-get", &[], agent.vars(), ""),
            (1, String::new(), "ERROR unexpected EOF\n".to_owned())
        );
    }
}
