//! What is suspicious in a profile, though the language accepts it; and its errors, all of them.
//!
//! Start with [`lint`]. Each family of rules is a file of `lint/`: broken.rs (errors), unused.rs, pins.rs (sources and eggs that
//! are not pinned), lost.rs (text that is written and does not survive), written.rs (what one file alone shows).
//! Only what is written in the profile itself is told, unless all files are asked for: nobody mends their libraries in passing.
//! A new rule is a variant of [`Rule`] and a function in one of the files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use slapos_buildout::{Fetch, Profile, Report, Session};

use crate::Question;
use crate::annotate::Stories;
use crate::limits::FINDINGS_MAX;
use crate::resolve::{NoRecipes, Options};
use crate::texts::Texts;
use crate::tree::{Tree, TreeFile, WrittenStep};

mod broken;
mod lost;
mod pins;
mod unused;
mod written;

/// One thing that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// All findings, by file and line.
pub fn lint(question: &Question, fetch: &dyn Fetch, extent: Extent) -> Vec<Finding> {
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
) -> Vec<Finding> {
    let mut findings = Findings {
        entry: question.entry(),
        extent,
        all: BTreeSet::new(),
    };
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
    findings.all.into_iter().take(FINDINGS_MAX).collect()
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

/// Where findings are collected.
pub(crate) struct Findings<'a> {
    entry: &'a str,
    extent: Extent,
    all: BTreeSet<Finding>,
}

impl<'a> View<'a> {
    /// Expands every section by itself; what fails is an error to tell.
    fn of(profile: &'a Profile, tree: &'a Tree, findings: &mut Findings<'_>) -> View<'a> {
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

impl Findings<'_> {
    /// Adds a finding, if its file is spoken of.
    pub(crate) fn add(&mut self, finding: Finding) {
        let is_meant = self.extent == Extent::All || finding.file == self.entry;
        if is_meant && self.all.len() < 2 * FINDINGS_MAX {
            self.all.insert(finding);
        }
    }

    /// Adds a warning at the first line of an option.
    pub(crate) fn warn_at_step(
        &mut self,
        tree: &Tree,
        step: WrittenStep,
        warning: (Rule, String, &str),
    ) {
        let (file, written) = tree.at(step);
        self.warn(file, written.line, warning);
    }

    /// Adds a warning at a line of a file, counted from 0.
    pub(crate) fn warn(&mut self, file: &TreeFile, line: usize, warning: (Rule, String, &str)) {
        let (rule, message, help) = warning;
        self.add(Finding {
            file: file.location.clone(),
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: 1,
            level: Level::Warning,
            rule: rule.name(),
            message,
            help: (!help.is_empty()).then(|| help.to_owned()),
        });
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

/// `{"findings": [{"rule", "level", "message", "file", "line", "column", "help"}], "errors": n, "warnings": n}`.
pub fn findings_json(findings: &[Finding]) -> Json {
    let all: Json = findings
        .iter()
        .map(|finding| {
            json!({
                "rule": finding.rule,
                "level": finding.level.name(),
                "message": finding.message,
                "file": finding.file,
                "line": finding.line,
                "column": finding.column,
                "help": finding.help,
            })
        })
        .collect();
    let (errors, warnings) = counts(findings);
    json!({ "findings": all, "errors": errors, "warnings": warnings })
}

/// `file:line:column: level[rule]: message`, help below; the counts at the end.
pub fn findings_text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let level = finding.level.name();
        out.push_str(&format!(
            "{}:{}:{}: {level}[{}]: {}\n",
            finding.file, finding.line, finding.column, finding.rule, finding.message
        ));
        if let Some(help) = &finding.help {
            out.push_str(&format!("    = help: {help}\n"));
        }
    }
    let (errors, warnings) = counts(findings);
    out.push_str(&match (errors, warnings) {
        (0, 0) => "nothing to say\n".to_owned(),
        _ => format!("errors: {errors}, warnings: {warnings}\n"),
    });
    out
}

/// Errors and warnings.
pub fn counts(findings: &[Finding]) -> (usize, usize) {
    let is_error = |finding: &&Finding| finding.level == Level::Error;
    let errors = findings.iter().filter(is_error).count();
    (errors, findings.len() - errors)
}
