//! How an error travels: a code for programs, a message and a hint for people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of no it is; each has one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request cannot be understood or breaks a rule. 400.
    Invalid,
    /// Nobody is proved. 401.
    Unauthenticated,
    /// Somebody is proved, who may not. 403.
    Forbidden,
    /// There is no such thing, or the caller may not know of it. 404.
    NotFound,
    /// It is so already, or something else is in the way. 409.
    Conflict,
    /// A limit. 413.
    TooLarge,
    /// Try again later. 503.
    Unavailable,
    /// A fault of the master. 500.
    Internal,
}

impl ErrorCode {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// For programs.
    pub code: ErrorCode,
    /// What was asked, of what, and what is wrong.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The field of the request that is wrong, as a path such as `parameters.maxmemory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
