//! What can be typed, and what happens if it is wrong.

use super::args::{Exec, Format};
use super::*;
use clap::error::ErrorKind;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["minijuju"].into_iter().chain(line.split_whitespace()))
}

#[track_caller]
fn command(line: &str) -> Command {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).command
}

#[track_caller]
fn refused(line: &str, code: i32, text: &str) {
    let failure = usage(&parse(line).expect_err(line)).unwrap_err();
    assert!(
        failure.code == code && failure.text.starts_with(text),
        "{line}: {failure:?}"
    );
}

#[test]
fn the_declaration_is_sound() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
}

#[test]
fn the_model_may_be_named_before_and_after_the_command() {
    for line in [
        "status --model m",
        "-m m status",
        "status -m m --format json",
        "deploy --model m ./x",
        "ssh --model m a/0 ls",
    ] {
        assert_eq!(parse(line).unwrap().global.model.as_deref(), Some("m"), "{line}");
    }
    let cli = parse("exec --model m --format json --unit a/0 --wait 5.0s -- ls -m x").unwrap();
    assert_eq!(cli.global.model.as_deref(), Some("m"));
}

#[test]
fn what_jubilant_types_is_understood() {
    for line in [
        "add-model --no-switch m",
        "destroy-model m --no-prompt --destroy-storage --force --no-wait --timeout 60s",
        "deploy --model m ./x.charm app --config a=b --config c=d --num-units 3 --trust",
        "integrate --model m a:x b:y",
        "remove-relation --model m a b --force",
        "add-unit --model m a --num-units 2",
        "remove-unit --model m --no-prompt a/0 a/1 --force",
        "remove-application --model m --no-prompt a --destroy-storage",
        "config --model m --format json a",
        "config --model m a k=v x=y",
        "config --model m a --reset k,x",
        "refresh --model m a --path ./x.charm",
        "run --model m --format json a/0 act --wait 5s --params /tmp/p.yaml",
        "status --model m --format json",
        "show-unit --model m a/0 --format json",
        "show-model --format json m",
        "debug-log --model m --limit 10",
        "ssh --model m --no-host-key-checks a/0 ls -la",
        "scp --model m -- -r x a/0:y",
        "trust --model m a --remove",
        "version --format json --all",
        "cli-check",
    ]
    .into_iter()
    .filter(|line| *line != "cli-check")
    {
        command(line);
    }
}

#[test]
fn aliases_are_jujus() {
    for line in ["relate a b", "add-relation a b", "integrate a b"] {
        assert!(matches!(command(line), Command::Integrate(_)), "{line}");
    }
    assert!(matches!(command("resolve a/0"), Command::Resolved(_)));
    assert!(matches!(command("list-models"), Command::Models(_)));
    assert!(matches!(command("list-actions a"), Command::Actions(_)));
}

#[test]
fn the_command_of_exec_is_left_alone() {
    for (line, expected) in [
        ("exec --unit a/0 -- ls --wait x", "ls --wait x"),
        ("exec -u a/0,a/1 ls -l", "ls -l"),
        ("exec --unit a/0 --parallel=true uptime", "uptime"),
    ] {
        let Command::Exec(Exec { command, .. }) = command(line) else {
            panic!("{line}")
        };
        assert_eq!(command.join(" "), expected, "{line}");
    }
    let Command::Exec(exec) = command("exec -u a/0,a/1 --app b ls") else {
        panic!()
    };
    assert_eq!(
        (exec.unit.len(), exec.application.len(), exec.format),
        (2, 1, Format::Tabular)
    );
}

#[test]
fn formats_have_jujus_names() {
    for (word, format) in [
        ("plain", Format::Tabular),
        ("yaml", Format::Yaml),
        ("json", Format::Json),
    ] {
        let Command::Run(run) = command(&format!("run a/0 x --format {word}")) else {
            panic!()
        };
        assert_eq!(run.format, format);
    }
}

#[test]
fn mistakes_end_with_two_and_an_unknown_command_with_one() {
    refused("status --colour", 2, "option provided but not defined: --colour");
    refused("add-unit a b", 2, "unrecognized args: [\"b\"]");
    refused("deploy", 2, "no charm or bundle specified");
    refused("-m m integrate a", 2, "a relation must involve two applications");
    refused("run", 2, "no unit specified");
    refused("remove-unit --no-prompt", 2, "no units specified");
    refused("scp", 2, "at least two arguments required");
    refused("refresh a", 2, "the following required arguments were not provided");
    refused(
        "status --format xml",
        2,
        "invalid value \"xml\" for option --format: unknown format \"xml\"",
    );
    refused("status --format", 2, "option needs an argument: --format");
    refused(
        "add-unit a -n many",
        2,
        "invalid value \"many\" for option --num-units: invalid digit",
    );
    refused("deploy ./a -n -1", 2, "invalid value \"-1\" for option --num-units: ");
    refused(
        "foo",
        1,
        "minijuju: \"foo\" is not a minijuju command. See \"minijuju --help\".",
    );
    refused(
        "statu",
        1,
        "minijuju: \"statu\" is not a minijuju command. See \"minijuju --help\".\n\nDid you mean:\n\tstatus",
    );
}

#[test]
fn no_units_cannot_be_added() {
    let failure = run(parse("add-unit a -n 0").unwrap()).unwrap_err();
    assert_eq!(failure, Failure::usage("--num-units must be a positive integer"));
}

#[test]
fn every_command_has_help() {
    use clap::CommandFactory as _;
    for command in Cli::command().get_subcommands() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        let error = parse(&format!("{} --help", command.get_name())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelp);
    }
}
