//! Tests of the profile language: against the answers of genuine engines, of its bounds, of its error texts.
//!
//! The vectors in tests/vectors/ hold texts of our own and the answers of genuine engines to them.

mod bounds;
mod conditions;
mod diagnostics;
mod language;
mod loading;
mod properties;
mod sessions;
mod typed;
mod world;
