//! A value of the old wire, as a tree.
//!
//! Whole numbers keep their digits, keys keep their order until they are written. Sharing of
//! containers is not kept: a document's references are resolved while it is read.

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number of any size, in decimal digits.
    Int(String),
    /// A floating number.
    Float(f64),
    /// A text.
    Text(String),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A list.
    List(Vec<Value>),
    /// A set; order is that of the document.
    Set(Vec<Value>),
    /// Keys and values in the order of the document.
    Dict(Vec<(Value, Value)>),
    /// An object of one of the four classes.
    Object {
        /// Which.
        class: Class,
        /// What it is made with.
        arguments: Vec<Value>,
        /// Its attributes.
        state: Vec<(Value, Value)>,
    },
}

/// The classes of `slapos.slap.slap` that travel; any other is a hole to load code through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A node.
    Computer,
    /// A partition with what is in it.
    ComputerPartition,
    /// A release on a node.
    SoftwareRelease,
    /// What a request is answered with.
    SoftwareInstance,
}

impl Class {
    /// The module that all are of.
    pub const MODULE: &'static str = "slapos.slap.slap";

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Computer => "Computer",
            Self::ComputerPartition => "ComputerPartition",
            Self::SoftwareRelease => "SoftwareRelease",
            Self::SoftwareInstance => "SoftwareInstance",
        }
    }

    /// The class of that module and name, when it is one of the four.
    #[must_use]
    pub fn find(module: &str, name: &str) -> Option<Self> {
        let all = [
            Self::Computer,
            Self::ComputerPartition,
            Self::SoftwareRelease,
            Self::SoftwareInstance,
        ];
        all.into_iter()
            .find(|class| module == Self::MODULE && class.name() == name)
    }
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A whole number.
    #[must_use]
    pub fn int(number: i64) -> Self {
        Self::Int(number.to_string())
    }

    /// A dictionary with texts as keys.
    #[must_use]
    pub fn dict<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let entries = entries.into_iter();
        Self::Dict(
            entries
                .map(|(key, value)| (Self::text(key), value))
                .collect(),
        )
    }

    /// An object whose attributes are named by texts.
    #[must_use]
    pub fn object<'a>(
        class: Class,
        arguments: Vec<Value>,
        state: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Self {
        let state = state.into_iter();
        Self::Object {
            class,
            arguments,
            state: state.map(|(key, value)| (Self::text(key), value)).collect(),
        }
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a dictionary.
    #[must_use]
    pub fn as_dict(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list, tuple or set.
    #[must_use]
    pub fn as_items(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => Some(items),
            _ => None,
        }
    }

    /// What a dictionary, or an object's attributes, hold under a text.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Value> {
        let entries = match self {
            Self::Dict(entries) | Self::Object { state: entries, .. } => entries,
            _ => return None,
        };
        let found = entries
            .iter()
            .find(|(known, _)| known.as_text() == Some(key));
        found.map(|(_, value)| value)
    }

    /// Does Python take it for true?
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(fact) => *fact,
            Self::Int(digits) => digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit)),
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Tuple(items) | Self::List(items) | Self::Set(items) => !items.is_empty(),
            Self::Dict(entries) => !entries.is_empty(),
            Self::Object { .. } => true,
        }
    }
}
