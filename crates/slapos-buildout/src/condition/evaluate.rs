//! Evaluating a condition that is a Python expression.

use super::arithmetic::arithmetic;
use super::{World, library, names};
use crate::limits::EXPRESSION_STEPS_MAX;
use crate::python::{Arithmetic, Comparison, Expr};
use crate::typed::{are_equal, order};
use crate::{Machine, Typed};

/// Whether the expression is true. The error fits behind "the condition …".
pub(super) fn truth(expression: &Expr, world: &World<'_>) -> Result<bool, String> {
    let machine = world.machine;
    let mut evaluator = Evaluator {
        world,
        machine,
        scope: Vec::new(),
        steps: 0,
    };
    evaluator.thing(expression).map(|thing| match &thing {
        Thing::Data(value) => truth_of(value),
        Thing::Named(path) => names::constant(path, machine).is_none_or(|value| truth_of(&value)),
        Thing::Method(..) | Thing::File(_) => true,
    })
}

/// Python's truth of a value.
pub(super) fn truth_of(value: &Typed) -> bool {
    match value {
        Typed::None => false,
        Typed::Bool(b) => *b,
        Typed::Int(n) => !n.is_zero(),
        Typed::Float(n) => *n != 0.0,
        Typed::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
        Typed::Str(text) => !text.is_empty(),
        Typed::Bytes(bytes) | Typed::ByteArray(bytes) => !bytes.is_empty(),
        Typed::List(all) | Typed::Tuple(all) | Typed::Set(all) | Typed::FrozenSet(all) => {
            !all.is_empty()
        }
        Typed::Dict(pairs) => !pairs.is_empty(),
    }
}

/// What an expression gives: data, or something that is only good for a `.` or a call.
enum Thing {
    Data(Typed),
    /// A module, function or constant, by its dotted name.
    Named(String),
    /// A method of a text.
    Method(String, String),
    /// What `open` gave.
    File(String),
}

struct Evaluator<'a> {
    world: &'a World<'a>,
    machine: &'a Machine,
    /// Names bound by comprehensions, innermost last.
    scope: Vec<(String, Typed)>,
    steps: usize,
}

impl Evaluator<'_> {
    fn data(&mut self, expression: &Expr) -> Result<Typed, String> {
        match self.thing(expression)? {
            Thing::Data(value) => Ok(value),
            Thing::Named(path) => names::constant(&path, self.machine)
                .ok_or_else(|| format!("uses `{path}` as a value; is `()` missing?")),
            Thing::Method(_, name) => Err(format!(
                "uses the method `{name}` as a value; is `()` missing?"
            )),
            Thing::File(_) => Err("uses a file as a value; is `.read()` missing?".to_owned()),
        }
    }

    fn all_data(&mut self, expressions: &[Expr]) -> Result<Vec<Typed>, String> {
        expressions
            .iter()
            .map(|expression| self.data(expression))
            .collect()
    }

    fn thing(&mut self, expression: &Expr) -> Result<Thing, String> {
        self.steps += 1;
        if self.steps > EXPRESSION_STEPS_MAX {
            return Err(format!("takes more than {EXPRESSION_STEPS_MAX} steps"));
        }
        let value = match expression {
            Expr::Literal(value) => value.clone(),
            Expr::Name(name) => return self.name(name),
            Expr::Attribute(of, name) => return self.attribute(of, name),
            Expr::Call(function, arguments) => return self.call(function, arguments),
            Expr::And(all) => return self.first_with(all, false),
            Expr::Or(all) => return self.first_with(all, true),
            Expr::Choice(value, condition, other) => {
                let condition = self.is_true(condition)?;
                return self.thing(if condition { value } else { other });
            }
            Expr::Not(value) => Typed::Bool(!self.is_true(value)?),
            Expr::List(items) => Typed::List(self.all_data(items)?),
            Expr::Tuple(items) => Typed::Tuple(self.all_data(items)?),
            Expr::Set(items) => Typed::Set(self.all_data(items)?),
            Expr::Dict(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| Ok((self.data(key)?, self.data(value)?)));
                Typed::Dict(pairs.collect::<Result<_, String>>()?)
            }
            Expr::Index(of, index) => self.index(of, index)?,
            Expr::Slice(of, start, end) => self.slice(of, start.as_deref(), end.as_deref())?,
            Expr::Negative(value) => {
                let value = self.data(value)?;
                arithmetic(&Typed::Int(0.into()), Arithmetic::Subtract, &value)?
            }
            Expr::Positive(value) => self.data(value)?,
            Expr::Arithmetic(left, sign, right) => {
                let (left, right) = (self.data(left)?, self.data(right)?);
                arithmetic(&left, *sign, &right)?
            }
            Expr::Compare(first, others) => Typed::Bool(self.compare(first, others)?),
            Expr::Comprehension {
                value,
                name,
                items,
                conditions,
            } => self.comprehension(value, name, items, conditions)?,
        };
        Ok(Thing::Data(value))
    }

    fn is_true(&mut self, expression: &Expr) -> Result<bool, String> {
        match self.thing(expression)? {
            Thing::Data(value) => Ok(truth_of(&value)),
            _ => Ok(true),
        }
    }

    fn name(&mut self, name: &str) -> Result<Thing, String> {
        if let Some((_, value)) = self.scope.iter().rev().find(|(bound, _)| bound == name) {
            return Ok(Thing::Data(value.clone()));
        }
        if let Some(fact) = names::fact(name, self.machine) {
            return Ok(Thing::Data(Typed::Bool(fact)));
        }
        if name == "multiarch" {
            return Ok(Thing::Data(Typed::Str(self.machine.multiarch.clone())));
        }
        if names::MODULES.contains(&name) || names::BUILTINS.contains(&name) {
            return Ok(Thing::Named(name.to_owned()));
        }
        Err(format!(
            "has the name `{name}`, which means nothing here (NameError){}",
            names::suggestion(name)
        ))
    }

    fn attribute(&mut self, of: &Expr, name: &str) -> Result<Thing, String> {
        match self.thing(of)? {
            Thing::Data(Typed::Str(text)) => Ok(Thing::Method(text, name.to_owned())),
            Thing::File(text) if library::FILE_METHODS.contains(&name) => {
                Ok(Thing::Method(text, format!("open.{name}")))
            }
            Thing::Named(path) => {
                let path = format!("{path}.{name}");
                if names::constant(&path, self.machine).is_some() || library::is_known(&path) {
                    return Ok(Thing::Named(path));
                }
                Err(format!(
                    "uses `{path}`, which is not known here (AttributeError){}",
                    names::suggestion(&path)
                ))
            }
            _ => Err(format!("uses `.{name}` of what has none (AttributeError)")),
        }
    }

    fn call(
        &mut self,
        function: &Expr,
        arguments: &[(Option<String>, Expr)],
    ) -> Result<Thing, String> {
        let function = self.thing(function)?;
        let mut values = Vec::with_capacity(arguments.len());
        for (keyword, value) in arguments {
            if let Some(keyword) = keyword {
                return Err(format!(
                    "names the argument `{keyword}`, which is not understood"
                ));
            }
            values.push(self.data(value)?);
        }
        match function {
            Thing::Named(path) if path == "open" => {
                library::open(&values, self.world).map(Thing::File)
            }
            Thing::Named(path) => library::call(&path, &values, self.world).map(Thing::Data),
            Thing::Method(text, name) => library::method(&text, &name, &values).map(Thing::Data),
            Thing::Data(value) => Err(format!(
                "calls a {}, which is no function (TypeError)",
                value.type_name()
            )),
            Thing::File(_) => Err("calls a file, which is no function (TypeError)".to_owned()),
        }
    }

    /// The first operand whose truth is `wanted`, else the last: Python's `or` and `and`.
    fn first_with(&mut self, all: &[Expr], wanted: bool) -> Result<Thing, String> {
        let Some((last, others)) = all.split_last() else {
            return Ok(Thing::Data(Typed::Bool(!wanted)));
        };
        for expression in others {
            let thing = self.thing(expression)?;
            let is_true = match &thing {
                Thing::Data(value) => truth_of(value),
                _ => true,
            };
            if is_true == wanted {
                return Ok(thing);
            }
        }
        self.thing(last)
    }

    fn index(&mut self, of: &Expr, index: &Expr) -> Result<Typed, String> {
        let (of, index) = (self.data(of)?, self.data(index)?);
        if let Typed::Dict(pairs) = of {
            let found = pairs.into_iter().find(|(key, _)| are_equal(key, &index));
            return found
                .map(|(_, value)| value)
                .ok_or_else(|| format!("has no key `{}` (KeyError)", index.repr_lossy()));
        }
        let bad = || {
            format!(
                "takes `[{}]` of what has no such part (IndexError)",
                index.repr_lossy()
            )
        };
        let items = of.into_items().ok_or_else(bad)?;
        let at = position(&index, items.len()).ok_or_else(bad)?;
        items.into_iter().nth(at).ok_or_else(bad)
    }

    fn slice(
        &mut self,
        of: &Expr,
        start: Option<&Expr>,
        end: Option<&Expr>,
    ) -> Result<Typed, String> {
        let of = self.data(of)?;
        let start = start.map(|start| self.data(start)).transpose()?;
        let end = end.map(|end| self.data(end)).transpose()?;
        let is_text = matches!(of, Typed::Str(_));
        let is_tuple = matches!(of, Typed::Tuple(_));
        let items = of
            .into_items()
            .ok_or("slices what has no parts (TypeError)")?;
        let bound = |given: Option<Typed>, default: usize| match given {
            None => Some(default),
            Some(given) => position(&given, items.len()).map(|at| at.min(items.len())),
        };
        let bad = "slices by what is no number (TypeError)";
        let (start, end) = (
            bound(start, 0).ok_or(bad)?,
            bound(end, items.len()).ok_or(bad)?,
        );
        let kept = items
            .get(start..end.max(start))
            .unwrap_or_default()
            .to_vec();
        if is_text {
            let characters = kept.into_iter().map(|c| {
                if let Typed::Str(c) = c {
                    c
                } else {
                    String::new()
                }
            });
            return Ok(Typed::Str(characters.collect()));
        }
        Ok(if is_tuple {
            Typed::Tuple(kept)
        } else {
            Typed::List(kept)
        })
    }

    fn compare(&mut self, first: &Expr, others: &[(Comparison, Expr)]) -> Result<bool, String> {
        let mut left = self.data(first)?;
        for (operator, right) in others {
            let right = self.data(right)?;
            if !compared(&left, *operator, &right)? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn comprehension(
        &mut self,
        value: &Expr,
        name: &str,
        items: &Expr,
        conditions: &[Expr],
    ) -> Result<Typed, String> {
        let items = self
            .data(items)?
            .into_items()
            .ok_or("goes through what has no parts (TypeError)")?;
        let mut all = Vec::new();
        for item in items {
            self.scope.push((name.to_owned(), item));
            let mut is_wanted = true;
            for condition in conditions {
                is_wanted = is_wanted && self.is_true(condition)?;
            }
            if is_wanted {
                all.push(self.data(value)?);
            }
            self.scope.pop();
        }
        Ok(Typed::List(all))
    }
}

/// An index from the front; a negative one counts from the end.
fn position(index: &Typed, length: usize) -> Option<usize> {
    let Typed::Int(n) = index else { return None };
    let n = n.to_i64()?;
    match usize::try_from(n) {
        Ok(at) => Some(at),
        Err(_) => Some(length.saturating_sub(usize::try_from(n.unsigned_abs()).ok()?)),
    }
}

fn compared(left: &Typed, operator: Comparison, right: &Typed) -> Result<bool, String> {
    let ordering = || {
        let (a, b) = (left.type_name(), right.type_name());
        order(left, right).ok_or_else(|| format!("cannot order a {a} and a {b} (TypeError)"))
    };
    match operator {
        Comparison::Equal | Comparison::Is => Ok(are_equal(left, right)),
        Comparison::NotEqual | Comparison::IsNot => Ok(!are_equal(left, right)),
        Comparison::Less => ordering().map(std::cmp::Ordering::is_lt),
        Comparison::LessOrEqual => ordering().map(std::cmp::Ordering::is_le),
        Comparison::GreaterOrEqual => ordering().map(std::cmp::Ordering::is_ge),
        Comparison::Greater => ordering().map(std::cmp::Ordering::is_gt),
        Comparison::In => contains(right, left),
        Comparison::NotIn => contains(right, left).map(|is_in| !is_in),
    }
}

fn contains(whole: &Typed, part: &Typed) -> Result<bool, String> {
    if let (Typed::Str(whole), Typed::Str(part)) = (whole, part) {
        return Ok(whole.contains(part.as_str()));
    }
    let items = whole
        .clone()
        .into_items()
        .ok_or("looks into what has no parts (TypeError)")?;
    Ok(items.iter().any(|item| are_equal(item, part)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fetch, FetchFailure, Probe};

    /// A disk with one readable file and one folder.
    struct Disk;

    impl Fetch for Disk {
        fn fetch(&self, _: &str) -> Result<String, FetchFailure> {
            Err(FetchFailure::NotFound)
        }

        fn probe(&self, path: &str) -> Probe {
            Probe {
                is_folder: path == "/etc",
                is_file: path == "/etc/os",
                is_readable: path.starts_with("/etc"),
                ..Probe::default()
            }
        }

        fn open(&self, path: &str) -> Option<String> {
            (path == "/etc/os").then(|| "one\ntwo\n".to_owned())
        }
    }

    fn check(text: &str, expect: Result<bool, &str>) {
        let machine = Machine::linux("x86_64");
        let world = World {
            machine: &machine,
            fetch: &Disk,
        };
        let value = super::super::holds(text, &world);
        match (&value, expect) {
            (Ok(value), Ok(expect)) => assert_eq!(*value, expect, "{text}"),
            (Err(reason), Err(expect)) => assert!(reason.contains(expect), "{text}: {reason}"),
            _ => panic!("{text}: {value:?}"),
        }
    }

    #[test]
    fn truth_of_python_expressions() {
        check("python311 and not python27", Ok(true));
        check("7 // -2 == -4 and -7 % 3 == 2 and 7 % -3 == -2", Ok(true));
        check(
            "'abc'[-1] == 'c' and 'abc'[1:] == 'bc' and (1, 2)[:1] == (1,)",
            Ok(true),
        );
        check(
            "sorted([2, 1]) == [1, 2] and max(1, 3) == 3 and len('é') == 1",
            Ok(true),
        );
        check("platform.machine().startswith(('arm', 'x86'))", Ok(true));
        check("1 < 2 < 3 and not 1 < 3 < 2", Ok(true));
        check(
            "1 | 6 ^ 2 & 3 == 5 and -4 & 6 == 4 and 1 + 1 | 4 == 6",
            Ok(true),
        );
        check("linux & (not bits32) | python2 and True ^ False", Ok(true));
        check("None is not None", Ok(false));
        check("platform.machine", Ok(true));
        check("os.path.isdir('/') or 'x' in ['x'] if 1 else 0", Ok(true));
    }

    #[test]
    fn truth_about_the_disk_is_what_the_fetcher_finds() {
        check(
            "os.path.isdir('/etc') and not os.path.isfile('/etc')",
            Ok(true),
        );
        check(
            "os.path.exists('/etc/os') and not os.path.exists('/no')",
            Ok(true),
        );
        check(
            "os.access('/etc/os', os.R_OK) and os.access('/etc', os.F_OK)",
            Ok(true),
        );
        check("os.access('/etc/os', os.R_OK | os.F_OK)", Ok(true));
        check("os.access('/etc/os', os.R_OK|os.W_OK)", Ok(false));
        check(
            "os.access('/etc/os', os.W_OK) or os.access('/no', os.F_OK)",
            Ok(false),
        );
        check("'two' in open('/etc/os').read()", Ok(true));
        check("open('/etc/os', 'r').readline() == 'one\\n'", Ok(true));
        check("len(open('/etc/os').readlines()) == 2", Ok(true));
        check("open('/no').read()", Err("FileNotFoundError"));
        check("open('/etc/os', 'w')", Err("TypeError"));
        check("open('/etc/os') == 1", Err("missing"));
    }

    #[test]
    fn truth_of_what_cannot_be_evaluated_says_why() {
        check("nonsense", Err("NameError"));
        check("platform.popen('x')", Err("AttributeError"));
        check("().__class__", Err("AttributeError"));
        check("1 < 'a'", Err("TypeError"));
        check("'a' | 'b'", Err("TypeError"));
        check("1 |", Err("SyntaxError"));
        check("1 // 0", Err("ArithmeticError"));
        check("int('x')", Err("ValueError"));
        check("[1][5]", Err("IndexError"));
        check("re.match('a+', 'a')", Err("only plain text"));
        check("eval('1')", Err("NameError"));
    }

    #[test]
    fn truth_of_endless_work_is_refused() {
        let letters = format!("'{}'", "a".repeat(2000));
        check(
            &format!("[[y for y in {letters}] for x in {letters}]"),
            Err("steps"),
        );
    }
}
