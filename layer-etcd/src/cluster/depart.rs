//! The last hook of a unit: it leaves the cluster if the others can do without it, and refuses to go if they cannot.

use std::rc::Rc;
use std::time::Duration;

use charm::juju::{Event, HookKind};
use charm::prelude::*;

use super::identity::member_name;
use super::leave::{Step, View, next};
use super::record::{Record, Trail};
use crate::etcd::{EtcdPort, Refusal, Survey, Target};
use crate::flags::{DEPARTING, LEAVING, REGISTERED};
use crate::service;
use crate::site;

/// How long a unit tries before it says that it cannot leave.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);

/// When a relation ends: is it because this unit is being removed? Then nothing is started anymore, and nobody is told to
/// repair what is going away.
pub(crate) async fn notice(ctx: &mut Context) -> Result<Outcome> {
    let own = ctx.unit().clone();
    if departing_unit(ctx).is_some_and(|unit| unit != own) {
        return Ok(Outcome::Done);
    }
    let goal = match ctx.tools().goal_state() {
        Ok(goal) => goal,
        Err(error) if error.is_unknown_tool() => return Ok(Outcome::Done),
        Err(error) => return Err(error.into()),
    };
    if goal.units.get(&own).is_some_and(|state| state.status == "dying") {
        ctx.set(&DEPARTING)?;
    }
    Ok(Outcome::Done)
}

fn departing_unit(ctx: &Context) -> Option<UnitName> {
    match &ctx.hook().event {
        Event::Hook(hook) => match &hook.kind {
            HookKind::Relation(relation) => relation.departing_unit.clone(),
            _ => None,
        },
        Event::Action { .. } => None,
    }
}

/// Says that the unit is on its way out.
pub(crate) async fn departing(_ctx: &mut Context) -> Result<Outcome> {
    Ok(Outcome::Maintenance("Leaving the cluster".into()))
}

/// Leaves the cluster. A failure keeps etcd running and fails the hook: Juju repeats it until the cluster can spare the unit.
pub(crate) async fn leave(ctx: &mut Context) -> Result<Outcome> {
    let departure = Departure::new(ctx)?;
    let host = ctx.host();
    let began = host.now();
    loop {
        let view = departure.observe(ctx).await?;
        let reason = match next(&view) {
            Step::Retire => break,
            Step::Await(reason) => reason,
            step => match departure.take(&view, &step).await {
                Ok(()) => continue,
                Err(error) => error.to_string(),
            },
        };
        let waited = host.now().duration_since(began).unwrap_or_default();
        if waited >= PATIENCE {
            let text = format!("Unregistration failed for the departing unit/s. {reason}");
            ctx.status(Outcome::Blocked(text.clone()));
            return Err(HandlerError::msg(text));
        }
        if view.data {
            service::keep_running(host.as_ref())?;
        }
        host.sleep(PAUSE);
    }
    service::retire(host.as_ref())?;
    service::set_data_aside(ctx, &departure.name)?;
    Record::forget(ctx)?;
    ctx.clear(&REGISTERED)?;
    ctx.set(&LEAVING)?;
    Ok(Outcome::Maintenance("Left the cluster".into()))
}

struct Departure {
    name: String,
    trail: Trail,
    member_id: Option<u64>,
    targets: Vec<Target>,
    others_stay: bool,
    etcd: Rc<EtcdPort>,
}

impl Departure {
    fn new(ctx: &mut Context) -> Result<Departure> {
        let trail = Trail::load(ctx)?;
        let record = Record::load(ctx)?;
        let credentials = crate::tls::files::credentials(ctx.host().as_ref())?;
        let target = |url: &String| site::target(url.clone(), credentials.as_ref());
        Ok(Departure {
            name: member_name(ctx.unit().as_str()),
            member_id: record.map(|record| record.member_id()).transpose()?,
            targets: trail.endpoints.iter().map(target).collect(),
            others_stay: others_stay(ctx)?,
            etcd: ctx.port::<EtcdPort>()?,
            trail,
        })
    }

    async fn observe(&self, ctx: &Context) -> Result<View> {
        Ok(View {
            peer_url: self.trail.peer_url.clone(),
            member_id: self.member_id,
            data: site::has_data(ctx.host().as_ref(), &self.name)?,
            others_stay: self.others_stay,
            survey: Survey::take(&**self.etcd, &self.targets).await.ok(),
        })
    }

    async fn take(&self, view: &View, step: &Step) -> Result<()> {
        let result = match step {
            Step::MoveLeader(to) => match self.contact(view, None) {
                Some(leader) => self.etcd.move_leader(&leader, *to).await,
                None => Ok(()),
            },
            Step::Remove(id) => match self.contact(view, Some(*id)) {
                Some(other) => self.etcd.remove(&other, *id).await,
                None => Ok(()),
            },
            Step::Retire | Step::Await(_) => Ok(()),
        };
        match result {
            Err(error) if error.refusal() == Some(Refusal::MemberNotFound) => Ok(()),
            other => Ok(other?),
        }
    }

    /// The leader, or a healthy voter that is not `except`.
    fn contact(&self, view: &View, except: Option<u64>) -> Option<Target> {
        let survey = view.survey.as_ref()?;
        let fits = |id: u64| Some(id) != except && survey.is_healthy(id);
        let leader = survey.leader().filter(|leader| fits(leader.id));
        let member = leader.or_else(|| survey.list.voters().find(|member| fits(member.id)))?;
        let credentials = self.targets.first()?.credentials.clone();
        Some(Target {
            endpoint: member.client_urls.iter().max()?.clone(),
            credentials,
        })
    }
}

/// Whether some other unit of the application is not on its way out.
fn others_stay(ctx: &mut Context) -> Result<bool> {
    let own = ctx.unit().clone();
    match ctx.tools().goal_state() {
        Ok(goal) => Ok(goal
            .units
            .iter()
            .any(|(unit, state)| *unit != own && state.status != "dying")),
        Err(error) if error.is_unknown_tool() => Ok(true),
        Err(error) => Err(error.into()),
    }
}
