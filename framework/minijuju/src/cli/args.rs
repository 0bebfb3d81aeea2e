//! The command line: every command with its options, as `juju` has them.

mod applications;
mod operations;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use applications::*;
pub(crate) use operations::*;

/// `minijuju <command> …`
#[derive(Debug, Parser)]
#[command(
    name = "minijuju",
    about = "A Juju model on one machine: real charms, real processes, no controller",
    long_about = "minijuju runs Juju charms on this machine: real hooks, real processes, no controller and no network.\n\
        Its commands are Juju's. A model lives in a directory below $MINIJUJU_HOME (default ~/.local/share/minijuju) and\n\
        goes on running between commands.",
    after_help = "Try:  minijuju deploy ./my.charm && minijuju wait",
    disable_version_flag = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Model to operate in: [<controller>:][<user>/]<model>; default: $JUJU_MODEL, else the current model
    #[arg(short = 'm', long, global = true, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// No progress on stderr
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a model and make it the current one
    AddModel(AddModel),
    /// List the models
    #[command(alias = "list-models")]
    Models(Formatted),
    /// Show a model
    ShowModel(ShowModel),
    /// Show or change the current model
    Switch(Switch),
    /// End all processes of a model and remove it
    DestroyModel(DestroyModel),
    /// Deploy a charm: a .charm file or a directory
    Deploy(Deploy),
    /// Give an application another charm
    Refresh(Refresh),
    /// Relate two applications
    #[command(aliases = ["relate", "add-relation"])]
    Integrate(Integrate),
    /// Remove a relation
    RemoveRelation(RemoveRelation),
    /// Add units to an application
    AddUnit(AddUnit),
    /// Remove units
    RemoveUnit(RemoveUnit),
    /// Remove applications
    RemoveApplication(RemoveApplication),
    /// Get, set or reset the options of an application
    Config(Config),
    /// Trust an application with the cloud's credentials
    Trust(Trust),
    /// Expose an application
    Expose(OneApplication),
    /// Undo expose
    Unexpose(OneApplication),
    /// List the actions of an application
    #[command(alias = "list-actions")]
    Actions(Actions),
    /// Run an action on units
    Run(Run),
    /// Run a command on units, in the hook environment
    Exec(Exec),
    /// Show a task
    ShowTask(ShowTask),
    /// Show an operation
    ShowOperation(ShowTask),
    /// List the operations
    #[command(alias = "list-operations")]
    Operations(Formatted),
    /// Cancel tasks
    CancelTask(Tasks),
    /// Show machines, applications and units
    Status(Status),
    /// List the machines
    #[command(alias = "list-machines")]
    Machines(Formatted),
    /// Show units with their relation data
    ShowUnit(ShowUnit),
    /// Retry, or skip, the failed hook of units
    #[command(alias = "resolve")]
    Resolved(Resolved),
    /// Run a command, or a shell, in a unit's machine
    Ssh(Ssh),
    /// Copy files to and from machines
    Scp(Scp),
    /// Show the model's log
    DebugLog(DebugLog),
    /// Wait until the model is as wanted (minijuju's own)
    Wait(Wait),
    /// Wait until an application or unit is active
    WaitFor(WaitFor),
    /// Show the version
    Version(Version),
    /// Fault: kill the hook that makes the n-th tool call of a unit (minijuju's own)
    KillHook(KillHook),
    /// Fault: make a unit the leader, whatever the others believe (minijuju's own)
    SkewLeader(OneUnit),
    /// Fault: kill the model's daemon; the next command starts it again (minijuju's own)
    KillDaemon,
    /// Show the last hooks with their times (minijuju's own)
    Hooks(Hooks),
    /// Run the daemon of a model
    #[command(hide = true)]
    Daemon,
}

/// How data is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[value(aliases = ["default", "smart", "plain"])]
    Tabular,
    Yaml,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Formatted {
    /// Output format
    #[arg(long, value_enum, default_value = "tabular")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct AddModel {
    /// Name of the model
    pub(crate) name: String,
    /// Accepted for compatibility: the cloud is this machine
    pub(crate) cloud: Option<String>,
    /// Do not make it the current model
    #[arg(long)]
    pub(crate) no_switch: bool,
    /// Accepted for compatibility
    #[arg(short = 'c', long)]
    pub(crate) controller: Option<String>,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) credential: Option<String>,
    /// Model configuration, key=value; none has an effect here
    #[arg(long)]
    pub(crate) config: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowModel {
    /// Name of the model; default: the current one
    pub(crate) name: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "yaml")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// The model to be the current one
    pub(crate) target: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyModel {
    /// Name of the model
    pub(crate) name: String,
    /// Do not ask
    #[arg(long, alias = "yes", short = 'y')]
    pub(crate) no_prompt: bool,
    /// Do not run the removal hooks
    #[arg(long)]
    pub(crate) force: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) destroy_storage: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) release_storage: bool,
    /// Give up after this time
    #[arg(short = 't', long, value_name = "DURATION")]
    pub(crate) timeout: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Version {
    /// With all that is known
    #[arg(long)]
    pub(crate) all: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "tabular")]
    pub(crate) format: Format,
}
