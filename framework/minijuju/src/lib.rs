//! minijuju: a Juju model on one machine, with real processes and the real hook protocol.
//!
//! One daemon per model directory owns a [`model::Model`], journals every event before it acts on it, runs the
//! charms' hooks and serves their tools; the command line and the process machines talk to it over sockets.

pub mod cli;
pub mod daemon;
pub mod journal;
pub mod machine;
pub mod paths;
pub mod protocol;
