//! Filters over text.

use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::Outcome;
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
        "wordwrap" => wordwrap(machine, given)?,
        "striptags" => Value::text(strip_tags(&of_text(given)?)),
        "filesizeformat" => file_size(given)?,
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
        is_inside = !(c.is_whitespace() || "-([{<".contains(c));
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
            " ".repeat(usize::try_from(width.as_int("width")?.clamp(0, 10_000)).unwrap_or(4))
        }
        None => "    ".to_owned(),
    };
    let (first, blank) = (truth(first)?, truth(blank)?);
    machine.make(text.matches('\n').count().saturating_mul(margin.len()))?;
    let mut out = String::new();
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if (at > 0 || first) && (blank || !line.is_empty()) {
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

fn wordwrap(machine: &Machine<'_>, arguments: Arguments) -> Outcome<Value> {
    let [value, width] = arguments.bind("wordwrap", ["s", "width"], 1)?;
    let text = value.unwrap_or(Value::None).to_text(machine)?;
    let width = width.map_or(Ok(79), |n| n.as_int("width"))?;
    let width = usize::try_from(width.max(1)).unwrap_or(79);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let room = line.chars().count() + usize::from(!line.is_empty()) + word.chars().count();
            if !line.is_empty() && room > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    Ok(Value::text(lines.join("\n")))
}

fn strip_tags(text: &str) -> String {
    let mut out = String::new();
    let mut is_tag = false;
    for c in text.chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => is_tag = false,
            c if !is_tag => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn file_size(arguments: Arguments) -> Outcome<Value> {
    let [value, binary] = arguments.bind("filesizeformat", ["value", "binary"], 1)?;
    let size = value.unwrap_or(Value::None).as_float().unwrap_or(0.0);
    let (base, units) = match truth(binary)? {
        true => (1024.0, ["KiB", "MiB", "GiB", "TiB", "PiB"]),
        false => (1000.0, ["kB", "MB", "GB", "TB", "PB"]),
    };
    if size < base {
        let unit = if size == 1.0 { "Byte" } else { "Bytes" };
        return Ok(Value::text(format!("{size:.0} {unit}")));
    }
    let mut left = size / base;
    let mut unit = 0;
    while left >= base && unit + 1 < units.len() {
        left /= base;
        unit += 1;
    }
    Ok(Value::text(format!("{left:.1} {}", units[unit])))
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
            out.push_str(&format!(" {}=\"{}\"", escaped(&name), escaped(&value)));
        }
    }
    let is_spaced = space.map_or(Ok(true), |flag| flag.is_true())?;
    Ok(Value::text(if is_spaced { &out } else { out.trim_start() }))
}
