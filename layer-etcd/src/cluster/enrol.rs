//! Becoming a member: observe, decide, do one step, look again, until the unit is a voter or has to wait for others.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use charm::prelude::*;
use interface_etcd::{Claim, Phase};

use super::claim::claimed_id;
use super::identity;
use super::membership::{Step, View, next};
use super::record::{Contrary, Evidence, Record, Trail};
use crate::etcd::{EtcdError, EtcdPort, Refusal, Survey, Target, hex};
use crate::flags::{CONTRARY, MOVED, PEERS, REGISTERED};
use crate::service::{self, Start};
use crate::site::Site;

/// How long a founder waits within one hook for the others.
const FOUNDING: Duration = Duration::from_secs(15);
/// How long a unit tries within one hook to join.
const JOINING: Duration = Duration::from_secs(45);
/// etcd refuses a new member until all members have been connected for five seconds.
const UNHEALTHY: Duration = Duration::from_secs(8);
/// etcd admits one learner at a time; another unit's turn takes about this long.
const LEARNER: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(250);

/// Makes the unit a member of the claimed cluster.
pub(crate) async fn enrol(ctx: &mut Context) -> Result<Outcome> {
    let Some(claim) = PEERS.shared(ctx)?.claim else {
        return Ok(Outcome::Done);
    };
    let attempt = Attempt::new(ctx, claim)?;
    attempt.trail().save(ctx)?;
    attempt.run(ctx).await
}

/// One hook's attempt.
struct Attempt {
    site: Site,
    claim: Claim,
    cluster_id: u64,
    /// Client URLs of the units that are members.
    members: Vec<Target>,
    etcd: Rc<EtcdPort>,
    began: SystemTime,
}

/// What a step led to.
enum Progress {
    Again,
    Registered,
    Stop(Outcome),
}

impl Attempt {
    fn new(ctx: &mut Context, claim: Claim) -> Result<Attempt> {
        let site = Site::observe(ctx)?;
        let peers = PEERS.units(ctx)?;
        let members = peers
            .into_values()
            .filter(|peer| peer.phase == Some(Phase::Member))
            .filter_map(|peer| peer.member);
        Ok(Attempt {
            members: members.map(|member| site.target(member.client_url)).collect(),
            cluster_id: claimed_id(&claim)?,
            etcd: ctx.port::<EtcdPort>()?,
            began: ctx.host().now(),
            site,
            claim,
        })
    }

    fn trail(&self) -> Trail {
        let own = self.site.client_url();
        let endpoints = std::iter::once(own).chain(self.members.iter().map(|at| at.endpoint.clone()));
        Trail {
            peer_url: self.site.peer_url(),
            endpoints: endpoints.collect(),
        }
    }

    async fn run(self, ctx: &mut Context) -> Result<Outcome> {
        let mut refusals = Patience::default();
        let mut said = None;
        loop {
            let view = self.observe(ctx).await?;
            let step = next(&view);
            if said.as_ref() != Some(&step) {
                ctx.log(LogLevel::Debug, format!("membership: {step:?}"));
            }
            let progress = match self.take(ctx, &view, step.clone()).await {
                Ok(progress) => progress,
                Err(error) => self.after_refusal(ctx, &mut refusals, error)?,
            };
            match progress {
                Progress::Registered => return Ok(Outcome::Done),
                Progress::Stop(outcome) => return Ok(outcome),
                Progress::Again => {}
            }
            if let Step::Await(reason) = &step
                && self.elapsed(ctx) >= self.limit(&view)
            {
                return Ok(Outcome::Waiting(reason.clone()));
            }
            if self.elapsed(ctx) >= JOINING {
                return Ok(Outcome::Waiting("Waiting to retry etcd registration".into()));
            }
            said = Some(step);
        }
    }

    fn elapsed(&self, ctx: &Context) -> Duration {
        ctx.host().now().duration_since(self.began).unwrap_or_default()
    }

    fn limit(&self, view: &View) -> Duration {
        if view.established || view.claimed_url.is_none() {
            JOINING
        } else {
            FOUNDING
        }
    }

    async fn observe(&self, ctx: &Context) -> Result<View> {
        let data = self.site.has_data(ctx.host().as_ref())?;
        let own = if data {
            self.etcd.status(&self.site.own()).await.ok()
        } else {
            None
        };
        let mut ask = self.members.clone();
        if own.as_ref().is_some_and(|own| own.healthy() && !own.is_learner) {
            ask.push(self.site.own());
        }
        let survey = if ask.is_empty() {
            None
        } else {
            Survey::take(&**self.etcd, &ask).await.ok()
        };
        let claimed = self
            .claim
            .members
            .iter()
            .find(|member| member.unit == ctx.unit().as_str());
        Ok(View {
            name: self.site.name.clone(),
            peer_url: self.site.peer_url(),
            token: self.claim.token.clone(),
            cluster_id: self.cluster_id,
            claimed_url: claimed.map(|member| member.peer_url.clone()),
            established: !self.members.is_empty(),
            data,
            own,
            survey,
        })
    }

    async fn take(&self, ctx: &mut Context, view: &View, step: Step) -> std::result::Result<Progress, Failure> {
        let host = ctx.host();
        match step {
            Step::Found => {
                let entries = self
                    .claim
                    .members
                    .iter()
                    .map(|member| (member.name.as_str(), member.peer_url.as_str()));
                let start = Start::Found {
                    list: identity::initial_cluster(entries),
                    token: self.claim.token.clone(),
                };
                let url = view.claimed_url.as_ref().unwrap_or(&view.peer_url);
                service::start(ctx, &self.site, url, &start)?;
                host.sleep(PAUSE);
            }
            Step::Join(list) => {
                let start = Start::Join {
                    list,
                    token: self.claim.token.clone(),
                };
                service::start(ctx, &self.site, &view.peer_url, &start)?;
                host.sleep(PAUSE);
            }
            Step::Await(_) => {
                service::keep_running(host.as_ref())?;
                host.sleep(PAUSE);
            }
            Step::SetAside => {
                service::retire(host.as_ref())?;
                service::set_data_aside(ctx, &self.site.name)?;
            }
            Step::Add => drop(self.etcd.add_learner(&self.contact(view), &view.peer_url).await?),
            Step::Promote(id) => self.etcd.promote(&self.contact(view), id).await?,
            Step::Remove(id) => self.etcd.remove(&self.contact(view), id).await?,
            Step::Register(id) => {
                self.register(ctx, view, id)?;
                return Ok(Progress::Registered);
            }
            Step::Wait(reason) => return Ok(Progress::Stop(Outcome::Waiting(reason))),
            Step::Refuse(reason) => return Ok(Progress::Stop(self.refuse(ctx, view, reason)?)),
        }
        Ok(Progress::Again)
    }

    /// Whom to ask for a change: the leader if it is known, else any healthy voter.
    fn contact(&self, view: &View) -> Target {
        let url = view.survey.as_ref().and_then(|survey| {
            let healthy = || survey.list.voters().find(|member| survey.is_healthy(member.id));
            survey.leader().or_else(healthy)?.client_urls.iter().max()
        });
        url.map_or_else(|| self.site.own(), |url| self.site.target(url))
    }

    fn register(&self, ctx: &mut Context, view: &View, id: u64) -> Result<()> {
        let listed = view
            .survey
            .as_ref()
            .and_then(|survey| survey.list.by_id(id)?.peer_urls.first().cloned());
        let record = Record {
            cluster_id: hex(self.cluster_id),
            member_id: hex(id),
            peer_url: listed.unwrap_or_else(|| view.peer_url.clone()),
            token: self.claim.token.clone(),
        };
        record.save(ctx)?;
        let (member, cluster) = (&record.member_id, &record.cluster_id);
        ctx.log(
            LogLevel::Info,
            format!("this unit is member {member} of cluster {cluster}"),
        );
        ctx.set(&MOVED)?;
        ctx.set(&REGISTERED)
    }

    fn refuse(&self, ctx: &mut Context, view: &View, text: String) -> Result<Outcome> {
        if view.data {
            service::retire(ctx.host().as_ref())?;
            Contrary {
                evidence: Evidence::OtherCluster,
                text: text.clone(),
            }
            .save(ctx)?;
            ctx.set(&CONTRARY)?;
        }
        Ok(Outcome::Blocked(text))
    }

    /// etcd said no: some refusals pass, others are for people to read.
    fn after_refusal(&self, ctx: &mut Context, refusals: &mut Patience, failure: Failure) -> Result<Progress> {
        let error = match failure {
            Failure::Handler(error) => return Err(error),
            Failure::Etcd(error) => error,
        };
        let now = ctx.host().now();
        let limit = match error.refusal() {
            Some(Refusal::Unhealthy) => UNHEALTHY,
            Some(Refusal::TooManyLearners) => LEARNER,
            _ => JOINING,
        };
        if refusals.since(error.refusal(), now) >= limit {
            return Ok(Progress::Stop(Outcome::Waiting(format!(
                "Waiting to retry etcd registration: {error}"
            ))));
        }
        ctx.log(LogLevel::Debug, error.to_string());
        ctx.host().sleep(PAUSE * 2);
        Ok(Progress::Again)
    }
}

/// Since when a refusal has been repeated.
#[derive(Default)]
struct Patience(BTreeMap<String, SystemTime>);

impl Patience {
    fn since(&mut self, refusal: Option<Refusal>, now: SystemTime) -> Duration {
        let first = *self.0.entry(format!("{refusal:?}")).or_insert(now);
        now.duration_since(first).unwrap_or_default()
    }
}

/// Why a step failed: etcd's refusals are answered, everything else fails the hook.
enum Failure {
    Etcd(EtcdError),
    Handler(HandlerError),
}

impl From<EtcdError> for Failure {
    fn from(error: EtcdError) -> Failure {
        Failure::Etcd(error)
    }
}

impl From<HandlerError> for Failure {
    fn from(error: HandlerError) -> Failure {
        Failure::Handler(error)
    }
}
