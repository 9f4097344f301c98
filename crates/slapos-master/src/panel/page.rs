//! What all pages have: their frame, their headers, and how an error looks.

use super::asset::{ICON, SCRIPT, STYLE};
use super::session;
use crate::app::{AppError, Caller, event};
use crate::http::answer;
use askama::Template;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use slapos_api::ErrorCode;

/// What a page handler gives back.
pub(super) type Page = Result<Response, Refusal>;

/// The events after which an open page looks again.
const LIVE_KINDS: &[&str] = &[
    event::INSTANCE_REQUESTED,
    event::INSTANCE_CHANGED,
    event::INSTANCE_ALLOCATED,
    event::INSTANCE_WAITING,
    event::INSTANCE_REPORTED,
    event::INSTANCE_GREEN,
    event::INSTANCE_BANG,
    event::INSTANCE_DESTROYED,
    event::PROMISE_CHANGED,
    event::SUPPLY_REQUESTED,
    event::SUPPLY_CHANGED,
    event::SUPPLY_PROGRESS,
    event::NODE_REGISTERED,
    event::NODE_FORMATTED,
    event::PROJECT_CHANGED,
];

/// The policy leaves a page its own files only: whatever slipped into it could not run.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";

/// The frame around a page.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    /// Title of the page.
    pub(super) title: String,
    /// Which entry of the navigation it belongs to.
    pub(super) place: &'static str,
    /// Who is logged in.
    pub(super) who: Option<String>,
    /// Does it follow the events?
    pub(super) is_live: bool,
    /// The instance it is about: events of others do not matter to it.
    pub(super) about: String,
}

impl Frame {
    /// Of a page for somebody.
    pub(super) fn new(caller: &Caller, place: &'static str, title: &str) -> Self {
        let who = match caller {
            Caller::Person { name, .. } => name.clone(),
            Caller::Node { id, .. } | Caller::Instance { id, .. } => id.clone(),
        };
        Self {
            title: title.to_owned(),
            place,
            who: Some(who),
            ..Self::default()
        }
    }

    /// Of a page that follows the events; `about` is an instance, or empty for all.
    pub(super) fn live(mut self, about: &str) -> Self {
        self.is_live = true;
        about.clone_into(&mut self.about);
        self
    }

    pub(super) fn style(&self) -> &'static str {
        &STYLE.path
    }

    pub(super) fn script(&self) -> &'static str {
        &SCRIPT.path
    }

    pub(super) fn icon(&self) -> &'static str {
        &ICON.path
    }

    pub(super) fn kinds(&self) -> String {
        LIVE_KINDS.join(" ")
    }
}

/// An error on its way to a page.
#[derive(Debug)]
pub(super) struct Refusal(AppError);

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.0.code == ErrorCode::Unauthenticated {
            return session::ask_to_log_in(None);
        }
        error_page(&self.0)
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    message: &'a str,
    hint: Option<&'a str>,
}

/// A page that says what went wrong and what to do.
pub(super) fn error_page(error: &AppError) -> Response {
    if error.code == ErrorCode::Internal {
        tracing::error!(%error, "a page failed by our fault");
    }
    let frame = Frame {
        title: "This did not work".to_owned(),
        ..Frame::default()
    };
    let status =
        StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = ErrorPage {
        frame,
        message: &error.message,
        hint: error.hint.as_deref(),
    };
    (status, render(&page)).into_response()
}

/// The page as an answer.
pub(super) fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => AppError::new(
            ErrorCode::Internal,
            format!("cannot write the page: {error}"),
        )
        .into_response(),
    }
}

/// After a POST: the browser gets the page anew, so that "reload" sends nothing twice.
pub(super) fn see(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Whatever has no page; programs get the same error as from the native face.
pub(super) async fn no_such_page(uri: Uri, headers: HeaderMap) -> Response {
    let is_for_people = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if is_for_people {
        let error = AppError::not_found(format!("page {}", uri.path()));
        error_page(&error.hint("begin at the list of services"))
    } else {
        answer::no_such_call(uri).await.into_response()
    }
}

/// Headers of every answer of the panel.
pub(super) async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    // Pages hold connection values: no cache may keep them.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
