//! Instance XML: how the original keeps parameters, and how its pages show them.
//!
//! `<instance><parameter id="k">v</parameter></instance>`, keys sorted, texts only.

use super::SlapError;
use crate::limits::{MARSHAL_TEXT_BYTES_MAX, MARSHAL_VALUES_MAX};
use quick_xml::events::Event;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The text of a set of parameters.
#[must_use]
pub fn write_instance_xml(parameters: &BTreeMap<String, String>) -> String {
    let head = "<?xml version='1.0' encoding='utf-8'?>\n";
    if parameters.is_empty() {
        return format!("{head}<instance/>\n");
    }
    let mut out = format!("{head}<instance>\n");
    for (key, value) in parameters {
        let key = escaped(key).replace('"', "&quot;");
        let _ = writeln!(
            out,
            "  <parameter id=\"{key}\">{}</parameter>",
            escaped(value)
        );
    }
    out.push_str("</instance>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\r', "&#13;")
}

/// What a text holds: an empty element reads as none, an id that stands twice as both joined with
/// one space, as the original reads them.
///
/// # Errors
/// When it is no instance XML, or over a limit.
pub fn read_instance_xml(text: &str) -> Result<BTreeMap<String, Option<String>>, SlapError> {
    if text.len() > MARSHAL_TEXT_BYTES_MAX {
        return Err(SlapError::TooLarge("of too much text"));
    }
    let mut reader = quick_xml::Reader::from_str(text);
    let mut reading = Reading::default();
    loop {
        let event = reader.read_event().map_err(|error| SlapError::NotXml {
            at: reader.error_position(),
            cause: error.to_string(),
        })?;
        match event {
            Event::Eof if reading.depth == 0 => return Ok(reading.found),
            Event::Eof => return Err(SlapError::NotAValue("it ends too early".to_owned())),
            event => reading.take(&event)?,
        }
        if reading.found.len() > MARSHAL_VALUES_MAX {
            return Err(SlapError::TooLarge("of too many values"));
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    found: BTreeMap<String, Option<String>>,
    /// The parameter that is open, and its text so far.
    open: Option<(String, String)>,
    depth: usize,
}

impl Reading {
    fn take(&mut self, event: &Event<'_>) -> Result<(), SlapError> {
        let other = |cause: String| SlapError::NotAValue(cause);
        match event {
            Event::DocType(_) => return Err(other("a document type is not accepted".to_owned())),
            Event::Start(start) => {
                self.depth += 1;
                if self.depth == 2 && start.local_name().as_ref() == "parameter" {
                    self.open = Some((id_of(start)?, String::new()));
                }
            }
            Event::Empty(start)
                if self.depth == 1 && start.local_name().as_ref() == "parameter" =>
            {
                add(&mut self.found, id_of(start)?, String::new());
            }
            Event::Text(part) => self.push(&part.xml10_content()),
            Event::CData(part) => self.push(&part.xml10_content()),
            Event::GeneralRef(part) => {
                let reference = format!("&{};", part.xml10_content());
                let resolved = quick_xml::escape::unescape(&reference);
                self.push(&resolved.map_err(|error| other(error.to_string()))?);
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 1
                    && let Some((key, value)) = self.open.take()
                {
                    add(&mut self.found, key, value);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        if let Some((_, value)) = &mut self.open {
            value.push_str(text);
        }
    }
}

fn id_of(start: &quick_xml::events::BytesStart<'_>) -> Result<String, SlapError> {
    let other = |cause: String| SlapError::NotAValue(cause);
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| other(error.to_string()))?;
        if attribute.key.as_ref() == "id" {
            return quick_xml::escape::unescape(attribute.value.as_ref())
                .map(std::borrow::Cow::into_owned)
                .map_err(|error| other(error.to_string()));
        }
    }
    Err(other("a parameter has no id".to_owned()))
}

fn add(found: &mut BTreeMap<String, Option<String>>, key: String, value: String) {
    let kept = found.entry(key).or_default();
    match kept {
        _ if value.is_empty() => {}
        Some(first) => {
            first.push(' ');
            first.push_str(&value);
        }
        None => *kept = Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m10_instance_xml_is_written_as_the_original_writes_it() {
        let map = [
            ("b", "1"),
            ("a", "é <&> \"q\""),
            ("n", "None"),
            ("i", "3"),
            ("e", ""),
        ];
        let map = map.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let expected = "<?xml version='1.0' encoding='utf-8'?>\n<instance>\n  \
            <parameter id=\"a\">é &lt;&amp;&gt; \"q\"</parameter>\n  \
            <parameter id=\"b\">1</parameter>\n  <parameter id=\"e\"></parameter>\n  \
            <parameter id=\"i\">3</parameter>\n  <parameter id=\"n\">None</parameter>\n</instance>\n";
        assert_eq!(write_instance_xml(&map.into()), expected);
        let empty = "<?xml version='1.0' encoding='utf-8'?>\n<instance/>\n";
        assert_eq!(write_instance_xml(&BTreeMap::new()), empty);
    }

    #[test]
    fn m11_instance_xml_is_read_as_the_original_reads_it() {
        let read = |text: &str| read_instance_xml(text).unwrap();
        let map = read(
            "<instance><parameter id=\"e\"></parameter><parameter id=\"n\">None</parameter>\
             <parameter id=\"a\">1</parameter><parameter id=\"a\">2</parameter>\
             <parameter id=\"x\">&lt;&#233;</parameter><parameter id=\"f\"/></instance>",
        );
        assert_eq!(map["e"], None);
        assert_eq!(map["f"], None);
        assert_eq!(map["n"].as_deref(), Some("None"));
        assert_eq!(map["a"].as_deref(), Some("1 2"));
        assert_eq!(map["x"].as_deref(), Some("<é"));
        assert!(read("<instance/>").is_empty());
        assert!(read_instance_xml("<instance>").is_err());
        assert!(read_instance_xml("<!DOCTYPE a []><instance/>").is_err());
    }
}
