//! The tree of a template.

use std::rc::Rc;

/// A statement with its line.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) kind: Statement,
}

pub(crate) type Block = Vec<Node>;

#[derive(Debug)]
pub(crate) enum Statement {
    Text(Rc<str>),
    Print(Expr),
    If(Vec<(Expr, Block)>, Block),
    For(Rc<ForLoop>),
    Set(Target, Expr),
    /// `{% set x %}…{% endset %}`, with filters.
    SetBlock(Target, Vec<FilterCall>, Block),
    With(Vec<(Target, Expr)>, Block),
    Macro(Rc<MacroDefinition>),
    /// `{% call(x) m() %}…{% endcall %}`.
    Call(Expr, Rc<MacroDefinition>),
    FilterBlock(Vec<FilterCall>, Block),
    Do(Expr),
    Include {
        name: Expr,
        ignores_missing: bool,
        with_context: bool,
    },
    Import {
        name: Expr,
        target: Rc<str>,
        with_context: bool,
    },
    FromImport {
        name: Expr,
        names: Vec<(Rc<str>, Rc<str>)>,
        with_context: bool,
    },
    /// A block of a template that nothing extends: rendered where it stands.
    Block {
        body: Block,
        /// Sees the names around it, and not only those at the top of the template.
        is_scoped: bool,
    },
    Break,
    Continue,
}

#[derive(Debug)]
pub(crate) struct ForLoop {
    pub(crate) target: Target,
    pub(crate) items: Expr,
    pub(crate) condition: Option<Expr>,
    pub(crate) is_recursive: bool,
    pub(crate) body: Block,
    pub(crate) otherwise: Block,
}

#[derive(Debug)]
pub(crate) struct MacroDefinition {
    pub(crate) name: Rc<str>,
    pub(crate) parameters: Vec<Rc<str>>,
    /// Of the last parameters.
    pub(crate) defaults: Vec<Expr>,
    pub(crate) body: Block,
    pub(crate) mentions: Mentions,
}

/// Which of the names that a macro may have besides its parameters are in its body: without them, what they would hold is
/// refused.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mentions {
    pub(crate) caller: bool,
    pub(crate) kwargs: bool,
    pub(crate) varargs: bool,
}

/// What is assigned to.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Name(Rc<str>),
    /// `ns.name` of a namespace.
    Attribute(Rc<str>, Rc<str>),
    Tuple(Vec<Target>),
}

#[derive(Debug, Clone)]
pub(crate) struct FilterCall {
    pub(crate) name: Rc<str>,
    pub(crate) arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
pub(crate) enum Argument {
    Plain(Expr),
    Named(Rc<str>, Expr),
    Spread(Expr),
    SpreadNamed(Expr),
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Rc<str>),
    Name(Rc<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    /// `x.name`
    Attribute(Box<Expr>, Rc<str>),
    /// `x[y]`
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Box<[Option<Expr>; 3]>),
    Call(Box<Expr>, Vec<Argument>),
    Filter(Box<Expr>, FilterCall),
    Test {
        value: Box<Expr>,
        name: Rc<str>,
        arguments: Vec<Argument>,
        is_negated: bool,
    },
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `a < b <= c`
    Compare(Box<Expr>, Vec<(Comparison, Expr)>),
    Concat(Vec<Expr>),
    /// `a if b else c`
    Choice(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
}

impl Operator {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Modulo => "%",
            Self::Power => "**",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
}
