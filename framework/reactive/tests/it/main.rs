//! Dispatch from outside: the rules of the original, what is new, and what holds for any charm.

mod bus_rules;
mod dispatch;
mod properties;
mod world;
