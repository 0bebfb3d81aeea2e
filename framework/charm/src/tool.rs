//! The charm's binary as a tool: pack it, look at it, check it.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use package::PackageError;
use reactive::{Charm, CharmBuilder, GraphError};

use crate::{Assets, Finding, PackError, check, pack};

/// A Juju charm: Juju runs it in hooks and actions; run by hand it is its own tool.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a charm package of this program
    Pack {
        /// The archive (by default, without --dir: the charm's name and `.charm`, in this directory)
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Write an unpacked charm directory
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Show which handler enables which
    Graph {
        /// The language of the output
        #[arg(long, value_enum, default_value_t = Format::Dot)]
        format: Format,
    },
    /// Look for mistakes in what handlers and files declare
    Check {
        /// Fail on warnings too
        #[arg(long)]
        deny_warnings: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Graphviz
    Dot,
    /// The handlers in the order of their ranks
    Order,
}

/// Why the tool fails.
#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error("{0}")]
    Graph(#[from] GraphError),
    #[error("{0}")]
    Package(#[from] PackageError),
    #[error("{0}")]
    Pack(#[from] PackError),
    #[error("cannot use the charm: {}", list(.0))]
    Findings(Vec<Finding>),
    #[error("cannot accept {0} warnings")]
    Warnings(usize),
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

fn list(findings: &[Finding]) -> String {
    let texts: Vec<String> = findings.iter().map(Finding::to_string).collect();
    texts.join("; ")
}

/// Runs the tool with the process's arguments.
pub(crate) fn run(name: &'static str, assets: &Assets, build: fn() -> CharmBuilder) -> ExitCode {
    let called = called().unwrap_or_else(|| name.to_owned());
    let matches = Cli::command().name(name).bin_name(called).get_matches();
    let result = Cli::from_arg_matches(&matches).map_err(|error| error.exit());
    match result.and_then(|cli| perform(cli.command, name, assets, build, &mut std::io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the output has seen enough, as in `graph | head`.
        Err(ToolError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody left to tell that standard error is closed.
            let _ = writeln!(std::io::stderr().lock(), "ERROR {error}");
            ExitCode::FAILURE
        }
    }
}

/// The name under which this program was started: what a person has to type again.
fn called() -> Option<String> {
    let program = std::env::args_os().next()?;
    Some(Path::new(&program).file_name()?.to_str()?.to_owned())
}

fn perform(
    command: Command,
    name: &str,
    assets: &Assets,
    build: fn() -> CharmBuilder,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    let charm = build().build()?;
    match command {
        Command::Pack { output, dir } => make(&charm, name, assets, output, dir, out),
        Command::Graph { format: Format::Dot } => Ok(write!(out, "{}", charm.graph().dot())?),
        Command::Graph { format: Format::Order } => {
            for node in charm.graph().order() {
                writeln!(out, "{}: {}", node.id(), node.condition)?;
            }
            Ok(())
        }
        Command::Check { deny_warnings } => inspect(&charm, assets, deny_warnings, out),
    }
}

/// The charm's files agree with its handlers, or this is an error.
fn agree(charm: &Charm, assets: &Assets) -> Result<package::CharmInfo, ToolError> {
    let info = check::info(assets)?;
    match check::findings(charm, &info) {
        findings if findings.is_empty() => Ok(info),
        findings => Err(ToolError::Findings(findings)),
    }
}

fn make(
    charm: &Charm,
    name: &str,
    assets: &Assets,
    output: Option<PathBuf>,
    dir: Option<PathBuf>,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    let info = agree(charm, assets)?;
    let entries = pack::entries(name, assets)?;
    if let Some(dir) = &dir {
        pack::write_dir(&entries, dir)?;
        writeln!(out, "{}", dir.display())?;
    }
    let default = || PathBuf::from(format!("{}.charm", info.metadata.name));
    if let Some(file) = output.or_else(|| dir.is_none().then(default)) {
        package::pack(entries, &file).map_err(PackError::from)?;
        writeln!(out, "{}", file.display())?;
    }
    Ok(())
}

fn inspect(charm: &Charm, assets: &Assets, deny_warnings: bool, out: &mut dyn Write) -> Result<(), ToolError> {
    let info = agree(charm, assets)?;
    let warnings = charm.warnings();
    for warning in warnings {
        writeln!(out, "warning: {warning}")?;
    }
    if deny_warnings && !warnings.is_empty() {
        return Err(ToolError::Warnings(warnings.len()));
    }
    let handlers = charm.graph().order().count();
    writeln!(
        out,
        "{}: {handlers} handlers, {} actions, {} warnings",
        info.metadata.name,
        charm.actions().len(),
        warnings.len()
    )?;
    Ok(())
}
