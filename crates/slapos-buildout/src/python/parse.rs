//! Tokens to expressions, by precedence from `x if c else y` down to atoms.

use super::lex::{Token, tokens};
use super::{Arithmetic, Comparison, Expr};
use crate::Typed;
use crate::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_OPERATIONS_MAX};

/// The expression that the whole text is, or what is wrong with it; the text begins with a verb and fits behind "it".
pub(crate) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
        operations: 0,
    };
    if parser.tokens.is_empty() {
        return Err("is empty".to_owned());
    }
    let expression = parser.open_tuple()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.unexpected()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    operations: usize,
}

type Parsed = Result<Expr, String>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(here)) if *here == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(here)) if here == word)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is_here = self.is_sign(sign);
        self.at += usize::from(is_here);
        is_here
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_here = self.is_word(word);
        self.at += usize::from(is_here);
        is_here
    }

    fn expect_sign(&mut self, sign: &str) -> Result<(), String> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn unexpected(&self) -> String {
        match self.peek() {
            None => "ends too early".to_owned(),
            Some(Token::Sign(sign)) => format!("has `{sign}` where it does not belong"),
            Some(Token::Name(name)) => format!("has `{name}` where it does not belong"),
            Some(Token::Literal(value)) => {
                format!("has `{}` where it does not belong", value.repr_lossy())
            }
        }
    }

    /// An expression, or several with commas between, which are a tuple without brackets.
    fn open_tuple(&mut self) -> Parsed {
        let first = self.choice()?;
        if !self.is_sign(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take_sign(",") && self.peek().is_some() {
            items.push(self.choice()?);
        }
        Ok(Expr::Tuple(items))
    }

    fn choice(&mut self) -> Parsed {
        self.deeper()?;
        let mut value = self.or()?;
        if self.take_word("if") {
            let condition = self.or()?;
            if !self.take_word("else") {
                return Err(self.unexpected());
            }
            let other = self.choice()?;
            value = Expr::Choice(Box::new(value), Box::new(condition), Box::new(other));
        }
        self.depth -= 1;
        Ok(value)
    }

    fn or(&mut self) -> Parsed {
        let mut all = vec![self.and()?];
        while self.take_word("or") {
            all.push(self.and()?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Expr::Or(all),
        })
    }

    fn and(&mut self) -> Parsed {
        let mut all = vec![self.not()?];
        while self.take_word("and") {
            all.push(self.not()?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Expr::And(all),
        })
    }

    fn not(&mut self) -> Parsed {
        // A loop and not recursion: `not not not …` needs no bracket and so no depth.
        let mut count = 0usize;
        while self.take_word("not") {
            count += 1;
        }
        let value = self.comparison()?;
        Ok(match count {
            0 => value,
            n if n % 2 == 1 => Expr::Not(Box::new(value)),
            _ => Expr::Not(Box::new(Expr::Not(Box::new(value)))),
        })
    }

    fn comparison(&mut self) -> Parsed {
        let first = self.bits()?;
        let mut others = Vec::new();
        while let Some(operator) = self.take_comparison()? {
            others.push((operator, self.bits()?));
        }
        Ok(if others.is_empty() {
            first
        } else {
            Expr::Compare(Box::new(first), others)
        })
    }

    fn take_comparison(&mut self) -> Result<Option<Comparison>, String> {
        let operator = match self.peek() {
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::LessOrEqual,
            Some(Token::Sign("==")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::NotEqual,
            Some(Token::Sign(">=")) => Comparison::GreaterOrEqual,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Name(word)) if word == "in" => Comparison::In,
            Some(Token::Name(word)) if word == "is" => Comparison::Is,
            Some(Token::Name(word)) if word == "not" => {
                self.at += 1;
                return if self.take_word("in") {
                    Ok(Some(Comparison::NotIn))
                } else {
                    Err(self.unexpected())
                };
            }
            _ => return Ok(None),
        };
        self.at += 1;
        let is_negated = operator == Comparison::Is && self.take_word("not");
        Ok(Some(if is_negated {
            Comparison::IsNot
        } else {
            operator
        }))
    }

    fn bits(&mut self) -> Parsed {
        self.chain(&[("|", Arithmetic::BitOr)], |it| {
            it.chain(&[("^", Arithmetic::BitXor)], |it| {
                it.chain(&[("&", Arithmetic::BitAnd)], Self::sum)
            })
        })
    }

    fn sum(&mut self) -> Parsed {
        let signs = [("+", Arithmetic::Add), ("-", Arithmetic::Subtract)];
        self.chain(&signs, Self::product)
    }

    fn product(&mut self) -> Parsed {
        let signs = [
            ("*", Arithmetic::Multiply),
            ("//", Arithmetic::FloorDivide),
            ("%", Arithmetic::Remainder),
        ];
        self.chain(&signs, Self::signed)
    }

    /// Operands with these signs between, from the left.
    fn chain(&mut self, signs: &[(&str, Arithmetic)], operand: fn(&mut Self) -> Parsed) -> Parsed {
        let mut left = operand(self)?;
        while let Some((_, operator)) = signs.iter().find(|(sign, _)| self.is_sign(sign)) {
            self.at += 1;
            left = self.binary(left, *operator, operand)?;
        }
        Ok(left)
    }

    /// A chain makes a tree as deep as it is long, and trees are walked by recursion; so the number is bounded.
    fn binary(&mut self, left: Expr, sign: Arithmetic, right: fn(&mut Self) -> Parsed) -> Parsed {
        self.operations += 1;
        if self.operations > EXPRESSION_OPERATIONS_MAX {
            return Err(format!(
                "has more than {EXPRESSION_OPERATIONS_MAX} operations"
            ));
        }
        let right = right(self)?;
        Ok(Expr::Arithmetic(Box::new(left), sign, Box::new(right)))
    }

    fn signed(&mut self) -> Parsed {
        if self.take_sign("-") {
            self.deeper()?;
            let value = self.signed()?;
            self.depth -= 1;
            return Ok(Expr::Negative(Box::new(value)));
        }
        if self.take_sign("+") {
            self.deeper()?;
            let value = self.signed()?;
            self.depth -= 1;
            return Ok(Expr::Positive(Box::new(value)));
        }
        self.trailers()
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > EXPRESSION_DEPTH_MAX {
            return Err(format!("is nested more than {EXPRESSION_DEPTH_MAX} deep"));
        }
        Ok(())
    }

    /// An atom with `.name`, `(…)` and `[…]` behind it.
    fn trailers(&mut self) -> Parsed {
        let mut value = self.atom()?;
        let mut count = 0usize;
        loop {
            count += 1;
            if count > EXPRESSION_DEPTH_MAX {
                return Err(format!("chains more than {EXPRESSION_DEPTH_MAX} calls"));
            }
            if self.take_sign(".") {
                let Some(Token::Name(name)) = self.peek().cloned() else {
                    return Err(self.unexpected());
                };
                self.at += 1;
                value = Expr::Attribute(Box::new(value), name);
            } else if self.take_sign("(") {
                value = Expr::Call(Box::new(value), self.arguments()?);
            } else if self.take_sign("[") {
                value = self.subscript(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<(Option<String>, Expr)>, String> {
        let mut all = Vec::new();
        while !self.take_sign(")") {
            let keyword = match (self.tokens.get(self.at), self.tokens.get(self.at + 1)) {
                (Some(Token::Name(name)), Some(Token::Sign("="))) => Some(name.clone()),
                _ => None,
            };
            self.at += if keyword.is_some() { 2 } else { 0 };
            all.push((keyword, self.choice()?));
            if !self.take_sign(",") && !self.is_sign(")") {
                return Err(self.unexpected());
            }
        }
        Ok(all)
    }

    fn subscript(&mut self, value: Expr) -> Parsed {
        let start = if self.is_sign(":") {
            None
        } else {
            Some(Box::new(self.choice()?))
        };
        if self.take_sign(":") {
            let end = if self.is_sign("]") {
                None
            } else {
                Some(Box::new(self.choice()?))
            };
            self.expect_sign("]")?;
            return Ok(Expr::Slice(Box::new(value), start, end));
        }
        self.expect_sign("]")?;
        match start {
            Some(index) => Ok(Expr::Index(Box::new(value), index)),
            None => Err(self.unexpected()),
        }
    }

    fn atom(&mut self) -> Parsed {
        let Some(token) = self.peek().cloned() else {
            return Err(self.unexpected());
        };
        match token {
            Token::Literal(literal) => {
                self.at += 1;
                self.joined_strings(literal)
            }
            Token::Name(name) => self.name(name),
            Token::Sign("(") => self.parenthesis(),
            Token::Sign("[") => self.list(),
            Token::Sign("{") => self.braces(),
            Token::Sign(_) => Err(self.unexpected()),
        }
    }

    /// Strings next to each other are one.
    fn joined_strings(&mut self, first: Typed) -> Parsed {
        let mut whole = first;
        loop {
            match (&mut whole, self.peek()) {
                (Typed::Str(text), Some(Token::Literal(Typed::Str(more)))) => text.push_str(more),
                (Typed::Bytes(bytes), Some(Token::Literal(Typed::Bytes(more)))) => {
                    bytes.extend(more);
                }
                _ => return Ok(Expr::Literal(whole)),
            }
            self.at += 1;
        }
    }

    fn name(&mut self, name: String) -> Parsed {
        const KEYWORDS: [&str; 12] = [
            "and", "or", "not", "in", "is", "if", "else", "for", "lambda", "await", "yield",
            "async",
        ];
        if KEYWORDS.contains(&name.as_str()) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(match name.as_str() {
            "None" => Expr::Literal(Typed::None),
            "True" => Expr::Literal(Typed::Bool(true)),
            "False" => Expr::Literal(Typed::Bool(false)),
            _ => Expr::Name(name),
        })
    }

    fn parenthesis(&mut self) -> Parsed {
        self.at += 1;
        if self.take_sign(")") {
            return Ok(Expr::Tuple(Vec::new()));
        }
        let first = self.choice()?;
        if self.take_sign(")") {
            return Ok(first);
        }
        if self.is_word("for") {
            return self.comprehension(first, ")");
        }
        self.items(first, ")").map(Expr::Tuple)
    }

    fn list(&mut self) -> Parsed {
        self.at += 1;
        if self.take_sign("]") {
            return Ok(Expr::List(Vec::new()));
        }
        let first = self.choice()?;
        if self.is_word("for") {
            return self.comprehension(first, "]");
        }
        self.items(first, "]").map(Expr::List)
    }

    /// The items behind the first, up to the closing bracket.
    fn items(&mut self, first: Expr, end: &str) -> Result<Vec<Expr>, String> {
        let mut items = vec![first];
        while !self.take_sign(end) {
            self.expect_sign(",")?;
            if self.take_sign(end) {
                break;
            }
            items.push(self.choice()?);
        }
        Ok(items)
    }

    fn comprehension(&mut self, value: Expr, end: &str) -> Parsed {
        self.at += 1;
        let Some(Token::Name(name)) = self.peek().cloned() else {
            return Err(self.unexpected());
        };
        self.at += 1;
        if !self.take_word("in") {
            return Err(self.unexpected());
        }
        let items = Box::new(self.or()?);
        let mut conditions = Vec::new();
        while self.take_word("if") {
            conditions.push(self.or()?);
        }
        self.expect_sign(end)?;
        Ok(Expr::Comprehension {
            value: Box::new(value),
            name,
            items,
            conditions,
        })
    }

    fn braces(&mut self) -> Parsed {
        self.at += 1;
        if self.take_sign("}") {
            return Ok(Expr::Dict(Vec::new()));
        }
        let first = self.choice()?;
        if !self.take_sign(":") {
            return self.items(first, "}").map(Expr::Set);
        }
        let mut pairs = vec![(first, self.choice()?)];
        while !self.take_sign("}") {
            self.expect_sign(",")?;
            if self.take_sign("}") {
                break;
            }
            let key = self.choice()?;
            self.expect_sign(":")?;
            pairs.push((key, self.choice()?));
        }
        Ok(Expr::Dict(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_of_good_expressions_reads_them_whole() {
        for text in [
            "a.b(c, d=1)[2:].e",
            "not a and b or c if d else e",
            "1 < 2 <= 3 != 4",
            "x not in (1,) and y is not None",
            "[int(q) for q in a.split('.')[:2] if q]",
            "{'a': 1, 'b': [2, (3,)],}",
            "{1, 2}",
            "-1 + +2 * 3 // 4 % 5",
            "'a' 'b'",
            "1, 2",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn parse_of_bad_expressions_says_what_is_wrong() {
        for text in [
            "",
            "1 <",
            "(1",
            "1 2",
            "a b",
            "[1:2",
            "f(",
            "{1:}",
            "lambda: 1",
            "a[]",
            ")",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("1 <").unwrap_err(), "ends too early");
        assert_eq!(
            parse("1 )").unwrap_err(),
            "has `)` where it does not belong"
        );
    }

    #[test]
    fn parse_of_deep_nesting_is_refused() {
        for open in ["(", "[", "{", "-", "a(", "a[", "not (", "1 if 1 else "] {
            assert!(parse(&open.repeat(10_000)).is_err(), "{open}");
        }
        assert!(parse(&format!("a{}", ".b".repeat(10_000))).is_err());
        assert!(parse(&format!("1{}", "+1".repeat(10_000))).is_err());
    }
}
