//! The Python modules that templates import, as far as they are pure: nothing here looks at the machine.
//!
//! [`module`] is the table. A module that is not here cannot be imported; the error says which there are.

use std::cell::RefCell;
use std::rc::Rc;

use crate::arguments::Arguments;
use crate::value::{Nest, Object, Value};

mod hashing;
mod iteration;
mod json;
mod path;
mod pattern;
mod url;

pub(crate) use hashing::hex;
pub(crate) use json::to_json_for_html;
pub(crate) use url::url_encode;

/// Modules that can be imported.
const NAMES: [&str; 16] = [
    "collections",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "operator",
    "os",
    "os.path",
    "posixpath",
    "re",
    "six",
    "six.moves",
    "six.moves.urllib",
    "six.moves.urllib.parse",
    "urllib.parse",
];

/// The names of the modules that are built in, for messages.
#[must_use]
pub fn module_names() -> &'static [&'static str] {
    &NAMES
}

/// A module by its name in Python.
pub(crate) fn module(name: &str) -> Option<Value> {
    Some(match name {
        "json" => json::module(),
        "os" => {
            let path = path::module();
            let constants = [
                ("sep", "/"),
                ("linesep", "\n"),
                ("pathsep", ":"),
                ("curdir", "."),
                ("pardir", ".."),
            ];
            let constants = constants.map(|(name, text)| (name, Value::text(text)));
            Value::object(
                "module",
                [("path", path)].into_iter().chain(constants).collect(),
            )
        }
        "os.path" | "posixpath" => path::module(),
        "urllib.parse" | "six.moves.urllib.parse" => url::module(),
        "urllib" | "six.moves.urllib" => Value::object("module", vec![("parse", url::module())]),
        "six.moves" => six_moves(),
        "six" => six(),
        "re" => pattern::module(),
        "hashlib" => hashing::module(),
        "itertools" => iteration::itertools(),
        "functools" => iteration::functools(),
        "operator" => iteration::operator(),
        "math" => iteration::math(),
        "collections" => Value::object("module", vec![("OrderedDict", Value::Type("dict"))]),
        _ => return None,
    })
}

fn six_moves() -> Value {
    let urllib = Value::object("module", vec![("parse", url::module())]);
    let types = ["range", "map", "filter", "zip"].map(|name| (name, Value::Type(name)));
    Value::object(
        "module",
        [("urllib", urllib)].into_iter().chain(types).collect(),
    )
}

fn six() -> Value {
    let over = |name: &'static str, method: &'static str| {
        let call = Value::function(name, move |machine, arguments| {
            let value = arguments.one(name)?.defined()?;
            let view = crate::method::attribute(&value, method);
            let Some(view) = view else {
                return crate::error::type_error(format!("six.{name}() needs a dictionary"));
            };
            let view = machine.call(&view, crate::arguments::Arguments::default())?;
            view.iter(machine).map(Value::Iter)
        });
        (name, call)
    };
    let kinds =
        |names: &[&'static str]| Value::tuple(names.iter().map(|name| Value::Type(name)).collect());
    let text = |name: &'static str| {
        let call = Value::function(name, move |_, arguments| {
            let [value, _, _] = arguments.bind(name, ["s", "encoding", "errors"], 1)?;
            match value.unwrap_or(Value::None) {
                Value::Bytes(bytes) => crate::method::bytes::decode(&bytes, Arguments::default()),
                other => Ok(Value::Str(other.as_str("the text")?)),
            }
        });
        (name, call)
    };
    Value::object(
        "module",
        vec![
            over("iteritems", "items"),
            over("itervalues", "values"),
            over("iterkeys", "keys"),
            text("ensure_str"),
            text("ensure_text"),
            ("moves", six_moves()),
            ("string_types", kinds(&["str"])),
            ("integer_types", kinds(&["int"])),
            ("text_type", Value::Type("str")),
            ("binary_type", Value::Type("bytes")),
            ("PY2", Value::Bool(false)),
            ("PY3", Value::Bool(true)),
        ],
    )
}

/// A tuple with names, such as an address that was taken apart.
pub(crate) fn named_tuple(
    kind: &'static str,
    names: Vec<(&'static str, Value)>,
    items: Vec<Value>,
) -> Value {
    let attributes = names
        .into_iter()
        .map(|(name, value)| (Rc::from(name), value));
    Value::Object(Rc::new(Object {
        kind,
        printed: Rc::from(kind),
        attributes: RefCell::new(Nest::new(attributes.collect())),
        items: Some(Rc::new(Nest::new(items))),
        call: None,
    }))
}
