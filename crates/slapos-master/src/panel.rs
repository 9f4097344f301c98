//! The panel: pages for people, the fourth face of the master.
//!
//! Server-rendered (askama) over the rules of `app`; it holds no rule and no SQL of its own. Every
//! page works without script; the one script file listens to `/v1/watch` and brings an open page
//! up to date. Every POST is refused unless it comes from a page of this master. Start with
//! [`router`], then `panel/service.rs`.

mod asset;
mod catalog;
mod event;
mod field;
mod home;
mod limits;
mod log;
mod node;
mod order;
mod page;
mod readme;

mod service;
mod session;
mod show;
mod submission;

use crate::app::{AppError, Caller, Proof};
use crate::http::Context;
use crate::store::Tx;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, map_response};
use axum::routing::{any, get, post};
use std::sync::Arc;

/// What a page may use: the same as every call, and the calls themselves.
#[derive(Clone)]
struct Panel {
    context: Context,
    /// The native face, for what only a call can do: fetch a log from its node.
    api: Router,
}

impl Panel {
    /// Reads as the person who looks.
    async fn read<T, F>(&self, proof: impl Into<Arc<Proof>>, body: F) -> Result<T, AppError>
    where
        F: Fn(&mut Tx<'_>, &Caller) -> Result<T, AppError> + Send + 'static,
        T: Send + 'static,
    {
        let proof = proof.into();
        let read = self.context.store.read(move |tx| {
            let caller = Caller::identify(tx, &proof)?;
            body(tx, &caller)
        });
        read.await
    }

    /// Changes something as the person who asks.
    async fn write<T, F>(&self, proof: impl Into<Arc<Proof>>, body: F) -> Result<T, AppError>
    where
        F: Fn(&mut Tx<'_>, &Caller) -> Result<T, AppError> + Send + 'static,
        T: Send + 'static,
    {
        let proof = proof.into();
        let write = self.context.store.write(move |tx| {
            let caller = Caller::identify(tx, &proof)?;
            body(tx, &caller)
        });
        write.await
    }
}

/// All pages. The face of programs, `api`, is asked for logs only.
pub fn router(context: Context, api: Router) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/login", post(session::log_in))
        .route("/logout", post(session::log_out))
        .route("/request", get(order::choose))
        .route("/request/{name}", get(order::show).post(order::send))
        .route("/services/{service}", get(service::show))
        .route("/services/{service}/state", post(service::set_state))
        .route("/services/{service}/bang", post(service::bang))
        .route("/services/{service}/destroy", get(service::confirm_destroy))
        .route(
            "/services/{service}/edit",
            get(order::edit).post(order::change),
        )
        .route("/services/{service}/logs", get(log::show))
        .route("/nodes", get(node::show))
        .route("/catalog/{name}", get(catalog::show))
        .route("/static/{file}", get(asset::serve))
        .route("/{*path}", any(page::no_such_page))
        .layer(DefaultBodyLimit::max(limits::FORM_BYTES_MAX))
        .layer(from_fn(session::refuse_other_sites))
        .layer(map_response(page::protect))
        .with_state(Panel { context, api })
}

#[cfg(test)]
mod tests;
