//! One function for each thing that can be asked of the master; every rule lives here.
//!
//! All are synchronous functions over a transaction: `fn request(tx, caller, ask) -> Result<…>`.
//! The faces (`http`, `panel`) hold no rule of their own, and nothing here knows HTTP or SQL.
//! Start with [`instance::request`].

pub mod allocate;
pub mod caller;
pub mod catalog;
pub mod error;
pub mod event;
pub mod identity;
pub mod instance;
pub mod node;
pub mod project;
pub mod report;
pub mod requester;
pub mod schema;
pub mod share;
pub mod state;
pub mod supply;
pub mod tree;
pub mod usage;
pub mod view;
pub mod why;

pub use caller::{Caller, Proof};
pub use error::AppError;
