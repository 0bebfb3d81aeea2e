//! The option grammar of the hook tools (Go's `gnuflag`) with its exact error texts.
//!
//! A tool describes its options as a [`Flags`] value; [`Flags::parse`] walks the arguments once, from left to
//! right, and stops at the first mistake, so that the reported error is the one that Juju reports.

use std::collections::BTreeMap;

use super::gotext::{parse_bool, quote};

/// Why parsing stopped before the tool ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FlagError {
    /// `--help` or `-h`: print the help text, exit 0.
    Help,
    /// A wrong command line: print `ERROR <text>`, exit 2.
    Usage(String),
}

/// Checks a value at the moment it is met; an `Err` becomes part of the "invalid value" text.
type Check<'a> = Box<dyn Fn(&str) -> Result<(), String> + 'a>;

enum Kind<'a> {
    Bool,
    Value(Check<'a>),
}

/// The options that one tool takes.
#[derive(Default)]
pub(crate) struct Flags<'a> {
    kinds: BTreeMap<&'static str, (&'static str, Kind<'a>)>,
}

/// The outcome of a successful parse: options by the first of their names, and the positional arguments.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    bools: BTreeMap<&'static str, bool>,
    values: BTreeMap<&'static str, String>,
    /// The positional arguments, in order.
    pub(crate) args: Vec<String>,
}

impl Parsed {
    /// Whether the boolean option `name` is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.bools.get(name).copied().unwrap_or(false)
    }

    /// The value of the option `name`, if it was given.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

impl<'a> Flags<'a> {
    /// Adds a boolean option under all its names.
    pub(crate) fn bool(mut self, names: &[&'static str]) -> Self {
        for name in names {
            self.kinds.insert(name, (names[0], Kind::Bool));
        }
        self
    }

    /// Adds an option with a free text value.
    pub(crate) fn text(self, names: &[&'static str]) -> Self {
        self.checked(names, |_| Ok(()))
    }

    /// Adds an option whose value is checked when it is met.
    pub(crate) fn checked<F>(mut self, names: &[&'static str], check: F) -> Self
    where
        F: Fn(&str) -> Result<(), String> + Clone + 'a,
    {
        for name in names {
            self.kinds
                .insert(name, (names[0], Kind::Value(Box::new(check.clone()))));
        }
        self
    }

    /// Parses a whole command line; options and positional arguments may be mixed.
    pub(crate) fn parse(&self, args: &[String]) -> Result<Parsed, FlagError> {
        let mut parsed = Parsed::default();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if arg == "--" {
                parsed.args.extend(rest.cloned());
                break;
            }
            if arg == "-" || !arg.starts_with('-') {
                parsed.args.push(arg.clone());
            } else if let Some(long) = arg.strip_prefix("--") {
                self.long(arg, long, &mut rest, &mut parsed)?;
            } else {
                self.bundle(&arg[1..], &mut rest, &mut parsed)?;
            }
        }
        Ok(parsed)
    }

    /// `--name`, `--name=value` or `--name value`.
    fn long<'b>(
        &self,
        arg: &str,
        text: &str,
        rest: &mut impl Iterator<Item = &'b String>,
        parsed: &mut Parsed,
    ) -> Result<(), FlagError> {
        let (name, attached) = match text.split_once('=') {
            Some(("", _)) => return Err(usage(format!("empty option in argument {}", quote(arg)))),
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let (key, kind) = self.lookup(name)?;
        match (kind, attached) {
            (Kind::Bool, None) => drop(parsed.bools.insert(key, true)),
            (Kind::Bool, Some(value)) => set_bool(parsed, name, key, value)?,
            (Kind::Value(check), attached) => {
                let value = attached.or_else(|| rest.next().map(String::as_str));
                set_value(parsed, name, key, check, value)?;
            }
        }
        Ok(())
    }

    /// One or more one-letter options in one argument; the first that takes a value takes what is left.
    fn bundle<'b>(
        &self,
        text: &str,
        rest: &mut impl Iterator<Item = &'b String>,
        parsed: &mut Parsed,
    ) -> Result<(), FlagError> {
        let mut left = text;
        while let Some(letter) = left.chars().next() {
            let (name, after) = left.split_at(letter.len_utf8());
            let (key, kind) = self.lookup(name)?;
            match kind {
                Kind::Bool if after.starts_with('=') => return set_bool(parsed, name, key, after),
                Kind::Bool => drop(parsed.bools.insert(key, true)),
                Kind::Value(check) => {
                    let value = if after.is_empty() {
                        rest.next().map(String::as_str)
                    } else {
                        Some(after)
                    };
                    return set_value(parsed, name, key, check, value);
                }
            }
            left = after;
        }
        Ok(())
    }

    fn lookup(&self, name: &str) -> Result<(&'static str, &Kind<'a>), FlagError> {
        match self.kinds.get(name) {
            Some((key, kind)) => Ok((key, kind)),
            None if name == "help" || name == "h" => Err(FlagError::Help),
            None => Err(usage(format!("option provided but not defined: {}", with_minus(name)))),
        }
    }
}

fn set_bool(parsed: &mut Parsed, name: &str, key: &'static str, value: &str) -> Result<(), FlagError> {
    let on = parse_bool(value).map_err(|reason| invalid(value, name, &reason))?;
    parsed.bools.insert(key, on);
    Ok(())
}

fn set_value(
    parsed: &mut Parsed,
    name: &str,
    key: &'static str,
    check: &Check<'_>,
    value: Option<&str>,
) -> Result<(), FlagError> {
    let value = value.ok_or_else(|| usage(format!("option needs an argument: {}", with_minus(name))))?;
    check(value).map_err(|reason| invalid(value, name, &reason))?;
    parsed.values.insert(key, value.to_owned());
    Ok(())
}

fn invalid(value: &str, name: &str, reason: &str) -> FlagError {
    usage(format!(
        "invalid value {} for option {}: {reason}",
        quote(value),
        with_minus(name)
    ))
}

fn usage(text: String) -> FlagError {
    FlagError::Usage(text)
}

/// The dashes belong to the length in bytes, as in the original: `é` counts as long.
fn with_minus(name: &str) -> String {
    if name.len() > 1 {
        format!("--{name}")
    } else {
        format!("-{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> Flags<'static> {
        Flags::default()
            .bool(&["a", "all"])
            .bool(&["b"])
            .checked(&["r", "relation"], |v| {
                if v == "bad" {
                    Err("relation not found".into())
                } else {
                    Ok(())
                }
            })
            .text(&["format"])
    }

    fn parse(line: &[&str]) -> Result<Parsed, String> {
        let args: Vec<String> = line.iter().map(|&s| s.to_owned()).collect();
        flags().parse(&args).map_err(|e| match e {
            FlagError::Help => "help".to_owned(),
            FlagError::Usage(text) => text,
        })
    }

    #[test]
    fn options_and_positionals_mix() {
        let parsed = parse(&["x", "--format", "json", "y", "-r5", "", "-", "--", "-a"]).unwrap();
        assert_eq!(parsed.args, ["x", "y", "", "-", "-a"]);
        assert_eq!((parsed.value("format"), parsed.value("r")), (Some("json"), Some("5")));
        assert!(!parsed.is_on("a"));
    }

    #[test]
    fn every_form_of_a_value_is_read() {
        for line in [&["-r5"][..], &["-r", "5"], &["--relation=5"], &["--relation", "5"]] {
            assert_eq!(parse(line).unwrap().value("r"), Some("5"), "{line:?}");
        }
        assert_eq!(parse(&["--format="]).unwrap().value("format"), Some(""));
        assert_eq!(parse(&["-r=5"]).unwrap().value("r"), Some("=5"));
    }

    #[test]
    fn booleans_bundle_and_take_a_value_only_when_attached() {
        let parsed = parse(&["-ab", "x"]).unwrap();
        assert!(parsed.is_on("a") && parsed.is_on("b"));
        assert_eq!(parsed.args, ["x"]);
        assert!(!parse(&["-a", "--all=False"]).unwrap().is_on("a"));
        assert!(parse(&["--all=True"]).unwrap().is_on("a"));
        assert_eq!(parse(&["-abr", "7"]).unwrap().value("r"), Some("7"));
    }

    #[test]
    fn mistakes_have_the_texts_of_juju() {
        let cases: [(&[&str], &str); 9] = [
            (&["--x"], "option provided but not defined: -x"),
            (&["--xy"], "option provided but not defined: --xy"),
            (&["-x"], "option provided but not defined: -x"),
            (&["--format"], "option needs an argument: --format"),
            (
                &["-r", "bad"],
                "invalid value \"bad\" for option -r: relation not found",
            ),
            (
                &["--relation=bad"],
                "invalid value \"bad\" for option --relation: relation not found",
            ),
            (
                &["--b=x"],
                "invalid value \"x\" for option -b: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
            (
                &["-b=x"],
                "invalid value \"=x\" for option -b: strconv.ParseBool: parsing \"=x\": invalid syntax",
            ),
            (&["--=x"], "empty option in argument \"--=x\""),
        ];
        for (line, text) in cases {
            assert_eq!(parse(line), Err(text.to_owned()), "{line:?}");
        }
    }

    #[test]
    fn help_wins_when_it_is_met() {
        assert_eq!(parse(&["-h"]), Err("help".into()));
        assert_eq!(
            parse(&["--bogus", "--help"]),
            Err("option provided but not defined: --bogus".into())
        );
    }
}
