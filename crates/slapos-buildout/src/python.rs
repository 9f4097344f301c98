//! The few Python expressions of the language: section conditions and typed values.
//!
//! One reader for both. Conditions are evaluated by condition/, typed values accept literals only (typed/).
//! Nothing here can loop: expressions have no statements, and depth and steps are bounded.

mod lex;
mod parse;

pub(crate) use parse::parse;

use crate::Typed;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Literal(Typed),
    Name(String),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Set(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Attribute(Box<Expr>, String),
    Call(Box<Expr>, Vec<(Option<String>, Expr)>),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Arithmetic(Box<Expr>, Arithmetic, Box<Expr>),
    /// `a < b < c`: the first operand, then each comparison with its right side.
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    /// Value if condition else other.
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `[value for name in items if condition]`
    Comprehension {
        value: Box<Expr>,
        name: String,
        items: Box<Expr>,
        conditions: Vec<Expr>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    FloorDivide,
    Remainder,
    BitOr,
    BitXor,
    BitAnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
    In,
    NotIn,
    Is,
    IsNot,
}
