//! The command line's requests: those that are answered at once, and the beginning of those that take time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use juju::{ApplicationName, UnitName};
use model::{Application, Event, ModelError, Reply};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::controller::{ApplyError, Controller, Ending};
use super::log::Filter;
use super::store::{self, Order, Stored};
use super::waits::{Goal, Waiter};
use super::{Message, note, reports, views};
use crate::paths::ENV_MACHINE_ADDRESS;
use crate::protocol::{Answer, DaemonInfo, Deployed, Level, Request, Target};

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) text: String,
    pub(crate) code: i32,
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal {
            text: error.to_string(),
            code: 1,
        }
    }
}

/// A request that is wrong in itself.
fn usage(text: &str) -> Refusal {
    Refusal {
        text: text.to_owned(),
        code: 2,
    }
}

type Outcome = Result<Value, Refusal>;

/// Sends the final answer. A client that has gone does not want it any more.
pub(crate) fn finish(answers: &UnboundedSender<Answer>, outcome: Outcome) {
    let answer = match outcome {
        Ok(json) => Answer::Done { code: 0, json },
        Err(Refusal { text, code }) => Answer::Error { text, code },
    };
    let _gone = answers.send(answer);
}

impl Controller {
    /// Answers a request, or begins what will answer it later.
    pub(crate) fn request(&mut self, request: Request, answers: UnboundedSender<Answer>) {
        match request {
            Request::Deploy {
                charm,
                application,
                units,
                config,
            } => {
                self.store_charm(
                    charm,
                    Order::Deploy {
                        application,
                        units,
                        config,
                    },
                    answers,
                );
            }
            Request::Refresh { application, charm } => self.store_charm(charm, Order::Refresh { application }, answers),
            Request::Wait { conditions, timeout_ms } => {
                self.waiters
                    .push(Waiter::new(Goal::Conditions(conditions), answers, Some(timeout_ms)));
            }
            Request::Run {
                units,
                action,
                params,
                wait_ms,
            } => {
                let event = Event::EnqueueAction { units, action, params };
                self.enqueue(event, wait_ms, answers);
            }
            Request::Exec {
                units,
                applications,
                machines,
                all,
                command,
                wait_ms,
            } => match self.exec_targets(units, &applications, &machines, all) {
                Ok(units) => self.enqueue(Event::EnqueueExec { units, command }, wait_ms, answers),
                Err(refusal) => finish(&answers, Err(refusal)),
            },
            Request::ShowTask { task, wait_ms } => match reports::task_id(&self.model, &task) {
                Ok(id) => self
                    .waiters
                    .push(Waiter::new(Goal::Task(id), answers, Some(wait_ms.unwrap_or(0)))),
                Err(refusal) => finish(&answers, Err(refusal)),
            },
            Request::ShowOperation { operation, wait_ms } => match reports::operation_id(&self.model, &operation) {
                Ok(id) => self
                    .waiters
                    .push(Waiter::new(Goal::Operation(id), answers, Some(wait_ms.unwrap_or(0)))),
                Err(refusal) => finish(&answers, Err(refusal)),
            },
            Request::DebugLog {
                replay,
                lines,
                follow,
                level,
                include,
                exclude,
            } => {
                let filter = Filter {
                    level: level.unwrap_or(Level::Info),
                    include,
                    exclude,
                };
                self.debug_log(filter, (!replay).then_some(lines), follow, answers);
            }
            Request::DestroyModel { force, timeout_ms } => self.destroy_model(force, timeout_ms, answers),
            Request::Shutdown => self.ending = Some(Ending::Stop { answers: Some(answers) }),
            other => {
                let outcome = self.answer(other);
                finish(&answers, outcome);
            }
        }
    }

    /// The requests that are answered at once.
    fn answer(&mut self, request: Request) -> Outcome {
        match request {
            Request::Ping => to_json(&DaemonInfo {
                pid: std::process::id(),
                model: self.model.name().to_owned(),
                uuid: self.model.uuid().to_owned(),
                juju_version: self.model.juju_version().to_owned(),
            }),
            Request::Integrate { a, b } => match self.apply(Event::Integrate { a, b })? {
                Reply::Related(relation) => Ok(json!({ "relation": relation })),
                _ => Ok(Value::Null),
            },
            Request::AddUnit { application, count } => {
                let application = application_name(&application)?;
                match self.apply(Event::AddUnits { application, count })? {
                    Reply::UnitsAdded(units) => to_json(&units),
                    _ => Ok(Value::Null),
                }
            }
            Request::ConfigGet { application } => {
                let application = self.application(&application)?;
                Ok(config_json(application))
            }
            Request::Actions { application } => to_json(&self.application(&application)?.charm.actions),
            Request::Operations => to_json(&reports::operations(&self.model)),
            Request::Status => Ok(views::status(&self.model, self.time())?),
            Request::ShowUnit { unit } => {
                let found = views::show_unit(&self.model, &self.unit_or_leader(&unit)?);
                found.ok_or_else(|| ModelError::UnitNotFound(unit).into())
            }
            Request::Target { target } => self.target(&target),
            Request::KillHook { unit, hook, at } => self.kill_hook(&unit, hook, at),
            Request::Hooks { unit } => to_json(&self.faults.runs(unit.as_deref())),
            change => self.change(change).map(|()| Value::Null),
        }
    }

    /// The requests that change the model and have nothing to tell.
    fn change(&mut self, request: Request) -> Result<(), Refusal> {
        match request {
            Request::RemoveRelation { endpoints, force } => self.apply(Event::RemoveRelation { endpoints, force })?,
            Request::RemoveUnit { units, force } => {
                let units = units.iter().map(|unit| unit_name(unit)).collect::<Result<_, _>>()?;
                self.apply(Event::RemoveUnits { units, force })?
            }
            Request::RemoveApplication { applications, force } => {
                for name in &applications {
                    self.application(name)?;
                }
                for name in &applications {
                    self.apply(Event::RemoveApplication {
                        application: application_name(name)?,
                        force,
                    })?;
                }
                return Ok(());
            }
            Request::Trust { application, trust } => self.apply(Event::Trust {
                application: application_name(&application)?,
                trust,
            })?,
            Request::ConfigSet {
                application,
                set,
                reset,
            } => self.apply(Event::SetConfig {
                application: application_name(&application)?,
                set,
                reset,
            })?,
            Request::CancelTask { tasks } => {
                let ids = tasks
                    .iter()
                    .map(|task| reports::task_id(&self.model, task))
                    .collect::<Result<Vec<_>, _>>()?;
                for task in ids {
                    self.apply(Event::CancelTask { task })?;
                }
                return Ok(());
            }
            Request::Resolve { units, all, retry } => return self.resolve(&units, all, retry),
            Request::Expose { application, exposed } => self.apply(Event::Expose {
                application: application_name(&application)?,
                exposed,
            })?,
            Request::SkewLeader { unit } => self.apply(Event::SetLeader {
                unit: unit_name(&unit)?,
            })?,
            other => return Err(usage(&format!("request not supported here: {other:?}"))),
        };
        Ok(())
    }

    fn resolve(&mut self, units: &[String], all: bool, retry: bool) -> Result<(), Refusal> {
        let units: Vec<UnitName> = if all {
            self.model
                .units()
                .filter(|unit| unit.is_in_error())
                .map(|unit| unit.name.clone())
                .collect()
        } else {
            units.iter().map(|unit| unit_name(unit)).collect::<Result<_, _>>()?
        };
        for unit in units {
            self.apply(Event::Resolve { unit, retry })?;
        }
        Ok(())
    }

    fn kill_hook(&mut self, unit: &str, hook: Option<String>, at: u64) -> Outcome {
        let name = unit_name(unit)?;
        if self.model.unit(&name).is_none() {
            return Err(ModelError::UnitNotFound(unit.to_owned()).into());
        }
        if at == 0 {
            return Err(usage("the tool calls of a hook are counted from 1"));
        }
        self.faults.arm_kill(name.to_string(), hook, at);
        Ok(Value::Null)
    }

    /// Reads and copies a charm beside the controller.
    fn store_charm(&self, charm: PathBuf, order: Order, answers: UnboundedSender<Answer>) {
        let (paths, to_self) = (self.paths.clone(), self.to_self.clone());
        tokio::task::spawn_blocking(move || {
            let result = Box::new(store::bring(&paths, &charm));
            // Without a controller there is no one left to tell.
            let _ended = to_self.send(Message::CharmStored { order, result, answers });
        });
    }

    /// A charm is in the store: it gets its revision, and the application gets it.
    pub(crate) fn charm_stored(
        &mut self,
        order: Order,
        result: Result<Stored, String>,
        answers: &UnboundedSender<Answer>,
    ) {
        let outcome = match result {
            Ok(stored) => self.use_charm(order, &stored),
            Err(text) => Err(Refusal { text, code: 1 }),
        };
        finish(answers, outcome);
    }

    fn use_charm(&mut self, order: Order, stored: &Stored) -> Outcome {
        let charm = stored.info.metadata.name.clone();
        let revision = self.model.next_charm_revision(&charm);
        let charm_id = format!("{charm}-{revision}");
        stored.settle(&self.paths, &charm_id)?;
        let (url, info) = (format!("local:{charm_id}"), Box::new(stored.info.clone()));
        let base = stored
            .info
            .manifest
            .as_ref()
            .and_then(|manifest| manifest.bases.first());
        let base = base
            .map(|base| format!("{}@{}", base.name, base.channel))
            .unwrap_or_default();
        let applied = match order {
            Order::Deploy {
                application,
                units,
                config,
            } => {
                let name = application.unwrap_or_else(|| charm.clone());
                let units = units.unwrap_or(u32::from(!stored.info.metadata.subordinate));
                application_name(&name).and_then(|application| {
                    self.apply(Event::Deploy {
                        charm: info,
                        url,
                        application,
                        units,
                        config,
                        charm_id: charm_id.clone(),
                    })?;
                    Ok(name)
                })
            }
            Order::Refresh { application: name } => application_name(&name).and_then(|application| {
                self.apply(Event::Refresh {
                    application,
                    charm: info,
                    url,
                    charm_id: charm_id.clone(),
                })?;
                Ok(name)
            }),
        };
        match applied {
            Ok(application) => to_json(&Deployed {
                charm,
                revision,
                application,
                base,
            }),
            Err(refusal) => {
                if let Err(error) = fs_err::remove_file(self.paths.charm(&charm_id)) {
                    note(&error.to_string());
                }
                Err(refusal)
            }
        }
    }

    /// Schedules tasks; the answer comes when they have ended, or at once.
    fn enqueue(&mut self, event: Event, wait_ms: Option<u64>, answers: UnboundedSender<Answer>) {
        match self.apply(event) {
            Ok(Reply::Enqueued { operation, .. }) => {
                self.waiters.push(Waiter::new(
                    Goal::Operation(operation),
                    answers,
                    Some(wait_ms.unwrap_or(0)),
                ));
            }
            Ok(_) => finish(&answers, Ok(Value::Null)),
            Err(ApplyError::Model(ModelError::NotScheduled { operation, errors })) => {
                finish(&answers, to_json(&reports::not_scheduled(operation, errors)));
            }
            Err(error) => finish(&answers, Err(error.into())),
        }
    }

    fn exec_targets(
        &self,
        mut units: Vec<String>,
        applications: &[String],
        machines: &[String],
        all: bool,
    ) -> Result<Vec<String>, Refusal> {
        if units.is_empty() && applications.is_empty() && machines.is_empty() && !all {
            return Err(usage(
                "You must specify a target, either through --all, --machine, --application or --unit",
            ));
        }
        for application in applications {
            let name = &self.application(application)?.name;
            units.extend(self.model.units_of(name).map(|unit| unit.name.to_string()));
        }
        for machine in machines {
            let number = self.machine_number(machine)?;
            units.extend(self.model.units_on(number).map(|unit| unit.name.to_string()));
        }
        if all {
            units.extend(self.model.units().map(|unit| unit.name.to_string()));
        }
        let mut seen = std::collections::BTreeSet::new();
        units.retain(|unit| seen.insert(unit.clone()));
        if units.is_empty() {
            return Err(Refusal {
                text: "no units found".to_owned(),
                code: 1,
            });
        }
        Ok(units)
    }

    fn debug_log(&self, filter: Filter, lines: Option<u64>, follow: bool, answers: UnboundedSender<Answer>) {
        let lines = lines.map(|lines| usize::try_from(lines).unwrap_or(usize::MAX));
        let mut log = self.log.borrow_mut();
        match log.read(&filter, lines) {
            Ok(records) => {
                for record in records {
                    let _gone = answers.send(Answer::Log(record));
                }
                if follow {
                    log.follow(filter, answers);
                } else {
                    finish(&answers, Ok(Value::Null));
                }
            }
            Err(error) => finish(&answers, Err(error.into())),
        }
    }

    fn target(&self, target: &str) -> Outcome {
        let unit = if target.contains('/') {
            Some(self.unit_or_leader(target)?)
        } else {
            None
        };
        let number = match &unit {
            Some(unit) => self
                .model
                .unit(unit)
                .map(|unit| unit.machine)
                .ok_or(ModelError::UnitNotFound(unit.to_string()))?,
            None => self.machine_number(target)?,
        };
        let address = self.model.machine(number).and_then(|machine| machine.address.clone());
        let address = address.ok_or_else(|| Refusal {
            text: format!("machine {number} has no address yet"),
            code: 1,
        })?;
        let paths = self.machine_paths(number);
        let mut env: BTreeMap<String, String> = paths.environment();
        env.insert(ENV_MACHINE_ADDRESS.to_owned(), address.clone());
        let tools = unit
            .as_ref()
            .map(|unit| format!("{}:", paths.tools(&unit.tag()).display()))
            .unwrap_or_default();
        env.insert(
            "PATH".to_owned(),
            format!("{tools}{}:{}", paths.bin().display(), self.programs.path),
        );
        env.insert("HOME".to_owned(), paths.home().display().to_string());
        to_json(&Target {
            machine: number.to_string(),
            unit: unit.map(|unit| unit.to_string()),
            machine_dir: paths.dir().to_owned(),
            root: paths.root(),
            env,
            address,
        })
    }

    fn unit_or_leader(&self, text: &str) -> Result<UnitName, Refusal> {
        match text.strip_suffix("/leader") {
            None => unit_name(text),
            Some(application) => {
                let leader = self.model.leader(&self.application(application)?.name).cloned();
                leader.ok_or_else(|| Refusal {
                    text: format!("could not determine leader for {application:?}"),
                    code: 1,
                })
            }
        }
    }

    fn machine_number(&self, text: &str) -> Result<u32, Refusal> {
        let number = text.parse().ok().filter(|number| self.model.machine(*number).is_some());
        number.ok_or_else(|| Refusal {
            text: format!("machine {text} not found"),
            code: 1,
        })
    }

    fn application(&self, name: &str) -> Result<&Application, Refusal> {
        let found = ApplicationName::try_from(name)
            .ok()
            .and_then(|name| self.model.application(&name));
        found.ok_or_else(|| ModelError::ApplicationNotFound(name.to_owned()).into())
    }

    /// The present time as the model counts it.
    pub(crate) fn time(&self) -> model::Time {
        model::Time(crate::paths::now_ms())
    }
}

pub(crate) fn to_json(value: &impl Serialize) -> Outcome {
    Ok(serde_json::to_value(value)?)
}

fn application_name(text: &str) -> Result<ApplicationName, Refusal> {
    text.parse().map_err(|_| Refusal {
        text: format!("invalid application name {text:?}"),
        code: 1,
    })
}

fn unit_name(text: &str) -> Result<UnitName, Refusal> {
    text.parse().map_err(|_| Refusal {
        text: format!("invalid unit name {text:?}"),
        code: 1,
    })
}

fn config_json(application: &Application) -> Value {
    let mut settings = Map::new();
    for (name, spec) in &application.charm.config.0 {
        let user = application.settings.get(name).filter(|value| !value.is_null());
        let default = spec.default.as_ref().filter(|value| !value.is_null());
        let source = if user.is_some() {
            "user"
        } else if default.is_some() {
            "default"
        } else {
            "unset"
        };
        let mut setting = Map::new();
        setting.insert("type".to_owned(), json!(spec.type_));
        if let Some(default) = default {
            setting.insert("default".to_owned(), default.clone());
        }
        if let Some(value) = user.or(default) {
            setting.insert("value".to_owned(), value.clone());
        }
        setting.insert("source".to_owned(), json!(source));
        setting.insert("description".to_owned(), json!(spec.description));
        settings.insert(name.clone(), Value::Object(setting));
    }
    json!({
        "application": application.name.as_str(),
        "charm": application.charm_name(),
        "trust": application.trust,
        "settings": settings,
    })
}
