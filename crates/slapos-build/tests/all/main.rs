//! Tests of the builder from outside: real folders, real child processes, the real catalogue.

// Functions beside the tests may unwrap as the tests do; the lint cannot tell that all of this is tests.
#![allow(clippy::unwrap_used)]

mod caches;
mod egg;
mod engine;
mod helloworld;
mod host;
mod instance;
mod jobs;
mod kill;
mod recipes;
mod world;
