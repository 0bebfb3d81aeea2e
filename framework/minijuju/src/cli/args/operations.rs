//! Options of the commands that run, look and wait.

use std::path::PathBuf;

use clap::Args;

use super::Format;

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
    /// Times as 2006-01-02 15:04:05Z (they are always in UTC)
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
pub(crate) struct KillHook {
    /// The unit
    pub(crate) unit: String,
    /// Only this hook or action
    pub(crate) hook: Option<String>,
    /// At which tool call of such hooks, counted from now
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
