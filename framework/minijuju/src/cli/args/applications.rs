//! Options of the commands that change applications and units.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Path of the charm, beginning with . or /
    pub(crate) charm: String,
    /// Name of the application; default: the charm's name
    pub(crate) application: Option<String>,
    /// Number of units
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
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
    #[arg(
        short = 'n',
        long,
        default_value_t = 1,
        value_name = "N",
        allow_negative_numbers = true
    )]
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
