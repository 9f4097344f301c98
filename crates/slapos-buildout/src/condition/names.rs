//! What a name in a condition stands for: the ready-made facts (`python3`, `linux`, `bits64`) and constants of modules.

use crate::{Machine, Typed};

/// Modules that conditions may speak of.
pub(super) const MODULES: [&str; 4] = ["sys", "os", "platform", "re"];

/// Python's functions that conditions may call.
pub(super) const BUILTINS: [&str; 17] = [
    "all", "any", "bool", "chr", "dict", "float", "int", "len", "list", "max", "min", "open",
    "ord", "set", "sorted", "str", "tuple",
];

/// Facts by name, for suggestions; beside these there are versions, such as `python311`.
const FACTS: [&str; 17] = [
    "python2",
    "python3",
    "python27",
    "cpython",
    "pypy",
    "jython",
    "ironpython",
    "linux",
    "windows",
    "cygwin",
    "solaris",
    "macosx",
    "posix",
    "bits32",
    "bits64",
    "little_endian",
    "big_endian",
];

/// Where a condition most often looks inside of a module.
const INSIDE: [&str; 12] = [
    "platform.machine",
    "platform.system",
    "platform.release",
    "platform.python_version",
    "platform.python_implementation",
    "platform.freedesktop_os_release",
    "sys.version_info",
    "sys.platform",
    "sys.maxsize",
    "os.name",
    "os.access",
    "os.path.isdir",
];

/// `; did you mean …` if a name or a dotted name is near enough to one that means something.
pub(super) fn suggestion(name: &str) -> String {
    let known = FACTS.iter().chain(&MODULES).chain(&BUILTINS).chain(&INSIDE);
    let near = crate::report::nearest(name, known.copied());
    near.map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

/// The value of a fact.
pub(super) fn fact(name: &str, machine: &Machine) -> Option<bool> {
    let platform = machine.platform.to_ascii_lowercase();
    let known = ["pypy", "jython", "ironpython"];
    Some(match name {
        "cpython" => !known.contains(&machine.implementation.as_str()),
        "pypy" | "jython" | "ironpython" => machine.implementation == name,
        "linux" => platform.contains("linux"),
        "windows" => platform.contains("win32"),
        "cygwin" => platform.contains("cygwin"),
        "solaris" => platform.contains("sunos"),
        "macosx" => platform.contains("darwin"),
        "posix" => os_name(machine) == "posix",
        "bits32" => machine.bits == 32,
        "bits64" => machine.bits == 64,
        "little_endian" => machine.little_endian,
        "big_endian" => !machine.little_endian,
        name => return python_fact(name, machine),
    })
}

/// `python2`, `python3`, and major and minor together: `python27`, `python311`.
fn python_fact(name: &str, machine: &Machine) -> Option<bool> {
    let version = name.strip_prefix("python")?;
    let (major, minor, _) = machine.python;
    match version {
        "2" | "3" => Some(version == major.to_string()),
        _ => {
            let is_known = matches!(
                version.as_bytes(),
                [b'2', b'4'..=b'7'] | [b'3', b'0'..=b'9'] | [b'3', b'1'..=b'9', b'0'..=b'9']
            );
            is_known.then(|| version == format!("{major}{minor}"))
        }
    }
}

/// A constant of a module, by its dotted name.
pub(super) fn constant(path: &str, machine: &Machine) -> Option<Typed> {
    let text = |text: &str| Some(Typed::Str(text.to_owned()));
    let (major, minor, micro) = machine.python;
    let int = |n: u32| Typed::Int(n.into());
    match path {
        "sys.version_info" => Some(Typed::Tuple(vec![
            int(major),
            int(minor),
            int(micro),
            Typed::Str("final".to_owned()),
            int(0),
        ])),
        "sys.version_info.major" => Some(int(major)),
        "sys.version_info.minor" => Some(int(minor)),
        "sys.version_info.micro" => Some(int(micro)),
        "sys.platform" => text(&machine.platform),
        "sys.version" => text(&format!("{major}.{minor}.{micro}")),
        "sys.byteorder" => text(if machine.little_endian {
            "little"
        } else {
            "big"
        }),
        "sys.maxsize" => {
            let largest = if machine.bits == 32 {
                i64::from(i32::MAX)
            } else {
                i64::MAX
            };
            Some(Typed::Int(largest.into()))
        }
        "sys.executable" => text(&machine.executable),
        "os.name" => text(os_name(machine)),
        "os.sep" => text("/"),
        "os.F_OK" => Some(int(0)),
        "os.X_OK" => Some(int(1)),
        "os.W_OK" => Some(int(2)),
        "os.R_OK" => Some(int(4)),
        _ => None,
    }
}

/// As Python's `os.name` says. This crate builds for POSIX systems only, whatever the platform is called.
pub(super) fn os_name(_machine: &Machine) -> &'static str {
    "posix"
}

/// As `platform.python_implementation()` says.
pub(super) fn implementation(machine: &Machine) -> &'static str {
    match machine.implementation.as_str() {
        "pypy" => "PyPy",
        "jython" => "Jython",
        "ironpython" => "IronPython",
        _ => "CPython",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestion_holds_names_that_mean_something() {
        let machine = Machine::linux("x86_64");
        for name in FACTS {
            assert!(fact(name, &machine).is_some(), "{name}");
        }
        for path in INSIDE {
            let is_known = super::super::library::is_known(path);
            assert!(is_known || constant(path, &machine).is_some(), "{path}");
        }
        assert_eq!(suggestion("pyton2"), "; did you mean `python2`?");
        assert_eq!(
            suggestion("platform.machin"),
            "; did you mean `platform.machine`?"
        );
        assert_eq!(suggestion("nonsense"), "");
    }
}
