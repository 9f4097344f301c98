//! How a command ends: exit codes, and one sentence with a hint when it did not go well.
//!
//! Everything that a person reads when something fails passes through [`Failure`], so that the
//! form is the same everywhere: a full sentence, then `hint: …` with what to do. Nothing is
//! printed here; `main.rs` does that. The exit codes are part of the interface: see [`Exit`].

use slapos_api::ClientError;
use std::fmt;
use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, and as asked.
    Done,
    /// 1: refused, or failed.
    Failed,
    /// 2: the command line is wrong.
    Usage,
    /// 3: no master answers.
    Unreachable,
    /// 4: the time is over and it is not as asked yet.
    NotYet,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::NotYet => 4,
        })
    }
}

/// What every command gives back.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// A full sentence; empty when nothing is to be said (the reader of our output went away).
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Something failed; the text is made a sentence.
    pub(crate) fn new(message: impl AsRef<str>) -> Self {
        Self {
            exit: Exit::Failed,
            message: sentence(message.as_ref()),
            hint: None,
        }
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl AsRef<str>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new(message)
        }
    }

    /// No master answers.
    pub(crate) fn unreachable(message: impl AsRef<str>) -> Self {
        Self {
            exit: Exit::Unreachable,
            ..Self::new(message)
        }
    }

    /// The same with what to do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whoever read our output is gone, as with `| head`: end without a word.
    pub(crate) fn quiet() -> Self {
        Self {
            exit: Exit::Done,
            message: String::new(),
            hint: None,
        }
    }
}

/// The message, then the hint on a line of its own.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(body) => Self {
                hint: body.hint,
                ..Self::new(body.message)
            },
            ClientError::Unreachable { url, .. } => {
                Self::unreachable(format!("No SlapOS master answers at {url}."))
                    .with_hint("start it with `slapos up`, in the same --root")
            }
            ClientError::Garbled { url, cause } => Self::unreachable(format!(
                "What answers at {url} does not speak as a SlapOS master: {cause}."
            ))
            .with_hint("another program may have taken the port; `slapos up --listen ADDR` moves"),
            other => Self::new(other.to_string()),
        }
    }
}

/// Makes a sentence of an error text of a library: a capital first, unless the first word is a
/// name, and a period at the end of a single line.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let word = text.split_whitespace().next().unwrap_or_default();
    let is_plain = word.len() < text.len() && word.chars().all(|c| c.is_ascii_lowercase());
    let mut result = String::with_capacity(text.len() + 1);
    let mut characters = text.chars();
    if is_plain {
        result.extend(characters.next().map(|c| c.to_ascii_uppercase()));
    }
    result.extend(characters);
    if !text.contains('\n') && !text.is_empty() && !text.ends_with(['.', '?', '!', ':', '…']) {
        result.push('.');
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use slapos_api::{ErrorBody, ErrorCode};

    #[test]
    fn sentence_of_an_error_text_has_a_capital_and_a_period() {
        assert_eq!(sentence("no such service"), "No such service.");
        assert_eq!(sentence("Already one."), "Already one.");
    }

    #[test]
    fn sentence_leaves_names_and_logs_as_they_are() {
        assert_eq!(sentence("my_db is gone"), "my_db is gone.");
        assert_eq!(sentence("it failed\n  log"), "It failed\n  log");
    }

    #[test]
    fn failure_of_a_refusal_shows_the_hint_of_the_master() {
        let failure = Failure::from(ClientError::Refused(ErrorBody {
            code: ErrorCode::NotFound,
            message: "there is no software called \"reids\"".to_owned(),
            hint: Some("did you mean redis?".to_owned()),
            field: Some("software".to_owned()),
        }));
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(
            failure.to_string(),
            "There is no software called \"reids\".\nhint: did you mean redis?"
        );
    }
}
