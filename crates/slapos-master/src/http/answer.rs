//! How answers are written, and bodies read: JSON both ways, errors as `ErrorBody`.

use crate::app::AppError;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use slapos_api::ErrorCode;
use slapos_api::wire::List;

/// What a handler gives back.
pub type Reply = Result<Response, AppError>;

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        if self.code == ErrorCode::Internal {
            tracing::error!(error = %self, "a call failed by our fault");
        }
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, json(&self.into_body())).into_response()
    }
}

/// A value as JSON, status 200.
#[must_use]
pub fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => AppError::new(
            ErrorCode::Internal,
            format!("cannot write the answer: {error}"),
        )
        .into_response(),
    }
}

/// A list as JSON, status 200.
#[must_use]
pub fn list<T: Serialize>(items: Vec<T>) -> Response {
    json(&List { items })
}

/// Nothing, status 204.
#[must_use]
pub fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A JSON body; what is wrong with it is said in our own words and with our own status.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T, S> FromRequest<S> for Body<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    AppError::new(
                        ErrorCode::TooLarge,
                        "the body is larger than this master accepts",
                    )
                } else {
                    AppError::invalid("", "the body could not be read")
                }
            })?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| AppError::invalid("", format!("the body is not as expected: {error}")))
    }
}

/// A path that no call has.
pub async fn no_such_call(uri: Uri) -> AppError {
    AppError::not_found(format!("call {}", uri.path()))
}

/// A path with another method.
pub async fn no_such_method(uri: Uri) -> AppError {
    AppError::not_found(format!("call of {} with this method", uri.path()))
}
