//! Tests of the cache from outside: the store, origins, and what is said when a source is not to be had.

// Functions beside the tests may unwrap as the tests do; the lint cannot tell that all of this is tests.
#![allow(clippy::unwrap_used)]

mod bundle;
mod ensure;
mod profile;
mod serve;
mod site;
mod url;
