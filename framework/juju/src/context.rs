//! What a hook process knows from its environment, read once into one struct.
//!
//! [`HookContext::from_vars`] is pure: it takes the variables as a list, so that tests and simulations need no process.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::env;
use crate::names::{ApplicationName, NameError, RelationId, UnitName};

/// The circumstances of one run of a hook or action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookContext {
    /// The local unit.
    pub unit: UnitName,
    /// What happened.
    pub event: Event,
    /// The model's name, without its owner.
    pub model_name: String,
    /// The model's UUID.
    pub model_uuid: String,
    /// The charm's directory.
    pub charm_dir: PathBuf,
    /// The agent's version, such as `3.6.28`.
    pub juju_version: String,
    /// The opaque id of this run.
    pub context_id: String,
    /// The unit's machine, such as `0` or `0/lxd/1`; `None` on Kubernetes.
    pub machine_id: Option<String>,
}

/// Why a charm runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A hook.
    Hook(Hook),
    /// An action that an operator asked for.
    Action {
        /// The action's name.
        name: String,
        /// The task's id.
        task: String,
    },
}

/// A hook by name, and what its variables add to the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The full name, such as `db-relation-changed`.
    pub name: String,
    /// The family of hooks and its data.
    pub kind: HookKind,
}

/// The families of hooks that carry data of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookKind {
    /// Nothing but the name: `install`, `config-changed`, `update-status` and so on.
    Plain,
    /// An event of one relation.
    Relation(RelationHook),
    /// Storage was attached or is being detached.
    Storage {
        /// The instance, such as `data/0`.
        id: String,
        /// The mount point or device.
        location: String,
        /// `filesystem` or `block`.
        kind: String,
    },
    /// Something happened to a secret.
    Secret {
        /// The secret's URI.
        id: String,
        /// The label that this unit gave it; may be empty.
        label: String,
        /// The revision, where the event is about one.
        revision: Option<u64>,
    },
}

/// An event of one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationHook {
    /// What happened.
    pub kind: RelationEventKind,
    /// The relation.
    pub relation: RelationId,
    /// The application at the other end; for peers the unit's own.
    pub remote_application: Option<ApplicationName>,
    /// The unit that the event is about; `None` in created, broken and changes of application data.
    pub remote_unit: Option<UnitName>,
    /// In departed: the unit that goes away, which may be the local one.
    pub departing_unit: Option<UnitName>,
}

/// The five events of a relation's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationEventKind {
    /// The relation exists; nobody has joined yet.
    Created,
    /// A remote unit has joined.
    Joined,
    /// A remote unit or application has changed its data.
    Changed,
    /// A remote unit has left.
    Departed,
    /// The relation is over.
    Broken,
}

impl RelationEventKind {
    /// All kinds in the order of a relation's life.
    pub const ALL: [RelationEventKind; 5] = [
        RelationEventKind::Created,
        RelationEventKind::Joined,
        RelationEventKind::Changed,
        RelationEventKind::Departed,
        RelationEventKind::Broken,
    ];

    /// The last word of the hook's name.
    pub fn as_str(self) -> &'static str {
        match self {
            RelationEventKind::Created => "created",
            RelationEventKind::Joined => "joined",
            RelationEventKind::Changed => "changed",
            RelationEventKind::Departed => "departed",
            RelationEventKind::Broken => "broken",
        }
    }

    /// The kind of a hook with this name, if it is a relation's: `db-relation-joined`.
    fn of_hook(name: &str) -> Option<RelationEventKind> {
        RelationEventKind::ALL.into_iter().find(|kind| {
            name.strip_suffix(kind.as_str())
                .is_some_and(|rest| rest.ends_with("-relation-"))
        })
    }
}

/// Variables that do not describe a run of a hook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// A variable that every hook of this kind has is absent (or empty where it may not be).
    #[error("cannot read the hook's context: {variable} not set")]
    NotSet {
        /// The variable.
        variable: &'static str,
    },
    /// A variable holds something else than it should.
    #[error("cannot read the hook's context from {variable}: {source}")]
    Name {
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        #[source]
        source: NameError,
    },
    /// The secret's revision is not a number.
    #[error("cannot read the hook's context from JUJU_SECRET_REVISION: {value:?} is not a number")]
    Revision {
        /// The variable's value.
        value: String,
    },
    /// Neither hook nor action: such as a command of `juju exec` that starts the charm by hand.
    #[error("cannot tell which hook or action runs: JUJU_HOOK_NAME, JUJU_ACTION_NAME and JUJU_DISPATCH_PATH are empty")]
    NoEvent,
}

impl HookContext {
    /// Reads the variables of a hook or action. Other variables are ignored.
    pub fn from_vars<I: IntoIterator<Item = (String, String)>>(vars: I) -> Result<HookContext, ContextError> {
        let vars: BTreeMap<String, String> = vars.into_iter().collect();
        let charm_dir = filled(&vars, env::CHARM_DIR)
            .or_else(|| filled(&vars, env::CHARM_DIR_OLD))
            .ok_or(ContextError::NotSet {
                variable: env::CHARM_DIR,
            })?;
        Ok(HookContext {
            unit: parse_unit(&vars, env::UNIT_NAME)?.ok_or(ContextError::NotSet {
                variable: env::UNIT_NAME,
            })?,
            event: Event::parse(&vars)?,
            model_name: present(&vars, env::MODEL_NAME)?,
            model_uuid: present(&vars, env::MODEL_UUID)?,
            charm_dir: PathBuf::from(charm_dir),
            juju_version: present(&vars, env::VERSION)?,
            context_id: required(&vars, env::CONTEXT_ID)?,
            machine_id: filled(&vars, env::MACHINE_ID).map(str::to_owned),
        })
    }

    /// The hook's name; empty for actions, as in `JUJU_HOOK_NAME`.
    pub fn hook_name(&self) -> &str {
        match &self.event {
            Event::Hook(hook) => &hook.name,
            Event::Action { .. } => "",
        }
    }

    /// The relation event that runs, if it is one.
    pub fn relation_hook(&self) -> Option<&RelationHook> {
        match &self.event {
            Event::Hook(Hook {
                kind: HookKind::Relation(relation),
                ..
            }) => Some(relation),
            Event::Hook(_) | Event::Action { .. } => None,
        }
    }
}

impl Event {
    fn parse(vars: &BTreeMap<String, String>) -> Result<Event, ContextError> {
        let path = filled(vars, env::DISPATCH_PATH).unwrap_or("");
        if let Some(name) = filled(vars, env::HOOK_NAME) {
            return Hook::parse(name, vars).map(Event::Hook);
        }
        if let Some(name) = filled(vars, env::ACTION_NAME).or_else(|| path.strip_prefix("actions/")) {
            return Ok(Event::Action {
                name: name.to_owned(),
                task: required(vars, env::ACTION_UUID)?,
            });
        }
        match path.strip_prefix("hooks/") {
            Some(name) => Hook::parse(name, vars).map(Event::Hook),
            None => Err(ContextError::NoEvent),
        }
    }
}

impl Hook {
    /// The hook with a name, completed by the variables of its kind.
    pub fn parse(name: &str, vars: &BTreeMap<String, String>) -> Result<Hook, ContextError> {
        let kind = if let Some(kind) = RelationEventKind::of_hook(name) {
            HookKind::Relation(RelationHook::parse(kind, vars)?)
        } else if name.ends_with("-storage-attached") || name.ends_with("-storage-detaching") {
            HookKind::Storage {
                id: required(vars, env::STORAGE_ID)?,
                location: present(vars, env::STORAGE_LOCATION)?,
                kind: present(vars, env::STORAGE_KIND)?,
            }
        } else if ["secret-changed", "secret-rotate", "secret-expired", "secret-remove"].contains(&name) {
            HookKind::Secret {
                id: required(vars, env::SECRET_ID)?,
                label: filled(vars, env::SECRET_LABEL).unwrap_or("").to_owned(),
                revision: parse_revision(vars)?,
            }
        } else {
            HookKind::Plain
        };
        Ok(Hook {
            name: name.to_owned(),
            kind,
        })
    }
}

impl RelationHook {
    fn parse(kind: RelationEventKind, vars: &BTreeMap<String, String>) -> Result<RelationHook, ContextError> {
        let relation = required(vars, env::RELATION_ID)?;
        let remote_unit = parse_unit(vars, env::REMOTE_UNIT)?;
        let remote_application = match filled(vars, env::REMOTE_APP) {
            Some(name) => Some(name.parse().map_err(|source| bad_name(env::REMOTE_APP, source))?),
            None => remote_unit.as_ref().map(UnitName::application),
        };
        Ok(RelationHook {
            kind,
            relation: relation.parse().map_err(|source| bad_name(env::RELATION_ID, source))?,
            remote_application,
            remote_unit,
            departing_unit: parse_unit(vars, env::DEPARTING_UNIT)?,
        })
    }
}

fn bad_name(variable: &'static str, source: NameError) -> ContextError {
    ContextError::Name { variable, source }
}

/// A variable's value unless it is absent or empty.
fn filled<'a>(vars: &'a BTreeMap<String, String>, variable: &str) -> Option<&'a str> {
    vars.get(variable).map(String::as_str).filter(|value| !value.is_empty())
}

/// A variable that must be there and not empty.
fn required(vars: &BTreeMap<String, String>, variable: &'static str) -> Result<String, ContextError> {
    filled(vars, variable)
        .map(str::to_owned)
        .ok_or(ContextError::NotSet { variable })
}

/// A variable that must be there; an empty value is fine.
fn present(vars: &BTreeMap<String, String>, variable: &'static str) -> Result<String, ContextError> {
    vars.get(variable).cloned().ok_or(ContextError::NotSet { variable })
}

fn parse_unit(vars: &BTreeMap<String, String>, variable: &'static str) -> Result<Option<UnitName>, ContextError> {
    filled(vars, variable)
        .map(str::parse)
        .transpose()
        .map_err(|source| bad_name(variable, source))
}

fn parse_revision(vars: &BTreeMap<String, String>) -> Result<Option<u64>, ContextError> {
    let parse = |value: &str| {
        value.parse().map_err(|_| ContextError::Revision {
            value: value.to_owned(),
        })
    };
    filled(vars, env::SECRET_REVISION).map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables of a plain hook, with some replaced or added.
    fn vars(extra: &[(&str, &str)]) -> Vec<(String, String)> {
        let base = [
            ("JUJU_UNIT_NAME", "etcd/0"),
            ("JUJU_MODEL_NAME", "m"),
            ("JUJU_MODEL_UUID", "u"),
            ("JUJU_VERSION", "3.6.28"),
            ("JUJU_CONTEXT_ID", "etcd/0-install-00ff"),
            ("JUJU_CHARM_DIR", "/charm"),
            ("JUJU_MACHINE_ID", ""),
            ("JUJU_HOOK_NAME", "install"),
            ("JUJU_DISPATCH_PATH", "hooks/install"),
        ];
        base.iter()
            .chain(extra)
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect()
    }

    fn read(extra: &[(&str, &str)]) -> Result<HookContext, ContextError> {
        HookContext::from_vars(vars(extra))
    }

    #[test]
    fn plain_hook() {
        let context = read(&[]).expect("a context");
        assert_eq!(context.unit, "etcd/0");
        assert_eq!(context.hook_name(), "install");
        assert_eq!(
            context.event,
            Event::Hook(Hook {
                name: "install".into(),
                kind: HookKind::Plain
            })
        );
        assert_eq!(context.machine_id, None, "an empty machine id is none");
        assert_eq!(context.charm_dir, PathBuf::from("/charm"));
    }

    #[test]
    fn relation_hook() {
        let context = read(&[
            ("JUJU_HOOK_NAME", "my-db-relation-departed"),
            ("JUJU_RELATION_ID", "my-db:7"),
            ("JUJU_REMOTE_UNIT", "app/3"),
            ("JUJU_REMOTE_APP", "app"),
            ("JUJU_DEPARTING_UNIT", "etcd/0"),
            ("JUJU_MACHINE_ID", "0/lxd/1"),
        ])
        .expect("a context");
        assert_eq!(context.machine_id.as_deref(), Some("0/lxd/1"));
        let hook = context.relation_hook().expect("a relation hook");
        assert_eq!(hook.kind, RelationEventKind::Departed);
        assert_eq!(hook.relation, "my-db:7");
        assert_eq!(hook.remote_unit.as_ref().map(UnitName::as_str), Some("app/3"));
        assert_eq!(hook.departing_unit.as_ref().map(UnitName::as_str), Some("etcd/0"));
    }

    #[test]
    fn relation_hook_about_the_application_has_no_unit() {
        for kind in RelationEventKind::ALL {
            let name = format!("db-relation-{}", kind.as_str());
            let context = read(&[
                ("JUJU_HOOK_NAME", &name),
                ("JUJU_RELATION_ID", "db:1"),
                ("JUJU_REMOTE_UNIT", ""),
                ("JUJU_REMOTE_APP", "app"),
            ])
            .expect("a context");
            let hook = context.relation_hook().expect("a relation hook");
            assert_eq!(
                (hook.kind, &hook.remote_unit, &hook.departing_unit),
                (kind, &None, &None)
            );
            assert_eq!(
                hook.remote_application.as_ref().map(ApplicationName::as_str),
                Some("app")
            );
        }
    }

    #[test]
    fn storage_and_secret_hooks() {
        let context = read(&[
            ("JUJU_HOOK_NAME", "data-storage-attached"),
            ("JUJU_STORAGE_ID", "data/0"),
            ("JUJU_STORAGE_LOCATION", "/srv"),
            ("JUJU_STORAGE_KIND", "filesystem"),
        ]);
        let kind = HookKind::Storage {
            id: "data/0".into(),
            location: "/srv".into(),
            kind: "filesystem".into(),
        };
        let name = "data-storage-attached".to_owned();
        assert_eq!(context.expect("a context").event, Event::Hook(Hook { name, kind }));

        let secret = [
            ("JUJU_HOOK_NAME", "secret-expired"),
            ("JUJU_SECRET_ID", "secret:x"),
            ("JUJU_SECRET_REVISION", "4"),
        ];
        let kind = HookKind::Secret {
            id: "secret:x".into(),
            label: String::new(),
            revision: Some(4),
        };
        let name = "secret-expired".to_owned();
        assert_eq!(
            read(&secret).expect("a context").event,
            Event::Hook(Hook { name, kind })
        );
        let wrong = [secret[0], secret[1], ("JUJU_SECRET_REVISION", "x")];
        assert_eq!(read(&wrong), Err(ContextError::Revision { value: "x".into() }));
    }

    #[test]
    fn actions() {
        let context = read(&[
            ("JUJU_HOOK_NAME", ""),
            ("JUJU_DISPATCH_PATH", "actions/health"),
            ("JUJU_ACTION_NAME", "health"),
            ("JUJU_ACTION_UUID", "2"),
        ])
        .expect("a context");
        assert_eq!(
            context.event,
            Event::Action {
                name: "health".into(),
                task: "2".into()
            }
        );
        assert_eq!(context.hook_name(), "");
    }

    #[test]
    fn names_what_is_missing_or_wrong() {
        let error = |extra: &[(&str, &str)]| read(extra).expect_err("an error").to_string();
        assert_eq!(
            error(&[("JUJU_CONTEXT_ID", "")]),
            "cannot read the hook's context: JUJU_CONTEXT_ID not set"
        );
        assert_eq!(
            error(&[("JUJU_UNIT_NAME", "etcd")]),
            r#"cannot read the hook's context from JUJU_UNIT_NAME: invalid unit name "etcd""#
        );
        let missing = error(&[("JUJU_HOOK_NAME", "db-relation-joined")]);
        assert_eq!(missing, "cannot read the hook's context: JUJU_RELATION_ID not set");
        assert_eq!(
            read(&[("JUJU_HOOK_NAME", ""), ("JUJU_DISPATCH_PATH", "")]),
            Err(ContextError::NoEvent)
        );
        assert!(HookContext::from_vars([]).is_err());
    }

    #[test]
    fn falls_back_to_the_dispatch_path_and_the_old_directory() {
        let list = vars(&[("JUJU_HOOK_NAME", ""), ("CHARM_DIR", "/old"), ("JUJU_CHARM_DIR", "")]);
        let context = HookContext::from_vars(list).expect("a context");
        assert_eq!(context.hook_name(), "install");
        assert_eq!(context.charm_dir, PathBuf::from("/old"));
    }
}
