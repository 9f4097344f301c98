//! Calls: functions, types, macros, recursive loops.

use std::rc::Rc;

use super::{Frame, Machine, Scope};
use crate::arguments::Arguments;
use crate::ast::{Argument, Expr, MacroDefinition};
use crate::error::{Outcome, type_error};
use crate::global;
use crate::value::{Dict, Key, Macro, Value};

pub(super) fn call(machine: &Machine<'_>, callee: &Value, arguments: Arguments) -> Outcome<Value> {
    machine.spend(1)?;
    machine.deeper(|| match callee {
        Value::Function(function) => (function.call)(machine, arguments),
        Value::Type(name) => global::construct(machine, name, arguments),
        Value::Macro(it) => machine.call_macro(it, arguments),
        Value::Loop(state) => machine.call_loop(state, arguments),
        Value::Object(object) => match &object.call {
            Some(function) => (function.call)(machine, arguments),
            None => type_error(format!("'{}' object is not callable", object.kind)),
        },
        other => {
            let kind = other.clone().defined()?.type_name();
            type_error(format!("'{kind}' object is not callable"))
        }
    })
}

impl Machine<'_> {
    pub(super) fn macro_value(&self, frame: &Frame, definition: &Rc<MacroDefinition>) -> Value {
        Value::Macro(Rc::new(Macro {
            definition: Rc::clone(definition),
            scope: self.hold(&frame.scope),
            template: Rc::clone(&frame.template),
        }))
    }

    pub(super) fn arguments(&self, frame: &Frame, given: &[Argument]) -> Outcome<Arguments> {
        let mut arguments = Arguments::default();
        for argument in given {
            match argument {
                Argument::Plain(value) => arguments.plain.push(self.evaluate(frame, value)?),
                Argument::Named(name, value) => {
                    let value = self.evaluate(frame, value)?;
                    arguments.named.push((Rc::clone(name), value));
                }
                Argument::Spread(values) => {
                    let values = self.evaluate(frame, values)?.items(self)?;
                    arguments.plain.extend(values);
                }
                Argument::SpreadNamed(values) => {
                    let values = self.evaluate(frame, values)?;
                    let Some(pairs) = values.pairs(self)? else {
                        return type_error("the argument after ** must be a mapping");
                    };
                    for (name, value) in pairs {
                        arguments.named.push((name.as_str("a keyword")?, value));
                    }
                }
            }
        }
        Ok(arguments)
    }

    pub(super) fn call_with_caller(
        &self,
        frame: &Frame,
        call: &Expr,
        caller: Value,
    ) -> Outcome<Value> {
        let Expr::Call(callee, given) = call else {
            return type_error("`call` needs a call of a macro");
        };
        let callee = self.evaluate(frame, callee)?;
        let mut arguments = self.arguments(frame, given)?;
        arguments.named.push((Rc::from("caller"), caller));
        self.call(&callee, arguments)
    }

    /// Binds parameters. What is left over is in `varargs` and `kwargs`, if the macro mentions them.
    fn call_macro(&self, it: &Macro, arguments: Arguments) -> Outcome<Value> {
        let frame = Frame::top(Scope::new(Some(Rc::clone(&it.scope))), &it.template);
        let rest = self.bind_parameters(&frame, &it.definition, arguments)?;
        bind_rest(&frame, &it.definition, rest)?;
        let mut text = String::new();
        self.block(&frame, &it.definition.body, &mut text)?;
        Ok(Value::text(text))
    }

    fn bind_parameters(
        &self,
        frame: &Frame,
        definition: &MacroDefinition,
        arguments: Arguments,
    ) -> Outcome<Arguments> {
        let mut plain = arguments.plain.into_iter();
        let mut named = arguments.named;
        let first_default = definition.parameters.len() - definition.defaults.len();
        for (at, parameter) in definition.parameters.iter().enumerate() {
            let by_name = named.iter().position(|(name, _)| name == parameter);
            let value = match (plain.next(), by_name) {
                (Some(_), Some(_)) => {
                    let name = &definition.name;
                    return type_error(format!("macro '{name}' got two values for `{parameter}`"));
                }
                (Some(value), None) => value,
                (None, Some(at)) => named.remove(at).1,
                (None, None) => match at
                    .checked_sub(first_default)
                    .and_then(|at| definition.defaults.get(at))
                {
                    Some(default) => self.evaluate(frame, default)?,
                    None => Value::missing(format!("parameter '{parameter}' was not provided")),
                },
            };
            frame.scope.set(parameter, value);
        }
        Ok(Arguments {
            plain: plain.collect(),
            named,
        })
    }
}

/// Sets `caller`, `kwargs` and `varargs` where the macro mentions them; else nothing may be left for them.
fn bind_rest(frame: &Frame, definition: &MacroDefinition, rest: Arguments) -> Outcome<()> {
    let (name, mentions) = (&definition.name, definition.mentions);
    let mut named = rest.named;
    if mentions.caller && !definition.parameters.iter().any(|name| &**name == "caller") {
        let caller = named.iter().position(|(name, _)| &**name == "caller");
        let caller = match caller {
            Some(at) => named.remove(at).1,
            None => Value::missing("No caller defined"),
        };
        frame.scope.set(&Rc::from("caller"), caller);
    }
    match (mentions.kwargs, named.first()) {
        (true, _) => {
            let kwargs = named.into_iter().map(|(name, value)| {
                let key = Value::Str(Rc::clone(&name));
                (Key::Str(name), (key, value))
            });
            let kwargs = Value::dict(kwargs.collect::<Dict>());
            frame.scope.set(&Rc::from("kwargs"), kwargs);
        }
        (false, Some((given, _))) => {
            return type_error(format!(
                "macro '{name}' takes no keyword argument '{given}'"
            ));
        }
        (false, None) => {}
    }
    if mentions.varargs {
        frame
            .scope
            .set(&Rc::from("varargs"), Value::tuple(rest.plain));
    } else if !rest.plain.is_empty() {
        let count = definition.parameters.len();
        return type_error(format!(
            "macro '{name}' takes not more than {count} argument(s)"
        ));
    }
    Ok(())
}
