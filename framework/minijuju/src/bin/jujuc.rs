//! A hook tool: which one, says the program's name; as `jujuc <tool> …` the first argument.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let is_jujuc = Path::new(&program).file_name().is_some_and(|name| name == "jujuc");
    let tool = if is_jujuc {
        arguments.next().unwrap_or(program)
    } else {
        program
    };
    juju::client::jujuc_main(&tool, arguments, juju::env::of_process()).into()
}
