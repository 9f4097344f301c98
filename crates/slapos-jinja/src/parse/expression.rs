//! Expressions, from the loosest binding to the tightest.

use std::rc::Rc;

use super::{Parser, syntax};
use crate::ast::{Argument, Comparison, Expr, Operator};
use crate::error::Outcome;
use crate::lex::Token;
use crate::limits;

impl Parser<'_> {
    /// An expression, with `a if b else c`.
    pub(super) fn expression(&mut self) -> Outcome<Expr> {
        stacker::maybe_grow(limits::STACK_RED_ZONE, limits::STACK_GROWTH, || {
            self.choice()
        })
    }

    fn choice(&mut self) -> Outcome<Expr> {
        self.nest()?;
        let mut value = self.or()?;
        while self.skip_name("if") {
            self.link()?;
            let condition = self.or()?;
            let otherwise = match self.skip_name("else") {
                true => Some(Box::new(self.expression()?)),
                false => None,
            };
            value = Expr::Choice(Box::new(condition), Box::new(value), otherwise);
        }
        self.nesting -= 1;
        Ok(value)
    }

    /// An expression, or several with commas: a tuple.
    pub(super) fn tuple(&mut self, with_choice: bool) -> Outcome<Expr> {
        let one = |parser: &mut Self| match with_choice {
            true => parser.expression(),
            false => parser.nested_or(),
        };
        let first = one(self)?;
        if !self.is_sign(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip_sign(",") {
            if self.is_end_of_tuple() {
                break;
            }
            items.push(one(self)?);
        }
        Ok(Expr::Tuple(items))
    }

    /// What a loop goes through; an `if` behind it is the loop's own.
    pub(super) fn tuple_until_condition(&mut self) -> Outcome<Expr> {
        self.tuple(false)
    }

    fn nested_or(&mut self) -> Outcome<Expr> {
        self.nest()?;
        let value = self.or()?;
        self.nesting -= 1;
        Ok(value)
    }

    fn is_end_of_tuple(&self) -> bool {
        matches!(self.peek(), Token::PrintEnd | Token::BlockEnd | Token::End)
            || self.is_sign(")")
            || self.is_sign("]")
            || self.is_name("recursive")
    }

    fn or(&mut self) -> Outcome<Expr> {
        let mut left = self.and()?;
        while self.skip_name("or") {
            self.link()?;
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Outcome<Expr> {
        let mut left = self.not()?;
        while self.skip_name("and") {
            self.link()?;
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Outcome<Expr> {
        let mut negations = 0;
        while self.is_name("not") {
            self.next();
            negations += 1;
        }
        let mut value = self.comparison()?;
        for _ in 0..negations.min(2 + negations % 2) {
            value = Expr::Not(Box::new(value));
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Outcome<Expr> {
        let first = self.sum()?;
        let mut chain = Vec::new();
        while let Some((comparison, words)) = self.comparison_sign() {
            for _ in 0..words {
                self.next();
            }
            chain.push((comparison, self.sum()?));
        }
        Ok(match chain.is_empty() {
            true => first,
            false => Expr::Compare(Box::new(first), chain),
        })
    }

    fn comparison_sign(&self) -> Option<(Comparison, usize)> {
        match self.peek() {
            Token::Sign("==") => Some((Comparison::Equal, 1)),
            Token::Sign("!=") => Some((Comparison::NotEqual, 1)),
            Token::Sign("<") => Some((Comparison::Less, 1)),
            Token::Sign("<=") => Some((Comparison::LessEqual, 1)),
            Token::Sign(">") => Some((Comparison::Greater, 1)),
            Token::Sign(">=") => Some((Comparison::GreaterEqual, 1)),
            Token::Name(name) if &**name == "in" => Some((Comparison::In, 1)),
            Token::Name(name) if &**name == "not" => match self.peek_at(1) {
                Token::Name(next) if &**next == "in" => Some((Comparison::NotIn, 2)),
                _ => None,
            },
            _ => None,
        }
    }

    fn sum(&mut self) -> Outcome<Expr> {
        let mut left = self.concatenation()?;
        loop {
            let operator = match self.peek() {
                Token::Sign("+") => Operator::Add,
                Token::Sign("-") => Operator::Subtract,
                _ => return Ok(left),
            };
            self.next();
            self.link()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(self.concatenation()?));
        }
    }

    fn concatenation(&mut self) -> Outcome<Expr> {
        let first = self.product()?;
        if !self.is_sign("~") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.skip_sign("~") {
            all.push(self.product()?);
        }
        Ok(Expr::Concat(all))
    }

    fn product(&mut self) -> Outcome<Expr> {
        let mut left = self.power()?;
        loop {
            let operator = match self.peek() {
                Token::Sign("*") => Operator::Multiply,
                Token::Sign("/") => Operator::Divide,
                Token::Sign("//") => Operator::FloorDivide,
                Token::Sign("%") => Operator::Modulo,
                _ => return Ok(left),
            };
            self.next();
            self.link()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(self.power()?));
        }
    }

    fn power(&mut self) -> Outcome<Expr> {
        let mut left = self.unary(true)?;
        while self.skip_sign("**") {
            self.link()?;
            let right = self.unary(true)?;
            left = Expr::Binary(Operator::Power, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self, with_filters: bool) -> Outcome<Expr> {
        self.nest()?;
        let mut value = if self.skip_sign("-") {
            Expr::Negative(Box::new(self.unary(false)?))
        } else if self.skip_sign("+") {
            Expr::Positive(Box::new(self.unary(false)?))
        } else {
            self.primary()?
        };
        value = self.postfix(value)?;
        if with_filters {
            value = self.filters_and_tests(value)?;
        }
        self.nesting -= 1;
        Ok(value)
    }

    fn primary(&mut self) -> Outcome<Expr> {
        match self.peek().clone() {
            Token::Name(name) => {
                self.next();
                Ok(match &*name {
                    "true" | "True" => Expr::Bool(true),
                    "false" | "False" => Expr::Bool(false),
                    "none" | "None" => Expr::None,
                    _ => {
                        match &*name {
                            "caller" => self.mentions.caller = true,
                            "kwargs" => self.mentions.kwargs = true,
                            "varargs" => self.mentions.varargs = true,
                            _ => {}
                        }
                        Expr::Name(name)
                    }
                })
            }
            Token::Str(text) => {
                self.next();
                let mut all = text.to_string();
                while let Token::Str(more) = self.peek() {
                    all.push_str(more);
                    self.next();
                }
                Ok(Expr::Str(Rc::from(all)))
            }
            Token::Int(value) => {
                self.next();
                Ok(Expr::Int(value))
            }
            Token::Float(value) => {
                self.next();
                Ok(Expr::Float(value))
            }
            Token::Sign("(") => self.parentheses(),
            Token::Sign("[") => self.list(),
            Token::Sign("{") => self.dict(),
            _ => Err(self.unexpected("an expression")),
        }
    }

    fn parentheses(&mut self) -> Outcome<Expr> {
        self.next();
        if self.skip_sign(")") {
            return Ok(Expr::Tuple(Vec::new()));
        }
        let inner = self.tuple(true)?;
        self.expect_sign(")")?;
        Ok(inner)
    }

    fn list(&mut self) -> Outcome<Expr> {
        self.next();
        let mut items = Vec::new();
        while !self.is_sign("]") {
            if !items.is_empty() {
                self.expect_sign(",")?;
            }
            if self.is_sign("]") {
                break;
            }
            items.push(self.expression()?);
        }
        self.expect_sign("]")?;
        Ok(Expr::List(items))
    }

    fn dict(&mut self) -> Outcome<Expr> {
        self.next();
        let mut pairs = Vec::new();
        while !self.is_sign("}") {
            if !pairs.is_empty() {
                self.expect_sign(",")?;
            }
            if self.is_sign("}") {
                break;
            }
            let key = self.expression()?;
            self.expect_sign(":")?;
            pairs.push((key, self.expression()?));
        }
        self.expect_sign("}")?;
        Ok(Expr::Dict(pairs))
    }

    fn postfix(&mut self, mut value: Expr) -> Outcome<Expr> {
        loop {
            self.link()?;
            value = match self.peek() {
                Token::Sign(".") | Token::Sign("[") => self.subscript(value)?,
                Token::Sign("(") => Expr::Call(Box::new(value), self.arguments()?),
                _ => return Ok(value),
            };
        }
    }

    fn filters_and_tests(&mut self, mut value: Expr) -> Outcome<Expr> {
        loop {
            self.link()?;
            if self.skip_sign("|") {
                value = Expr::Filter(Box::new(value), self.filter_call()?);
            } else if self.skip_name("is") {
                value = self.test(value)?;
            } else if self.is_sign("(") {
                // A filter gave something to call.
                value = Expr::Call(Box::new(value), self.arguments()?);
            } else {
                return Ok(value);
            }
        }
    }

    fn subscript(&mut self, value: Expr) -> Outcome<Expr> {
        if self.skip_sign(".") {
            return match self.next() {
                Token::Name(name) => Ok(Expr::Attribute(Box::new(value), name)),
                Token::Int(index) => Ok(Expr::Item(Box::new(value), Box::new(Expr::Int(index)))),
                _ => {
                    self.at -= 1;
                    Err(self.unexpected("a name"))
                }
            };
        }
        self.expect_sign("[")?;
        let mut items = Vec::new();
        loop {
            match self.slice_or_index()? {
                Subscript::Slice(bounds) => {
                    self.expect_sign("]")?;
                    return match items.is_empty() {
                        true => Ok(Expr::Slice(Box::new(value), bounds)),
                        false => Err(syntax("a slice among several indexes means nothing")),
                    };
                }
                Subscript::Index(index) => items.push(index),
            }
            if !self.skip_sign(",") {
                break;
            }
        }
        self.expect_sign("]")?;
        let index = match (items.len(), items.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                items.extend(last);
                Expr::Tuple(items)
            }
        };
        Ok(Expr::Item(Box::new(value), Box::new(index)))
    }

    fn slice_or_index(&mut self) -> Outcome<Subscript> {
        let bound = |parser: &mut Self| match parser.is_sign(":") || parser.is_sign("]") {
            true => Ok(None),
            false => parser.expression().map(Some),
        };
        let start = bound(self)?;
        if !self.skip_sign(":") {
            return match start {
                Some(index) => Ok(Subscript::Index(index)),
                None => Err(self.unexpected("an index")),
            };
        }
        let stop = bound(self)?;
        let step = match self.skip_sign(":") {
            true => bound(self)?,
            false => None,
        };
        Ok(Subscript::Slice(Box::new([start, stop, step])))
    }

    pub(super) fn arguments(&mut self) -> Outcome<Vec<Argument>> {
        self.expect_sign("(")?;
        let mut arguments = Vec::new();
        while !self.is_sign(")") {
            if !arguments.is_empty() {
                self.expect_sign(",")?;
                if self.is_sign(")") {
                    break;
                }
            }
            let is_named = matches!(
                (self.peek(), self.peek_at(1)),
                (Token::Name(_), Token::Sign("="))
            );
            if self.skip_sign("**") {
                arguments.push(Argument::SpreadNamed(self.expression()?));
            } else if self.skip_sign("*") {
                arguments.push(Argument::Spread(self.expression()?));
            } else if is_named {
                let name = self.expect_name()?;
                self.next();
                arguments.push(Argument::Named(name, self.expression()?));
            } else if matches!(
                arguments.last(),
                Some(Argument::Named(..) | Argument::SpreadNamed(_))
            ) {
                return Err(syntax("an argument without a name follows one with a name"));
            } else {
                arguments.push(Argument::Plain(self.expression()?));
            }
        }
        self.expect_sign(")")?;
        Ok(arguments)
    }

    fn test(&mut self, value: Expr) -> Outcome<Expr> {
        let is_negated = self.skip_name("not");
        let name = self.dotted_name()?;
        let is_word =
            |name: &str| matches!(name, "else" | "or" | "and" | "if" | "recursive" | "in");
        let arguments = match self.peek() {
            Token::Sign("(") => self.arguments()?,
            Token::Name(next) if &**next == "is" => {
                return Err(syntax("tests cannot be chained with `is`"));
            }
            Token::Name(next) if is_word(next) || &**next == "not" => Vec::new(),
            Token::Name(_)
            | Token::Str(_)
            | Token::Int(_)
            | Token::Float(_)
            | Token::Sign("[" | "{") => {
                let argument = self.primary()?;
                vec![Argument::Plain(self.postfix(argument)?)]
            }
            _ => Vec::new(),
        };
        Ok(Expr::Test {
            value: Box::new(value),
            name,
            arguments,
            is_negated,
        })
    }
}

enum Subscript {
    Index(Expr),
    Slice(Box<[Option<Expr>; 3]>),
}
