//! `json`: dumps with Python's layout, loads.

use std::fmt::Write as _;
use std::rc::Rc;

use crate::arguments::Arguments;
use crate::error::{ErrorKind, Outcome, fail, type_error, value_error};
use crate::render::Machine;
use crate::value::{Value, float_text, from_json_text, sort_keyed};

pub(super) fn module() -> Value {
    let loads = Value::function("loads", |machine, arguments| {
        let text = arguments.one("loads")?;
        let text = match &text {
            Value::Bytes(bytes) => {
                crate::method::bytes::decode(bytes, Arguments::default())?.as_str("the text")?
            }
            other => other.as_str("the JSON object")?,
        };
        machine.make(text.len())?;
        // There are no more values than commas, colons and brackets; each is there twice while it is read.
        let signs = text.bytes().filter(|byte| b",:[{".contains(byte)).count();
        machine.make_values((signs + 1).saturating_mul(2))?;
        from_json_text(&text)
    });
    let dumps = Value::function("dumps", |machine, arguments| {
        let names = [
            "obj",
            "skipkeys",
            "ensure_ascii",
            "check_circular",
            "allow_nan",
            "cls",
            "indent",
            "separators",
            "default",
            "sort_keys",
        ];
        let [
            value,
            skips,
            ascii,
            _,
            nan,
            class,
            indent,
            separators,
            default,
            sorts,
        ] = arguments.bind("dumps", names, 1)?;
        let flag = |value: Option<Value>, default| value.map_or(Ok(default), |flag| flag.is_true());
        let mut layout = Layout::new(machine, indent.as_ref())?;
        layout.is_ascii = flag(ascii, true)?;
        layout.sorts = flag(sorts, false)?;
        layout.skips_keys = flag(skips, false)?;
        layout.allows_nan = flag(nan, true)?;
        layout.default = default.filter(|default| !matches!(default, Value::None));
        if class.is_some_and(|class| !matches!(class, Value::None)) {
            return fail(
                ErrorKind::Unsupported,
                "json.dumps(): `cls` is not built in",
            );
        }
        if let Some(pair) = separators.filter(|pair| !matches!(pair, Value::None)) {
            let pair = pair.items(machine)?;
            let [item, key] = pair.as_slice() else {
                return value_error("json.dumps(): `separators` must be two");
            };
            layout.item = item.as_str("a separator")?;
            layout.key = key.as_str("a separator")?;
        }
        let mut out = String::new();
        layout.write(&mut out, &value.unwrap_or(Value::None), 0)?;
        machine.make(out.len())?;
        Ok(Value::text(out))
    });
    Value::object("module", vec![("loads", loads), ("dumps", dumps)])
}

/// The filter `tojson`: keys sorted, safe within HTML.
pub(crate) fn to_json_for_html(
    machine: &Machine<'_>,
    value: &Value,
    indent: Option<&Value>,
) -> Outcome<Value> {
    let mut layout = Layout::new(machine, indent)?;
    layout.sorts = true;
    let mut out = String::new();
    layout.write(&mut out, value, 0)?;
    for (from, to) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\'', "\\u0027"),
    ] {
        out = out.replace(from, to);
    }
    Ok(Value::text(out))
}

struct Layout<'m, 's> {
    machine: &'m Machine<'s>,
    indent: Option<String>,
    item: Rc<str>,
    key: Rc<str>,
    is_ascii: bool,
    sorts: bool,
    skips_keys: bool,
    allows_nan: bool,
    /// What is called with a value that JSON does not know.
    default: Option<Value>,
}

/// Values within values; a list may hold itself.
const DEPTH_MAX: usize = 200;

impl<'m, 's> Layout<'m, 's> {
    fn new(machine: &'m Machine<'s>, indent: Option<&Value>) -> Outcome<Layout<'m, 's>> {
        let indent = match indent {
            None | Some(Value::None) => None,
            Some(Value::Str(text)) => Some(text.to_string()),
            Some(other) => Some(
                " ".repeat(usize::try_from(other.as_int("indent")?.clamp(0, 100)).unwrap_or(0)),
            ),
        };
        Ok(Layout {
            machine,
            item: Rc::from(if indent.is_some() { "," } else { ", " }),
            key: Rc::from(": "),
            is_ascii: true,
            sorts: false,
            skips_keys: false,
            allows_nan: true,
            default: None,
            indent,
        })
    }

    fn write(&self, out: &mut String, value: &Value, depth: usize) -> Outcome<()> {
        if depth > DEPTH_MAX {
            return fail(
                ErrorKind::Value,
                "Circular reference detected, or a value that is too deep",
            );
        }
        self.machine.spend(1)?;
        match value {
            Value::None => out.push_str("null"),
            Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Value::Int(n) => out.push_str(&n.to_string()),
            Value::Float(n) if !n.is_finite() && !self.allows_nan => {
                return value_error("Out of range float values are not JSON compliant");
            }
            Value::Float(n) if !n.is_finite() => out.push_str(non_finite(*n)),
            Value::Float(n) => out.push_str(&float_text(*n)),
            Value::Str(text) => self.text(out, text)?,
            Value::Dict(_) => self.dict(out, value, depth)?,
            Value::Undefined(missing) => {
                return fail(ErrorKind::Undefined, missing.message.to_string());
            }
            other => match other.sequence(self.machine)? {
                Some(items) => self.list(out, &items, depth)?,
                None => match &self.default {
                    Some(default) => {
                        let other = Arguments::of([other.clone()]);
                        let other = self.machine.call(default, other)?;
                        self.write(out, &other, depth + 1)?;
                    }
                    None => {
                        return type_error(format!(
                            "Object of type {} is not JSON serializable",
                            other.type_name()
                        ));
                    }
                },
            },
        }
        Ok(())
    }

    fn new_line(&self, out: &mut String, depth: usize) -> Outcome<()> {
        if let Some(indent) = &self.indent {
            self.machine.make(indent.len().saturating_mul(depth))?;
            out.push('\n');
            for _ in 0..depth {
                out.push_str(indent);
            }
        }
        Ok(())
    }

    fn list(&self, out: &mut String, items: &[Value], depth: usize) -> Outcome<()> {
        out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.machine.make(self.item.len())?;
                out.push_str(&self.item);
            }
            self.new_line(out, depth + 1)?;
            self.write(out, item, depth + 1)?;
        }
        if !items.is_empty() {
            self.new_line(out, depth)?;
        }
        out.push(']');
        Ok(())
    }

    fn dict(&self, out: &mut String, dict: &Value, depth: usize) -> Outcome<()> {
        let mut pairs = dict.pairs(self.machine)?.unwrap_or_default();
        if self.sorts {
            pairs = sort_keyed(self.machine, pairs, false)?;
        }
        if self.skips_keys {
            pairs.retain(|(key, _)| key_text(self.machine, key).is_ok());
        }
        out.push('{');
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at > 0 {
                self.machine.make(self.item.len())?;
                out.push_str(&self.item);
            }
            self.new_line(out, depth + 1)?;
            let key = key_text(self.machine, key)?;
            self.text(out, &key)?;
            self.machine.make(self.key.len())?;
            out.push_str(&self.key);
            self.write(out, value, depth + 1)?;
        }
        if !pairs.is_empty() {
            self.new_line(out, depth)?;
        }
        out.push('}');
        Ok(())
    }

    fn text(&self, out: &mut String, text: &str) -> Outcome<()> {
        self.machine.make(text.len())?;
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if u32::from(c) < 0x20 || (self.is_ascii && !c.is_ascii()) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing to a string cannot fail.
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
        Ok(())
    }
}

fn key_text(machine: &Machine<'_>, key: &Value) -> Outcome<Rc<str>> {
    Ok(match key {
        Value::Str(text) => Rc::clone(text),
        Value::Float(n) if !n.is_finite() => Rc::from(non_finite(*n)),
        Value::Int(_) | Value::Float(_) => Rc::from(key.repr(machine)?),
        Value::Bool(flag) => Rc::from(if *flag { "true" } else { "false" }),
        Value::None => Rc::from("null"),
        other => {
            let kind = other.type_name();
            return type_error(format!(
                "keys must be str, int, float, bool or None, not {kind}"
            ));
        }
    })
}

fn non_finite(n: f64) -> &'static str {
    match n {
        n if n.is_nan() => "NaN",
        n if n > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}
