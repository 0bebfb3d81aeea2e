//! Pieces that many charms want, on top of `reactive`.
//!
//! Leadership, configuration and endpoints need no layer: they are managed flags ([`reactive::flags`]). What is here:
//! [`tls_client`] keeps certificates on the machine.

pub mod tls_client;
