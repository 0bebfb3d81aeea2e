//! etcd as a service of the machine: its configuration, its systemd unit, and the one way to start, stop and restart it.

use std::path::Path;

use charm::host::{ActiveState, Host, ServiceAction};
use charm::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use render::{Files, Plan, Start};

use crate::flags::MOVED;
use crate::install::installed_version;
use crate::site::{self, Site};
use crate::tls::files;

mod maintain;
mod render;
mod rolling;

pub(crate) use maintain::maintain;

/// The name of the service, without the suffix.
pub(crate) const SERVICE: &str = "etcd";

const CONFIG_FILE: &str = "/etc/etcd/etcd.conf.yml";
const UNIT_FILE: &str = "/etc/systemd/system/etcd.service";

/// Where it is remembered with what the running etcd was started.
const RUNNING: &str = "etcd.service.running";

/// What the running etcd was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    fingerprint: String,
    client_url: String,
}

impl Running {
    fn load(ctx: &mut Context) -> Result<Option<Running>> {
        ctx.kv().get(RUNNING)
    }

    fn save(&self, ctx: &mut Context) -> Result<()> {
        if Running::load(ctx)?.as_ref() != Some(self) {
            ctx.kv().set(RUNNING, self)?;
        }
        Ok(())
    }
}

/// Where clients reach the member as it runs: with new options this is the old place until the restart.
pub(crate) fn client_url(ctx: &mut Context, site: &Site) -> Result<String> {
    Ok(Running::load(ctx)?.map_or_else(|| site.client_url(), |running| running.client_url))
}

/// Everybody has been told where the member is.
pub(crate) async fn moved(ctx: &mut Context) -> Result<Outcome> {
    ctx.clear(&MOVED)?;
    Ok(Outcome::Done)
}

/// What the service is to be. A different fingerprint needs a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    config: String,
    unit: String,
    running: Running,
}

/// Works out what the service is to be.
pub(crate) fn wanted(ctx: &mut Context, site: &Site, peer_url: &str, start: &Start) -> Result<Wanted> {
    let (host, version) = (ctx.host(), installed_version(ctx)?);
    let seen = |path: &Path| host.resolve(path).to_string_lossy().into_owned();
    let files = Files {
        data_dir: seen(&site.data_dir()),
        ca: seen(&files::ca()),
        cert: seen(&files::server_cert()),
        key: seen(&files::server_key()),
    };
    let plan = Plan {
        version,
        settings: &site.settings,
        addresses: &site.addresses,
        name: &site.name,
        peer_url,
        files: &files,
        start,
    };
    let config = render::config_file(&plan)?;
    let program = host
        .which("etcd")
        .ok_or_else(|| HandlerError::msg("cannot find the program etcd"))?;
    let description = format!("etcd member {}", site.name);
    let unit = render::unit_file(&program.to_string_lossy(), &seen(Path::new(CONFIG_FILE)), &description);
    let ca = host.read(&files::ca())?.unwrap_or_default();
    let fingerprint = fingerprint(&[
        render::without_start(&config).as_bytes(),
        unit.as_bytes(),
        &ca,
        version.to_string().as_bytes(),
    ]);
    Ok(Wanted {
        config,
        unit,
        running: Running {
            fingerprint,
            client_url: site.client_url(),
        },
    })
}

fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Writes the files. Returns whether any changed.
fn write(host: &dyn Host, wanted: &Wanted) -> Result<bool> {
    let data = Path::new("/var/lib/etcd");
    host.create_dir(data, 0o700)?;
    let config = host.write(Path::new(CONFIG_FILE), wanted.config.as_bytes(), 0o644)?;
    Ok(host.write_unit_file(SERVICE, &wanted.unit)? || config)
}

/// Whether the files on disk say what is wanted, but for the start section.
fn adopts(host: &dyn Host, wanted: &Wanted) -> Result<bool> {
    let text = |path: &str| -> Result<String> {
        Ok(String::from_utf8_lossy(&host.read(Path::new(path))?.unwrap_or_default()).into_owned())
    };
    let config = render::without_start(&text(CONFIG_FILE)?) == render::without_start(&wanted.config);
    Ok(config && text(UNIT_FILE)? == wanted.unit)
}

/// Makes etcd run with this start section; an etcd that runs with another one is restarted. For units that are not
/// members yet: nobody depends on them.
pub(crate) fn start(ctx: &mut Context, site: &Site, peer_url: &str, start: &Start) -> Result<()> {
    let host = ctx.host();
    let wanted = wanted(ctx, site, peer_url, start)?;
    let changed = write(host.as_ref(), &wanted)?;
    let runs = is_up(host.as_ref())?;
    if !runs || changed {
        host.service(SERVICE, ServiceAction::Enable)?;
        host.service(
            SERVICE,
            if runs {
                ServiceAction::Restart
            } else {
                ServiceAction::Start
            },
        )?;
    }
    wanted.running.save(ctx)
}

/// Makes etcd run with the files as they are.
pub(crate) fn keep_running(host: &dyn Host) -> Result<()> {
    if !is_up(host)? {
        host.service(SERVICE, ServiceAction::Enable)?;
        host.service(SERVICE, ServiceAction::Start)?;
    }
    Ok(())
}

/// Stops etcd for good: it does not come back at boot either.
pub(crate) fn retire(host: &dyn Host) -> Result<()> {
    if is_ours(host) {
        host.service(SERVICE, ServiceAction::Disable)?;
        host.service(SERVICE, ServiceAction::Stop)?;
    }
    Ok(())
}

/// Renames the data directory out of the way, keeping what is in it.
pub(crate) fn set_data_aside(ctx: &mut Context, name: &str) -> Result<()> {
    let host = ctx.host();
    let from = site::data_dir(name);
    if !host.exists(&from) {
        return Ok(());
    }
    let now = host
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|time| time.as_secs())
        .unwrap_or_default();
    let mut to = from.with_file_name(format!("{name}.removed-{now}"));
    while host.exists(&to) {
        to.as_mut_os_string().push("x");
    }
    host.rename(&from, &to)?;
    ctx.log(
        LogLevel::Info,
        format!("the data of the ended membership is kept in {}", to.display()),
    );
    Ok(())
}

/// Whether the service is the one this layer wrote.
pub(crate) fn is_ours(host: &dyn Host) -> bool {
    host.exists(Path::new(UNIT_FILE))
}

/// Whether the service manager keeps etcd up; a process that ended is started again.
fn is_up(host: &dyn Host) -> Result<bool> {
    let state = host.service_state(SERVICE)?;
    Ok(matches!(state.active, ActiveState::Active | ActiveState::Activating))
}
