//! The HTTP client that everything here asks with: its time-outs, what redirects it follows, how its errors are told.
//!
//! Start with [`Http`]. Never in here: what is asked for, and what an answer means.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::blocking::Client;
use reqwest::redirect::{Action, Attempt, Policy};

use crate::limits;

/// Whether a site may lead from https to http.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Downgrade {
    /// What arrives is checked by its hash, wherever it comes from.
    Followed,
    /// What arrives could be anybody's.
    Refused,
}

/// A client that is made when it is first wanted: that takes a thread and the reading of all certificates.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    connect: Duration,
    read: Duration,
    downgrade: Downgrade,
    client: OnceLock<Client>,
}

impl Http {
    /// Gives up on a site that does not connect within `connect`, and on `read` of silence.
    pub(crate) fn new(connect: Duration, read: Duration, downgrade: Downgrade) -> Http {
        Http {
            connect,
            read,
            downgrade,
            client: OnceLock::new(),
        }
    }

    pub(crate) fn client(&self) -> reqwest::Result<&Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // The first caller of the process decides; every one of ours installs the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let downgrade = self.downgrade;
        let client = Client::builder()
            .user_agent("slapos")
            .connect_timeout(self.connect)
            // Of the blocking client this is the time for the head, and then for each chunk.
            .timeout(self.read)
            .redirect(Policy::custom(move |attempt| redirect(attempt, downgrade)))
            .build()?;
        Ok(self.client.get_or_init(|| client))
    }
}

fn redirect(attempt: Attempt<'_>, downgrade: Downgrade) -> Action {
    let was_secure = attempt
        .previous()
        .last()
        .is_some_and(|url| url.scheme() == "https");
    let is_downgrade = was_secure && attempt.url().scheme() != "https";
    if is_downgrade && downgrade == Downgrade::Refused {
        return attempt.error("the site redirects from https to http");
    }
    if attempt.previous().len() > limits::REDIRECTS_MAX {
        return attempt.error(format!(
            "the site redirects more than {} times",
            limits::REDIRECTS_MAX
        ));
    }
    attempt.follow()
}

/// What went wrong, without the URL, which may hold a password.
pub(crate) fn told(error: reqwest::Error) -> String {
    chain(&error.without_url())
}

/// The URL without user and password, which are not for messages and records.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    format!("{scheme}://{host}{path}")
}

/// An error with its causes: the outermost says only "error sending request".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_secrets_hides_user_and_password() {
        assert_eq!(without_secrets("http://u:p@h:1/a@b"), "http://h:1/a@b");
        assert_eq!(without_secrets("/a@b"), "/a@b");
    }
}
