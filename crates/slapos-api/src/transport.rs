//! What the clients of both wires share below their calls: HTTP that believes nobody it was not
//! told to, answers with a bound, causes that a person can act on, addresses.
//!
//! No call and no decision is here, and nothing is tried again. Start with [`builder`].

use reqwest::blocking::{ClientBuilder, Response};
use std::io::Read;

/// A client that goes nowhere but where it is told: no redirect, no proxy of the environment.
pub(crate) fn builder(tls: rustls::ClientConfig) -> ClientBuilder {
    reqwest::blocking::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .user_agent(concat!("slapos/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls)
}

/// Why the body of an answer is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The network ended it.
    #[error("{0}")]
    Gone(String),
    /// It is longer than it may be.
    #[error("an answer of over {0} bytes")]
    TooLong(u64),
}

/// The body of an answer of at most so many bytes.
///
/// # Errors
/// When it breaks off or is longer.
pub(crate) fn read_bounded(response: Response, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    response
        .take(limit + 1)
        .read_to_end(&mut body)
        .map_err(|error| ReadError::Gone(error.to_string()))?;
    if u64::try_from(body.len()).unwrap_or(u64::MAX) > limit {
        return Err(ReadError::TooLong(limit));
    }
    Ok(body)
}

/// An error with all its causes, since the outermost says only "error sending request".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    // The innermost cause is what a person can act on; the outer ones repeat the address.
    causes.pop().unwrap_or_default()
}

/// Percent-encodes a text for one segment of a path or one value of a query.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_leaves_nothing_that_ends_a_segment() {
        assert_eq!(escape("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
        assert_eq!(escape("my_db-1.x~"), "my_db-1.x~");
    }
}
