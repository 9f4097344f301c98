//! How JSON-RPC says no: `{"status", "type", "title"}`, with 403 for what is not found.

use crate::app::AppError;
use crate::http::slap::{Dialect, Refusal};
use axum::http::StatusCode;
use serde_json::{Value as Json, json};
use slapos_api::ErrorCode;

/// Why a call is not answered.
#[derive(Debug)]
pub(super) struct JsonRefusal {
    status: StatusCode,
    /// What a master writes as the type; a proxy writes the status in words.
    code: &'static str,
    title: String,
}

impl JsonRefusal {
    /// Not there, or not for the caller to know.
    pub(super) fn missing(code: &'static str, title: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            code,
            title: title.into(),
        }
    }

    /// The body is not as it should be.
    pub(super) fn bad(title: String) -> Self {
        Self::of(StatusCode::BAD_REQUEST, title)
    }

    /// A fault of ours.
    pub(super) fn internal() -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
    }

    /// A status with its explanation.
    pub(super) fn of(status: StatusCode, title: impl Into<String>) -> Self {
        let title = title.into();
        Self {
            status,
            code: "",
            title,
        }
    }

    /// The same with the code of what was looked for, when it was not found.
    pub(super) fn or_code(mut self, code: &'static str) -> Self {
        if self.status == StatusCode::FORBIDDEN && self.code.is_empty() {
            self.code = code;
        }
        self
    }

    /// Was it not found, or not for the caller?
    pub(super) fn is_missing(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
    }

    /// As it travels.
    pub(super) fn to_json(&self, dialect: &Dialect) -> (StatusCode, Json) {
        let words = self.status.canonical_reason().unwrap_or_default();
        let kind = match dialect {
            Dialect::Master if !self.code.is_empty() => self.code,
            _ => words,
        };
        let json = json!({"status": self.status.as_u16(), "type": kind, "title": self.title});
        (self.status, json)
    }
}

impl From<AppError> for JsonRefusal {
    fn from(error: AppError) -> Self {
        if error.code == ErrorCode::NotFound {
            return Self::of(StatusCode::FORBIDDEN, error.message);
        }
        Refusal::from(error).into()
    }
}

impl From<Refusal> for JsonRefusal {
    fn from(refusal: Refusal) -> Self {
        let (status, title) = refusal.parts();
        match status {
            StatusCode::NOT_FOUND => Self::of(StatusCode::FORBIDDEN, title),
            StatusCode::INTERNAL_SERVER_ERROR => Self::internal(),
            other => Self::of(other, title),
        }
    }
}

impl From<crate::store::StoreError> for JsonRefusal {
    fn from(error: crate::store::StoreError) -> Self {
        AppError::from(error).into()
    }
}
