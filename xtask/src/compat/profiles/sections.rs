//! Writing the sections of one random file: `[buildout]`, and any other with its options.
//!
//! Never in here: which files there are, see the module above, and what a value says. Start with `Writer::section`.

use super::{Writer, pick};

impl Writer<'_> {
    pub(super) fn buildout(&mut self, index: usize, extends: &[String], lines: &mut Vec<String>) {
        lines.push("[buildout]".to_owned());
        let extends = match (extends.len(), self.is(30)) {
            (0, _) => None,
            (1, false) => Some(format!("extends = {}", extends[0])),
            (_, false) => Some(format!("extends =\n  {}", extends.join("\n  "))),
            (_, true) => Some(format!("extends = {}", extends.join(" "))),
        };
        lines.extend(extends);
        if index == 0 {
            let mut parts = Vec::new();
            for _ in 0..self.below(5) {
                parts.push(self.part());
            }
            lines.push(format!("parts = {}", parts.join(" ")));
        } else if self.is(30) {
            let sign = pick(self.values.luck, &["=", "+=", "+=", "-="]);
            let part = self.part();
            lines.push(format!("parts {sign} {part}"));
        }
        if self.is(10) {
            let value = self.values.value(&self.sections, &[]);
            lines.push(format!("own = {value}"));
        }
        if self.is(50) {
            lines.push(String::new());
        }
    }

    /// Mostly one that has a recipe.
    pub(super) fn part(&mut self) -> String {
        let from = match self.parts.is_empty() || self.is(7) {
            true => &self.sections,
            false => &self.parts,
        };
        pick(self.values.luck, from).to_owned()
    }

    pub(super) fn section(&mut self, at: usize, lines: &mut Vec<String>) {
        self.comment(20, lines);
        let name = self.sections[at].clone();
        let condition = match self.values.traits.conditions && self.is(30) {
            true => format!(":{}", self.values.condition()),
            false => String::new(),
        };
        lines.push(match self.is(10) {
            true => format!("[ {name} {condition} ] # note"),
            false => format!("[{name}{condition}]"),
        });
        if self.values.traits.recipes && self.is(40) {
            let seen = self.seen(at);
            let line = self.values.recipe(&seen, &self.options[..1]);
            if line.contains("vector") {
                self.parts.push(name.clone());
            }
            if line.contains("location") {
                self.values
                    .known
                    .push((name.clone(), "location".to_owned()));
            }
            lines.push(line);
        }
        self.macros(at, lines);
        for _ in 0..1 + self.below(u8::try_from(self.options.len()).unwrap_or(1)) {
            let option = pick(self.values.luck, &self.options).to_owned();
            self.option(at, &option, lines);
        }
        if self.is(60) {
            lines.push(pick(self.values.luck, &["", "", "  "]).to_owned());
        }
    }

    fn macros(&mut self, at: usize, lines: &mut Vec<String>) {
        if self.values.traits.macros && at > 0 && self.is(35) {
            let parents: Vec<&str> = (0..[1, 1, 1, 2, 3][self.below(5)])
                .map(|_| pick(self.values.luck, &self.sections[..at]))
                .collect();
            lines.push(format!("<= {}", parents.join("\n   ")));
        }
    }

    /// What stands between a name and its value.
    fn sign(&mut self, key: &(String, String)) -> &'static str {
        let may_increment = self.values.traits.baseless || self.values.known.contains(key);
        match self.values.traits.increments && may_increment {
            true => pick(
                self.values.luck,
                &[" =", "=", " +=", " +=", "+=", " -=", "-="],
            ),
            false => pick(self.values.luck, &[" =", "=", "  =", "\t="]),
        }
    }

    fn option(&mut self, at: usize, option: &str, lines: &mut Vec<String>) {
        let key = (self.sections[at].clone(), option.to_owned());
        let sign = self.sign(&key);
        if !sign.contains(['+', '-']) {
            self.values.known.push(key);
        }
        // A reference mostly goes to sections before this one, so that there are few circles.
        let seen = self.seen(at);
        let own = self.own(option);
        if self.values.traits.blocks && self.is(30) {
            lines.push(format!("{option}{sign}"));
            let indent = pick(self.values.luck, &["  ", "    ", "\t", " \t"]);
            for _ in 0..1 + self.below(4) {
                let deeper = pick(self.values.luck, &["", "", "", "  "]);
                let value = self.values.value(&seen, &own);
                lines.push(format!("{indent}{deeper}{value}"));
                self.comment(15, lines);
                if self.is(12) {
                    lines.push(pick(self.values.luck, &["", "   "]).to_owned());
                }
            }
            return;
        }
        let value = self.values.value(&seen, &own);
        let space = pick(self.values.luck, &[" ", " ", "", "   "]);
        lines.push(format!("{option}{sign}{space}{value}"));
        if self.is(15) {
            let value = self.values.value(&seen, &own);
            lines.push(format!("   {value}"));
        }
    }
}
