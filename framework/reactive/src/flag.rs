//! A flag: a name that is set or not. Flags are the whole state that handlers are scheduled by.

use std::borrow::Cow;
use std::fmt;

/// The name of a flag.
///
/// A layer's own flags are constants, so that a name is written once and found by "go to definition":
///
/// ```
/// use reactive::Flag;
/// const REGISTERED: Flag = Flag::new("etcd.registered");
/// assert_eq!(REGISTERED.to_string(), "etcd.registered");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flag(Cow<'static, str>);

impl Flag {
    /// A flag with a name known at compile time.
    ///
    /// # Panics
    /// If the name is empty or has blanks; in a constant that is an error of the compiler.
    pub const fn new(name: &'static str) -> Flag {
        assert!(
            valid(name.as_bytes()),
            "a flag's name must be printable ASCII without blanks"
        );
        Flag(Cow::Borrowed(name))
    }

    /// A flag with a name made at run time, such as one that holds the name of an endpoint. The name is checked when
    /// the charm is built.
    pub fn named(name: impl Into<String>) -> Flag {
        Flag(Cow::Owned(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_valid(&self) -> bool {
        valid(self.0.as_bytes())
    }
}

const fn valid(name: &[u8]) -> bool {
    let mut i = 0;
    while i < name.len() {
        if !name[i].is_ascii_graphic() {
            return false;
        }
        i += 1;
    }
    !name.is_empty()
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flag({})", self.0)
    }
}

impl From<&Flag> for Flag {
    fn from(flag: &Flag) -> Flag {
        flag.clone()
    }
}

/// What [`When::sets`](crate::When::sets) and its relatives take: one flag or several.
pub trait IntoFlags {
    /// The flags, in the order given.
    fn into_flags(self) -> Vec<Flag>;
}

impl IntoFlags for Flag {
    fn into_flags(self) -> Vec<Flag> {
        vec![self]
    }
}

impl IntoFlags for &Flag {
    fn into_flags(self) -> Vec<Flag> {
        vec![self.clone()]
    }
}

impl<const N: usize> IntoFlags for [Flag; N] {
    fn into_flags(self) -> Vec<Flag> {
        self.into()
    }
}

impl IntoFlags for Vec<Flag> {
    fn into_flags(self) -> Vec<Flag> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_and_a_made_name_are_the_same_flag() {
        const A: Flag = Flag::new("db.connected");
        assert_eq!(A, Flag::named(format!("{}.connected", "db")));
    }

    #[test]
    fn blanks_and_nothing_are_no_names() {
        assert!(!Flag::named("").is_valid());
        assert!(!Flag::named("a b").is_valid());
        assert!(Flag::named("a:b/c").is_valid());
    }
}
