//! Writing a value: pure ASCII, no white space, texts escaped twice as the original does.

use super::{Class, SlapError, Value, python_repr};
use slapos_python::print::float;
use std::fmt::Write;

/// The document of a value.
///
/// # Errors
/// When a text holds a character that XML has no form for.
pub fn write(value: &Value) -> Result<String, SlapError> {
    let mut writer = Writer {
        out: String::with_capacity(256),
        last_id: 1,
    };
    writer.out.push_str("<marshal>");
    writer.value(value)?;
    writer.out.push_str("</marshal>");
    Ok(writer.out)
}

struct Writer {
    out: String,
    /// Raised before each list, set, dictionary and object: the first id is 2.
    last_id: u64,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), SlapError> {
        match value {
            Value::None => self.out.push_str("<none/>"),
            Value::Bool(fact) => self.leaf("bool", if *fact { "1" } else { "0" }),
            // The original's bound is 1e24, exclusive.
            Value::Int(digits) if is_small(digits) => self.leaf("int", digits),
            Value::Int(digits) => self.leaf("long", digits),
            Value::Float(number) => self.leaf("float", &float(*number)),
            Value::Text(text) => return self.text(text),
            Value::Tuple(items) => return self.items("tuple", None, items),
            Value::List(items) => {
                let id = self.next_id();
                return self.items("list", Some(id), items);
            }
            Value::Set(items) => {
                let id = self.next_id();
                return self.items("set", Some(id), items);
            }
            Value::Dict(entries) => return self.dict(entries),
            Value::Object {
                class,
                arguments,
                state,
            } => return self.object(*class, arguments, state),
        }
        Ok(())
    }

    fn object(
        &mut self,
        class: Class,
        arguments: &[Value],
        state: &[(Value, Value)],
    ) -> Result<(), SlapError> {
        let (id, module, name) = (self.next_id(), Class::MODULE, class.name());
        let _ = write!(
            self.out,
            "<object id=\"i{id}\" module=\"{module}\" class=\"{name}\">"
        );
        self.items("tuple", None, arguments)?;
        self.dict(state)?;
        self.out.push_str("</object>");
        Ok(())
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn leaf(&mut self, tag: &str, text: &str) {
        let _ = write!(self.out, "<{tag}>{text}</{tag}>");
    }

    /// Opens a container; true when it has an end to write.
    fn open(&mut self, tag: &str, id: Option<u64>, is_empty: bool) {
        let _ = match id {
            Some(id) => write!(self.out, "<{tag} id=\"i{id}\""),
            None => write!(self.out, "<{tag}"),
        };
        self.out.push_str(if is_empty { "/>" } else { ">" });
    }

    fn items(&mut self, tag: &str, id: Option<u64>, items: &[Value]) -> Result<(), SlapError> {
        self.open(tag, id, items.is_empty());
        for item in items {
            self.value(item)?;
        }
        if !items.is_empty() {
            let _ = write!(self.out, "</{tag}>");
        }
        Ok(())
    }

    fn dict(&mut self, entries: &[(Value, Value)]) -> Result<(), SlapError> {
        let id = self.next_id();
        self.open("dictionary", Some(id), entries.is_empty());
        if are_sorted_texts(entries) {
            for (key, value) in entries {
                self.value(key)?;
                self.value(value)?;
            }
        } else {
            let mut sorted: Vec<&(Value, Value)> = entries.iter().collect();
            sorted.sort_by_cached_key(|(key, _)| sort_key(key));
            for (key, value) in sorted {
                self.value(key)?;
                self.value(value)?;
            }
        }
        if !entries.is_empty() {
            self.out.push_str("</dictionary>");
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), SlapError> {
        self.out.push_str("<string>");
        let mut rest = text;
        // Most texts are plain from end to end: they are copied piece by piece.
        while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
            let (plain, other) = rest.split_at(at);
            self.out.push_str(plain);
            let mut characters = other.chars();
            if let Some(character) = characters.next() {
                self.character(character)?;
            }
            rest = characters.as_str();
        }
        self.out.push_str(rest);
        self.out.push_str("</string>");
        Ok(())
    }

    /// One that does not stand for itself.
    fn character(&mut self, character: char) -> Result<(), SlapError> {
        match character {
            '&' => self.out.push_str("&amp;amp;"),
            '<' => self.out.push_str("&amp;lt;"),
            '>' => self.out.push_str("&amp;gt;"),
            // A bare carriage return would be read back as a line feed.
            '\r' => self.out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                return Err(SlapError::Character(character));
            }
            other => {
                let _ = write!(self.out, "&#{};", u32::from(other));
            }
        }
        Ok(())
    }
}

/// Stands for itself; what is in more than one byte does not.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>')
}

/// Our own documents mostly come so.
fn are_sorted_texts(entries: &[(Value, Value)]) -> bool {
    let mut keys = entries.iter().map(|(key, _)| match key {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let mut last = "";
    keys.all(|key| match key {
        Some(key) if key >= last => {
            last = key;
            true
        }
        _ => false,
    })
}

fn is_small(digits: &str) -> bool {
    digits.trim_start_matches('-').len() <= 24
}

/// Texts sort as themselves and numbers by value, as Python compares them; whatever is mixed sorts
/// by its repr.
fn sort_key(key: &Value) -> (u8, i64, String) {
    match key {
        Value::Int(digits) => match digits.parse() {
            Ok(number) => (0, number, String::new()),
            Err(_) => (1, 0, digits.clone()),
        },
        Value::Text(text) => (2, 0, text.clone()),
        other => (3, 0, python_repr(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &Value) -> String {
        let text = write(value).unwrap();
        let inner = text.strip_prefix("<marshal>").unwrap();
        inner.strip_suffix("</marshal>").unwrap().to_owned()
    }

    #[test]
    fn m01_scalars() {
        assert_eq!(written(&Value::None), "<none/>");
        assert_eq!(written(&Value::Bool(true)), "<bool>1</bool>");
        assert_eq!(written(&Value::int(1)), "<int>1</int>");
        let large = format!("1{}", "0".repeat(24));
        let expected = format!("<long>{large}</long>");
        assert_eq!(written(&Value::Int(large)), expected);
        assert_eq!(written(&Value::Float(1.5)), "<float>1.5</float>");
        assert_eq!(written(&Value::text("")), "<string></string>");
    }

    #[test]
    fn m02_texts_are_escaped_twice() {
        let expected = "<string>a&amp;amp;&amp;lt;b&amp;gt;&#233;</string>";
        assert_eq!(written(&Value::text("a&<b>é")), expected);
    }

    #[test]
    fn m03_containers_have_ids_from_two_on_and_tuples_none() {
        assert_eq!(written(&Value::List(vec![])), "<list id=\"i2\"/>");
        assert_eq!(written(&Value::Tuple(vec![])), "<tuple/>");
        assert_eq!(written(&Value::Dict(vec![])), "<dictionary id=\"i2\"/>");
        let pair = Value::Tuple(vec![Value::int(1), Value::int(2)]);
        assert_eq!(written(&pair), "<tuple><int>1</int><int>2</int></tuple>");
    }

    #[test]
    fn m04_keys_are_sorted() {
        let value = Value::dict([("b", Value::int(1)), ("a", Value::None)]);
        let expected = "<dictionary id=\"i2\"><string>a</string><none/><string>b</string>\
                        <int>1</int></dictionary>";
        assert_eq!(written(&value), expected);
    }

    #[test]
    fn m08_line_feeds_are_kept_and_control_characters_refused() {
        assert_eq!(written(&Value::text("a\nb")), "<string>a\nb</string>");
        let refused = write(&Value::text("a\u{b}"));
        assert_eq!(refused, Err(SlapError::Character('\u{b}')));
    }
}
