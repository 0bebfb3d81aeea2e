//! Stories of the whole system: charms that were packed as an operator would pack them, deployed by the `minijuju` command
//! line into a model of their own, with real etcd members on loopback addresses. Each story removes all that it made, also
//! when it fails. A machine that lacks etcd fails them by name: `make test` installs it.

#![expect(clippy::unwrap_used, reason = "a story that meets the unexpected fails there")]

mod bad_input;
mod crash;
mod daemon;
mod deploy;
mod leader;
mod support;
