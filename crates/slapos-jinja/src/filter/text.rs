//! Filters over text.

use std::rc::Rc;

use slapos_python::text as python;

use super::wrap;
use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, value_error};
use crate::global;
use crate::method::text as methods;
use crate::render::Machine;
use crate::value::{Value, fitting};

pub(super) const NAMES: &[&str] = &[
    "capitalize",
    "center",
    "e",
    "escape",
    "filesizeformat",
    "forceescape",
    "indent",
    "lower",
    "replace",
    "safe",
    "striptags",
    "title",
    "trim",
    "truncate",
    "upper",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

pub(super) fn apply(
    machine: &Machine<'_>,
    name: &str,
    arguments: &Arguments,
) -> Outcome<Option<Value>> {
    if !NAMES.contains(&name) {
        return Ok(None);
    }
    let given = arguments.clone();
    let of_text = |given: Arguments| -> Outcome<Rc<str>> { given.one(name)?.to_text(machine) };
    let found = match name {
        "upper" | "lower" | "capitalize" => {
            methods::call(machine, &of_text(given)?, name, Arguments::default())?
        }
        "title" => Value::text(title(&of_text(given)?)),
        "escape" | "e" | "forceescape" => Value::text(escaped(&of_text(given)?)),
        "safe" => Value::Str(of_text(given)?),
        "trim" => {
            let [value, chars] = given.bind(name, ["value", "chars"], 1)?;
            let text = value.unwrap_or(Value::None).to_text(machine)?;
            methods::call(machine, &text, "strip", Arguments::of(chars))?
        }
        "replace" => {
            let [value, old, new, count] = given.bind(name, ["s", "old", "new", "count"], 3)?;
            let text = value.unwrap_or(Value::None).to_text(machine)?;
            let count = count.filter(|count| !matches!(count, Value::None));
            let all = [old, new, count].into_iter().flatten();
            methods::call(machine, &text, "replace", Arguments::of(all))?
        }
        "center" => {
            let [value, width] = given.bind(name, ["value", "width"], 1)?;
            let text = value.unwrap_or(Value::None).to_text(machine)?;
            methods::call(
                machine,
                &text,
                "center",
                Arguments::of([width.unwrap_or(Value::Int(80))]),
            )?
        }
        "indent" => indent(machine, given)?,
        "truncate" => truncate(machine, given)?,
        "wordcount" => {
            let text = of_text(given)?;
            let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            Value::size(words.filter(|word| !word.is_empty()).count())
        }
        "wordwrap" => wrap::wordwrap(machine, given)?,
        "striptags" => strip_tags(&of_text(given)?)?,
        "filesizeformat" => file_size(machine, given)?,
        _ => xml_attributes(machine, given)?,
    };
    machine.make(found.length().unwrap_or(0))?;
    Ok(Some(found))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('>', "&gt;")
        .replace('<', "&lt;")
        .replace('\'', "&#39;")
        .replace('"', "&#34;")
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_inside = false;
    for c in text.chars() {
        match is_inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        is_inside = !(python::is_space(c) || "-([{<".contains(c));
    }
    out
}

fn indent(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, width, first, blank] =
        arguments.bind("indent", ["s", "width", "first", "blank"], 1)?;
    let text = value.unwrap_or(Value::None).to_text(machine)?;
    let margin = match width {
        Some(Value::Str(margin)) => margin.to_string(),
        Some(width) => {
            let width = usize::try_from(width.as_int("width")?.max(0)).unwrap_or(usize::MAX);
            machine.make(width)?;
            " ".repeat(width)
        }
        None => "    ".to_owned(),
    };
    let (first, blank) = (truth(first)?, truth(blank)?);
    // So that a text without a line has one, and one that ends with a line has another.
    let text = format!("{text}\n");
    machine.make(
        python::split_lines(&text)
            .count()
            .saturating_mul(margin.len()),
    )?;
    let mut out = String::new();
    for (at, (line, _)) in python::split_lines(&text).enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let is_indented = match at {
            0 => first,
            _ => blank || !line.is_empty(),
        };
        if is_indented {
            out.push_str(&margin);
        }
        out.push_str(line);
    }
    Ok(Value::text(out))
}

fn truth(flag: Option<Value>) -> Outcome<bool> {
    flag.map_or(Ok(false), |flag| flag.is_true())
}

fn truncate(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let names = ["s", "length", "killwords", "end", "leeway"];
    let [value, length, kill, end, leeway] = arguments.bind("truncate", names, 1)?;
    let text = value.unwrap_or(Value::None).to_text(machine)?;
    let number =
        |value: Option<Value>, default| value.map_or(Ok(default), |n| n.as_int("a length"));
    let (length, leeway) = (number(length, 255)?.max(0), number(leeway, 5)?.max(0));
    let end = end.map_or(Ok(Rc::from("...")), |end| end.to_text(machine))?;
    let whole = i128::try_from(text.chars().count()).unwrap_or(i128::MAX);
    if whole <= fitting(length.checked_add(leeway))? {
        return Ok(Value::Str(text));
    }
    let room = usize::try_from(length)
        .unwrap_or(0)
        .saturating_sub(end.chars().count());
    let cut: String = text.chars().take(room).collect();
    let cut = match truth(kill)? {
        true => cut.as_str(),
        false => cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head),
    };
    Ok(Value::text(format!("{cut}{end}")))
}

/// Without tags and comments; what is not closed stays.
fn strip_tags(text: &str) -> Outcome<Value> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let tag = &rest[start..];
        let length = match tag.strip_prefix("<!--") {
            Some(comment) => comment.find("-->").map(|end| end + "<!---->".len()),
            None => tag.find('>').map(|end| end + 1),
        };
        let Some(length) = length else { break };
        out.push_str(&rest[..start]);
        rest = &tag[length..];
    }
    out.push_str(rest);
    // jinja2 writes them out, and knows two thousand names.
    let is_name = |next: &str| next.starts_with(|c: char| c == '#' || c.is_ascii_alphabetic());
    if out.split('&').skip(1).any(is_name) {
        let message = "characters by their names, such as `&amp;`, in a text for `striptags`";
        return fail(ErrorKind::Unsupported, message);
    }
    Ok(Value::text(
        python::words(&out).collect::<Vec<_>>().join(" "),
    ))
}

fn file_size(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, binary] = arguments.bind("filesizeformat", ["value", "binary"], 1)?;
    let size = global::float(machine, Arguments::of(value))?;
    let size = size.as_float().unwrap_or(0.0);
    let (base, tail): (f64, _) = match truth(binary)? {
        true => (1024.0, "iB"),
        false => (1000.0, "B"),
    };
    #[expect(clippy::float_cmp, reason = "exactly one is the singular")]
    if size == 1.0 {
        return Ok(Value::text("1 Byte"));
    }
    if size < base {
        return Ok(Value::text(format!("{:.0} Bytes", size.trunc())));
    }
    let kilo = if tail == "B" { 'k' } else { 'K' };
    let (mut unit, mut prefix) = (base * base, kilo);
    for larger in "MGTPEZY".chars() {
        if size < unit {
            break;
        }
        (unit, prefix) = (unit * base, larger);
    }
    Ok(Value::text(format!(
        "{:.1} {prefix}{tail}",
        base * size / unit
    )))
}

fn xml_attributes(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, space] = arguments.bind("xmlattr", ["d", "autospace"], 1)?;
    let pairs = value
        .unwrap_or(Value::None)
        .pairs(machine)?
        .unwrap_or_default();
    let mut out = String::new();
    for (name, value) in pairs {
        if !matches!(value, Value::None | Value::Undefined(_)) {
            let (name, value) = (name.to_text(machine)?, value.to_text(machine)?);
            let is_bad = |c| matches!(c, '\t'..='\r' | ' ' | '/' | '>' | '=');
            if name.contains(is_bad) {
                return value_error(format!("invalid character in attribute name: {name}"));
            }
            out.push_str(&format!(" {}=\"{}\"", escaped(&name), escaped(&value)));
        }
    }
    let is_spaced = space.map_or(Ok(true), |flag| flag.is_true())?;
    Ok(Value::text(if is_spaced {
        &out
    } else {
        out.strip_prefix(' ').unwrap_or(&out)
    }))
}
