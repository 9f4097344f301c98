//! Files and what they extend: each read, parsed and merged once.

use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

use super::{Fetch, FetchFailure};
use crate::condition::World;
use crate::limits::{
    ALL_FILES_BYTES_MAX, CHAIN_LINKS_MAX, DIAGNOSTICS_MAX, EXTENDS_DEPTH_MAX, FILE_BYTES_MAX,
    FILES_MAX, STACK_RED_ZONE, STACK_SEGMENT,
};
use crate::location::{base_of, join, normalised};
use crate::merge::{Layer, Merger, Section, Sections, Texts};
use crate::parse::{ParsedFile, parse};
use crate::source::{Files, Source, Span, Token, too_large};
use crate::{Diagnostic, Kind, Link, Machine};
use slapos_python::text;

/// What makes a profile know its own folder.
const BASE_OPTION: &str = "_profile_base_location_";
const BASE_REFERENCE: &str = "${:_profile_base_location_}";

pub(super) struct Loader<'a> {
    fetch: &'a dyn Fetch,
    world: World<'a>,
    pub(super) files: Files,
    pub(super) merger: Merger,
    pub(super) diagnostics: Vec<Diagnostic>,
    texts: Texts,
    bytes: usize,
    /// By location as spelled, because a file's folder is part of its meaning. None if it could not be read.
    read: HashMap<String, Option<Arc<OwnText>>>,
    /// Results of files with everything they extend.
    resolved: HashMap<String, Arc<Layer>>,
    /// Files that are being resolved, outermost first.
    open: Vec<Open>,
}

struct Open {
    location: String,
    normalised: String,
    /// The option that names the file.
    named_at: Option<Span>,
}

/// How a file came to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'n> {
    /// As written.
    pub(super) name: &'n str,
    /// The option that holds the name.
    pub(super) span: Span,
}

/// One file by itself.
struct OwnText {
    sections: Layer,
    /// Names as written, each with the option that holds it.
    extends: Vec<(String, Span)>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(fetch: &'a dyn Fetch, machine: &'a Machine) -> Loader<'a> {
        Loader {
            fetch,
            world: World { machine, fetch },
            files: Files::default(),
            merger: Merger::default(),
            diagnostics: Vec::new(),
            texts: Texts::default(),
            bytes: 0,
            read: HashMap::new(),
            resolved: HashMap::new(),
            open: Vec::new(),
        }
    }

    /// The sections of a file with everything it extends; empty, with a diagnostic, if that cannot be had.
    pub(super) fn resolve(&mut self, location: &str, named: Option<Named<'_>>) -> Arc<Layer> {
        self.resolve_above(location, named, &mut None)
    }

    /// The same above `below`, which is taken by the first file that extends nothing.
    pub(super) fn resolve_above(
        &mut self,
        location: &str,
        named: Option<Named<'_>>,
        below: &mut Option<Arc<Layer>>,
    ) -> Arc<Layer> {
        if below.is_none()
            && let Some(known) = self.resolved.get(location)
        {
            return Arc::clone(known);
        }
        let normalised = normalised(location);
        if self.open.iter().any(|open| open.normalised == normalised) {
            self.report(named, location, recursive(location));
            return Arc::default();
        }
        if self.open.len() >= EXTENDS_DEPTH_MAX {
            let message =
                format!("loading {location}: files extend files {EXTENDS_DEPTH_MAX} deep");
            self.report(named, location, too_large(message));
            return Arc::default();
        }
        let Some(own) = self.own_text(location, named) else {
            return Arc::default();
        };
        let had_defaults = below.is_some();
        self.open.push(Open {
            location: location.to_owned(),
            normalised,
            named_at: named.map(|named| named.span),
        });
        let result = Arc::new(stacker::maybe_grow(STACK_RED_ZONE, STACK_SEGMENT, || {
            self.fold(location, &own, below)
        }));
        self.open.pop();
        if !had_defaults {
            self.resolved
                .insert(location.to_owned(), Arc::clone(&result));
        }
        result
    }

    fn fold(&mut self, location: &str, own: &OwnText, below: &mut Option<Arc<Layer>>) -> Layer {
        let mut sections = Layer::default();
        if own.extends.is_empty()
            && let Some(defaults) = below.take()
        {
            sections = Layer::clone(&defaults);
        }
        for (name, span) in &own.extends {
            if self.merger.is_exhausted() || self.diagnostics.len() >= DIAGNOSTICS_MAX {
                break;
            }
            let named = Named { name, span: *span };
            let extended = self.resolve_above(&join(base_of(location), name), Some(named), below);
            self.merger.merge(&mut sections, &extended);
        }
        self.merger.merge(&mut sections, &own.sections);
        sections
    }

    fn own_text(&mut self, location: &str, named: Option<Named<'_>>) -> Option<Arc<OwnText>> {
        if let Some(known) = self.read.get(location) {
            return known.clone();
        }
        let own = match self.fetch_text(location) {
            Ok(text) => {
                // Editors of another world begin a file with a byte order mark.
                let text: Arc<str> = Arc::from(text.strip_prefix('\u{feff}').unwrap_or(&text));
                let source = self.files.add(location, Arc::clone(&text));
                Some(Arc::new(self.parse(location, named, (&text, source))))
            }
            Err(diagnostic) => {
                self.report(named, location, *diagnostic);
                None
            }
        };
        self.read.insert(location.to_owned(), own.clone());
        own
    }

    fn fetch_text(&mut self, location: &str) -> Result<String, Box<Diagnostic>> {
        if self.read.len() >= FILES_MAX {
            let message = format!("loading {location}: more than {FILES_MAX} files");
            return Err(Box::new(too_large(message)));
        }
        let text = self
            .fetch
            .fetch(location)
            .map_err(|failure| match failure {
                FetchFailure::NotFound => {
                    Diagnostic::new(Kind::MissingFile, format!("there is no file {location}"))
                }
                FetchFailure::Failed(reason) => {
                    Diagnostic::new(Kind::FetchFailed, format!("reading {location}: {reason}"))
                }
            })?;
        self.bytes = self.bytes.saturating_add(text.len());
        if text.len() > FILE_BYTES_MAX || self.bytes > ALL_FILES_BYTES_MAX {
            return Err(Box::new(too_large(format!(
                "loading {location}: more than {FILE_BYTES_MAX} bytes in one file, or {ALL_FILES_BYTES_MAX} in all"
            ))));
        }
        Ok(text)
    }

    /// What a file says, bad lines left out; those become diagnostics.
    fn parse(
        &mut self,
        location: &str,
        named: Option<Named<'_>>,
        (text, source): (&str, Source),
    ) -> OwnText {
        let parsed = parse(text, source, &self.world);
        let chain = self.chain_to(location, named);
        for problem in &parsed.problems {
            let span = Span::outside(source);
            let diagnostic =
                Diagnostic::new(problem.kind, format!("{location}: {}", problem.message))
                    .with_help(problem.help.clone());
            let (place, length) = ((problem.line, problem.column), problem.length);
            let diagnostic = self.files.at_column(span, place, length, diagnostic);
            let chain = chain.clone();
            self.tell(Diagnostic {
                chain,
                ..diagnostic
            });
        }
        self.own_sections(location, &parsed, &chain)
    }

    fn own_sections(&mut self, location: &str, parsed: &ParsedFile<'_>, chain: &[Link]) -> OwnText {
        let (mut sections, mut extends) = (Sections::new(), Vec::new());
        for parsed in &parsed.sections {
            let mut section =
                Section::from_options(&parsed.options, Some(parsed.span), &mut self.texts);
            let writes_base = |value: &str| value.contains(BASE_REFERENCE);
            if let Some(option) = parsed
                .options
                .iter()
                .find(|option| writes_base(&option.value))
            {
                section.set(BASE_OPTION, base_of(location), option.span);
            }
            if parsed.name == "buildout" {
                extends = take_extends(&mut section);
                self.refuse_extended_by(&section, chain);
            }
            sections.insert(self.texts.text(parsed.name), Arc::new(section));
        }
        OwnText {
            sections: self.merger.layer(sections),
            extends,
        }
    }

    fn refuse_extended_by(&mut self, section: &Section, chain: &[Link]) {
        if let Some(operations) = section.options.get("extended-by") {
            let message = "the option `extended-by` is no longer supported";
            let diagnostic = Diagnostic::new(Kind::ExtendedBy, message)
                .with_help("name this file in the `extends` of the other one");
            let placed = match operations.last() {
                Some(operation) => self.files.at(operation.span, diagnostic),
                None => diagnostic,
            };
            let chain = chain.to_vec();
            self.tell(Diagnostic { chain, ..placed });
        }
    }

    /// Adds a diagnostic about a file, where it is named, with the chain of files.
    fn report(&mut self, named: Option<Named<'_>>, location: &str, diagnostic: Diagnostic) {
        let placed = match named {
            Some(Named { name, span }) => {
                let token = Token::Word(name);
                self.files
                    .at_token(std::iter::once(span), token, diagnostic)
            }
            None => Diagnostic {
                file: Some(location.to_owned()),
                ..diagnostic
            },
        };
        let chain = self.chain();
        self.tell(Diagnostic { chain, ..placed });
    }

    /// Keeps a problem, unless there are as many as a report shows.
    fn tell(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Who extends a file that is about to be read, nearest first.
    fn chain_to(&self, location: &str, named: Option<Named<'_>>) -> Vec<Link> {
        let text = || format!("{location} is extended here");
        let own = named.map(|named| self.files.link(text(), Some(named.span)));
        let links = own.into_iter().chain(self.chain());
        links.take(CHAIN_LINKS_MAX).collect()
    }

    /// Who extends the file that is being read, nearest first.
    fn chain(&self) -> Vec<Link> {
        let links = self.open.iter().rev().take(CHAIN_LINKS_MAX);
        links
            .filter(|open| open.named_at.is_some())
            .map(|open| {
                self.files
                    .link(format!("{} is extended here", open.location), open.named_at)
            })
            .collect()
    }
}

fn recursive(location: &str) -> Diagnostic {
    Diagnostic::new(
        Kind::RecursiveInclude,
        format!("{location} extends itself, through the files below"),
    )
    .with_help("take it out of one of these `extends`")
}

/// Takes `extends` out of `[buildout]`: the names, each with its place.
fn take_extends(section: &mut Section) -> Vec<(String, Span)> {
    let Some(names) = section.folded("extends") else {
        return Vec::new();
    };
    let operations = section.options.remove("extends").unwrap_or_default();
    let span = operations.last().map(|operation| operation.span);
    let holder = |name: &str| {
        let has_name = |value: &str| text::words(value).any(|word| word == name);
        let found = operations
            .iter()
            .rev()
            .find(|operation| has_name(&operation.value));
        found.map(|operation| operation.span).or(span)
    };
    text::words(&names)
        .filter_map(|name| Some((name.to_owned(), holder(name)?)))
        .collect()
}
