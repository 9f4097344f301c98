//! Sums and bits in conditions: whole numbers below 127 bits, and what Python adds besides.
//!
//! Never in here: the order of operators, which is python/parse.rs. Start with [`arithmetic`].

use crate::Typed;
use crate::python::Arithmetic;

/// What Python gives for two operands; the error fits behind "the condition …".
pub(super) fn arithmetic(left: &Typed, sign: Arithmetic, right: &Typed) -> Result<Typed, String> {
    match (left, sign, right) {
        (Typed::Str(a), Arithmetic::Add, Typed::Str(b)) => {
            return Ok(Typed::Str(format!("{a}{b}")));
        }
        (Typed::List(a), Arithmetic::Add, Typed::List(b)) => {
            return Ok(Typed::List(a.iter().chain(b).cloned().collect()));
        }
        (Typed::Tuple(a), Arithmetic::Add, Typed::Tuple(b)) => {
            return Ok(Typed::Tuple(a.iter().chain(b).cloned().collect()));
        }
        (Typed::Bool(a), Arithmetic::BitOr, Typed::Bool(b)) => return Ok(Typed::Bool(a | b)),
        (Typed::Bool(a), Arithmetic::BitXor, Typed::Bool(b)) => return Ok(Typed::Bool(a ^ b)),
        (Typed::Bool(a), Arithmetic::BitAnd, Typed::Bool(b)) => return Ok(Typed::Bool(a & b)),
        _ => {}
    }
    let (Typed::Int(a), Typed::Int(b)) = (left, right) else {
        return Err("computes with what are no whole numbers (TypeError)".to_owned());
    };
    let result = a.to_i128().zip(b.to_i128()).and_then(|(a, b)| match sign {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::BitOr => Some(a | b),
        Arithmetic::BitXor => Some(a ^ b),
        Arithmetic::BitAnd => Some(a & b),
        Arithmetic::FloorDivide => {
            let remainder = a.checked_rem(b)?;
            let is_between = remainder != 0 && (remainder < 0) != (b < 0);
            a.checked_div(b)?.checked_sub(i128::from(is_between))
        }
        Arithmetic::Remainder => {
            let remainder = a.checked_rem(b)?;
            let is_wrong_sign = remainder != 0 && (remainder < 0) != (b < 0);
            if is_wrong_sign {
                remainder.checked_add(b)
            } else {
                Some(remainder)
            }
        }
    });
    let result = result.ok_or("divides by zero or computes beyond 127 bits (ArithmeticError)")?;
    Ok(Typed::Int(result.into()))
}
