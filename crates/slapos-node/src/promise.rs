//! Promises: when they are checked, how, and what they said.
//!
//! [`schedule`] decides when and what a result means, as a pure value; [`check`] performs one
//! check; [`history`] keeps the changes of state. A promise is never a reason to install again.

mod answer;
pub mod check;
mod fetch;
pub mod history;
pub mod schedule;

pub use check::{Finding, check_promise};
pub use history::{Change, History};
pub use schedule::{Key, Said, Schedule};
