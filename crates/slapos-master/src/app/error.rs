//! How a rule says no: a code for programs, a message and a hint for people.

use crate::store::StoreError;
use slapos_api::{ErrorBody, ErrorCode};
use std::fmt;

/// Why something that was asked is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppError {
    /// What kind of no.
    pub code: ErrorCode,
    /// What is wrong, on what.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Which field of the request.
    pub field: Option<String>,
}

impl AppError {
    /// The request breaks a rule.
    #[must_use]
    pub fn invalid(field: &str, message: impl fmt::Display) -> Self {
        Self {
            code: ErrorCode::Invalid,
            message: message.to_string(),
            hint: None,
            field: Some(field.to_owned()).filter(|field| !field.is_empty()),
        }
    }

    /// There is no such thing, or the caller may not know of it.
    #[must_use]
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no {what}"))
    }

    /// Somebody is proved, who may not.
    #[must_use]
    pub fn forbidden(message: impl fmt::Display) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }

    /// Something is in the way.
    #[must_use]
    pub fn conflict(message: impl fmt::Display) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    /// Nobody is proved.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(
            ErrorCode::Unauthenticated,
            "this call needs a valid token or certificate",
        )
        .hint("send `Authorization: Bearer TOKEN`, or open the panel's link again")
    }

    /// Any other.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            hint: None,
            field: None,
        }
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// As it travels.
    #[must_use]
    pub fn into_body(self) -> ErrorBody {
        ErrorBody {
            code: self.code,
            message: self.message,
            hint: self.hint,
            field: self.field,
        }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AppError {}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Busy | StoreError::Closed | StoreError::Full | StoreError::Serialize(_) => {
                ErrorCode::Unavailable
            }
            StoreError::Database(_)
            | StoreError::Panic(_)
            | StoreError::Newer { .. }
            | StoreError::Foreign(_)
            | StoreError::Damaged(_) => ErrorCode::Internal,
        };
        Self::new(code, error)
    }
}
