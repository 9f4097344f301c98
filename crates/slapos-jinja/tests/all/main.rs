//! Tests of the template language from outside.

// A test that cannot go on is to end there; clippy knows tests only by their attribute.
#![allow(clippy::unwrap_used)]

mod bounds;
mod docs;
mod language;
