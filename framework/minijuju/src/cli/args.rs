//! The command line: every command with its options, as `juju` has them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Fault: kill the next hook of a unit at its n-th tool call (minijuju's own)
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
pub(crate) struct Deploy {
    /// Path of the charm, beginning with . or /
    pub(crate) charm: String,
    /// Name of the application; default: the charm's name
    pub(crate) application: Option<String>,
    /// Number of units
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) num_units: Option<u32>,
    /// Option key=value (key=@file reads a file), or a YAML file; may be given several times
    #[arg(long, value_name = "KEY=VALUE|FILE")]
    pub(crate) config: Vec<String>,
    /// Trust the application
    #[arg(long)]
    pub(crate) trust: bool,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
}

/// Options of `deploy` and `refresh` that need a cloud.
#[derive(Debug, Default, Args)]
pub(crate) struct Elsewhere {
    /// Has no effect here: there is one base
    #[arg(long, hide_short_help = true)]
    pub(crate) base: Option<String>,
    /// Has no effect on local charms
    #[arg(long, hide_short_help = true)]
    pub(crate) channel: Option<String>,
    /// Has no effect on local charms
    #[arg(long, hide_short_help = true)]
    pub(crate) revision: Option<u32>,
    /// Has no effect here: there is one host
    #[arg(long, hide_short_help = true)]
    pub(crate) constraints: Vec<String>,
    /// Has no effect here: every unit has a machine of its own
    #[arg(long, hide_short_help = true)]
    pub(crate) to: Vec<String>,
    /// Has no effect here: there is one space
    #[arg(long, hide_short_help = true)]
    pub(crate) bind: Option<String>,
    /// Has no effect here
    #[arg(long, hide_short_help = true)]
    pub(crate) force: bool,
    /// Not supported
    #[arg(long, hide = true)]
    pub(crate) resource: Vec<String>,
    /// Not supported
    #[arg(long, hide = true)]
    pub(crate) storage: Vec<String>,
    /// Not supported
    #[arg(long, hide = true)]
    pub(crate) attach_storage: Vec<String>,
    /// Not supported
    #[arg(long, hide = true)]
    pub(crate) overlay: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Refresh {
    /// The application
    pub(crate) application: String,
    /// Path of the charm
    #[arg(long)]
    pub(crate) path: String,
    /// Option key=value, or a YAML file
    #[arg(long)]
    pub(crate) config: Vec<String>,
    /// Trust the application
    #[arg(long)]
    pub(crate) trust: bool,
    /// Refresh although units are in error
    #[arg(long)]
    pub(crate) force_units: bool,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
}

#[derive(Debug, Args)]
pub(crate) struct Integrate {
    /// One side: <application>[:<endpoint>]
    pub(crate) a: String,
    /// The other side
    pub(crate) b: String,
    /// Accepted for compatibility: for offers only
    #[arg(long)]
    pub(crate) via: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveRelation {
    /// Two of <application>[:<endpoint>], or the relation's number
    #[arg(required = true, num_args = 1..=2)]
    pub(crate) endpoints: Vec<String>,
    /// Do not wait for hooks
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddUnit {
    /// The application
    pub(crate) application: String,
    /// Number of units
    #[arg(short = 'n', long, default_value_t = 1, value_name = "N")]
    pub(crate) num_units: u32,
    /// Has no effect here
    #[arg(long)]
    pub(crate) to: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Removal {
    /// Do not wait for hooks
    #[arg(long)]
    pub(crate) force: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) no_prompt: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) destroy_storage: bool,
    /// Only say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveUnit {
    /// The units
    #[arg(required = true)]
    pub(crate) units: Vec<String>,
    /// For Kubernetes models only
    #[arg(long, value_name = "N")]
    pub(crate) num_units: Option<u32>,
    #[command(flatten)]
    pub(crate) removal: Removal,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveApplication {
    /// The applications
    #[arg(required = true)]
    pub(crate) applications: Vec<String>,
    #[command(flatten)]
    pub(crate) removal: Removal,
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The application
    pub(crate) application: String,
    /// One key to show, or key=value … to set (key=@file reads a file)
    pub(crate) items: Vec<String>,
    /// Options to set back to their default: key[,key]
    #[arg(long, value_delimiter = ',')]
    pub(crate) reset: Vec<String>,
    /// YAML file with options, below the application's name or not
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "yaml")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// The application
    pub(crate) application: String,
    /// Do not trust it any more
    #[arg(long)]
    pub(crate) remove: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) scope: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OneApplication {
    /// The application
    pub(crate) application: String,
    /// Has no effect here
    #[arg(long)]
    pub(crate) endpoints: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Actions {
    /// The application
    pub(crate) application: String,
    /// With the schema of the parameters
    #[arg(long)]
    pub(crate) schema: bool,
    /// Output format
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// <unit>… <action> [key[.key]=value …]
    #[arg(required = true, value_name = "UNIT… ACTION [KEY=VALUE]")]
    pub(crate) words: Vec<String>,
    /// YAML file with parameters
    #[arg(long)]
    pub(crate) params: Option<PathBuf>,
    /// Take values as they are, not as YAML
    #[arg(long)]
    pub(crate) string_args: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Output format
    #[arg(long, value_enum, default_value = "tabular")]
    pub(crate) format: Format,
}

/// How long `run` and `exec` wait.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// How long to wait for results
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<String>,
    /// Do not wait
    #[arg(long)]
    pub(crate) background: bool,
    /// Times in UTC (they always are)
    #[arg(long)]
    pub(crate) utc: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Units
    #[arg(short = 'u', long, value_delimiter = ',')]
    pub(crate) unit: Vec<String>,
    /// All units of applications
    #[arg(short = 'a', long, visible_alias = "app", value_delimiter = ',')]
    pub(crate) application: Vec<String>,
    /// The units on machines
    #[arg(long, value_delimiter = ',')]
    pub(crate) machine: Vec<String>,
    /// All units
    #[arg(long)]
    pub(crate) all: bool,
    /// Accepted for compatibility
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub(crate) parallel: Option<bool>,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) execution_group: Option<String>,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Output format
    #[arg(long, value_enum, default_value = "tabular")]
    pub(crate) format: Format,
    /// The command; one word goes to bash as it is, several are quoted
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowTask {
    /// Its number
    pub(crate) id: String,
    /// How long to wait for its end
    #[arg(long, value_name = "DURATION")]
    pub(crate) wait: Option<String>,
    /// Wait for its end
    #[arg(long)]
    pub(crate) watch: bool,
    /// Times in UTC (they always are)
    #[arg(long)]
    pub(crate) utc: bool,
    /// Output format
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct Tasks {
    /// The tasks
    #[arg(required = true)]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Only these applications, units and machines; * and ? are wildcards
    pub(crate) selectors: Vec<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "tabular")]
    pub(crate) format: Format,
    /// Show relations too
    #[arg(long, visible_alias = "integrations")]
    pub(crate) relations: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) storage: bool,
    /// Times in UTC (they always are)
    #[arg(long)]
    pub(crate) utc: bool,
    /// Colours even if not on a terminal
    #[arg(long)]
    pub(crate) color: bool,
    /// No colours
    #[arg(long)]
    pub(crate) no_color: bool,
    /// Show again every DURATION
    #[arg(long, value_name = "DURATION")]
    pub(crate) watch: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowUnit {
    /// The units
    #[arg(required = true)]
    pub(crate) units: Vec<String>,
    /// Only relations of this endpoint
    #[arg(long)]
    pub(crate) endpoint: Option<String>,
    /// Only data of this related unit
    #[arg(long)]
    pub(crate) related_unit: Option<String>,
    /// Only application data
    #[arg(long)]
    pub(crate) app: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "yaml")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Resolved {
    /// The units
    #[arg(required_unless_present = "all")]
    pub(crate) units: Vec<String>,
    /// Every unit in error
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not run the hook again: it counts as done
    #[arg(long)]
    pub(crate) no_retry: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ssh {
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) container: Option<String>,
    /// Accepted for compatibility
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) pty: Option<bool>,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) proxy: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) no_host_key_checks: bool,
    /// [user@]<unit or machine> [ssh options] [command]
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "TARGET [COMMAND]"
    )]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Scp {
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) container: Option<String>,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) no_host_key_checks: bool,
    /// Accepted for compatibility
    #[arg(long)]
    pub(crate) proxy: bool,
    /// [scp options] <source>… <destination>, one side <unit or machine>:<path>
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "SOURCE… DESTINATION"
    )]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DebugLog {
    /// From the beginning
    #[arg(long)]
    pub(crate) replay: bool,
    /// Show the last N lines and end; 0 = as many as there are
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Show the last N lines first
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<u64>,
    /// Least level: TRACE, DEBUG, INFO, WARNING, ERROR
    #[arg(short = 'l', long, value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// Only these units or machines; a * at the end is a wildcard
    #[arg(short = 'i', long)]
    pub(crate) include: Vec<String>,
    /// Not these
    #[arg(short = 'x', long)]
    pub(crate) exclude: Vec<String>,
    /// Only these modules
    #[arg(long)]
    pub(crate) include_module: Vec<String>,
    /// Not these modules
    #[arg(long)]
    pub(crate) exclude_module: Vec<String>,
    /// End when all is shown
    #[arg(long)]
    pub(crate) no_tail: bool,
    /// Go on even if stdout is no terminal
    #[arg(long)]
    pub(crate) tail: bool,
    /// With the date
    #[arg(long)]
    pub(crate) date: bool,
    /// With milliseconds
    #[arg(long)]
    pub(crate) ms: bool,
    /// Times in UTC (they always are)
    #[arg(long)]
    pub(crate) utc: bool,
    /// Colours even if not on a terminal
    #[arg(long)]
    pub(crate) color: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Applications or units; default: everything
    pub(crate) entities: Vec<String>,
    /// What to wait for
    #[arg(long = "for", value_name = "STATE", default_value = "active")]
    pub(crate) state: String,
    /// That each of the applications has exactly so many units
    #[arg(long, value_name = "N")]
    pub(crate) units: Option<u64>,
    /// How long to wait
    #[arg(long, default_value = "120s", value_name = "DURATION")]
    pub(crate) timeout: String,
}

#[derive(Debug, Args)]
pub(crate) struct WaitFor {
    /// application, unit or model
    pub(crate) kind: String,
    /// Its name
    pub(crate) name: String,
    /// What to wait for: life=="alive" && status=="active" and the like
    #[arg(long)]
    pub(crate) query: Option<String>,
    /// How long to wait
    #[arg(long, default_value = "10m", value_name = "DURATION")]
    pub(crate) timeout: String,
    /// Show a summary at the end
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub(crate) summary: bool,
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

#[derive(Debug, Args)]
pub(crate) struct KillHook {
    /// The unit
    pub(crate) unit: String,
    /// Only this hook or action
    pub(crate) hook: Option<String>,
    /// At which tool call, from 1
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) at: u64,
}

#[derive(Debug, Args)]
pub(crate) struct OneUnit {
    /// The unit
    pub(crate) unit: String,
}

#[derive(Debug, Args)]
pub(crate) struct Hooks {
    /// Only of this unit
    pub(crate) unit: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "tabular")]
    pub(crate) format: Format,
}
