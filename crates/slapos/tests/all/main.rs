//! The program from outside: what is typed, and the exit code, output and errors that come back.
//!
//! What is told to a person is compared with files in `snapshots/`; a change of a text is seen in
//! the review of that file. Logic is tested where it is, in the unit tests; here it is only shown
//! that the wiring works.

// A test that cannot go on is to end there; clippy knows tests only by their attribute.
#![allow(clippy::unwrap_used)]

mod program;

mod build;
mod cache;
mod cli;
mod life;
mod profile;
mod reference;
mod up;
