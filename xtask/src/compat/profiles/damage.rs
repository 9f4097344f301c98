//! Breaking a profile: odd lines and characters, lost and swapped pieces, other line ends.
//!
//! Never in here: what a sound profile looks like. Start with `Writer::damage`.

use super::{Case, Writer, pick};

/// Lines that are wrong, or right only in some places.
const ODD_LINES: [&str; 27] = [
    "a line with no sign",
    "[bad name here]",
    "[unclosed",
    "x y = 1",
    "  indented at odd place",
    "= no name",
    "[s0] trailing",
    "a : 1",
    "[s1:]",
    "[s0: ]",
    "[s0:nonsense_name]",
    "[s0:1/0]",
    "[s0:linux and]",
    "[s1:python_version ~ '3']",
    "<= nowhere",
    "<= s0 s1",
    "< = s1",
    "<+= s0",
    "z = ${nowhere:a}",
    "z = ${s0:nothing}",
    "z = ${s0}",
    "z = ${:z}",
    "z = ${s0:a:b}",
    "z = ${s0/x:a}",
    "z = ${s0:}",
    "=> s0",
    "[s0]# c ]",
];

/// Characters that Python counts as space, and some that it does not.
const ODD_CHARS: [char; 14] = [
    '\u{b}', '\u{c}', '\u{1c}', '\u{1f}', '\u{85}', '\u{a0}', '\u{2028}', '\u{3000}', '\u{feff}',
    '\u{200b}', '\t', '\u{0}', '$', '=',
];

impl Writer<'_> {
    /// Breaks one file: an odd line, an odd character, a lost or doubled piece.
    pub(super) fn damage(&mut self, case: &mut Case) {
        let at = self.below(u8::try_from(case.files.len()).unwrap_or(1));
        let text = &case.files[at].1;
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let line = self.below(u8::try_from(lines.len()).unwrap_or(u8::MAX));
        match self.below(6) {
            0..=2 => lines.insert(line, pick(self.values.luck, &ODD_LINES).to_owned()),
            3 => drop(lines.remove(line)),
            4 => {
                let odd = ODD_CHARS[self.below(14)];
                let place = self.below(u8::try_from(lines[line].chars().count() + 1).unwrap_or(1));
                let (before, after): (Vec<_>, Vec<_>) = lines[line]
                    .chars()
                    .enumerate()
                    .partition(|(n, _)| *n < place);
                let chars = before.into_iter().map(|(_, c)| c).chain([odd]);
                lines[line] = chars.chain(after.into_iter().map(|(_, c)| c)).collect();
            }
            _ => {
                let other = self.below(u8::try_from(lines.len()).unwrap_or(u8::MAX));
                lines.swap(line, other);
            }
        }
        case.files[at].1 = lines.join("\n");
    }

    /// Some files come from editors with other ideas of a line's end, or with a byte order mark.
    pub(super) fn line_ends(&mut self, case: &mut Case) {
        for (_, text) in &mut case.files {
            match self.below(40) {
                0..=2 => *text = text.replace('\n', "\r\n"),
                3 => *text = text.replace('\n', "\r"),
                4 => text.insert(0, '\u{feff}'),
                _ => {}
            }
        }
    }
}
