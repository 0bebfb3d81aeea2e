//! The transports against a small agent, and against programs that are shell scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::testing::Agent;
use crate::wire::{ExecResponse, Request, STDIN_REQUIRED};

fn echo(request: &Request) -> Result<ExecResponse, String> {
    let stdin = request.stdin.clone().unwrap_or_default();
    let stdout = [request.args.join(",").into_bytes(), stdin].concat();
    Ok(ExecResponse {
        code: 0,
        stdout,
        stderr: Vec::new(),
    })
}

/// A directory with these shell scripts.
fn programs(scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, script) in scripts {
        let path = dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file");
    }
    dir
}

fn path_of(dir: &Path) -> (String, String) {
    let system = std::env::var("PATH").expect("PATH");
    ("PATH".to_owned(), format!("{}:{system}", dir.display()))
}

#[test]
fn rpc_uses_one_connection_and_sends_input_at_once() {
    let agent = Agent::start(echo);
    let mut transport = RpcTransport::connect(agent.vars()).expect("an agent");
    for index in 0..5 {
        let call = ToolCall::new("x", [index.to_string()]).with_stdin("in");
        assert_eq!(
            transport.call(&call).expect("an answer"),
            ToolOutput::ok(format!("{index}in"))
        );
    }
    assert_eq!((agent.connections(), agent.requests().len()), (1, 5));
    assert_eq!(transport.unit().expect("a unit"), "a/0");
    assert_eq!(transport.name(), "rpc");
}

#[test]
fn rpc_over_a_socket_in_the_file_system() {
    let dir = tempfile::tempdir().expect("a directory");
    let agent = Agent::start_at(&dir.path().join("s"), echo);
    let mut transport = RpcTransport::connect(agent.vars()).expect("an agent");
    assert_eq!(
        transport.call(&ToolCall::new("x", ["y"])).expect("an answer"),
        ToolOutput::ok("y")
    );
}

#[test]
fn rpc_carries_large_answers_and_inputs() {
    let agent = Agent::start(echo);
    let mut transport = RpcTransport::connect(agent.vars()).expect("an agent");
    let input = vec![b'x'; 3 << 20];
    let call = ToolCall::new("x", [""; 0]).with_stdin(input.clone());
    assert!(transport.call(&call).expect("an answer").stdout == input);
}

#[test]
fn rpc_errors_are_told_apart() {
    let agent = Agent::start(|_| Err(STDIN_REQUIRED.to_owned()));
    let mut transport = RpcTransport::connect(agent.vars()).expect("an agent");
    let error = transport
        .call(&ToolCall::new("state-set", ["--file", "-"]))
        .expect_err("a refusal");
    assert_eq!(error.to_string(), STDIN_REQUIRED);
    assert!(matches!(error, TransportError::Refused { .. }));

    let agent = Agent::start_babbling();
    let mut transport = RpcTransport::connect(agent.vars()).expect("an agent");
    assert!(matches!(
        transport.call(&ToolCall::default()),
        Err(TransportError::Wire(_))
    ));

    let vars = [
        ("JUJU_AGENT_SOCKET_NETWORK", "tcp"),
        ("JUJU_AGENT_SOCKET_ADDRESS", "h:1"),
        ("JUJU_CONTEXT_ID", "x"),
    ];
    let error = RpcTransport::connect(vars.map(|(n, v)| (n.to_owned(), v.to_owned()))).expect_err("no tcp");
    assert_eq!(
        error.to_string(),
        r#"cannot dial "h:1": network "tcp" is not supported"#
    );
}

#[test]
fn rpc_gives_up_and_dials_anew() {
    let agent = Agent::start_sleepy();
    let transport = RpcTransport::connect(agent.vars()).expect("an agent");
    let mut transport = transport
        .with_answer_timeout(Duration::from_millis(30))
        .expect("an agent");
    let error = transport.call(&ToolCall::default()).expect_err("no answer");
    assert!(matches!(error, TransportError::Timeout(_)), "{error}");

    let agent = Agent::start_silent();
    let mut transport = RpcTransport::connect(agent.vars()).expect("an agent");
    for connections in 1..3 {
        assert!(matches!(
            transport.call(&ToolCall::default()),
            Err(TransportError::Closed)
        ));
        assert_eq!(agent.connections(), connections);
    }
}

#[test]
fn exec_runs_programs_with_exactly_its_variables() {
    let dir = programs(&[
        ("config-get", r#"echo "$JUJU_CONTEXT_ID|$HOME|$*""#),
        ("relation-set", "cat; echo oh >&2; exit 3"),
        ("state-set", "exec 0<&-; exit 0"),
        ("killed", "kill -9 $$"),
    ]);
    let vars = [path_of(dir.path()), ("JUJU_CONTEXT_ID".to_owned(), "c".to_owned())];
    let mut transport = ExecTransport::from_vars(vars);
    assert_eq!(
        transport
            .call(&ToolCall::new("config-get", ["a", "b"]))
            .expect("an answer"),
        ToolOutput::ok("c||a b\n")
    );
    let output = transport
        .call(&ToolCall::new("relation-set", [""; 0]).with_stdin("in"))
        .expect("an answer");
    assert_eq!(
        output,
        ToolOutput {
            code: 3,
            stdout: b"in".to_vec(),
            stderr: b"oh\n".to_vec()
        }
    );
    let unread = ToolCall::new("state-set", [""; 0]).with_stdin(vec![b'x'; 1 << 20]);
    assert_eq!(
        transport.call(&unread).expect("an answer").code,
        0,
        "input that is not read does no harm"
    );
    assert_eq!(
        transport
            .call(&ToolCall::new("killed", [""; 0]))
            .expect("an answer")
            .code,
        137
    );
    let error = transport
        .call(&ToolCall::new("no-such-tool", [""; 0]))
        .expect_err("no program");
    assert_eq!(error.to_string(), r#"cannot find hook tool "no-such-tool" on PATH"#);
}

#[test]
fn exec_kills_what_takes_too_long() {
    let dir = programs(&[("slow", "exec sleep 60"), ("closed", "exec >&- 2>&-; exec sleep 60")]);
    let transport = ExecTransport::from_vars([path_of(dir.path())]);
    let mut transport = transport.with_timeout(Duration::from_millis(50));
    for tool in ["slow", "closed"] {
        let start = Instant::now();
        let error = transport.call(&ToolCall::new(tool, [""; 0])).expect_err("no answer");
        assert!(matches!(error, TransportError::Timeout(_)), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn the_socket_is_preferred_and_the_choice_can_be_forced() {
    let dir = programs(&[("config-get", "echo from program")]);
    let agent = Agent::start(|_| {
        Ok(ExecResponse {
            stdout: b"from socket\n".to_vec(),
            ..ExecResponse::default()
        })
    });
    let vars = |force: &str| {
        let mut vars = agent.vars();
        vars.extend([path_of(dir.path()), (env::HOOK_TRANSPORT.to_owned(), force.to_owned())]);
        vars
    };
    for (force, answer, name) in [
        ("", "socket", "rpc"),
        ("rpc", "socket", "rpc"),
        ("exec", "program", "exec"),
    ] {
        let mut transport = transport_from_env(vars(force)).expect("a transport");
        let output = transport
            .call(&ToolCall::new("config-get", [""; 0]))
            .expect("an answer");
        assert_eq!(output, ToolOutput::ok(format!("from {answer}\n")));
        assert_eq!(transport.name(), name);
        assert_eq!(transport.unit().expect("a unit"), "a/0");
    }
    let error = transport_from_env(vars("smoke")).err().expect("an error");
    assert_eq!(
        error.to_string(),
        r#"cannot use hook transport "smoke": expected rpc or exec"#
    );
}

#[test]
fn programs_take_over_from_a_socket_that_is_not_understood() {
    let dir = programs(&[("config-get", "echo from program")]);
    for agent in [Agent::start_babbling(), Agent::start_silent()] {
        let vars = agent.vars().into_iter().chain([path_of(dir.path())]);
        let mut transport = transport_from_env(vars).expect("a transport");
        assert_eq!(transport.name(), "rpc");
        for _ in 0..2 {
            let output = transport
                .call(&ToolCall::new("config-get", [""; 0]))
                .expect("an answer");
            assert_eq!(output, ToolOutput::ok("from program\n"));
        }
        assert_eq!((transport.name(), agent.connections()), ("exec", 1));
    }
}

#[test]
fn without_socket_the_programs_and_without_both_the_sockets_error() {
    let dir = programs(&[("config-get", "echo from program")]);
    assert_eq!(
        transport_from_env([path_of(dir.path())]).expect("programs").name(),
        "exec"
    );
    let empty = programs(&[]);
    let path = ("PATH".to_owned(), empty.path().display().to_string());
    let error = transport_from_env([path]).err().expect("an error");
    assert_eq!(error.to_string(), "JUJU_CONTEXT_ID not set");
}
