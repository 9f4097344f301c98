//! Random profiles: valid ones, and some that somebody broke.
//!
//! What is drawn follows only from the seed. Every rule of the language has its turn: several files with diamonds,
//! macros, increments, conditions, references, escapes, blocks, comments, kinds of line ends, parts, the command line.
//! Never in here: what a profile means. Start with [`Case::draw`].

mod damage;
mod sections;

use super::values::Values;
use crate::drill::luck::Luck;

/// A set of files and how it is loaded; the entry is `main.cfg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    /// Name and text; a name may have folders.
    pub(super) files: Vec<(String, String)>,
    /// Assignments of the command line: section, option, value.
    pub(super) settings: Vec<(String, String, String)>,
    /// Whether the file `home/default.cfg` lies beneath all others.
    pub(super) has_defaults: bool,
}

/// What one case does at all, so that simple cases stay simple.
#[derive(Debug)]
pub(super) struct Traits {
    macros: bool,
    increments: bool,
    baseless: bool,
    conditions: bool,
    recipes: bool,
    blocks: bool,
    comments: bool,
    pub(super) escapes: bool,
    pub(super) locations: bool,
    pub(super) typed: bool,
    pub(super) wild_references: bool,
}

impl Traits {
    fn draw(luck: &mut Luck) -> Traits {
        let mut is = |percent| percent > luck.below(100);
        Traits {
            macros: is(50),
            increments: is(60),
            baseless: is(12),
            conditions: is(30),
            recipes: is(60),
            blocks: is(50),
            comments: is(50),
            escapes: is(25),
            locations: is(25),
            typed: is(10),
            wild_references: is(15),
        }
    }
}

impl Case {
    /// The next case of a sequence.
    pub(super) fn draw(luck: &mut Luck) -> Case {
        let mut writer = Writer::draw(luck);
        let mut case = writer.case();
        if writer.values.luck.below(100) < 18 {
            writer.damage(&mut case);
        }
        writer.line_ends(&mut case);
        case
    }

    /// All texts together, to see what a case can be about.
    pub(super) fn text(&self) -> String {
        let files = self.files.iter().map(|(_, text)| text.as_str());
        let settings = self.settings.iter();
        let lines: Vec<String> = settings
            .map(|(_, option, value)| format!("\n<command line> {option}={value}"))
            .collect();
        files.collect::<Vec<_>>().join("\n") + &lines.concat()
    }
}

struct Writer<'a> {
    values: Values<'a>,
    sections: Vec<String>,
    options: Vec<String>,
    /// Sections with a recipe so far.
    parts: Vec<String>,
}

impl<'a> Writer<'a> {
    fn draw(luck: &'a mut Luck) -> Writer<'a> {
        let traits = Traits::draw(luck);
        let mut sections: Vec<String> = (0..2 + luck.below(5)).map(|n| format!("s{n}")).collect();
        let mut options: Vec<String> = ["a", "b", "c", "d", "e", "f"][..2 + luck.below(5)]
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        if luck.below(4) == 0 {
            sections.push(pick(luck, &["été", "x/y", "a.b-c_d", "S0", "versions"]).to_owned());
        }
        if luck.below(4) == 0 {
            options.push(
                pick(
                    luck,
                    &["-init", "1.2", "p/q", "<x>", "ü", "A", "set-a", "!"],
                )
                .to_owned(),
            );
        }
        let known = Vec::new();
        Writer {
            values: Values {
                luck,
                traits,
                known,
            },
            sections,
            options,
            parts: Vec::new(),
        }
    }

    fn below(&mut self, count: u8) -> usize {
        self.values.luck.below(count)
    }

    /// True so many times of a hundred.
    fn is(&mut self, percent: usize) -> bool {
        self.values.luck.below(100) < percent
    }

    fn case(&mut self) -> Case {
        let folders = ["", "", "lib/", "lib/x/"];
        let mut names = vec!["main.cfg".to_owned()];
        for n in 0..self.below(6) {
            let folder = pick(self.values.luck, &folders);
            names.push(format!("{folder}f{n}.cfg"));
        }
        let mut files = Vec::new();
        // From the lowest file up, so that increments mostly have a base.
        for index in (0..names.len()).rev() {
            let text = self.file(index, &names);
            files.push((names[index].clone(), text));
        }
        files.reverse();
        let has_defaults = self.is(8);
        if has_defaults {
            let text = self.file(names.len(), &names);
            files.push(("home/default.cfg".to_owned(), text));
        }
        let settings = self.settings();
        Case {
            files,
            settings,
            has_defaults,
        }
    }

    fn settings(&mut self) -> Vec<(String, String, String)> {
        let mut settings: Vec<(String, String, String)> = Vec::new();
        for _ in 0..[0, 0, 0, 1, 2][self.below(5)] {
            let section = pick(self.values.luck, &self.sections).to_owned();
            let sign = pick(self.values.luck, &["", "", "", "+", " +", "-"]);
            let option = pick(self.values.luck, &self.options).to_owned() + sign;
            let value = self.values.value(&self.sections, &self.options);
            settings.push((section, option, value.trim().to_owned()));
        }
        if self.is(5) {
            let part = self.part();
            settings.push(("buildout".to_owned(), "parts+".to_owned(), part));
        }
        settings
    }

    fn file(&mut self, index: usize, names: &[String]) -> String {
        let mut lines = Vec::new();
        let extends = self.extends(index, names);
        if index == 0 || !extends.is_empty() || self.is(30) {
            self.buildout(index, &extends, &mut lines);
        }
        let count = 1 + self.below(u8::try_from(self.sections.len()).unwrap_or(1));
        for _ in 0..count {
            let at = self.below(u8::try_from(self.sections.len()).unwrap_or(1));
            self.section(at, &mut lines);
        }
        lines.join("\n") + pick(self.values.luck, &["\n", "\n", "\n", "", "\n\n"])
    }

    /// Names as written in file `index`, mostly of later files, so that there are diamonds and few circles.
    fn extends(&mut self, index: usize, names: &[String]) -> Vec<String> {
        let later = names.get(index + 1..).unwrap_or_default();
        let mut extends = Vec::new();
        if !later.is_empty() {
            if self.is(60) {
                extends.push(relative(&names[index], &later[0]));
            }
            for _ in 0..[0, 0, 1, 1, 2][self.below(5)] {
                extends.push(relative(&names[index], pick(self.values.luck, later)));
            }
        }
        if index < names.len() && self.is(2) {
            extends.push(relative(&names[index], pick(self.values.luck, names)));
        }
        if self.is(1) {
            extends.push("lost.cfg".to_owned());
        }
        extends
    }

    fn seen(&mut self, at: usize) -> Vec<String> {
        match self.values.traits.wild_references {
            true => self.sections.clone(),
            false => self.sections[..at].to_vec(),
        }
    }

    /// Options of the own section that a value may refer to.
    fn own(&mut self, option: &str) -> Vec<String> {
        let before = self.options.iter().take_while(|other| *other != option);
        match self.values.traits.wild_references {
            true => self.options.clone(),
            false => before.cloned().collect(),
        }
    }

    fn comment(&mut self, percent: usize, lines: &mut Vec<String>) {
        if self.values.traits.comments && self.is(percent) {
            let comments = ["# a comment", "; another = one", "#[s0]", ";"];
            lines.push(pick(self.values.luck, &comments).to_owned());
        }
    }
}

/// One of several.
pub(super) fn pick<'t, T: AsRef<str>>(luck: &mut Luck, from: &'t [T]) -> &'t str {
    let count = u8::try_from(from.len()).unwrap_or(u8::MAX);
    from.get(luck.below(count)).map_or("", AsRef::as_ref)
}

/// How `file` names `other`, both below one folder.
fn relative(file: &str, other: &str) -> String {
    let depth = file.matches('/').count();
    format!("{}{other}", "../".repeat(depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draw_of_one_seed_is_always_the_same() {
        let draw = |seed| {
            let mut luck = Luck::new(seed);
            [Case::draw(&mut luck), Case::draw(&mut luck)]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn draw_has_every_feature_sooner_or_later() {
        let mut luck = Luck::new(1);
        let texts: Vec<String> = (0..300).map(|_| Case::draw(&mut luck).text()).collect();
        let features = [
            "extends =",
            "<= s",
            "+=",
            "-=",
            ":linux",
            "${s",
            "${:",
            "$$",
            "\r\n",
            "\u{feff}",
            "recipe =",
            "=> ",
            "!py!",
            "_profile_base_location_",
            "# a comment",
            "=\n  ",
        ];
        for feature in features {
            assert!(texts.iter().any(|text| text.contains(feature)), "{feature}");
        }
    }

    #[test]
    fn relative_leads_from_one_file_to_the_other() {
        assert_eq!(relative("main.cfg", "lib/a.cfg"), "lib/a.cfg");
        assert_eq!(relative("lib/x/a.cfg", "b.cfg"), "../../b.cfg");
    }
}
