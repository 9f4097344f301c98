//! Getting in and out: the link that `slapos up` prints, the cookie, and whose POSTs count.
//!
//! The cookie holds the token itself. Scripts cannot read it (HttpOnly) and no other site can make
//! the browser send it (SameSite=Strict). The token leaves the address bar at once.

use super::Panel;
use super::limits::TOKEN_BYTES_MAX;
use super::page::{Frame, Page, error_page, render, see};
use crate::app::{AppError, Proof};
use crate::http::auth::{SESSION_COOKIE, is_same_origin};
use askama::Template;
use axum::Form;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use slapos_api::ErrorCode;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "login.html")]
struct LogInPage<'a> {
    frame: Frame,
    fault: Option<&'a str>,
}

/// A token, from a link or a form.
#[derive(Deserialize)]
pub(super) struct Token {
    /// The secret.
    pub(super) token: String,
}

/// `POST /login`.
pub(super) async fn log_in(State(panel): State<Panel>, Form(form): Form<Token>) -> Page {
    enter(&panel, &form.token).await
}

/// Takes a token: when it is valid, it becomes the session's.
pub(super) async fn enter(panel: &Panel, token: &str) -> Page {
    let token = token.trim();
    // What a cookie and a token can hold; anything else is no token of ours.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_possible =
        !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && token.bytes().all(is_plain);
    let unknown = "This token is not valid (any more).";
    if !is_possible {
        return Ok(ask_to_log_in(Some(unknown)));
    }
    let proof = Arc::new(Proof::of_token(token));
    match panel.read(Arc::clone(&proof), |_, _| Ok(())).await {
        Ok(()) => Ok(with_cookie(
            see("/"),
            &format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"),
        )),
        Err(error) if error.code == ErrorCode::Unauthenticated => Ok(ask_to_log_in(Some(unknown))),
        Err(error) => Err(error.into()),
    }
}

/// `POST /logout`.
pub(super) async fn log_out() -> Response {
    let gone = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(see("/"), &gone)
}

/// The page of somebody who is not logged in.
pub(super) fn ask_to_log_in(fault: Option<&str>) -> Response {
    let frame = Frame {
        title: "Log in".to_owned(),
        ..Frame::default()
    };
    let page = LogInPage { frame, fault };
    (StatusCode::UNAUTHORIZED, render(&page)).into_response()
}

/// A form on another site cannot do anything here.
pub(super) async fn refuse_other_sites(request: Request, next: Next) -> Response {
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_reading || is_same_origin(request.headers()) {
        return next.run(request).await;
    }
    let error = AppError::forbidden("this form was not sent by a page of this master");
    error_page(&error.hint("open the panel itself and do it there"))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
