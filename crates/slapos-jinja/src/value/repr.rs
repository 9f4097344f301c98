//! The printed form of values, as Python's `repr` writes it.

use std::fmt::Write as _;

use slapos_python::print::{complex, float, quoted, quoted_bytes};

use super::{Dict, Value, View};

/// Values within values that are printed; deeper ones, and those that hold themselves, print as `...`.
const DEPTH_MAX: u32 = 100;

pub(super) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, 0);
    out
}

fn write(out: &mut String, value: &Value, depth: u32) {
    if depth > DEPTH_MAX {
        out.push_str("...");
        return;
    }
    let deep = depth + 1;
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::Float(n) => out.push_str(&float(*n)),
        Value::Complex(re, im) => out.push_str(&complex(*re, *im)),
        Value::Str(text) => out.push_str(&quoted(text)),
        Value::Bytes(bytes) => out.push_str(&quoted_bytes(bytes)),
        Value::List(items) => write_items(out, ("[", "]"), &items.borrow(), deep),
        Value::Tuple(items) if items.len() == 1 => write_items(out, ("(", ",)"), items, deep),
        Value::Tuple(items) => write_items(out, ("(", ")"), items, deep),
        Value::Dict(dict) => write_dict(out, &dict.borrow(), deep),
        Value::Set(set) if set.borrow().is_empty() => out.push_str("set()"),
        Value::Set(set) => write_keys(out, ("{", "}"), &set.borrow(), deep),
        Value::FrozenSet(set) if set.is_empty() => out.push_str("frozenset()"),
        Value::FrozenSet(set) => write_keys(out, ("frozenset({", "})"), set, deep),
        Value::Range(start, stop, 1) => {
            let _ = write!(out, "range({start}, {stop})");
        }
        Value::Range(start, stop, step) => {
            let _ = write!(out, "range({start}, {stop}, {step})");
        }
        Value::View(View::Keys, dict) => {
            write_keys(out, ("dict_keys([", "])"), &dict.borrow(), deep);
        }
        Value::View(View::Values, dict) => {
            let values: Vec<Value> = dict
                .borrow()
                .values()
                .map(|(_, value)| value.clone())
                .collect();
            write_items(out, ("dict_values([", "])"), &values, deep);
        }
        Value::View(View::Items, dict) => {
            let pairs = dict.borrow();
            let pairs = pairs
                .values()
                .map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()]));
            write_items(
                out,
                ("dict_items([", "])"),
                &pairs.collect::<Vec<_>>(),
                deep,
            );
        }
        Value::Iter(_) => out.push_str("<generator object>"),
        Value::Function(function) => {
            let _ = write!(out, "<built-in function {}>", function.name);
        }
        Value::Type(name) => {
            let _ = write!(out, "<class '{name}'>");
        }
        Value::Macro(it) => {
            let _ = write!(out, "<Macro {}>", quoted(&it.definition.name));
        }
        Value::Namespace(dict) => {
            out.push_str("<Namespace ");
            write_dict(out, &dict.borrow(), deep);
            out.push('>');
        }
        Value::Loop(state) => out.push_str(&state.printed()),
        Value::Object(object) => out.push_str(&object.printed),
    }
}

fn write_items(out: &mut String, brackets: (&str, &str), items: &[Value], depth: u32) {
    out.push_str(brackets.0);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(out, item, depth);
    }
    out.push_str(brackets.1);
}

fn write_keys(out: &mut String, brackets: (&str, &str), dict: &Dict, depth: u32) {
    let keys: Vec<Value> = dict.values().map(|(key, _)| key.clone()).collect();
    write_items(out, brackets, &keys, depth);
}

fn write_dict(out: &mut String, dict: &Dict, depth: u32) {
    out.push('{');
    for (at, (key, value)) in dict.values().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(out, key, depth);
        out.push_str(": ");
        write(out, value, depth);
    }
    out.push('}');
}
