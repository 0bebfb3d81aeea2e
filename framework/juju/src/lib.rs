//! Juju's vocabulary and both ends of the hook protocol.
//!
//! In the order in which a hook meets them: [`HookContext`] reads the variables that the unit agent gave to the
//! process, [`transport_from_env`] opens the way to the hook tools, and [`Tools`] makes them typed calls with a
//! cache for reads and a buffer for relation writes. Below that, [`wire`] is the agent's RPC protocol without any
//! I/O, for both directions, and [`client::jujuc_main`] is the program behind every hook tool's name.
//!
//! Everything is synchronous: a hook is one sequence of questions, and the agent serialises them anyway.

pub mod client;
pub mod env;
pub mod names;
pub mod wire;

mod context;
#[cfg(test)]
mod testing;
mod tools;
mod transport;

pub use context::{ContextError, Event, Hook, HookContext, HookKind, RelationEventKind, RelationHook};
pub use names::{ApplicationName, EndpointName, NameError, RelationId, UnitName};
pub use tools::{
    Bag, CallRecord, Databag, GoalState, GoalStatus, LogLevel, NetworkInfo, Party, PortRange, PortRangeError, Protocol,
    StorageInfo, ToolError, Tools, WorkloadStatus,
};
pub use transport::{
    ExecTransport, RpcTransport, ScriptedTransport, ToolCall, ToolOutput, Transport, TransportError, transport_from_env,
};
