//! Dispatch from outside: the rules of the original, what is new, and what holds for any charm.

#[cfg(test)]
mod builder;
#[cfg(test)]
mod bus_rules;
#[cfg(test)]
mod commit;
#[cfg(test)]
mod dispatch;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod world;
