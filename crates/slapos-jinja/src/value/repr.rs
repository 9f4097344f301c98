//! The printed form of values, as Python's `repr` writes it.
//!
//! A container within itself prints as `[...]`. Every value and byte is counted: a value may hold another many times.

use std::fmt::Write as _;
use std::rc::Rc;

use slapos_python::print::{complex, float, quoted, quoted_bytes};

use super::{Dict, Value, View};
use crate::error::{ErrorKind, Outcome, fail};
use crate::limits;
use crate::render::Machine;

pub(super) fn repr(machine: &Machine<'_>, value: &Value) -> Outcome<String> {
    let mut printer = Printer {
        machine,
        out: String::new(),
        open: Vec::new(),
        counted: 0,
    };
    printer.value(value)?;
    printer.count()?;
    Ok(printer.out)
}

struct Printer<'m, 's> {
    machine: &'m Machine<'s>,
    out: String,
    /// The containers that are being printed, from the outermost.
    open: Vec<*const ()>,
    /// How many bytes of `out` are counted.
    counted: usize,
}

impl Printer<'_, '_> {
    fn count(&mut self) -> Outcome<()> {
        let more = self.out.len() - self.counted;
        self.counted = self.out.len();
        self.machine.make(more)
    }

    fn value(&mut self, value: &Value) -> Outcome<()> {
        self.machine.spend(1)?;
        self.count()?;
        match value {
            Value::List(items) => self.container(Rc::as_ptr(items).cast(), "[...]", |printer| {
                printer.items(("[", "]"), items.borrow().iter())
            }),
            Value::Tuple(items) => self.tuple(Rc::as_ptr(items).cast(), items),
            Value::Dict(dict) => self.container(Rc::as_ptr(dict).cast(), "{...}", |printer| {
                printer.pairs(&dict.borrow())
            }),
            Value::Set(set) if set.borrow().is_empty() => self.text("set()"),
            Value::Set(set) => self.keys(("{", "}"), &set.borrow()),
            Value::FrozenSet(set) if set.is_empty() => self.text("frozenset()"),
            Value::FrozenSet(set) => self.keys(("frozenset({", "})"), set),
            Value::View(view, dict) => self.container(Rc::as_ptr(dict).cast(), "...", |printer| {
                printer.view(*view, &dict.borrow())
            }),
            Value::Namespace(dict) => {
                self.container(Rc::as_ptr(dict).cast(), "<Namespace ...>", |printer| {
                    printer.text("<Namespace ")?;
                    printer.pairs(&dict.borrow())?;
                    printer.text(">")
                })
            }
            Value::Object(object) => match &object.items {
                Some(items) => self.tuple(Rc::as_ptr(items).cast(), items),
                None => self.text(&object.printed),
            },
            plain => {
                plain_text(&mut self.out, plain);
                Ok(())
            }
        }
    }

    fn text(&mut self, text: &str) -> Outcome<()> {
        self.out.push_str(text);
        Ok(())
    }

    /// Prints what is in a container, unless it is within itself.
    fn container(
        &mut self,
        place: *const (),
        again: &str,
        print: impl FnOnce(&mut Self) -> Outcome<()>,
    ) -> Outcome<()> {
        if self.open.contains(&place) {
            return self.text(again);
        }
        if self.open.len() >= limits::PRINT_DEPTH_MAX {
            return fail(
                ErrorKind::Limit,
                format!(
                    "printing values within more than {} others",
                    limits::PRINT_DEPTH_MAX
                ),
            );
        }
        self.open.push(place);
        let result =
            stacker::maybe_grow(limits::STACK_RED_ZONE, limits::STACK_GROWTH, || print(self));
        self.open.pop();
        result
    }

    fn tuple(&mut self, place: *const (), items: &[Value]) -> Outcome<()> {
        let brackets = if items.len() == 1 {
            ("(", ",)")
        } else {
            ("(", ")")
        };
        self.container(place, "(...)", |printer| {
            printer.items(brackets, items.iter())
        })
    }

    fn view(&mut self, view: View, dict: &Dict) -> Outcome<()> {
        match view {
            View::Keys => self.keys(("dict_keys([", "])"), dict),
            View::Values => {
                let values = dict.values().map(|(_, value)| value);
                self.items(("dict_values([", "])"), values)
            }
            View::Items => {
                self.text("dict_items([")?;
                for (at, (key, value)) in dict.values().enumerate() {
                    self.text(if at > 0 { ", " } else { "" })?;
                    self.items(("(", ")"), [key, value].into_iter())?;
                }
                self.text("])")
            }
        }
    }

    fn items<'v>(
        &mut self,
        brackets: (&str, &str),
        items: impl Iterator<Item = &'v Value>,
    ) -> Outcome<()> {
        self.text(brackets.0)?;
        for (at, item) in items.enumerate() {
            self.text(if at > 0 { ", " } else { "" })?;
            self.value(item)?;
        }
        self.text(brackets.1)
    }

    fn keys(&mut self, brackets: (&str, &str), dict: &Dict) -> Outcome<()> {
        // A set or the keys of a dictionary cannot hold themselves, but deep tuples.
        self.items(brackets, dict.values().map(|(key, _)| key))
    }

    fn pairs(&mut self, dict: &Dict) -> Outcome<()> {
        self.text("{")?;
        for (at, (key, value)) in dict.values().enumerate() {
            self.text(if at > 0 { ", " } else { "" })?;
            self.value(key)?;
            self.text(": ")?;
            self.value(value)?;
        }
        self.text("}")
    }
}

/// Of what holds no other values.
fn plain_text(out: &mut String, value: &Value) {
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
        Value::Range(start, stop, 1) => {
            let _ = write!(out, "range({start}, {stop})");
        }
        Value::Range(start, stop, step) => {
            let _ = write!(out, "range({start}, {stop}, {step})");
        }
        Value::Function(function) => {
            let _ = write!(out, "<built-in function {}>", function.name);
        }
        Value::Type(name) => {
            let _ = write!(out, "<class '{name}'>");
        }
        Value::Macro(it) => {
            let _ = write!(out, "<Macro {}>", quoted(&it.definition.name));
        }
        Value::Loop(state) => out.push_str(&state.printed()),
        _ => out.push_str("<generator object>"),
    }
}
