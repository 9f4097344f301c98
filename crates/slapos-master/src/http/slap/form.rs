//! The fields of a call: a form in the body, a query in the address, or both.
//!
//! Old clients write an absent value as the word `None`, which is read as absent here.

use super::answer::Refusal;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use slapos_api::slap::{Value, read};

/// Most fields in one call: the longest of the wire has ten.
const FIELDS_MAX: usize = 100;

/// Named texts, those of the body before those of the address.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Form(Vec<(String, String)>);

impl Form {
    /// The fields of a query and a body.
    pub(super) fn parse(query: &str, body: &[u8]) -> Result<Self, Refusal> {
        let fields: Vec<(String, String)> = form_urlencoded::parse(body)
            .chain(form_urlencoded::parse(query.as_bytes()))
            .take(FIELDS_MAX + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        match fields.len() {
            0..=FIELDS_MAX => Ok(Self(fields)),
            _ => Err(Refusal::bad("the form has too many fields")),
        }
    }

    /// What is there under a name, if anything.
    pub(in crate::http) fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty() && !value.eq_ignore_ascii_case("none"))
    }

    /// What is there under a name, an empty text too.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What has to be there.
    pub(in crate::http) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.find(name)
            .ok_or_else(|| Refusal::bad(format!("the field `{name}` is missing")))
    }

    /// A marshalled value, when there is one.
    pub(super) fn value(&self, name: &str) -> Result<Option<Value>, Refusal> {
        let Some(text) = self.find(name) else {
            return Ok(None);
        };
        let value = read(text).map_err(|error| {
            let (status, text) = Refusal::from(error).parts();
            Refusal::Status(status, format!("{name}: {text}"))
        })?;
        Ok(Some(value))
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        Self::parse(&query, &Body::from_request(request, state).await?.0)
    }
}

/// The bytes of a form before they are looked at.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, state).await;
        body.map(Self).map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let text = "the body is larger than this master accepts";
                Refusal::Status(StatusCode::PAYLOAD_TOO_LARGE, text.to_owned())
            } else {
                Refusal::bad("the body could not be read")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t09_none_empty_and_absent_are_one() {
        let form = Form(vec![
            ("a".to_owned(), "None".to_owned()),
            ("b".to_owned(), String::new()),
            ("c".to_owned(), "x".to_owned()),
        ]);
        assert_eq!(form.find("a"), None);
        assert_eq!(form.find("b"), None);
        assert_eq!(form.find("d"), None);
        assert_eq!(form.find("c"), Some("x"));
        assert!(form.require("a").is_err());
    }
}
