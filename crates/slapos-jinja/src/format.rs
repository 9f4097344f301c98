//! Python's two ways to format: `%` and `str.format`, over one field with fill, width, precision and type.

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::limits;
use crate::render::{Machine, attribute};
use crate::value::{Value, item, quoted};

mod number;

pub(crate) use number::rounded;

/// How one value is laid out.
#[derive(Debug, Clone, Default)]
struct Field {
    fill: Option<char>,
    /// `<`, `>`, `^` or `=`.
    align: Option<char>,
    /// `+` or a blank.
    sign: Option<char>,
    is_alternate: bool,
    pads_zero: bool,
    width: usize,
    groups: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `text % values`
pub(crate) fn percent(machine: &Machine<'_>, text: &str, values: &Value) -> Outcome<Value> {
    let is_mapping = matches!(values, Value::Dict(_));
    machine.spend(text.len() as u64 / 16)?;
    let mut plain = match values {
        Value::Tuple(_) => values.items(machine)?,
        other => vec![other.clone()],
    }
    .into_iter();
    let mut used_name = false;
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut named = None;
        if chars.peek() == Some(&'(') {
            chars.next();
            let name = name_in_parentheses(&mut chars)?;
            if !is_mapping {
                return type_error("format requires a mapping");
            }
            used_name = true;
            match item(machine, values, &Value::text(&name))? {
                Some(value) => named = Some(value),
                None => {
                    return fail(
                        ErrorKind::Key,
                        format!("`%({name})s`: there is no such key"),
                    );
                }
            }
        }
        let mut next = || match named.take() {
            Some(value) => Ok(value),
            None => match plain.next() {
                Some(value) => Ok(value),
                None => type_error("not enough arguments for format string"),
            },
        };
        let mut field = Field::default();
        let mut is_left = false;
        while let Some(flag) = chars.next_if(|c| "-+ #0".contains(*c)) {
            match flag {
                '-' => is_left = true,
                '#' => field.is_alternate = true,
                '0' => field.pads_zero = true,
                sign if field.sign != Some('+') => field.sign = Some(sign),
                _ => {}
            }
        }
        field.width = match chars.next_if_eq(&'*') {
            Some(_) => width_of(&next()?)?,
            None => digits(&mut chars)?.unwrap_or(0),
        };
        if chars.next_if_eq(&'.').is_some() {
            field.precision = Some(match chars.next_if_eq(&'*') {
                Some(_) => width_of(&next()?)?,
                None => digits(&mut chars)?.unwrap_or(0),
            });
        }
        while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
        let Some(kind) = chars.next() else {
            return value_error("incomplete format");
        };
        if is_left {
            field.align = Some('<');
            field.pads_zero = false;
        }
        if kind == '%' {
            out.push('%');
            continue;
        }
        let text = percent_field(machine, field, kind, &next()?)?;
        machine.make(text.len())?;
        out.push_str(&text);
    }
    if plain.next().is_some() && !is_mapping && !used_name {
        return type_error("not all arguments converted during string formatting");
    }
    machine.make(out.len())?;
    Ok(Value::text(out))
}

fn name_in_parentheses(chars: &mut impl Iterator<Item = char>) -> Outcome<String> {
    let (mut name, mut depth) = (String::new(), 1);
    for c in chars {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return Ok(name);
        }
        name.push(c);
    }
    value_error("incomplete format key")
}

fn digits(chars: &mut std::iter::Peekable<impl Iterator<Item = char>>) -> Outcome<Option<usize>> {
    let mut text = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        text.push(digit);
    }
    match text.is_empty() {
        true => Ok(None),
        false => match text.parse() {
            Ok(n) if n <= limits::WIDTH_MAX => Ok(Some(n)),
            _ => fail(ErrorKind::Limit, format!("a width of {text} characters")),
        },
    }
}

fn width_of(value: &Value) -> Outcome<usize> {
    match usize::try_from(value.as_int("a width")?) {
        Ok(n) if n <= limits::WIDTH_MAX => Ok(n),
        _ => fail(ErrorKind::Limit, "a width that is negative or too large"),
    }
}

fn percent_field(
    machine: &Machine<'_>,
    mut field: Field,
    kind: char,
    value: &Value,
) -> Outcome<String> {
    let text = match kind {
        's' => value.to_text(machine)?.to_string(),
        'r' | 'a' => value.clone().defined()?.repr(machine)?,
        'c' => match value {
            Value::Str(text) if text.chars().count() == 1 => text.to_string(),
            other => char_of(other)?,
        },
        'd' | 'i' | 'u' => {
            let whole = match value {
                Value::Float(n) => crate::value::float_to_int(*n).map(Value::Int),
                _ => None,
            };
            let value = whole.as_ref().unwrap_or(value);
            if value.as_int("").is_err() {
                let kind = value.clone().defined()?.type_name();
                return type_error(format!(
                    "%{kind_sign} format: a real number is required, not {kind}",
                    kind_sign = 'd'
                ));
            }
            field.kind = Some('d');
            return number::integer(&field.for_number(), value.as_int("")?);
        }
        'x' | 'X' | 'o' => {
            field.kind = Some(kind);
            return number::integer(&field.for_number(), value.as_int("the value of %x")?);
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let Some(n) = value.as_float() else {
                let kind = value.clone().defined()?.type_name();
                return type_error(format!("must be real number, not {kind}"));
            };
            field.kind = Some(kind);
            field.precision.get_or_insert(6);
            return number::float(&field.for_number(), n);
        }
        other => return value_error(format!("unsupported format character '{other}'")),
    };
    let cut = match field.precision {
        Some(length) => text.chars().take(length).collect(),
        None => text,
    };
    Ok(pad(&cut, field.width, field.align.unwrap_or('>'), ' '))
}

fn char_of(value: &Value) -> Outcome<String> {
    let code = u32::try_from(value.as_int("the value of %c")?)
        .ok()
        .and_then(char::from_u32);
    match code {
        Some(c) => Ok(c.to_string()),
        None => value_error("%c arg not in range"),
    }
}

fn pad(text: &str, width: usize, align: char, fill: char) -> String {
    let room = width.saturating_sub(text.chars().count());
    let (left, right) = match align {
        '<' => (0, room),
        '^' => (room / 2, room - room / 2),
        _ => (room, 0),
    };
    let filled = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
    format!("{}{text}{}", filled(left), filled(right))
}

impl Field {
    /// Zeros go between sign and digits.
    fn for_number(mut self) -> Field {
        if self.pads_zero && self.align.is_none() {
            self.fill.get_or_insert('0');
            self.align = Some('=');
        }
        self
    }

    /// `[[fill]align][sign][#][0][width][grouping][.precision][type]`
    fn parse(spec: &str) -> Outcome<Field> {
        let mut field = Field::default();
        let mut chars = spec.chars().peekable();
        let mut ahead = spec.chars();
        let (first, second) = (ahead.next(), ahead.next());
        if second.is_some_and(|c| "<>=^".contains(c)) {
            (field.fill, field.align) = (first, second);
            chars.next();
            chars.next();
        } else if first.is_some_and(|c| "<>=^".contains(c)) {
            field.align = first;
            chars.next();
        }
        field.sign = chars.next_if(|c| "+- ".contains(*c)).filter(|c| *c != '-');
        field.is_alternate = chars.next_if_eq(&'#').is_some();
        field.pads_zero = chars.next_if_eq(&'0').is_some();
        field.width = digits(&mut chars)?.unwrap_or(0);
        field.groups = chars.next_if(|c| ",_".contains(*c));
        if chars.next_if_eq(&'.').is_some() {
            match digits(&mut chars)? {
                Some(precision) => field.precision = Some(precision),
                None => return value_error("Format specifier missing precision"),
            }
        }
        field.kind = chars.next();
        match chars.next() {
            None => Ok(field),
            Some(_) => value_error(format!("Invalid format specifier '{spec}'")),
        }
    }
}

/// `format(value, spec)`
pub(crate) fn with_spec(machine: &Machine<'_>, value: &Value, spec: &str) -> Outcome<String> {
    if spec.is_empty() {
        return Ok(value.to_text(machine)?.to_string());
    }
    let field = Field::parse(spec)?;
    let bad = |kind: char| {
        value_error(format!(
            "Unknown format code '{kind}' for object of type '{}'",
            value.type_name()
        ))
    };
    match value {
        Value::Str(text) => {
            if let Some(kind) = field.kind.filter(|kind| *kind != 's') {
                return bad(kind);
            }
            let cut: String = text
                .chars()
                .take(field.precision.unwrap_or(usize::MAX))
                .collect();
            let fill = field
                .fill
                .unwrap_or(if field.pads_zero { '0' } else { ' ' });
            Ok(pad(&cut, field.width, field.align.unwrap_or('<'), fill))
        }
        Value::Int(_) | Value::Bool(_) => {
            let n = value.as_int("")?;
            match field.kind {
                None | Some('d' | 'n' | 'b' | 'o' | 'x' | 'X') => {
                    number::integer(&field.for_number(), n)
                }
                Some('c') => Ok(pad(
                    &char_of(value)?,
                    field.width,
                    field.align.unwrap_or('<'),
                    ' ',
                )),
                Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => {
                    number::float(&field.for_number(), crate::value::int_to_float(n))
                }
                Some(kind) => bad(kind),
            }
        }
        Value::Float(n) => match field.kind {
            None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%') => {
                number::float(&field.for_number(), *n)
            }
            Some(kind) => bad(kind),
        },
        Value::Undefined(_) => Ok(value.to_text(machine)?.to_string()),
        other => type_error(format!(
            "unsupported format string passed to {}.__format__",
            other.type_name()
        )),
    }
}

/// `text.format(…)`
pub(crate) fn braces(machine: &Machine<'_>, text: &str, arguments: &Arguments) -> Outcome<Value> {
    let mut next = 0;
    let out = fill(machine, text, arguments, &mut next, 0)?;
    Ok(Value::text(out))
}

fn fill(
    machine: &Machine<'_>,
    text: &str,
    arguments: &Arguments,
    next: &mut usize,
    depth: u32,
) -> Outcome<String> {
    if depth > 2 {
        return value_error("Max string recursion exceeded");
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return value_error("Single '}' encountered in format string");
        }
        let Some(end) = closing(rest) else {
            return value_error("Single '{' encountered in format string");
        };
        let formatted = one_field(machine, &rest[..end], arguments, next, depth)?;
        machine.make(formatted.len())?;
        out.push_str(&formatted);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    machine.make(out.len())?;
    Ok(out)
}

fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    text.char_indices().find_map(|(at, c)| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        (depth == 0).then_some(at)
    })
}

fn one_field(
    machine: &Machine<'_>,
    text: &str,
    arguments: &Arguments,
    next: &mut usize,
    depth: u32,
) -> Outcome<String> {
    let (head, spec) = text.split_once(':').unwrap_or((text, ""));
    let (name, conversion) = match head.rsplit_once('!') {
        Some((name, conversion)) => (name, Some(conversion)),
        None => (head, None),
    };
    let value = field_value(machine, name, arguments, next)?;
    let value = match conversion {
        None => value,
        Some("s") => Value::Str(value.to_text(machine)?),
        Some("r" | "a") => Value::text(value.defined()?.repr(machine)?),
        Some(other) => return value_error(format!("Unknown conversion specifier '{other}'")),
    };
    let spec = fill(machine, spec, arguments, next, depth + 1)?;
    with_spec(machine, &value, &spec)
}

fn field_value(
    machine: &Machine<'_>,
    name: &str,
    arguments: &Arguments,
    next: &mut usize,
) -> Outcome<Value> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut rest) = name.split_at(end);
    let mut value = if first.is_empty() || first.bytes().all(|b| b.is_ascii_digit()) {
        let at = match first.is_empty() {
            true => {
                *next += 1;
                *next - 1
            }
            false => first.parse().unwrap_or(usize::MAX),
        };
        match arguments.plain.get(at) {
            Some(value) => value.clone(),
            None => {
                return fail(
                    ErrorKind::Index,
                    "Replacement index out of range for positional args tuple",
                );
            }
        }
    } else {
        let named = arguments.named.iter().find(|(known, _)| &**known == first);
        match named {
            Some((_, value)) => value.clone(),
            None => return fail(ErrorKind::Key, quoted(first)),
        }
    };
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            value = attribute(machine, &value, &after[..end])?.defined()?;
            rest = &after[end..];
        } else if let Some((index, after)) =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            let key = match index.parse::<i128>() {
                Ok(n) => Value::Int(n),
                Err(_) => Value::text(index),
            };
            let found = item(machine, &value, &key)?;
            let Some(found) = found else {
                return fail(ErrorKind::Key, key.repr(machine)?);
            };
            value = found;
            rest = after;
        } else {
            return value_error("Only '.' or '[' may follow ']' in format field specifier");
        }
    }
    Ok(value)
}
