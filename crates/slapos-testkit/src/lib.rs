//! Test worlds: a clock that is set by hand, randomness from a seed, a real PostgreSQL.
//!
//! Never shipped. Nothing here sleeps for a fixed time: whoever waits does so for a value, with a
//! limit so long that reaching it is a bug ([`wait_until`]).

pub mod clock;
pub mod postgres;
pub mod wait;

pub use clock::{FakeClock, SeededRandom, SystemClock};
pub use postgres::Postgres;
pub use wait::wait_until;
