//! Reading a value from a document that a stranger wrote.
//!
//! Bounded in depth, in values and in text, those that references repeat included, so that no small
//! document becomes a large tree. A copy is kept of nothing but what a reference names, and is paid
//! for. A document type is refused, so there are no entities to expand. Start with [`read`].

use super::{Class, SlapError, Value};
use crate::limits::{MARSHAL_DEPTH_MAX, MARSHAL_TEXT_BYTES_MAX, MARSHAL_VALUES_MAX};
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use std::collections::{HashMap, HashSet};

/// The value of a document.
///
/// # Errors
/// When it is no document of this wire, or over a limit.
pub fn read(text: &str) -> Result<Value, SlapError> {
    let mut reader = Reader {
        xml: quick_xml::Reader::from_str(text),
        named: referred(text),
        known: HashMap::new(),
        left: Size::MAX,
        left_to_keep: Size::MAX,
    };
    let (root, is_empty) = reader
        .next_start()?
        .ok_or_else(|| no_value("it is empty"))?;
    if root.local_name().as_ref() != "marshal" {
        return Err(no_value(&format!("it begins with <{}>", name_of(&root))));
    }
    let child = if is_empty { None } else { reader.next_start()? };
    let (start, is_empty) = child.ok_or_else(|| no_value("<marshal> is empty"))?;
    let value = reader.value(&start, is_empty, 1)?;
    if reader.next_start()?.is_some() {
        return Err(no_value("<marshal> holds more than one value"));
    }
    Ok(value)
}

fn no_value(cause: &str) -> SlapError {
    SlapError::NotAValue(cause.to_owned())
}

fn name_of(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().chars().take(40).collect()
}

/// The ids that references name: genuine documents have none, or few.
fn referred(text: &str) -> HashSet<String> {
    let mut ids = HashSet::new();
    if !text.contains("<reference") && !text.contains(":reference") {
        return ids;
    }
    let mut xml = quick_xml::Reader::from_str(text);
    // What is no XML is told by whoever reads the values.
    while let Ok(event) = xml.read_event() {
        match event {
            Event::Start(start) | Event::Empty(start)
                if start.local_name().as_ref() == "reference" =>
            {
                ids.extend(attribute(&start, "id").ok().flatten());
            }
            Event::Eof => break,
            _ => {}
        }
    }
    ids
}

struct Reader<'t> {
    xml: quick_xml::Reader<&'t [u8]>,
    /// The ids of the containers to keep.
    named: HashSet<String>,
    /// Those that were whole before, by id.
    known: HashMap<String, Kept>,
    /// What the value may still hold.
    left: Size,
    /// And the copies.
    left_to_keep: Size,
}

/// A copy of a container, with what it holds.
struct Kept {
    value: Value,
    size: Size,
    height: usize,
}

/// How much something holds, or may hold.
#[derive(Clone, Copy)]
struct Size {
    values: usize,
    bytes: usize,
}

impl Size {
    /// The limits of a document.
    const MAX: Self = Self {
        values: MARSHAL_VALUES_MAX,
        bytes: MARSHAL_TEXT_BYTES_MAX,
    };

    fn spend(&mut self, values: usize, bytes: usize) -> Result<(), SlapError> {
        let values = self.values.checked_sub(values);
        self.values = values.ok_or(SlapError::TooLarge("of too many values"))?;
        let bytes = self.bytes.checked_sub(bytes);
        self.bytes = bytes.ok_or(SlapError::TooLarge("of too much text"))?;
        Ok(())
    }
}

impl Reader<'_> {
    fn event(&mut self) -> Result<Event<'static>, SlapError> {
        match self.xml.read_event() {
            Ok(Event::DocType(_)) => Err(no_value("a document type is not accepted")),
            Ok(event) => Ok(event.into_owned()),
            Err(error) => Err(SlapError::NotXml {
                at: self.xml.error_position(),
                cause: error.to_string(),
            }),
        }
    }

    /// The next element inside of the current one, and whether it is empty; none at its end.
    fn next_start(&mut self) -> Result<Option<(BytesStart<'static>, bool)>, SlapError> {
        loop {
            match self.event()? {
                Event::Start(start) => return Ok(Some((start, false))),
                Event::Empty(start) => return Ok(Some((start, true))),
                Event::End(_) | Event::Eof => return Ok(None),
                Event::Text(text) if !text.trim().is_empty() => {
                    return Err(no_value("there is text between its elements"));
                }
                Event::GeneralRef(_) | Event::CData(_) => {
                    return Err(no_value("there is text between its elements"));
                }
                _ => {}
            }
        }
    }

    fn value(
        &mut self,
        start: &BytesStart<'_>,
        is_empty: bool,
        depth: usize,
    ) -> Result<Value, SlapError> {
        if depth > MARSHAL_DEPTH_MAX {
            return Err(SlapError::TooLarge("nested too deeply"));
        }
        if start.local_name().as_ref() == "reference" {
            self.skip_nothing(is_empty)?;
            return self.repeat(start, depth);
        }
        let before = self.left;
        self.left.spend(1, 0)?;
        let value = self.content(start, is_empty, depth)?;
        let is_container = matches!(
            value,
            Value::List(_) | Value::Set(_) | Value::Dict(_) | Value::Object { .. }
        );
        if is_container
            && !self.named.is_empty()
            && let Some(id) = attribute(start, "id")?
            && self.named.contains(&id)
        {
            let size = Size {
                values: before.values - self.left.values,
                bytes: before.bytes - self.left.bytes,
            };
            self.left_to_keep.spend(size.values, size.bytes)?;
            let kept = Kept {
                height: height(&value),
                value: value.clone(),
                size,
            };
            self.known.insert(id, kept);
        }
        Ok(value)
    }

    fn content(
        &mut self,
        start: &BytesStart<'_>,
        is_empty: bool,
        depth: usize,
    ) -> Result<Value, SlapError> {
        Ok(match start.local_name().as_ref() {
            "none" => {
                self.skip_nothing(is_empty)?;
                Value::None
            }
            "bool" => Value::Bool(self.text(is_empty)?.trim() == "1"),
            "int" | "long" => Value::Int(digits(self.text(is_empty)?.trim())?),
            "float" => Value::Float(float(self.text(is_empty)?.trim())?),
            "string" | "unicode" => Value::Text(self.twice_escaped(is_empty)?),
            "tuple" => Value::Tuple(self.items(is_empty, depth)?),
            "list" => Value::List(self.items(is_empty, depth)?),
            "set" => Value::Set(self.items(is_empty, depth)?),
            "dictionary" => Value::Dict(self.entries(is_empty, depth)?),
            "object" => self.object(start, is_empty, depth)?,
            _ => return Err(no_value(&format!("<{}> is no value", name_of(start)))),
        })
    }

    /// A container that was whole before is given again, at the price of all that it holds and no
    /// deeper than any other: a reference to one that is still open finds none.
    fn repeat(&mut self, start: &BytesStart<'_>, depth: usize) -> Result<Value, SlapError> {
        let id = attribute(start, "id")?.unwrap_or_default();
        let kept = self.known.get(&id);
        let kept = kept.ok_or_else(|| no_value("a reference leads nowhere"))?;
        // It stands where the reference does, whose level is its first.
        if depth + kept.height > MARSHAL_DEPTH_MAX + 1 {
            return Err(SlapError::TooLarge("nested too deeply"));
        }
        self.left.spend(kept.size.values, kept.size.bytes)?;
        Ok(kept.value.clone())
    }

    fn items(&mut self, is_empty: bool, depth: usize) -> Result<Vec<Value>, SlapError> {
        let mut items = Vec::new();
        while !is_empty && let Some((start, is_empty)) = self.next_start()? {
            items.push(self.value(&start, is_empty, depth + 1)?);
        }
        Ok(items)
    }

    fn entries(&mut self, is_empty: bool, depth: usize) -> Result<Vec<(Value, Value)>, SlapError> {
        let mut items = self.items(is_empty, depth)?.into_iter();
        let mut entries = Vec::new();
        while let Some(key) = items.next() {
            let value = items.next();
            entries.push((key, value.ok_or_else(|| no_value("a key has no value"))?));
        }
        Ok(entries)
    }

    fn object(
        &mut self,
        start: &BytesStart<'_>,
        is_empty: bool,
        depth: usize,
    ) -> Result<Value, SlapError> {
        let module = attribute(start, "module")?.unwrap_or_default();
        let name = attribute(start, "class")?.unwrap_or_default();
        let class = Class::find(&module, &name).ok_or_else(|| {
            SlapError::Class(format!("{module}.{name}").chars().take(80).collect())
        })?;
        let mut parts = self.items(is_empty, depth)?.into_iter();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Value::Tuple(arguments)), Some(Value::Dict(state)), None) => Ok(Value::Object {
                class,
                arguments,
                state,
            }),
            _ => Err(no_value("an object holds a tuple and a dictionary")),
        }
    }

    fn skip_nothing(&mut self, is_empty: bool) -> Result<(), SlapError> {
        if is_empty || self.text(false)?.trim().is_empty() {
            Ok(())
        } else {
            Err(no_value("an empty element has a text"))
        }
    }

    /// The text up to the end of the element, XML references resolved.
    fn text(&mut self, is_empty: bool) -> Result<String, SlapError> {
        let mut text = String::new();
        if is_empty {
            return Ok(text);
        }
        loop {
            match self.event()? {
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(part) => text.push_str(&resolve(&part)?),
                Event::Comment(_) | Event::PI(_) => {}
                Event::End(_) => break,
                _ => return Err(no_value("an element stands where a text should")),
            }
            if text.len() > self.left.bytes {
                return Err(SlapError::TooLarge("of too much text"));
            }
        }
        self.left.spend(0, text.len())?;
        Ok(text)
    }

    fn twice_escaped(&mut self, is_empty: bool) -> Result<String, SlapError> {
        let once = self.text(is_empty)?;
        Ok(once
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"))
    }
}

/// How many levels a value has: one for a leaf. No value here is deeper than its limit.
fn height(value: &Value) -> usize {
    let highest = |items: &[Value]| items.iter().map(height).max().unwrap_or(0);
    let of_entries = |entries: &[(Value, Value)]| {
        let each = entries.iter();
        each.map(|(key, value)| height(key).max(height(value)))
            .max()
            .unwrap_or(0)
    };
    1 + match value {
        Value::Tuple(items) | Value::List(items) | Value::Set(items) => highest(items),
        Value::Dict(entries) => of_entries(entries),
        // Its tuple and its dictionary are a level of their own.
        Value::Object {
            arguments, state, ..
        } => 1 + highest(arguments).max(of_entries(state)),
        _ => 0,
    }
}

fn resolve(part: &quick_xml::events::BytesRef<'_>) -> Result<String, SlapError> {
    let name = part.xml10_content();
    unescape(&format!("&{name};"))
        .map(std::borrow::Cow::into_owned)
        .map_err(|error| no_value(&error.to_string()))
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, SlapError> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| no_value(&error.to_string()))?;
        if attribute.key.local_name().as_ref() == name {
            let value =
                unescape(attribute.value.as_ref()).map_err(|error| no_value(&error.to_string()))?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

fn digits(text: &str) -> Result<String, SlapError> {
    let unsigned = text.trim_start_matches(['-', '+']);
    let is_number = !unsigned.is_empty()
        && unsigned.len() <= 4300
        && text.len() - unsigned.len() <= 1
        && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(no_value("an <int> is no whole number"));
    }
    let significant = unsigned.trim_start_matches('0');
    let significant = if significant.is_empty() {
        "0"
    } else {
        significant
    };
    let sign = if text.starts_with('-') && significant != "0" {
        "-"
    } else {
        ""
    };
    Ok(format!("{sign}{significant}"))
}

fn float(text: &str) -> Result<f64, SlapError> {
    text.parse().map_err(|_| no_value("a <float> is no number"))
}

#[cfg(test)]
mod tests;
