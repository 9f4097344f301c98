//! Equality and order of typed values as Python has them: numbers compare by value whatever their type.

use std::cmp::Ordering;

use super::Typed;

impl PartialEq for Typed {
    fn eq(&self, other: &Typed) -> bool {
        match (self, other) {
            (Typed::None, Typed::None) => true,
            (Typed::Bool(a), Typed::Bool(b)) => a == b,
            (Typed::Int(a), Typed::Int(b)) => a == b,
            (Typed::Float(a), Typed::Float(b)) => a == b,
            (Typed::Complex(ar, ai), Typed::Complex(br, bi)) => ar == br && ai == bi,
            (Typed::Str(a), Typed::Str(b)) => a == b,
            (Typed::Bytes(a), Typed::Bytes(b)) | (Typed::ByteArray(a), Typed::ByteArray(b)) => {
                a == b
            }
            (Typed::List(a), Typed::List(b)) | (Typed::Tuple(a), Typed::Tuple(b)) => a == b,
            (Typed::Dict(a), Typed::Dict(b)) => {
                a.len() == b.len() && a.iter().all(|pair| b.contains(pair))
            }
            (Typed::Set(a), Typed::Set(b)) | (Typed::FrozenSet(a), Typed::FrozenSet(b)) => {
                a.len() == b.len() && a.iter().all(|item| b.contains(item))
            }
            _ => false,
        }
    }
}

/// Python's `==`.
pub(crate) fn are_equal(a: &Typed, b: &Typed) -> bool {
    let all_in = |some: &[Typed], others: &[Typed]| {
        some.len() == others.len() && some.iter().all(|x| others.iter().any(|y| are_equal(x, y)))
    };
    let pairwise = |some: &[Typed], others: &[Typed]| {
        some.len() == others.len() && some.iter().zip(others).all(|(x, y)| are_equal(x, y))
    };
    match (a, b) {
        (Typed::List(a), Typed::List(b)) | (Typed::Tuple(a), Typed::Tuple(b)) => pairwise(a, b),
        (Typed::Set(a) | Typed::FrozenSet(a), Typed::Set(b) | Typed::FrozenSet(b)) => all_in(a, b),
        (Typed::Dict(a), Typed::Dict(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| {
                    b.iter()
                        .any(|(other, its)| are_equal(key, other) && are_equal(value, its))
                })
        }
        (Typed::Bytes(a) | Typed::ByteArray(a), Typed::Bytes(b) | Typed::ByteArray(b)) => a == b,
        (Typed::Complex(real, imaginary), other) | (other, Typed::Complex(real, imaginary)) => {
            match other {
                Typed::Complex(r, i) => real == r && imaginary == i,
                other => *imaginary == 0.0 && as_float(other) == Some(*real),
            }
        }
        _ if as_float(a).is_some() && as_float(b).is_some() => order(a, b) == Some(Ordering::Equal),
        _ => a == b,
    }
}

/// Python's `<`, `==` or `>`; none where Python refuses to compare.
pub(crate) fn order(a: &Typed, b: &Typed) -> Option<Ordering> {
    match (a, b) {
        (Typed::Str(a), Typed::Str(b)) => Some(a.cmp(b)),
        (Typed::Bytes(a) | Typed::ByteArray(a), Typed::Bytes(b) | Typed::ByteArray(b)) => {
            Some(a.cmp(b))
        }
        (Typed::List(a), Typed::List(b)) | (Typed::Tuple(a), Typed::Tuple(b)) => {
            for (x, y) in a.iter().zip(b) {
                if !are_equal(x, y) {
                    return order(x, y);
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        (Typed::Int(a), Typed::Int(b)) => Some(a.cmp(b)),
        _ => as_float(a)?.partial_cmp(&as_float(b)?),
    }
}

fn as_float(value: &Typed) -> Option<f64> {
    match value {
        Typed::Bool(b) => Some(f64::from(u8::from(*b))),
        Typed::Int(n) => Some(n.to_f64()),
        Typed::Float(n) => Some(*n),
        _ => None,
    }
}

/// A total order for printing: by type where Python has none, so that equal values print alike.
pub(super) fn print_order(a: &Typed, b: &Typed) -> Ordering {
    let class = |value: &Typed| match value {
        Typed::Bool(_) | Typed::Float(_) => "int",
        other => other.type_name(),
    };
    class(a)
        .cmp(class(b))
        .then_with(|| order(a, b).unwrap_or_else(|| a.repr_lossy().cmp(&b.repr_lossy())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(n: i32) -> Typed {
        Typed::Int(n.into())
    }

    #[test]
    fn are_equal_compares_numbers_by_value() {
        assert!(are_equal(&int(1), &Typed::Bool(true)));
        assert!(are_equal(&int(1), &Typed::Float(1.0)));
        assert!(are_equal(&Typed::Complex(1.0, 0.0), &int(1)));
        assert!(!are_equal(&int(1), &Typed::Str("1".to_owned())));
    }

    #[test]
    fn are_equal_of_sets_ignores_order() {
        let set = |items: &[i32]| Typed::Set(items.iter().map(|n| int(*n)).collect());
        assert!(are_equal(&set(&[1, 2]), &set(&[2, 1])));
        assert!(!are_equal(&set(&[1, 2]), &set(&[1])));
    }

    #[test]
    fn order_of_lists_is_by_first_difference() {
        let list = |items: &[i32]| Typed::List(items.iter().map(|n| int(*n)).collect());
        assert_eq!(
            order(&list(&[6, 1]), &list(&[4, 14])),
            Some(Ordering::Greater)
        );
        assert_eq!(order(&list(&[4]), &list(&[4, 14])), Some(Ordering::Less));
        assert_eq!(order(&int(1), &Typed::Str(String::new())), None);
    }
}
