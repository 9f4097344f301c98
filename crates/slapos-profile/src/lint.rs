//! What is suspicious in a profile, though the language accepts it; and its errors, all of them.
//!
//! Start with [`lint`]. Each family of rules is a file of `lint/`: broken.rs (errors), unused.rs, pins.rs (sources and eggs that
//! are not pinned), lost.rs (text that is written and does not survive), written.rs (what one file alone shows).
//! Only what is written in the profile itself is told, unless all files are asked for: nobody mends their libraries in passing.
//! A new rule is a variant of [`Rule`] and a function in one of the files.

use std::collections::BTreeMap;
use std::hash::Hash;

use serde_json::{Value as Json, json};
use slapos_buildout::{Fetch, Profile, Report, Session};

use crate::Question;
use crate::annotate::Stories;
use crate::resolve::{NoRecipes, Options};
use crate::texts::Texts;
use crate::tree::Tree;

mod broken;
mod collect;
mod lost;
mod pins;
mod unused;
mod written;

pub(crate) use collect::Collector;

/// One thing that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    pub file: String,
    /// From 1; 0 where there is no line.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    pub level: Level,
    /// The stable name of the rule; of an error the kind of the diagnostic.
    pub rule: &'static str,
    pub message: String,
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The profile, or a section of it, cannot be used.
    Error,
    /// It works, and probably not as meant.
    Warning,
}

/// The rules besides errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    UnusedSection,
    UnusedOption,
    UnpinnedSource,
    UnpinnedEgg,
    DuplicateOption,
    DuplicateSection,
    DuplicateExtends,
    ShadowedValue,
    LostIncrement,
    LostInOriginal,
    LostText,
    RemovesNothing,
    MovedBase,
    CommentInValue,
}

impl Rule {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rule::UnusedSection => "unused-section",
            Rule::UnusedOption => "unused-option",
            Rule::UnpinnedSource => "unpinned-source",
            Rule::UnpinnedEgg => "unpinned-egg",
            Rule::DuplicateOption => "duplicate-option",
            Rule::DuplicateSection => "duplicate-section",
            Rule::DuplicateExtends => "duplicate-extends",
            Rule::ShadowedValue => "shadowed-value",
            Rule::LostIncrement => "lost-increment",
            Rule::LostInOriginal => "lost-in-original",
            Rule::LostText => "lost-text",
            Rule::RemovesNothing => "removes-nothing",
            Rule::MovedBase => "moved-base",
            Rule::CommentInValue => "comment-in-value",
        }
    }
}

/// Which files are spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The profile itself.
    Profile,
    /// Everything it extends too.
    All,
}

/// What the linter has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// By file and line. Of very many only the first ones are kept, of errors before any warning.
    pub shown: Vec<Finding>,
    /// How many errors there are, shown or not.
    pub errors: usize,
    /// How many warnings there are, shown or not.
    pub warnings: usize,
}

/// All findings.
pub fn lint(question: &Question, fetch: &dyn Fetch, extent: Extent) -> Findings {
    let texts = Texts::new(fetch);
    let tree = Tree::read(question, &texts);
    let loaded = question.load_from(&texts);
    lint_loaded(question, &tree, &loaded, extent)
}

/// The same for who has loaded it.
pub(crate) fn lint_loaded(
    question: &Question,
    tree: &Tree,
    loaded: &Result<Profile, Report>,
    extent: Extent,
) -> Findings {
    let mut findings = Collector::new(question.entry(), extent);
    written::check(tree, &mut findings);
    match loaded {
        Err(report) => broken::tell(report, &mut findings),
        Ok(profile) => {
            let view = View::of(profile, tree, &mut findings);
            let stories = Stories::new(question, profile, tree);
            unused::check(&view, &mut findings);
            pins::check(&view, &mut findings);
            lost::check(&view, &stories, &mut findings);
        }
    }
    findings.into_findings()
}

/// What the rules look at.
pub(crate) struct View<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) tree: &'a Tree,
    /// Every section that could be expanded.
    pub(crate) sections: BTreeMap<String, Options>,
    /// What each of them reads.
    pub(crate) reads: BTreeMap<String, Vec<String>>,
    pub(crate) order: Vec<String>,
}

impl<'a> View<'a> {
    /// Expands every section by itself; what fails is an error to tell.
    fn of(profile: &'a Profile, tree: &'a Tree, findings: &mut Collector<'_>) -> View<'a> {
        let mut view = View {
            profile,
            tree,
            sections: BTreeMap::new(),
            reads: BTreeMap::new(),
            order: Vec::new(),
        };
        let recipes = NoRecipes::default();
        let session = match Session::new(profile, &recipes) {
            Ok(session) => session,
            Err(report) => {
                broken::tell(&report, findings);
                return view;
            }
        };
        match session.parts() {
            Ok(order) => view.order = order,
            Err(report) => broken::tell(&report, findings),
        }
        for (name, found) in session.all_sections() {
            match found {
                Ok(options) => {
                    let reads = session.dependencies(name).unwrap_or_default();
                    view.reads.insert(name.to_owned(), reads);
                    view.sections.insert(name.to_owned(), options);
                }
                Err(report) => broken::tell(&report, findings),
            }
        }
        view
    }

    /// The text of an option of an expanded section.
    pub(crate) fn text(&self, section: &str, option: &str) -> Option<String> {
        let value = self.sections.get(section)?.get(option)?;
        Some(value.as_text().into_owned())
    }

    /// The recipe of a section that has one.
    pub(crate) fn recipe(&self, section: &str) -> Option<String> {
        self.text(section, "recipe")
            .filter(|recipe| !recipe.is_empty())
    }

    /// The sections that this one inherits from.
    pub(crate) fn parents(&self, section: &str) -> Vec<String> {
        if section == "buildout" {
            return Vec::new();
        }
        let list = self.profile.raw(section, "<").unwrap_or_default();
        let lines = list
            .split('\n')
            .map(slapos_python::text::trim)
            .filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }
}

impl Level {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
        }
    }
}

impl Findings {
    /// How many are counted and not shown.
    pub fn more(&self) -> usize {
        (self.errors + self.warnings).saturating_sub(self.shown.len())
    }

    /// `{"findings": [{"rule", "level", "message", "file", "line", "column", "help"}], "errors": n, "warnings": n,
    /// "more": n}`; the counts are of all, `more` of those that are not listed.
    pub fn to_json(&self) -> Json {
        let all: Json = self.shown.iter().map(Finding::to_json).collect();
        json!({
            "findings": all,
            "errors": self.errors,
            "warnings": self.warnings,
            "more": self.more(),
        })
    }

    /// `file:line:column: level[rule]: message`, help below; the counts at the end.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for finding in &self.shown {
            let level = finding.level.name();
            out.push_str(&format!(
                "{}:{}:{}: {level}[{}]: {}\n",
                finding.file, finding.line, finding.column, finding.rule, finding.message
            ));
            if let Some(help) = &finding.help {
                out.push_str(&format!("    = help: {help}\n"));
            }
        }
        if self.more() > 0 {
            out.push_str(&format!("{} more\n", self.more()));
        }
        out.push_str(&match (self.errors, self.warnings) {
            (0, 0) => "nothing to say\n".to_owned(),
            (errors, warnings) => format!("errors: {errors}, warnings: {warnings}\n"),
        });
        out
    }
}

impl Finding {
    fn to_json(&self) -> Json {
        json!({
            "rule": self.rule,
            "level": self.level.name(),
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "help": self.help,
        })
    }
}
