//! Scenarios: a small driver makes a model real enough to run hooks to rest, and records which ones ran.
#![expect(
    clippy::unwrap_used,
    reason = "a scenario that does not go as written is a failed test"
)]

mod determinism;
mod errors;
mod failures;
mod leadership;
mod lifecycle;
mod relations;
mod removal;
mod status;
mod support;
mod tasks;
