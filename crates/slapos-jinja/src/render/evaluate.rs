//! Expressions.

use std::rc::Rc;

use super::{Frame, Machine};
use crate::ast::{Comparison, Expr, FilterCall};
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::method::dict::insert_all;
use crate::value::{
    Dict, Key, Missing, PER_PAIR, Value, binary, compare_by, item, negative, slice,
};
use crate::{filter, limits, method, test};

impl Machine<'_> {
    pub(super) fn evaluate(&self, frame: &Frame, expression: &Expr) -> Outcome<Value> {
        self.spend(1)?;
        stacker::maybe_grow(limits::STACK_RED_ZONE, limits::STACK_GROWTH, || {
            self.expression(frame, expression)
        })
    }

    fn expression(&self, frame: &Frame, expression: &Expr) -> Outcome<Value> {
        Ok(match expression {
            Expr::None => Value::None,
            Expr::Bool(flag) => Value::Bool(*flag),
            Expr::Int(n) => Value::Int(*n),
            Expr::Float(n) => Value::Float(*n),
            Expr::Str(text) => Value::Str(Rc::clone(text)),
            Expr::Name(name) => self.name(frame, name),
            Expr::List(items) => Value::list(self.all(frame, items)?),
            Expr::Tuple(items) => Value::tuple(self.all(frame, items)?),
            Expr::Dict(pairs) => self.dict(frame, pairs)?,
            Expr::Attribute(value, name) => {
                let value = self.evaluate(frame, value)?;
                attribute(self, &value, name)?
            }
            Expr::Item(value, index) => {
                let value = self.evaluate(frame, value)?;
                let index = self.evaluate(frame, index)?;
                self.item(&value, &index)?
            }
            Expr::Slice(value, bounds) => self.sliced(frame, value, bounds)?,
            Expr::Call(callee, given) => {
                let callee = self.evaluate(frame, callee)?;
                let arguments = self.arguments(frame, given)?;
                self.call(&callee, arguments)?
            }
            Expr::Filter(value, call) => self.filter(frame, value, call)?,
            Expr::Test {
                value,
                name,
                arguments,
                is_negated,
            } => {
                let value = self.evaluate(frame, value)?;
                let arguments = self.arguments(frame, arguments)?;
                Value::Bool(test::apply(self, name, arguments.with_first(value))? != *is_negated)
            }
            Expr::Not(value) => Value::Bool(!self.evaluate(frame, value)?.is_true()?),
            Expr::Negative(value) => negative(self.evaluate(frame, value)?)?,
            Expr::Positive(value) => self.evaluate(frame, value)?.defined()?,
            Expr::And(left, right) => {
                let left = self.evaluate(frame, left)?;
                match left.is_true()? {
                    true => self.evaluate(frame, right)?,
                    false => left,
                }
            }
            Expr::Or(left, right) => {
                let left = self.evaluate(frame, left)?;
                match left.is_true()? {
                    true => left,
                    false => self.evaluate(frame, right)?,
                }
            }
            Expr::Binary(operator, left, right) => {
                let left = self.evaluate(frame, left)?;
                binary(self, *operator, left, self.evaluate(frame, right)?)?
            }
            Expr::Compare(first, chain) => Value::Bool(self.compared(frame, first, chain)?),
            Expr::Concat(items) => self.concatenated(frame, items)?,
            Expr::Choice(condition, value, otherwise) => {
                match (self.evaluate(frame, condition)?.is_true()?, otherwise) {
                    (true, _) => self.evaluate(frame, value)?,
                    (false, Some(otherwise)) => self.evaluate(frame, otherwise)?,
                    (false, None) => Value::Undefined(Missing {
                        message: Rc::from("the `if` of an expression was false and has no `else`"),
                        is_silent: true,
                    }),
                }
            }
        })
    }

    fn compared(&self, frame: &Frame, first: &Expr, chain: &[(Comparison, Expr)]) -> Outcome<bool> {
        let mut left = self.evaluate(frame, first)?;
        for (sign, right) in chain {
            let right = self.evaluate(frame, right)?;
            if !compare_by(self, *sign, &left, &right)? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn concatenated(&self, frame: &Frame, items: &[Expr]) -> Outcome<Value> {
        let mut text = String::new();
        for item in items {
            let more = self.evaluate(frame, item)?.to_text(self)?;
            self.make(more.len())?;
            text.push_str(&more);
        }
        Ok(Value::text(text))
    }

    fn name(&self, frame: &Frame, name: &Rc<str>) -> Value {
        if let Some(value) = frame.scope.find(name) {
            return value;
        }
        match self.globals.get(&**name) {
            Some(value) => value.clone(),
            None => Value::missing(format!("'{name}' is undefined")),
        }
    }

    fn all(&self, frame: &Frame, items: &[Expr]) -> Outcome<Vec<Value>> {
        self.make_values(items.len() + 1)?;
        items
            .iter()
            .map(|item| self.evaluate(frame, item))
            .collect()
    }

    fn dict(&self, frame: &Frame, pairs: &[(Expr, Expr)]) -> Outcome<Value> {
        self.make_values(1 + pairs.len() * PER_PAIR)?;
        let mut dict = Dict::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = self.evaluate(frame, key)?;
            let value = self.evaluate(frame, value)?;
            insert_all(&mut dict, [(Key::of(self, &key)?, (key, value))]);
        }
        Ok(Value::dict(dict))
    }

    fn sliced(&self, frame: &Frame, value: &Expr, bounds: &[Option<Expr>; 3]) -> Outcome<Value> {
        let value = self.evaluate(frame, value)?;
        let mut ends = [None; 3];
        for (end, bound) in ends.iter_mut().zip(bounds) {
            if let Some(bound) = bound {
                match self.evaluate(frame, bound)? {
                    Value::None => {}
                    bound => *end = Some(bound.as_int("a slice index")?),
                }
            }
        }
        slice(self, &value, ends)
    }

    /// `value[index]`: the item, else the attribute of that name.
    pub(crate) fn item(&self, value: &Value, index: &Value) -> Outcome<Value> {
        index.clone().defined()?;
        if let Some(found) = item(self, value, index)? {
            return Ok(found);
        }
        if let Value::Str(name) = index
            && let Some(found) = method::attribute(value, name)
        {
            return Ok(found);
        }
        let (kind, index) = (value.type_name(), index.repr(self)?);
        Ok(Value::missing(format!(
            "'{kind} object' has no element {index}"
        )))
    }

    fn filter(&self, frame: &Frame, value: &Expr, call: &FilterCall) -> Outcome<Value> {
        let value = self.evaluate(frame, value)?;
        let arguments = self.arguments(frame, &call.arguments)?;
        filter::apply(self, &call.name, arguments.with_first(value))
    }
}

/// `value.name`: the attribute, else the item of that name.
pub(crate) fn attribute(machine: &Machine<'_>, value: &Value, name: &str) -> Outcome<Value> {
    if let Value::Undefined(missing) = value {
        return fail(ErrorKind::Undefined, missing.message.to_string());
    }
    if name.starts_with("__") && name != "__name__" && !method::is_dunder(name) {
        return type_error(format!("the attribute `{name}` is not there"));
    }
    if let Some(found) = method::attribute(value, name) {
        return Ok(found);
    }
    if let Some(found) = item(machine, value, &Value::text(name))? {
        return Ok(found);
    }
    let kind = value.type_name();
    Ok(Value::missing(format!(
        "'{kind} object' has no attribute '{name}'"
    )))
}
