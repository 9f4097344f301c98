//! Names that every template has: Python's functions and types, and those that the recipe adds.
//!
//! [`FUNCTIONS`] and [`TYPES`] are the tables, and a new name is one line in one of them. What they call is in number.rs,
//! sequence.rs, text.rs and object.rs, by what it is about.

use std::collections::HashMap;

use crate::arguments::Arguments;
use crate::error::{Outcome, type_error};
use crate::module;
use crate::render::Machine;
use crate::value::Value;

mod number;
mod object;
mod sequence;
mod text;

pub(crate) use number::{abs, float, parse_float, parse_int, round_float, round_int};
pub(crate) use sequence::len;

/// What a call of a name does.
type Callee = fn(&Machine<'_>, Arguments) -> Outcome<Value>;

/// Types, which are called too.
const TYPES: &[(&str, Callee)] = &[
    ("bool", object::bool),
    ("bytes", text::bytes),
    ("complex", number::complex),
    ("dict", object::dict),
    ("enumerate", sequence::enumerate),
    ("filter", sequence::filter),
    ("float", number::float),
    ("frozenset", sequence::frozenset),
    ("int", number::int),
    ("list", sequence::list),
    ("map", sequence::map),
    ("range", sequence::range),
    ("reversed", sequence::reversed),
    ("set", sequence::set),
    ("str", text::str),
    ("tuple", sequence::tuple),
    ("zip", sequence::zip),
];

const FUNCTIONS: &[(&str, Callee)] = &[
    ("abs", number::abs),
    ("all", sequence::all),
    ("any", sequence::any),
    ("assert", object::assert),
    ("bin", number::bin),
    ("callable", object::callable),
    ("chr", text::chr),
    ("cycler", object::cycler),
    ("divmod", number::divmod),
    ("dumps", text::dumps),
    ("format", text::format),
    ("hex", number::hex),
    ("isinstance", object::isinstance),
    ("iter", sequence::iter),
    ("joiner", object::joiner),
    ("len", sequence::len),
    ("max", sequence::max),
    ("min", sequence::min),
    ("namespace", object::namespace),
    ("next", sequence::next),
    ("oct", number::oct),
    ("ord", text::ord),
    ("pow", number::pow),
    ("repr", text::repr),
    ("round", number::round),
    ("sorted", sequence::sorted),
    ("sum", sequence::sum),
];

/// Whether a context may not use this name, because it would hide a function of Python that the recipe gives.
#[must_use]
pub fn is_global(name: &str) -> bool {
    // What jinja2 itself brings may be hidden.
    let is_jinjas = matches!(name, "namespace" | "cycler" | "joiner");
    let mut known = TYPES.iter().chain(FUNCTIONS).map(|(name, _)| *name);
    !is_jinjas && (name == "six" || known.any(|known| known == name))
}

/// All of them.
pub(crate) fn all() -> HashMap<&'static str, Value> {
    let types = TYPES.iter().map(|(name, _)| (*name, Value::Type(name)));
    let functions = FUNCTIONS
        .iter()
        .map(|(name, callee)| (*name, Value::function(name, callee)));
    let six = module::module("six").map(|six| ("six", six));
    types.chain(functions).chain(six).collect()
}

/// Calls a type.
pub(crate) fn construct(machine: &Machine<'_>, name: &str, arguments: Arguments) -> Outcome<Value> {
    match TYPES.iter().find(|(known, _)| *known == name) {
        Some((_, callee)) => callee(machine, arguments),
        None => type_error(format!("cannot create '{name}' instances")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_global_holds_for_what_the_recipe_gives() {
        assert!(is_global("len") && is_global("six") && is_global("dumps"));
        assert!(!is_global("namespace") && !is_global("name"));
    }
}
