//! The master: an ERP for services. It keeps promises, not machines.
//!
//! Faces (`http`, `panel`) over rules (`app`) over the store (`store`). It never sees the inside of
//! a node and never touches a host's processes or network; master and node meet in `slapos-api`.
//! Start with [`run`], then [`app::instance::request`].

pub mod app;
pub mod limits;
pub mod store;
