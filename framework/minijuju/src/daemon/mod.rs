//! The daemon of one model.
