//! Answers of the old wire: marshalled values, plain words, and refusals that say what is wrong.
//!
//! The reason phrase of a refusal is the only text that a user of the Python command line sees, so
//! the explanation stands there as well as in the body.

use super::Reply;
use crate::app::AppError;
use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::ext::ReasonPhrase;
use slapos_api::slap::{SlapError, Value, write};

/// Why a call is not answered.
#[derive(Debug)]
pub(in crate::http) enum Refusal {
    /// A rule said no.
    Rule(AppError),
    /// A status of this wire, with its explanation.
    Status(StatusCode, String),
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        Self::Rule(error)
    }
}

impl From<crate::store::StoreError> for Refusal {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Rule(error.into())
    }
}

impl From<SlapError> for Refusal {
    fn from(error: SlapError) -> Self {
        match error {
            SlapError::TooLarge(_) => {
                Self::Status(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            other => Self::bad(other.to_string()),
        }
    }
}

impl Refusal {
    /// The request cannot be understood.
    pub(in crate::http) fn bad(text: impl Into<String>) -> Self {
        Self::Status(StatusCode::BAD_REQUEST, text.into())
    }

    /// Status and explanation.
    pub(in crate::http) fn parts(self) -> (StatusCode, String) {
        match self {
            Self::Status(status, text) => (status, text),
            Self::Rule(error) => {
                if error.code == slapos_api::ErrorCode::Internal {
                    tracing::error!(%error, "a call failed by our fault");
                }
                let status = StatusCode::from_u16(error.code.status());
                let hint = error.hint.as_deref();
                let text = hint.map_or_else(
                    || error.message.clone(),
                    |hint| format!("{} ({hint})", error.message),
                );
                (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), text)
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = self.parts();
        let mut response = words(&format!("{text}\n"));
        *response.status_mut() = status;
        // As the original writes them: in capitals, with the explanation behind.
        let name = status.canonical_reason().unwrap_or_default().to_uppercase();
        let short: String = text
            .chars()
            .filter(|c| c.is_ascii() && !c.is_ascii_control())
            .take(300)
            .collect();
        if let Ok(reason) = ReasonPhrase::try_from(format!("{name}: {short}").into_bytes()) {
            response.extensions_mut().insert(reason);
        }
        response
    }
}

/// A few words, status 200.
pub(in crate::http) fn words(text: &str) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text.to_owned()).into_response()
}

/// A marshalled value, status 200.
pub(super) fn marshal(value: &Value) -> Reply {
    document(value).map(xml)
}

/// A marshalled value.
pub(super) fn document(value: &Value) -> Result<Bytes, Refusal> {
    let text = write(value).map_err(|error| {
        let text = format!("the answer cannot be written: {error}");
        Refusal::Status(StatusCode::INTERNAL_SERVER_ERROR, text)
    })?;
    Ok(text.into())
}

/// A document, status 200.
pub(super) fn xml(text: Bytes) -> Response {
    let kind = HeaderValue::from_static("text/xml; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
