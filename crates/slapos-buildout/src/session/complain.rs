//! What evaluation says when it fails: the place, advice, and the chain that led there.

use super::Session;
use crate::limits::{CHAIN_LINKS_MAX, REFERENCE_DEPTH_MAX};
use crate::merge::Operations;
use crate::report::nearest;
use crate::source::{Span, Token, too_large};
use crate::{Diagnostic, Kind, Link, Report};

/// A step of evaluation.
#[derive(Debug)]
pub(super) enum Frame {
    /// `buildout:parts` is gone through.
    Listed { span: Option<Span> },
    /// An option is substituted.
    Option {
        section: String,
        option: String,
        operations: Operations,
    },
    /// A recipe is constructed.
    Recipe {
        section: String,
        recipe: String,
        span: Option<Span>,
    },
}

impl Frame {
    pub(super) fn option(section: &str, option: &str, operations: &Operations) -> Frame {
        Frame::Option {
            section: section.to_owned(),
            option: option.to_owned(),
            operations: Operations::clone(operations),
        }
    }

    fn text(&self) -> String {
        match self {
            Frame::Listed { .. } => "listed in `buildout:parts`".to_owned(),
            Frame::Option {
                section, option, ..
            } => {
                format!("needed by option `{option}` of section `{section}`")
            }
            Frame::Recipe {
                section, recipe, ..
            } => {
                format!("needed by recipe `{recipe}` of section `{section}`")
            }
        }
    }

    fn span(&self) -> Option<Span> {
        match self {
            Frame::Listed { span } | Frame::Recipe { span, .. } => *span,
            Frame::Option { operations, .. } => operations.last().map(|last| last.span),
        }
    }
}

/// The last places are enough to find a reference; an option may have thousands.
fn last_places(operations: &Operations) -> impl DoubleEndedIterator<Item = Span> + Clone {
    const PLACES_MAX: usize = 100;
    let last = operations.len().saturating_sub(PLACES_MAX)..;
    operations[last].iter().map(|operation| operation.span)
}

impl Session<'_> {
    /// Runs a step of evaluation, which is named in the chain of any error inside.
    pub(super) fn within<T>(
        &self,
        frame: Frame,
        step: impl FnOnce() -> Result<T, Report>,
    ) -> Result<T, Report> {
        self.trail.borrow_mut().push(frame);
        let depth = self.trail.borrow().len();
        let result = if depth > REFERENCE_DEPTH_MAX {
            let message = format!("options wait for options {REFERENCE_DEPTH_MAX} deep");
            Err(self.complain(None, too_large(message)))
        } else {
            step()
        };
        self.trail.borrow_mut().pop();
        result
    }

    /// A diagnostic at `span`, or where evaluation is; with the chain.
    pub(super) fn complain(&self, span: Option<Span>, diagnostic: Diagnostic) -> Report {
        let span = span.or_else(|| self.trail.borrow().last().and_then(Frame::span));
        let placed = match span {
            Some(span) => self.profile.files.at(span, diagnostic),
            None => diagnostic,
        };
        self.chained(placed)
    }

    /// A diagnostic where `token` stands in the option with these changes.
    pub(super) fn complain_at(
        &self,
        operations: &Operations,
        token: Token<'_>,
        diagnostic: Diagnostic,
    ) -> Report {
        let spans = operations.iter().map(|operation| operation.span);
        self.chained(self.profile.files.at_token(spans, token, diagnostic))
    }

    /// A diagnostic about a reference of the option that is being substituted.
    fn complain_of_reference(&self, reference: &str, diagnostic: Diagnostic) -> Report {
        let placed = match self.trail.borrow().last() {
            Some(Frame::Option { operations, .. }) => self.profile.files.at_token(
                last_places(operations),
                Token::Reference(reference),
                diagnostic,
            ),
            Some(frame) => match frame.span() {
                Some(span) => self.profile.files.at(span, diagnostic),
                None => diagnostic,
            },
            None => diagnostic,
        };
        self.chained(placed)
    }

    /// A diagnostic about the value that was written at `span`.
    pub(super) fn complain_of_value(&self, span: Option<Span>, diagnostic: Diagnostic) -> Report {
        match span {
            Some(span) => self.chained(self.profile.files.at_value(span, diagnostic)),
            None => self.complain(None, diagnostic),
        }
    }

    fn chained(&self, diagnostic: Diagnostic) -> Report {
        self.failures.count();
        let trail = self.trail.borrow();
        let link = |frame: &Frame| self.profile.files.link(frame.text(), frame.span());
        let mut chain: Vec<Link> = Vec::new();
        if trail.len() <= 2 * CHAIN_LINKS_MAX {
            chain.extend(trail.iter().rev().map(link));
        } else {
            chain.extend(trail.iter().rev().take(CHAIN_LINKS_MAX).map(link));
            let hidden = trail.len() - 2 * CHAIN_LINKS_MAX;
            chain.push(self.profile.files.link(format!("… {hidden} more …"), None));
            chain.extend(trail.iter().take(CHAIN_LINKS_MAX).rev().map(link));
        }
        Diagnostic {
            chain,
            ..diagnostic
        }
        .into()
    }

    pub(super) fn missing_section(&self, section: &str, reference: Option<&str>) -> Report {
        let message = format!("there is no section `{section}`");
        let mut diagnostic = Diagnostic::new(Kind::MissingSection, message);
        let similar = nearest(section, self.profile.sections());
        diagnostic.help = similar.map(|name| format!("did you mean `{name}`?"));
        match (reference, self.trail.borrow().last()) {
            (Some(_), _) => {}
            (None, Some(Frame::Listed { span: Some(span) })) => {
                let placed = self.profile.files.at_token(
                    std::iter::once(*span),
                    Token::Word(section),
                    diagnostic,
                );
                return self.chained(placed);
            }
            (None, _) => {}
        }
        match reference {
            Some(reference) => self.complain_of_reference(reference, diagnostic),
            None => self.complain(None, diagnostic),
        }
    }

    pub(super) fn missing_option(
        &self,
        section: &str,
        option: &str,
        reference: Option<&str>,
    ) -> Report {
        let message = format!("section `{section}` has no option `{option}`");
        let keys = self.keys(section);
        let help = match nearest(option, keys.iter().map(String::as_str)) {
            Some(name) => Some(format!("did you mean `{name}`?")),
            None if keys.is_empty() => Some("the section has no options".to_owned()),
            None => {
                let names: Vec<String> = keys
                    .iter()
                    .take(12)
                    .map(|name| format!("`{name}`"))
                    .collect();
                let more = if keys.len() > names.len() {
                    " and more"
                } else {
                    ""
                };
                Some(format!("it has {}{more}", names.join(", ")))
            }
        };
        let diagnostic = Diagnostic {
            help,
            ..Diagnostic::new(Kind::MissingOption, message)
        };
        match reference {
            Some(reference) => self.complain_of_reference(reference, diagnostic),
            None => {
                let header = self
                    .profile
                    .section(section)
                    .and_then(|section| section.span);
                self.complain(header, diagnostic)
            }
        }
    }

    pub(super) fn bad_reference(&self, kind: Kind, reference: &str) -> Report {
        let shown: String = reference.chars().take(100).collect();
        let (what, help) = match kind {
            Kind::SubstitutionNoColon => (
                "has no colon",
                "write `${section:option}`, or `${:option}` for the own section; for a literal `${` write `$${`",
            ),
            Kind::SubstitutionTooManyColons => {
                ("has more than one colon", "write `${section:option}`")
            }
            Kind::SubstitutionBadSection if shown.starts_with("${:") => (
                "has an option name with characters that no reference can hold",
                "a reference holds letters of English, digits, space, `.`, `_` and `-`",
            ),
            Kind::SubstitutionBadSection => (
                "has a section name with characters that no reference can hold",
                "a reference holds letters of English, digits, space, `.`, `_` and `-`",
            ),
            _ => (
                "has an option name that is empty or has characters that no reference can hold",
                "a reference holds letters of English, digits, space, `.`, `_` and `-`",
            ),
        };
        let diagnostic = Diagnostic::new(kind, format!("the reference `{shown}` {what}"));
        self.complain_of_reference(reference, diagnostic.with_help(help))
    }

    pub(super) fn bad_typed(&self, section: &str, option: &str, reason: &str) -> Report {
        let message = format!("option `{option}` of section `{section}`: {reason}");
        let diagnostic = Diagnostic::new(Kind::BadTypedValue, message).with_help(
            "a value that begins with `!py` is read as a Python literal; only literals and \
             containers of them can be held",
        );
        let built = self.built.borrow();
        let operations = built
            .get(section)
            .and_then(|built| built.section.options.get(option));
        let span = operations
            .and_then(|list| list.last())
            .map(|operation| operation.span);
        self.complain_of_value(span, diagnostic)
    }
}
