//! Macros: the option `<` names sections whose options this one inherits, unsubstituted.

use std::sync::Arc;

use super::Session;
use crate::limits::{MACRO_DEPTH_MAX, STACK_RED_ZONE, STACK_SEGMENT};
use crate::merge::{Change, Operation, Operations, Section};
use crate::source::{Token, too_large};
use crate::{Diagnostic, Kind, Report};
use slapos_python::text;

impl Session<'_> {
    /// The section with its macros; every option of the result begins with a `Set`. None if there is no such section.
    pub(super) fn expanded(&self, name: &str) -> Result<Option<Arc<Section>>, Report> {
        self.expand(name, &mut Vec::new())
    }

    fn expand(&self, name: &str, open: &mut Vec<String>) -> Result<Option<Arc<Section>>, Report> {
        if let Some(known) = self.macros.borrow().get(name) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some((key, own)) = self.profile.section_entry(name) else {
            return Ok(None);
        };
        let list = own.options.get("<").filter(|_| name != "buildout");
        let expanded = match list {
            None => Arc::clone(own),
            Some(list) => {
                let parents = crate::merge::fold(list);
                open.push(name.to_owned());
                let base = stacker::maybe_grow(STACK_RED_ZONE, STACK_SEGMENT, || {
                    self.inherited(&parents, list, open)
                });
                open.pop();
                Arc::new(self.above(base?, own)?)
            }
        };
        let expanded = with_bases(expanded);
        self.macros
            .borrow_mut()
            .insert(Arc::clone(key), Arc::clone(&expanded));
        Ok(Some(expanded))
    }

    /// What the named sections give together, the last one winning.
    fn inherited(
        &self,
        parents: &str,
        list: &Operations,
        open: &mut Vec<String>,
    ) -> Result<Section, Report> {
        let mut base = Section::default();
        for parent in parents
            .split('\n')
            .map(text::trim)
            .filter(|parent| !parent.is_empty())
        {
            if open.iter().any(|name| name == parent) {
                return Err(self.macro_loop(parent, list, open));
            }
            if open.len() > MACRO_DEPTH_MAX {
                let message = format!("macros inherit from macros {MACRO_DEPTH_MAX} deep");
                return Err(self.complain_at(list, Token::Word(parent), too_large(message)));
            }
            let Some(inherited) = self.expand(parent, open)? else {
                return Err(self.macro_missing(parent, list, open));
            };
            base = self.above(base, &inherited)?;
        }
        Ok(base)
    }

    fn above(&self, mut base: Section, over: &Section) -> Result<Section, Report> {
        let mut merger = self.merger.borrow_mut();
        merger.merge_section(&mut base, over);
        if over.options.contains("<") {
            base.options.remove("<");
        }
        if merger.is_exhausted() {
            return Err(too_large("expanding macros: they inherit too many options").into());
        }
        Ok(base)
    }

    fn macro_loop(&self, parent: &str, list: &Operations, open: &[String]) -> Report {
        let names: Vec<String> = open
            .iter()
            .take(20)
            .map(|name| format!("`{name}`"))
            .collect();
        let message = format!(
            "section `{parent}` is its own macro, by way of {}",
            names.join(" and ")
        );
        let diagnostic = Diagnostic::new(Kind::MacroLoop, message)
            .with_help("take one of them out of the option `<` of the other");
        self.complain_at(list, Token::Word(parent), diagnostic)
    }

    fn macro_missing(&self, parent: &str, list: &Operations, open: &[String]) -> Report {
        let user = open.last().map_or("", String::as_str);
        let message = format!("section `{user}` inherits from `{parent}`, which is no section");
        let mut diagnostic = Diagnostic::new(Kind::MacroMissing, message);
        diagnostic.help = if parent.contains("${") {
            Some("references are not substituted in the option `<`".to_owned())
        } else if parent.contains(text::is_space) {
            Some("write each name on a line of its own".to_owned())
        } else {
            let names = self.profile.sections();
            crate::report::nearest(parent, names).map(|name| format!("did you mean `{name}`?"))
        };
        self.complain_at(list, Token::Word(parent), diagnostic)
    }
}

/// An increment that no macro gave a base begins from nothing; from here on it counts as set.
fn with_bases(mut section: Arc<Section>) -> Arc<Section> {
    let lacks = |list: &Operations| list.first().is_some_and(|o| o.change != Change::Set);
    // Most sections have nothing to change, and stay shared.
    if section.options.iter().any(|(_, list)| lacks(list)) {
        let options = &mut Arc::make_mut(&mut section).options;
        for list in options.lists_mut().filter(|list| lacks(list)) {
            let base = list.first().map(|first| Operation::set("", first.span));
            *list = base.into_iter().chain(list.iter().cloned()).collect();
        }
    }
    section
}
