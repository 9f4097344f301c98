//! The functions of `platform`, `os`, `re` and of Python itself that conditions call, over what the machine tells.

use super::evaluate::truth_of;
use super::{World, names};
use crate::typed::{Integer, order};
use crate::{Probe, Typed};

/// Whether the dotted name is a function (or a folder of them) that can be called.
pub(super) fn is_known(path: &str) -> bool {
    matches!(
        path,
        "platform.machine"
            | "platform.system"
            | "platform.release"
            | "platform.python_version"
            | "platform.python_version_tuple"
            | "platform.python_implementation"
            | "platform.freedesktop_os_release"
            | "os.path"
            | "os.path.isdir"
            | "os.path.isfile"
            | "os.path.exists"
            | "os.access"
            | "re.match"
            | "re.search"
    )
}

/// What can be done with an open file.
pub(super) const FILE_METHODS: [&str; 3] = ["read", "readline", "readlines"];

/// The text of the file that `open` is called for.
pub(super) fn open(arguments: &[Typed], world: &World<'_>) -> Result<String, String> {
    match arguments {
        [Typed::Str(path)] => Some(path),
        [Typed::Str(path), Typed::Str(mode)] if mode == "r" || mode == "rt" => Some(path),
        _ => None,
    }
    .ok_or_else(|| "gives `open` what it does not take (TypeError)".to_owned())
    .and_then(|path| {
        let found = world.fetch.open(path);
        found.ok_or_else(|| format!("opens {path}, which is not there (FileNotFoundError)"))
    })
}

/// `os.access`, with the sum of `os.R_OK` and the like.
fn is_accessible(probe: Probe, mode: i64) -> bool {
    let has = |bit: i64, is_given: bool| mode & bit == 0 || is_given;
    probe.exists()
        && has(4, probe.is_readable)
        && has(2, probe.is_writable)
        && has(1, probe.is_executable)
}

/// Calls a function by its dotted name. The error fits behind "the condition …".
pub(super) fn call(path: &str, arguments: &[Typed], world: &World<'_>) -> Result<Typed, String> {
    let machine = world.machine;
    let text = |text: &str| Ok(Typed::Str(text.to_owned()));
    let (major, minor, micro) = machine.python;
    match (path, arguments) {
        ("platform.machine", []) => text(&machine.machine),
        ("platform.system", []) => text(&machine.system),
        ("platform.release", []) => text(&machine.release),
        ("platform.python_version", []) => text(&format!("{major}.{minor}.{micro}")),
        ("platform.python_implementation", []) => text(names::implementation(machine)),
        ("platform.python_version_tuple", []) => Ok(Typed::Tuple(
            [major, minor, micro]
                .iter()
                .map(|n| Typed::Str(n.to_string()))
                .collect(),
        )),
        ("platform.freedesktop_os_release", []) => Ok(Typed::Dict(
            machine
                .os_release
                .iter()
                .map(|(key, value)| (Typed::Str(key.clone()), Typed::Str(value.clone())))
                .collect(),
        )),
        ("os.path.isdir", [Typed::Str(path)]) => Ok(Typed::Bool(world.fetch.probe(path).is_folder)),
        ("os.path.isfile", [Typed::Str(path)]) => Ok(Typed::Bool(world.fetch.probe(path).is_file)),
        ("os.path.exists", [Typed::Str(path)]) => Ok(Typed::Bool(world.fetch.probe(path).exists())),
        ("os.access", [Typed::Str(path), Typed::Int(mode)]) => {
            let mode = mode.to_i64().unwrap_or(0);
            Ok(Typed::Bool(is_accessible(world.fetch.probe(path), mode)))
        }
        ("re.match", [Typed::Str(pattern), Typed::Str(subject)]) => found(pattern, subject, true),
        ("re.search", [Typed::Str(pattern), Typed::Str(subject)]) => found(pattern, subject, false),
        (name, arguments) if names::BUILTINS.contains(&name) => builtin(name, arguments),
        (name, _) => Err(format!("gives `{name}` what it does not take (TypeError)")),
    }
}

/// `re` for patterns of plain text, with `^` in front and `$` behind; real conditions use no others.
fn found(pattern: &str, subject: &str, at_start: bool) -> Result<Typed, String> {
    let at_start = at_start || pattern.starts_with('^');
    let plain = pattern.strip_prefix('^').unwrap_or(pattern);
    let (plain, at_end) = plain
        .strip_suffix('$')
        .map_or((plain, false), |plain| (plain, true));
    if plain.contains(|c| "\\.+*?()|[]{}^$".contains(c)) {
        return Err(format!(
            "has the pattern `{pattern}`; only plain text, `^` and `$` are understood"
        ));
    }
    let is_found = match (at_start, at_end) {
        (true, true) => subject == plain,
        (true, false) => subject.starts_with(plain),
        (false, true) => subject.ends_with(plain),
        (false, false) => subject.contains(plain),
    };
    Ok(if is_found {
        Typed::Bool(true)
    } else {
        Typed::None
    })
}

fn builtin(name: &str, arguments: &[Typed]) -> Result<Typed, String> {
    let bad = || format!("gives `{name}` what it does not take (TypeError)");
    let items = || match arguments {
        [] => Some(Vec::new()),
        [one] => one.clone().into_items(),
        _ => None,
    };
    match (name, arguments) {
        ("str", []) => Ok(Typed::Str(String::new())),
        ("str", [Typed::Str(text)]) => Ok(Typed::Str(text.clone())),
        ("str", [value]) => Ok(Typed::Str(value.repr_lossy())),
        ("bool", [value]) => Ok(Typed::Bool(truth_of(value))),
        ("len", [_]) => {
            let length = items().ok_or_else(bad)?.len();
            Ok(Typed::Int(Integer::from(
                i64::try_from(length).unwrap_or(i64::MAX),
            )))
        }
        ("int", [value]) => to_int(value).ok_or_else(|| {
            format!(
                "cannot make a number of `{}` (ValueError)",
                value.repr_lossy()
            )
        }),
        ("float", [value]) => to_float(value).map(Typed::Float).ok_or_else(bad),
        ("chr", [Typed::Int(n)]) => {
            let code = n
                .to_i64()
                .and_then(|n| u32::try_from(n).ok())
                .and_then(char::from_u32);
            code.map(|c| Typed::Str(c.to_string())).ok_or_else(bad)
        }
        ("ord", [Typed::Str(text)]) => match text.chars().collect::<Vec<_>>()[..] {
            [c] => Ok(Typed::Int(u32::from(c).into())),
            _ => Err(bad()),
        },
        ("list", _) => items().map(Typed::List).ok_or_else(bad),
        ("tuple", _) => items().map(Typed::Tuple).ok_or_else(bad),
        ("set", _) => items().map(Typed::Set).ok_or_else(bad),
        ("dict", []) => Ok(Typed::Dict(Vec::new())),
        ("any", [_]) => Ok(Typed::Bool(items().ok_or_else(bad)?.iter().any(truth_of))),
        ("all", [_]) => Ok(Typed::Bool(items().ok_or_else(bad)?.iter().all(truth_of))),
        ("min" | "max" | "sorted", _) => {
            let items = if arguments.len() > 1 {
                Some(arguments.to_vec())
            } else {
                items()
            };
            ranked(name, items.ok_or_else(bad)?).ok_or_else(bad)
        }
        _ => Err(bad()),
    }
}

fn ranked(name: &str, mut items: Vec<Typed>) -> Option<Typed> {
    let mut is_ordered = true;
    items.sort_by(|a, b| {
        order(a, b).unwrap_or_else(|| {
            is_ordered = false;
            // Any total order will do, the result is thrown away.
            a.repr_lossy().cmp(&b.repr_lossy())
        })
    });
    match name {
        _ if !is_ordered => None,
        "min" => items.into_iter().next(),
        "max" => items.pop(),
        _ => Some(Typed::List(items)),
    }
}

fn to_int(value: &Typed) -> Option<Typed> {
    match value {
        Typed::Int(n) => Some(Typed::Int(n.clone())),
        Typed::Bool(b) => Some(Typed::Int(u32::from(*b).into())),
        Typed::Str(text) => text
            .trim()
            .parse::<i128>()
            .ok()
            .map(|n| Typed::Int(n.into())),
        Typed::Float(n) if n.abs() < 1e15 => {
            #[allow(clippy::cast_possible_truncation)]
            let whole = *n as i64;
            Some(Typed::Int(whole.into()))
        }
        _ => None,
    }
}

fn to_float(value: &Typed) -> Option<f64> {
    match value {
        Typed::Int(n) => Some(n.to_f64()),
        Typed::Float(n) => Some(*n),
        Typed::Str(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Calls a method of a string.
pub(super) fn method(text: &str, name: &str, arguments: &[Typed]) -> Result<Typed, String> {
    let all = |parts: Vec<String>| Ok(Typed::List(parts.into_iter().map(Typed::Str).collect()));
    match (name, arguments) {
        ("open.read", []) => Ok(Typed::Str(text.to_owned())),
        ("open.readline", []) => {
            let line = text.split_inclusive('\n').next().unwrap_or_default();
            Ok(Typed::Str(line.to_owned()))
        }
        ("open.readlines", []) => all(text.split_inclusive('\n').map(str::to_owned).collect()),
        ("split", []) => all(slapos_python::text::words(text)
            .map(str::to_owned)
            .collect()),
        ("split", [Typed::Str(by)]) if !by.is_empty() => {
            all(text.split(by.as_str()).map(str::to_owned).collect())
        }
        ("split", [Typed::Str(by), Typed::Int(most)]) if !by.is_empty() => {
            let most = most
                .to_i64()
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(usize::MAX - 1);
            all(text
                .splitn(most.saturating_add(1), by.as_str())
                .map(str::to_owned)
                .collect())
        }
        ("startswith", [start]) => Ok(Typed::Bool(any_text(start, |s| text.starts_with(s)))),
        ("endswith", [end]) => Ok(Typed::Bool(any_text(end, |s| text.ends_with(s)))),
        ("lower", []) => Ok(Typed::Str(text.to_lowercase())),
        ("upper", []) => Ok(Typed::Str(text.to_uppercase())),
        ("strip", []) => Ok(Typed::Str(slapos_python::text::trim(text).to_owned())),
        ("isdigit", []) => {
            let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            Ok(Typed::Bool(is_number))
        }
        _ => Err(format!(
            "calls `{name}` of a text in a way that is not understood (AttributeError)"
        )),
    }
}

/// One text or a tuple of them.
fn any_text(value: &Typed, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Typed::Str(text) => holds(text),
        Typed::Tuple(all) => all
            .iter()
            .any(|one| matches!(one, Typed::Str(text) if holds(text))),
        _ => false,
    }
}
