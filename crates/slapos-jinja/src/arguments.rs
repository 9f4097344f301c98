//! Arguments of a call, and how a function takes them by position or name.

use std::rc::Rc;

use crate::error::{Outcome, type_error};
use crate::value::Value;

/// What a call gives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arguments {
    pub(crate) plain: Vec<Value>,
    pub(crate) named: Vec<(Rc<str>, Value)>,
}

impl Arguments {
    pub(crate) fn of(plain: impl IntoIterator<Item = Value>) -> Arguments {
        Arguments {
            plain: plain.into_iter().collect(),
            named: Vec::new(),
        }
    }

    /// Puts a value in front, as a filter does.
    pub(crate) fn with_first(mut self, value: Value) -> Arguments {
        self.plain.insert(0, value);
        self
    }

    /// Sorts the arguments into these parameters, of which the first `needed` must be there.
    pub(crate) fn bind<const N: usize>(
        self,
        function: &str,
        names: [&str; N],
        needed: usize,
    ) -> Outcome<[Option<Value>; N]> {
        let mut bound = self.bind_all(function, &names, needed)?.into_iter();
        Ok(std::array::from_fn(|_| bound.next().flatten()))
    }

    /// The same for parameters that a table tells of.
    pub(crate) fn bind_all(
        self,
        function: &str,
        names: &[&str],
        needed: usize,
    ) -> Outcome<Vec<Option<Value>>> {
        let (most, given) = (names.len(), self.plain.len());
        if given > most {
            return type_error(format!(
                "{function}() takes {most} arguments, {given} were given"
            ));
        }
        let mut bound: Vec<Option<Value>> = self.plain.into_iter().map(Some).collect();
        bound.resize(most, None);
        for (name, value) in self.named {
            let slot = names.iter().position(|known| *known == &*name);
            match slot.and_then(|at| bound.get_mut(at)) {
                Some(slot @ None) => *slot = Some(value),
                Some(_) => return type_error(format!("{function}() got two values for `{name}`")),
                None => return type_error(format!("{function}() has no parameter `{name}`")),
            }
        }
        for (slot, name) in bound.iter().zip(names).take(needed) {
            if slot.is_none() {
                return type_error(format!("{function}() lacks the argument `{name}`"));
            }
        }
        Ok(bound)
    }

    /// The only argument.
    pub(crate) fn one(self, function: &str) -> Outcome<Value> {
        let [value] = self.bind(function, ["value"], 1)?;
        Ok(value.unwrap_or(Value::None))
    }

    /// Fails if one is given by its name, where a function takes none so.
    pub(crate) fn no_names(&self, function: &str) -> Outcome<()> {
        match self.named.first() {
            Some((name, _)) => type_error(format!("{function}() has no parameter `{name}`")),
            None => Ok(()),
        }
    }

    /// No argument at all.
    pub(crate) fn none(self, function: &str) -> Outcome<()> {
        let [] = self.bind(function, [], 0)?;
        Ok(())
    }
}
