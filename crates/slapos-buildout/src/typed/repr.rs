//! Writing a typed value as Python's `repr` does, dictionaries and sets sorted, on one line.

use slapos_python::print::{complex, float, quoted, quoted_bytes};

use super::Typed;
use super::compare::print_order;

impl Typed {
    /// The marker and the literal, without looking whether it can be read back.
    pub(crate) fn to_marker_lossy(&self) -> String {
        // `$` and `;` occur in strings only, where the escape is read back as the character.
        let literal = self
            .repr_lossy()
            .replace('$', "\\x24")
            .replace(';', "\\x3b");
        format!("!py!{literal}")
    }

    pub(crate) fn repr_lossy(&self) -> String {
        let mut out = String::new();
        write_value(&mut out, self);
        out
    }
}

fn write_value(out: &mut String, value: &Typed) {
    match value {
        Typed::None => out.push_str("None"),
        Typed::Bool(true) => out.push_str("True"),
        Typed::Bool(false) => out.push_str("False"),
        Typed::Int(n) => out.push_str(&n.to_string()),
        Typed::Float(n) => out.push_str(&float(*n)),
        Typed::Complex(real, imaginary) => out.push_str(&complex(*real, *imaginary)),
        Typed::Str(text) => out.push_str(&quoted(text)),
        Typed::Bytes(bytes) => out.push_str(&quoted_bytes(bytes)),
        Typed::ByteArray(bytes) => {
            out.push_str("bytearray(");
            out.push_str(&quoted_bytes(bytes));
            out.push(')');
        }
        Typed::List(items) => write_items(out, "[", items.iter(), "]"),
        Typed::Tuple(items) if items.len() == 1 => write_items(out, "(", items.iter(), ",)"),
        Typed::Tuple(items) => write_items(out, "(", items.iter(), ")"),
        Typed::Dict(pairs) => write_dict(out, pairs),
        Typed::Set(items) if items.is_empty() => out.push_str("set()"),
        Typed::Set(items) => write_items(out, "{", sorted(items), "}"),
        Typed::FrozenSet(items) if items.is_empty() => out.push_str("frozenset()"),
        Typed::FrozenSet(items) => write_items(out, "frozenset({", sorted(items), "})"),
    }
}

fn sorted(items: &[Typed]) -> impl Iterator<Item = &Typed> {
    let mut sorted: Vec<&Typed> = items.iter().collect();
    sorted.sort_by(|a, b| print_order(a, b));
    sorted.into_iter()
}

fn write_items<'a>(
    out: &mut String,
    open: &str,
    items: impl Iterator<Item = &'a Typed>,
    close: &str,
) {
    out.push_str(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_value(out, item);
    }
    out.push_str(close);
}

fn write_dict(out: &mut String, pairs: &[(Typed, Typed)]) {
    let mut sorted: Vec<&(Typed, Typed)> = pairs.iter().collect();
    sorted.sort_by(|a, b| print_order(&a.0, &b.0));
    out.push('{');
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_value(out, key);
        out.push_str(": ");
        write_value(out, value);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marker_of_text_with_every_kind_of_character_reads_back() {
        let text = "a'b\"c\\d\n\r\t\u{0}\u{7f}é日\u{301}\u{2028}\u{10ffff}$;{}!";
        let marker = Typed::Str(text.to_owned()).to_marker().unwrap();
        assert!(!marker.contains(['$', ';', '\n']));
        assert_eq!(
            Typed::from_marker(&marker).unwrap(),
            Typed::Str(text.to_owned())
        );
    }

    #[test]
    fn to_marker_of_what_is_not_finite_is_refused() {
        let value = Typed::List(vec![Typed::Float(f64::INFINITY)]);
        assert!(
            value
                .to_marker()
                .unwrap_err()
                .to_string()
                .contains("not finite")
        );
    }
}
