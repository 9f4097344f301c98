//! Tests of the template language from outside.

mod bounds;
mod language;
