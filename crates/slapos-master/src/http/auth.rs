//! What a call brings to prove who it is from: a bearer token, the panel's cookie, or the
//! certificate of the connection.

use crate::app::Proof;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::convert::Infallible;

/// The cookie of the panel; it holds a token.
pub const SESSION_COOKIE: &str = "slapos_session";

/// What is known of the connection below a call.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// SHA-256 of the public key that the peer proved to hold, in hex.
    pub key_hash: Option<String>,
    /// Nobody between could read or change it.
    pub is_tls: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Proof {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        if let Some(token) = bearer(&parts.headers) {
            return Ok(Self::of_token(token));
        }
        let connection = parts.extensions.get::<Connection>();
        if let Some(hash) = connection.and_then(|connection| connection.key_hash.clone()) {
            return Ok(Self::Key(hash));
        }
        // A cookie is sent by the browser whoever wrote the page, so it counts only when the page
        // is ours.
        match session_token(&parts.headers) {
            Some(token) if is_same_origin(&parts.headers) => Ok(Self::of_token(token)),
            _ => Ok(Self::None),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
        .map(str::trim)
}

/// The token in the panel's cookie.
#[must_use]
pub fn session_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, value)| value)
}

/// Was the call made by a page of this master, or by no page at all?
#[must_use]
pub fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_some_and(|(_, authority)| authority == host),
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn session_is_found_among_other_cookies() {
        let map = headers(&[("cookie", "a=b; slapos_session=xyz; c=d")]);
        assert_eq!(session_token(&map), Some("xyz"));
        assert_eq!(session_token(&headers(&[])), None);
    }

    #[test]
    fn cookie_from_another_site_does_not_count() {
        assert!(is_same_origin(&headers(&[(
            "sec-fetch-site",
            "same-origin"
        )])));
        assert!(!is_same_origin(&headers(&[(
            "sec-fetch-site",
            "cross-site"
        )])));
        assert!(!is_same_origin(&headers(&[(
            "sec-fetch-site",
            "same-site"
        )])));
        let own = [("origin", "http://127.0.0.1:1"), ("host", "127.0.0.1:1")];
        assert!(is_same_origin(&headers(&own)));
        let other = [("origin", "http://evil.example"), ("host", "127.0.0.1:1")];
        assert!(!is_same_origin(&headers(&other)));
    }
}
