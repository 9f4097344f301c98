//! Random values, recipes and conditions of the profiles that are compared.

use super::profiles::{Traits, pick};
use crate::drill::luck::Luck;

/// Draws what stands behind `=` and behind `:`.
pub(super) struct Values<'a> {
    pub(super) luck: &'a mut Luck,
    pub(super) traits: Traits,
    /// Sections and options that some file sets so far.
    pub(super) known: Vec<(String, String)>,
}

const WORDS: [&str; 20] = [
    "alpha",
    "beta",
    "gamma",
    "/usr/bin",
    "http://h.example/x?a=1#f",
    "1.2.3",
    "-O2",
    "a=b",
    "x:y",
    "\"q\"",
    "café",
    "%(x)s",
    "@@LOCATION@@",
    "$HOME",
    "#no",
    "[s1]",
    "${",
    "}",
    "+",
    "true",
];

/// Conditions that are true or false on any machine that runs this, or follow from the engine's own.
const CONDITIONS: [&str; 41] = [
    "linux",
    "windows",
    "python3",
    "python2",
    "python311",
    "bits64",
    "bits32",
    "posix",
    "macosx",
    "little_endian",
    "cpython",
    "pypy",
    "not linux",
    "multiarch == 'x86_64-linux-gnu'",
    "sys.version_info >= (3,)",
    "sys.version_info < (3, 8)",
    "sys.version_info[:2] > (3, 9)",
    "sys.version_info[0] == 3",
    "sys.version_info.major * 2 == 6",
    "platform.machine() == \"x86_64\"",
    "platform.machine() in ('i386', \"i686\")",
    "platform.system().lower() == 'linux'",
    "platform.release().split('.')[0] >= '4'",
    "[int(q) for q in '4.13'.split(\".\")[:2]]<[4,14]",
    "platform.freedesktop_os_release()['ID'] == 'debian'",
    "os.name == 'posix'",
    "os.path.isdir('/')",
    "os.path.exists('/no/such')",
    "os.access('/etc/hostname', os.R_OK) and 'q' in open('/etc/hostname').read()",
    "1 == 1",
    "1 < 2 < 3",
    "1 if linux else 0",
    "''",
    "None",
    "[]",
    "(linux)",
    "python_version < \"3.8\"",
    "python_version >= '3.9' and platform_system == 'Linux'",
    "sys_platform == 'linux' or os_name == 'nt'",
    "'linux' in sys_platform",
    "implementation_name == \"cpython\"",
];

impl Values<'_> {
    fn is(&mut self, percent: usize) -> bool {
        self.luck.below(100) < percent
    }

    /// A value that may refer to options of `sections`, or of its own section.
    ///
    /// Most references are to options of `known` that some file sets, else few profiles would resolve.
    pub(super) fn value(&mut self, sections: &[String], options: &[String]) -> String {
        if self.traits.typed && self.is(20) {
            let literals = [
                "1",
                "'x'",
                "{'b': 2, 'a': [1, 2.5]}",
                "(1,)",
                "{3, 1}",
                "b'$;'",
            ];
            return format!("!py!{}", pick(self.luck, &literals));
        }
        let mut pieces = Vec::new();
        for _ in 0..[1, 1, 1, 2, 3][self.luck.below(5)] {
            pieces.push(self.piece(sections, options));
        }
        pieces.join(pick(self.luck, &[" ", "", "-"]))
    }

    fn piece(&mut self, sections: &[String], options: &[String]) -> String {
        match self.luck.below(100) {
            0..=45 => pick(self.luck, &WORDS[..14]).to_owned(),
            46..=49 => pick(self.luck, &WORDS).to_owned(),
            50..=70 if !sections.is_empty() => self.reference(sections, options),
            71 if !sections.is_empty() => {
                let section = pick(self.luck, sections).to_owned();
                format!("${{{section}:{}}}", pick(self.luck, options))
            }
            72..=80 if !options.is_empty() => format!("${{:{}}}", pick(self.luck, options)),
            83..=87 if self.traits.escapes => {
                let escapes = [
                    "$${x:y}", "$${", "$$HOME", "$$$${z}", "$$", "$${:a}", "$$$", "${a$$:b}",
                ];
                pick(self.luck, &escapes).to_owned()
            }
            88..=92 if self.traits.locations => "${:_profile_base_location_}/q".to_owned(),
            93..=95 => "${:_buildout_section_name_}".to_owned(),
            96 => "${buildout:directory}".to_owned(),
            _ => pick(self.luck, &WORDS[..13]).to_owned(),
        }
    }

    /// To an option that some file sets, if there is one in these sections.
    fn reference(&mut self, sections: &[String], options: &[String]) -> String {
        let is_seen = |place: &&(String, String)| sections.contains(&place.0);
        let seen: Vec<&(String, String)> = self.known.iter().filter(is_seen).collect();
        let at = u16::try_from(seen.len()).map_or(0, |count| self.luck.up_to(u64::from(count)));
        match usize::try_from(at).ok().and_then(|at| seen.get(at)) {
            Some((section, option)) => format!("${{{section}:{option}}}"),
            None if options.is_empty() => "alone".to_owned(),
            None => format!("${{:{}}}", pick(self.luck, options)),
        }
    }

    /// A line that makes a part, with the options that its stub reads.
    pub(super) fn recipe(&mut self, sections: &[String], options: &[String]) -> String {
        match self.luck.below(9) {
            0..=2 => "recipe = vector:location".to_owned(),
            3 => "recipe =".to_owned(),
            4 => {
                let value = self.value(sections, options);
                format!("recipe = vector:set\nset-made = {value}")
            }
            5 => {
                let (section, option) = (
                    pick(self.luck, sections).to_owned(),
                    pick(self.luck, options),
                );
                format!("recipe = vector:read\nreads = {section}:{option}")
            }
            6 => format!("recipe = vector:noop\n=> {}", pick(self.luck, sections)),
            _ => "recipe = vector:noop".to_owned(),
        }
    }

    /// What stands behind `:` in a header.
    pub(super) fn condition(&mut self) -> String {
        let one = pick(self.luck, &CONDITIONS).to_owned();
        match self.luck.below(10) {
            0 => format!("{one} and {}", pick(self.luck, &CONDITIONS[..20])),
            1 => format!("{one} or {}", pick(self.luck, &CONDITIONS[..20])),
            2 => format!("not ({one})"),
            3 => format!(" {one} "),
            _ => one,
        }
    }
}
