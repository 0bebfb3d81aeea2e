//! etcd on the machine: what is there is used, else the distribution's packages.

use charm::host::{ActiveState, Command, Host, ServiceAction};
use charm::prelude::*;

pub use version::Version;

use crate::flags::INSTALLED;
use crate::service::SERVICE;

mod version;

/// The packages by which distributions deliver etcd, newest naming first.
const PACKAGES: &[&[&str]] = &[&["etcd-server", "etcd-client"], &["etcd"]];

/// The programs that have to be there.
const PROGRAMS: &[&str] = &["etcd", "etcdctl"];

/// Where the version that Juju shows is remembered.
const SHOWN_VERSION: &str = "etcd.version.shown";

/// Brings etcd onto the machine, and takes care that only our own service runs it.
pub(crate) async fn install(ctx: &mut Context) -> Result<Outcome> {
    let host = ctx.host();
    if !have_programs(host.as_ref()) {
        ctx.status(Outcome::Maintenance("Installing etcd.".into()));
        install_packages(ctx, host.as_ref())?;
    }
    retire_foreign_service(host.as_ref())?;
    let version = detect(host.as_ref())?;
    if !version.is_supported() {
        let (major, minor) = Version::OLDEST;
        return Ok(Outcome::Blocked(format!(
            "etcd {version} is not supported: {major}.{minor} or a later {major}.x is needed"
        )));
    }
    ctx.set(&INSTALLED)?;
    Ok(Outcome::Done)
}

/// Notices which version is installed, and shows it in `juju status`.
pub(crate) async fn show_version(ctx: &mut Context) -> Result<Outcome> {
    let version = detect(ctx.host().as_ref())?.to_string();
    if ctx.kv().get::<String>(SHOWN_VERSION)?.as_ref() != Some(&version) {
        ctx.tools().application_version_set(&version)?;
        ctx.kv().set(SHOWN_VERSION, &version)?;
    }
    Ok(Outcome::Done)
}

/// The version of the etcd that is installed, as [`show_version`] noticed it at the beginning of the hook.
pub(crate) fn installed_version(ctx: &mut Context) -> Result<Version> {
    match ctx.kv().get::<String>(SHOWN_VERSION)? {
        Some(version) => Ok(version.parse()?),
        None => detect(ctx.host().as_ref()),
    }
}

fn detect(host: &dyn Host) -> Result<Version> {
    let output = host.run(&Command::new("etcd").arg("--version"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Version::from_output(&text)?)
}

fn have_programs(host: &dyn Host) -> bool {
    PROGRAMS.iter().all(|program| host.which(program).is_some())
}

fn install_packages(ctx: &mut Context, host: &dyn Host) -> Result<()> {
    let mut failures = Vec::new();
    for packages in PACKAGES {
        match host.install_packages(packages) {
            Ok(()) if have_programs(host) => return Ok(()),
            Ok(()) => failures.push(format!(
                "{} came without {}",
                packages.join(", "),
                PROGRAMS.join(" and ")
            )),
            Err(error) => failures.push(error.to_string()),
        }
        ctx.log(LogLevel::Info, format!("cannot get etcd from {}", packages.join(", ")));
    }
    Err(HandlerError::msg(format!(
        "cannot install etcd: {}",
        failures.join("; ")
    )))
}

/// Stops an etcd that the distribution started: it would hold the ports, and its data is nobody's.
fn retire_foreign_service(host: &dyn Host) -> Result<()> {
    if crate::service::is_ours(host) || host.service_state(SERVICE)?.active != ActiveState::Active {
        return Ok(());
    }
    host.service(SERVICE, ServiceAction::Stop)?;
    host.service(SERVICE, ServiceAction::Disable)?;
    Ok(())
}
