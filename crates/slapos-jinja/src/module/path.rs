//! `os.path`, as far as it only looks at the text of a path.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::render::Machine;
use crate::value::Value;

const NAMES: [&str; 11] = [
    "join",
    "basename",
    "dirname",
    "split",
    "splitext",
    "normpath",
    "isabs",
    "relpath",
    "abspath",
    "commonprefix",
    "exists",
];

pub(super) fn module() -> Value {
    let functions = NAMES.map(|name| {
        (
            name,
            Value::function(name, move |machine, arguments| {
                call(machine, name, arguments)
            }),
        )
    });
    let sep = ("sep", Value::text("/"));
    Value::object("module", functions.into_iter().chain([sep]).collect())
}

fn call(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<Value> {
    match name {
        "join" => {
            let parts: Vec<Rc<str>> = arguments
                .plain
                .iter()
                .map(|part| part.as_str("a path"))
                .collect::<Outcome<_>>()?;
            machine.make(parts.iter().map(|part| part.len() + 1).sum())?;
            let Some((first, rest)) = parts.split_first() else {
                return type_error("join() needs a path");
            };
            let mut path = first.to_string();
            for part in rest {
                if part.starts_with('/') {
                    path = part.to_string();
                } else {
                    if !path.is_empty() && !path.ends_with('/') {
                        path.push('/');
                    }
                    path.push_str(part);
                }
            }
            return Ok(Value::text(path));
        }
        "commonprefix" => {
            let paths = arguments.one(name)?.sequence(machine)?.unwrap_or_default();
            let paths: Vec<Rc<str>> = paths
                .iter()
                .map(|path| path.as_str("a path"))
                .collect::<Outcome<_>>()?;
            let first = paths.first().cloned().unwrap_or_else(|| Rc::from(""));
            let mut common: &str = &first;
            for path in &paths {
                machine.spend(1 + common.len() as u64 / 16)?;
                let pairs = common.chars().zip(path.chars());
                let same = pairs.take_while(|(a, b)| a == b);
                common = &common[..same.map(|(c, _)| c.len_utf8()).sum()];
            }
            return Ok(Value::text(common));
        }
        "relpath" => {
            let [path, start] = arguments.bind(name, ["path", "start"], 2)?;
            let (path, start) = (
                path.unwrap_or(Value::None).as_str("a path")?,
                start.unwrap_or(Value::None).as_str("a path")?,
            );
            return Ok(Value::text(relative(&normal(&path), &normal(&start))));
        }
        _ => {}
    }
    let path = arguments.one(name)?.as_str("a path")?;
    let at = path.rfind('/').map_or(0, |at| at + 1);
    let (head, tail) = path.split_at(at);
    let trimmed = head.trim_end_matches('/');
    let folder = if trimmed.is_empty() { head } else { trimmed };
    Ok(match name {
        "basename" => Value::text(tail),
        "dirname" => Value::text(folder),
        "split" => Value::tuple(vec![Value::text(folder), Value::text(tail)]),
        "splitext" => {
            let name = tail.trim_start_matches('.');
            let dot = name
                .rfind('.')
                .map_or(path.len(), |at| path.len() - name.len() + at);
            Value::tuple(vec![Value::text(&path[..dot]), Value::text(&path[dot..])])
        }
        "normpath" => Value::text(normal(&path)),
        "abspath" if path.starts_with('/') => Value::text(normal(&path)),
        "isabs" => Value::Bool(path.starts_with('/')),
        _ => {
            let message =
                format!("os.path.{name}() would look at the disk, which a template cannot do here");
            return fail(ErrorKind::Unsupported, message);
        }
    })
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let is_absolute = path.starts_with('/');
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    let root = match is_absolute {
        true if path.starts_with("//") && !path.starts_with("///") => "//",
        true => "/",
        false => "",
    };
    let path = format!("{root}{}", parts.join("/"));
    if path.is_empty() {
        ".".to_owned()
    } else {
        path
    }
}

fn relative(path: &str, start: &str) -> String {
    let parts = |path: &str| {
        path.split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (path, start) = (parts(path), parts(start));
    let common = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), start.len() - common);
    let all: Vec<String> = up.chain(path[common..].iter().cloned()).collect();
    if all.is_empty() {
        ".".to_owned()
    } else {
        all.join("/")
    }
}
