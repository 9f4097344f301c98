//! Reading a value from a document that a stranger wrote.
//!
//! Bounded in depth and in values, those that references repeat included, so that no small
//! document becomes a large tree. A document type is refused, so there are no entities to expand.

use super::{Class, SlapError, Value};
use crate::limits::{MARSHAL_DEPTH_MAX, MARSHAL_TEXT_BYTES_MAX, MARSHAL_VALUES_MAX};
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use std::collections::HashMap;

/// The value of a document.
///
/// # Errors
/// When it is no document of this wire, or over a limit.
pub fn read(text: &str) -> Result<Value, SlapError> {
    let mut reader = Reader {
        xml: quick_xml::Reader::from_str(text),
        known: HashMap::new(),
        values_left: MARSHAL_VALUES_MAX,
        bytes_left: MARSHAL_TEXT_BYTES_MAX,
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

struct Reader<'t> {
    xml: quick_xml::Reader<&'t [u8]>,
    /// Containers by id, with how many values each holds.
    known: HashMap<String, (Value, usize)>,
    values_left: usize,
    bytes_left: usize,
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

    fn spend(&mut self, values: usize) -> Result<(), SlapError> {
        let left = self.values_left.checked_sub(values);
        self.values_left = left.ok_or(SlapError::TooLarge("of too many values"))?;
        Ok(())
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
        self.spend(1)?;
        let before = self.values_left;
        let tag = start.local_name();
        let value = match tag.as_ref() {
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
            "reference" => {
                self.skip_nothing(is_empty)?;
                return self.repeat(start);
            }
            _ => return Err(no_value(&format!("<{}> is no value", name_of(start)))),
        };
        let is_container = matches!(tag.as_ref(), "list" | "set" | "dictionary" | "object");
        if is_container && let Some(id) = attribute(start, "id")? {
            let count = before - self.values_left + 1;
            self.known.insert(id, (value.clone(), count));
        }
        Ok(value)
    }

    /// A container that was whole before is given again, at the price of all its values: a
    /// reference to one that is still open finds none.
    fn repeat(&mut self, start: &BytesStart<'_>) -> Result<Value, SlapError> {
        let id = attribute(start, "id")?.unwrap_or_default();
        let count = self.known.get(&id).map(|(_, count)| *count);
        let count = count.ok_or_else(|| no_value("a reference leads nowhere"))?;
        self.spend(count)?;
        let found = self.known.get(&id).map(|(value, _)| value.clone());
        found.ok_or_else(|| no_value("a reference leads nowhere"))
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
            if text.len() > self.bytes_left {
                return Err(SlapError::TooLarge("of too much text"));
            }
        }
        self.bytes_left -= text.len();
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
