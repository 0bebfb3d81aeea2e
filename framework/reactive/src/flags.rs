//! Managed flags: facts about the unit that are looked up at the start of each dispatch.
//!
//! Nobody declares to set or clear them and they are not persisted. A fact is only asked for if a condition or trigger
//! names its flag. Triggers on lasting facts (leadership, `joined`, `config.set.*`) fire when the fact differs from the
//! last successful hook; triggers on news (`config.changed.*`, `changed`, `departed`, `broken`) fire in the hook that
//! brings them.

use crate::Flag;

/// `leadership.is_leader`: the unit is Juju's leader of its application.
pub const fn leader() -> Flag {
    Flag::new("leadership.is_leader")
}

/// `config.changed.<option>`: the option differs from what the last successful hook saw; in the first hook, all do.
pub fn config_changed(option: &str) -> Flag {
    Flag::named(format!("config.changed.{option}"))
}

/// `config.changed`: some option differs from what the last successful hook saw.
pub const fn any_config_changed() -> Flag {
    Flag::new("config.changed")
}

/// `config.set.<option>`: the option has a value that is neither empty nor false.
pub fn config_set(option: &str) -> Flag {
    Flag::named(format!("config.set.{option}"))
}

/// `endpoint.<name>.joined`: there is a remote unit on some relation of the endpoint.
pub fn joined(endpoint: &str) -> Flag {
    Flag::named(format!("endpoint.{endpoint}.joined"))
}

/// `endpoint.<name>.changed`: this is a `relation-changed` hook of the endpoint.
pub fn changed(endpoint: &str) -> Flag {
    Flag::named(format!("endpoint.{endpoint}.changed"))
}

/// `endpoint.<name>.departed`: this is a `relation-departed` hook of the endpoint.
pub fn departed(endpoint: &str) -> Flag {
    Flag::named(format!("endpoint.{endpoint}.departed"))
}

/// `endpoint.<name>.broken`: this is a `relation-broken` hook of the endpoint.
pub fn broken(endpoint: &str) -> Flag {
    Flag::named(format!("endpoint.{endpoint}.broken"))
}

/// What a managed flag is about, read from its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Managed {
    /// Leadership.
    Leader,
    /// A configuration option changed, or any.
    ConfigChanged(Option<String>),
    /// A configuration option has a value.
    ConfigSet(String),
    /// An endpoint has remote units.
    Joined(String),
    /// The hook of an endpoint: `changed`, `departed` or `broken`.
    RelationEvent {
        /// The endpoint.
        endpoint: String,
        /// The event.
        event: RelationNews,
    },
}

/// The relation hooks that have a managed flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationNews {
    /// `relation-changed`
    Changed,
    /// `relation-departed`
    Departed,
    /// `relation-broken`
    Broken,
}

impl Managed {
    /// What the flag is about; none if it is an ordinary flag.
    pub fn of(flag: &Flag) -> Option<Managed> {
        let name = flag.as_str();
        if *flag == leader() {
            return Some(Managed::Leader);
        }
        if *flag == any_config_changed() {
            return Some(Managed::ConfigChanged(None));
        }
        if let Some(option) = name.strip_prefix("config.changed.") {
            return Some(Managed::ConfigChanged(Some(option.to_owned())));
        }
        if let Some(option) = name.strip_prefix("config.set.") {
            return Some(Managed::ConfigSet(option.to_owned()));
        }
        let (endpoint, fact) = name.strip_prefix("endpoint.")?.rsplit_once('.')?;
        let endpoint = endpoint.to_owned();
        let event = match fact {
            "joined" => return Some(Managed::Joined(endpoint)),
            "changed" => RelationNews::Changed,
            "departed" => RelationNews::Departed,
            "broken" => RelationNews::Broken,
            _ => return None,
        };
        Some(Managed::RelationEvent { endpoint, event })
    }

    /// Whether the fact lasts from hook to hook, rather than being news of one hook.
    pub fn lasts(&self) -> bool {
        matches!(self, Managed::Leader | Managed::ConfigSet(_) | Managed::Joined(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_meanings() {
        assert_eq!(Managed::of(&leader()), Some(Managed::Leader));
        assert_eq!(
            Managed::of(&config_changed("port")),
            Some(Managed::ConfigChanged(Some("port".into())))
        );
        assert_eq!(Managed::of(&any_config_changed()), Some(Managed::ConfigChanged(None)));
        assert_eq!(Managed::of(&config_set("x.y")), Some(Managed::ConfigSet("x.y".into())));
        assert_eq!(Managed::of(&joined("db")), Some(Managed::Joined("db".into())));
        let news = |event| {
            Some(Managed::RelationEvent {
                endpoint: "a-b".into(),
                event,
            })
        };
        assert_eq!(Managed::of(&changed("a-b")), news(RelationNews::Changed));
        assert_eq!(Managed::of(&departed("a-b")), news(RelationNews::Departed));
        assert_eq!(Managed::of(&broken("a-b")), news(RelationNews::Broken));
        assert_eq!(Managed::of(&Flag::new("db.connected")), None);
        assert_eq!(Managed::of(&Flag::new("endpoint.db.ready")), None);
    }
}
