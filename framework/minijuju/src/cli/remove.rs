//! `remove-unit` and `remove-application`: say what goes, ask, remove.

use model::status::FullStatus;

use super::args::{Global, Removal, RemoveApplication, RemoveUnit};
use super::failure::Failure;
use super::models::confirm;
use super::output;
use super::session::Session;
use crate::protocol::Request;

/// `remove-unit`
pub(crate) fn units(global: &Global, args: RemoveUnit) -> Result<(), Failure> {
    if args.num_units.is_some() {
        return Err(Failure::usage(
            "--num-units is only supported for Kubernetes models: name the units to remove",
        ));
    }
    if let Some(bad) = args.units.iter().find(|unit| unit.parse::<juju::UnitName>().is_err()) {
        return Err(Failure::usage(format!("invalid unit name {bad:?}")));
    }
    let mut session = Session::open(global)?;
    let status: FullStatus = session.get(&Request::Status)?;
    let exists = |unit: &str| {
        status
            .applications
            .values()
            .any(|application| application.units.contains_key(unit))
    };
    if let Some(missing) = args.units.iter().find(|unit| !exists(unit)) {
        return Err(Failure::new(format!(
            "removing unit {missing} failed: unit {missing:?} not found"
        )));
    }
    let lines: Vec<String> = args
        .units
        .iter()
        .map(|unit| format!("will remove unit {unit}\n"))
        .collect();
    let request = Request::RemoveUnit {
        units: args.units,
        force: args.removal.force,
    };
    remove(&mut session, &args.removal, "unit removal", &lines.concat(), &request)
}

/// `remove-application`
pub(crate) fn applications(global: &Global, args: RemoveApplication) -> Result<(), Failure> {
    let mut session = Session::open(global)?;
    let status: FullStatus = session.get(&Request::Status)?;
    let mut text = String::new();
    for name in &args.applications {
        let Some(application) = status.applications.get(name) else {
            return Err(Failure::new(format!(
                "removing application {name} failed: application {name:?} not found"
            )));
        };
        text.push_str(&format!("will remove application {name}\n"));
        for unit in application.units.keys() {
            text.push_str(&format!("- will remove unit {unit}\n"));
        }
    }
    let request = Request::RemoveApplication {
        applications: args.applications,
        force: args.removal.force,
    };
    remove(&mut session, &args.removal, "application removal", &text, &request)
}

fn remove(session: &mut Session, removal: &Removal, what: &str, text: &str, request: &Request) -> Result<(), Failure> {
    if removal.dry_run {
        return output::data(text);
    }
    if removal.no_prompt {
        session.ask(request)?;
        return output::data(text);
    }
    output::info(&format!(
        "WARNING This command will perform the following actions:\n{text}"
    ));
    confirm(what)?;
    session.ask(request).map(|_| ())
}
