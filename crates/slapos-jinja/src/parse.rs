//! From tokens to the tree: statements here, expressions in expression.rs.

use std::rc::Rc;

use crate::ast::{
    Block, Expr, FilterCall, ForLoop, MacroDefinition, Mentions, Node, Statement, Target,
};
use crate::error::{ErrorKind, Failure, Outcome, failure};
use crate::lex::{Lexeme, Token, lex};
use crate::{Extension, limits};

mod expression;

/// Parses a template.
pub(crate) fn parse(template: &str, name: &str, extensions: &[Extension]) -> Outcome<Block> {
    let lexemes = lex(template, name)?;
    let mut parser = Parser {
        lexemes,
        at: 0,
        extensions,
        nesting: 0,
        loops: 0,
        links: 0,
        mentions: Mentions::default(),
    };
    parser.template().map_err(|mut error| {
        if error.place.is_none() {
            error.place = Some((name.to_owned(), parser.line()));
        }
        error
    })
}

pub(super) struct Parser<'e> {
    lexemes: Vec<Lexeme>,
    at: usize,
    extensions: &'e [Extension],
    nesting: u32,
    /// Loops around the current statement, for `break`.
    loops: u32,
    /// Operators, attributes and filters of the current statement.
    links: u32,
    /// Of the macro around the current statement.
    mentions: Mentions,
}

fn syntax(message: impl Into<String>) -> Box<Failure> {
    failure(ErrorKind::Syntax, message)
}

impl Parser<'_> {
    fn line(&self) -> u32 {
        self.lexemes
            .get(self.at)
            .or(self.lexemes.last())
            .map_or(1, |lexeme| lexeme.line)
    }

    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        let last = self.lexemes.len() - 1;
        &self.lexemes[(self.at + ahead).min(last)].token
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        if self.at + 1 < self.lexemes.len() {
            self.at += 1;
        }
        token
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(there) if *there == sign)
    }

    fn skip_sign(&mut self, sign: &str) -> bool {
        let is_there = self.is_sign(sign);
        if is_there {
            self.next();
        }
        is_there
    }

    fn expect_sign(&mut self, sign: &'static str) -> Outcome<()> {
        if self.skip_sign(sign) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{sign}`")))
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Token::Name(there) if &**there == name)
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let is_there = self.is_name(name);
        if is_there {
            self.next();
        }
        is_there
    }

    fn expect_name(&mut self) -> Outcome<Rc<str>> {
        match self.next() {
            Token::Name(name) => Ok(name),
            _ => {
                self.at = self.at.saturating_sub(1);
                Err(self.unexpected("a name"))
            }
        }
    }

    fn expect_word(&mut self, word: &'static str) -> Outcome<()> {
        if self.skip_name(word) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{word}`")))
    }

    fn unexpected(&self, wanted: &str) -> Box<Failure> {
        let there = match self.peek() {
            Token::Text(_) => "text".to_owned(),
            Token::PrintBegin => "`{{`".to_owned(),
            Token::PrintEnd => "`}}`".to_owned(),
            Token::BlockBegin => "`{%`".to_owned(),
            Token::BlockEnd => "`%}`".to_owned(),
            Token::Name(name) => format!("`{name}`"),
            Token::Str(_) => "a string".to_owned(),
            Token::Int(_) | Token::Float(_) => "a number".to_owned(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end of the template".to_owned(),
        };
        syntax(format!("expected {wanted}, found {there}"))
    }

    /// Counts a level; pair each with `self.nesting -= 1`.
    fn nest(&mut self) -> Outcome<()> {
        self.nesting += 1;
        if self.nesting > limits::NESTING_MAX {
            let message = format!("more than {} levels within each other", limits::NESTING_MAX);
            return Err(failure(ErrorKind::Limit, message));
        }
        Ok(())
    }

    /// Counts one more operator of a chain, which makes the tree one level deeper.
    fn link(&mut self) -> Outcome<()> {
        self.links += 1;
        if self.links > limits::LINKS_MAX {
            let message = format!("more than {} operators in one statement", limits::LINKS_MAX);
            return Err(failure(ErrorKind::Limit, message));
        }
        Ok(())
    }

    fn template(&mut self) -> Outcome<Block> {
        let (block, _) = self.block(&[])?;
        Ok(block)
    }

    /// Statements up to one of these tags, whose name is taken; none is up to the end.
    fn block(&mut self, ends: &[&'static str]) -> Outcome<(Block, &'static str)> {
        self.nest()?;
        let mut block = Vec::new();
        loop {
            let line = self.line();
            self.links = 0;
            match self.next() {
                Token::End if ends.is_empty() => {
                    self.nesting -= 1;
                    return Ok((block, ""));
                }
                Token::End => {
                    let wanted = ends.join("` or `");
                    return Err(syntax(format!(
                        "the template ends where `{wanted}` was expected"
                    )));
                }
                Token::Text(text) => block.push(Node {
                    line,
                    kind: Statement::Text(text),
                }),
                Token::PrintBegin => {
                    let expression = self.tuple(true)?;
                    self.expect_print_end()?;
                    block.push(Node {
                        line,
                        kind: Statement::Print(expression),
                    });
                }
                Token::BlockBegin => {
                    if let Some(end) = ends.iter().find(|end| self.is_name(end)) {
                        self.next();
                        self.nesting -= 1;
                        return Ok((block, end));
                    }
                    let kind = self.statement()?;
                    block.push(Node { line, kind });
                }
                _ => return Err(self.unexpected("text or a tag")),
            }
        }
    }

    fn expect_print_end(&mut self) -> Outcome<()> {
        match self.peek() {
            Token::PrintEnd => {
                self.next();
                Ok(())
            }
            _ => Err(self.unexpected("`}}`")),
        }
    }

    fn expect_block_end(&mut self) -> Outcome<()> {
        match self.peek() {
            Token::BlockEnd => {
                self.next();
                Ok(())
            }
            _ => Err(self.unexpected("`%}`")),
        }
    }

    fn statement(&mut self) -> Outcome<Statement> {
        let tag = self.expect_name()?;
        let statement = match &*tag {
            "if" => return self.if_statement(),
            "for" => return self.for_statement(),
            "set" => return self.set(),
            "with" => return self.with(),
            "macro" => return self.macro_statement(),
            "call" => return self.call(),
            "filter" => return self.filter_block(),
            "block" => return self.plain_block(),
            "autoescape" => return self.autoescape(),
            "include" => self.include()?,
            "import" => self.import()?,
            "from" => self.import_names()?,
            "print" => Statement::Print(self.tuple(true)?),
            "do" if self.has(Extension::Do) => Statement::Do(self.tuple(true)?),
            "break" if self.has(Extension::LoopControls) && self.loops > 0 => Statement::Break,
            "continue" if self.has(Extension::LoopControls) && self.loops > 0 => {
                Statement::Continue
            }
            other => return Err(self.unknown_tag(other)),
        };
        self.expect_block_end()?;
        Ok(statement)
    }

    fn has(&self, extension: Extension) -> bool {
        self.extensions.contains(&extension)
    }

    fn unknown_tag(&self, tag: &str) -> Box<Failure> {
        let hint = match tag {
            "do" => "; add `extensions = jinja2.ext.do`",
            "break" | "continue" if self.loops > 0 => {
                "; add `extensions = jinja2.ext.loopcontrols`"
            }
            "break" | "continue" => " outside of a loop",
            "extends" => {
                "; templates that extend each other are not built in, use `import` or `include`"
            }
            _ if tag.starts_with("end") => "; nothing is open that it would close",
            _ => "",
        };
        syntax(format!("the tag `{tag}` is not known here{hint}"))
    }

    fn if_statement(&mut self) -> Outcome<Statement> {
        let mut branches = Vec::new();
        loop {
            let condition = self.tuple(false)?;
            self.expect_block_end()?;
            let (body, end) = self.block(&["elif", "else", "endif"])?;
            branches.push((condition, body));
            match end {
                "elif" => {}
                "else" => {
                    self.expect_block_end()?;
                    let (otherwise, _) = self.block(&["endif"])?;
                    self.expect_block_end()?;
                    return Ok(Statement::If(branches, otherwise));
                }
                _ => {
                    self.expect_block_end()?;
                    return Ok(Statement::If(branches, Vec::new()));
                }
            }
        }
    }

    fn for_statement(&mut self) -> Outcome<Statement> {
        let target = self.target()?;
        self.expect_word("in")?;
        let items = self.tuple_until_condition()?;
        let condition = match self.skip_name("if") {
            true => Some(self.expression()?),
            false => None,
        };
        let is_recursive = self.skip_name("recursive");
        self.expect_block_end()?;
        self.loops += 1;
        let (body, end) = self.block(&["endfor", "else"])?;
        self.loops -= 1;
        self.expect_block_end()?;
        let otherwise = match end {
            "else" => {
                let (otherwise, _) = self.block(&["endfor"])?;
                self.expect_block_end()?;
                otherwise
            }
            _ => Vec::new(),
        };
        Ok(Statement::For(Rc::new(ForLoop {
            target,
            items,
            condition,
            is_recursive,
            body,
            otherwise,
        })))
    }

    /// A name, `ns.name`, or several.
    fn target(&mut self) -> Outcome<Target> {
        let mut targets = vec![self.one_target()?];
        let mut is_tuple = false;
        while self.skip_sign(",") {
            is_tuple = true;
            if self.is_name("in") || self.is_sign("=") {
                break;
            }
            targets.push(self.one_target()?);
        }
        match (is_tuple, targets.pop()) {
            (false, Some(only)) => Ok(only),
            (_, last) => {
                targets.extend(last);
                Ok(Target::Tuple(targets))
            }
        }
    }

    fn one_target(&mut self) -> Outcome<Target> {
        if self.skip_sign("(") {
            self.nest()?;
            let inner = self.target()?;
            self.nesting -= 1;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        let name = self.expect_name()?;
        if matches!(
            &*name,
            "true" | "false" | "none" | "True" | "False" | "None"
        ) {
            return Err(syntax(format!("nothing can be assigned to `{name}`")));
        }
        match self.skip_sign(".") {
            true => Ok(Target::Attribute(name, self.expect_name()?)),
            false => Ok(Target::Name(name)),
        }
    }

    fn set(&mut self) -> Outcome<Statement> {
        let target = self.target()?;
        if self.skip_sign("=") {
            let value = self.tuple(true)?;
            self.expect_block_end()?;
            return Ok(Statement::Set(target, value));
        }
        let mut filters = Vec::new();
        while self.skip_sign("|") {
            filters.push(self.filter_call()?);
        }
        self.expect_block_end()?;
        let (body, _) = self.block(&["endset"])?;
        self.expect_block_end()?;
        Ok(Statement::SetBlock(target, filters, body))
    }

    fn with(&mut self) -> Outcome<Statement> {
        let mut pairs = Vec::new();
        while !matches!(self.peek(), Token::BlockEnd) {
            if !pairs.is_empty() {
                self.expect_sign(",")?;
            }
            let target = self.one_target()?;
            self.expect_sign("=")?;
            pairs.push((target, self.expression()?));
        }
        self.expect_block_end()?;
        let (body, _) = self.block(&["endwith"])?;
        self.expect_block_end()?;
        Ok(Statement::With(pairs, body))
    }

    fn macro_statement(&mut self) -> Outcome<Statement> {
        let name = self.expect_name()?;
        let (parameters, defaults) = self.signature()?;
        self.expect_block_end()?;
        let (body, mentions) = self.macro_body("endmacro")?;
        Ok(Statement::Macro(Rc::new(MacroDefinition {
            name,
            parameters,
            defaults,
            body,
            mentions,
        })))
    }

    /// The body of a macro, and what it mentions; the macro around it is taken to mention that too.
    fn macro_body(&mut self, end: &'static str) -> Outcome<(Block, Mentions)> {
        let around = std::mem::take(&mut self.mentions);
        let body = self.own_block(&[end])?;
        let own = self.mentions;
        self.mentions = Mentions {
            caller: around.caller || own.caller,
            kwargs: around.kwargs || own.kwargs,
            varargs: around.varargs || own.varargs,
        };
        Ok((body, own))
    }

    /// A block in which no loop around it can be left.
    fn own_block(&mut self, ends: &[&'static str]) -> Outcome<Block> {
        let loops = std::mem::take(&mut self.loops);
        let (body, _) = self.block(ends)?;
        self.loops = loops;
        // The name may follow, as in `{% endmacro name %}` and `{% endblock name %}`.
        if matches!(self.peek(), Token::Name(_)) {
            self.next();
        }
        self.expect_block_end()?;
        Ok(body)
    }

    fn signature(&mut self) -> Outcome<(Vec<Rc<str>>, Vec<Expr>)> {
        let (mut parameters, mut defaults) = (Vec::new(), Vec::new());
        self.expect_sign("(")?;
        while !self.is_sign(")") {
            if !parameters.is_empty() {
                self.expect_sign(",")?;
                if self.is_sign(")") {
                    break;
                }
            }
            parameters.push(self.expect_name()?);
            if self.skip_sign("=") {
                defaults.push(self.expression()?);
            } else if !defaults.is_empty() {
                return Err(syntax(
                    "a parameter without a default follows one that has a default",
                ));
            }
        }
        self.expect_sign(")")?;
        Ok((parameters, defaults))
    }

    fn call(&mut self) -> Outcome<Statement> {
        let (parameters, defaults) = match self.is_sign("(") {
            true => self.signature()?,
            false => (Vec::new(), Vec::new()),
        };
        let call = self.expression()?;
        if !matches!(call, Expr::Call(..)) {
            return Err(syntax("`call` needs a call of a macro"));
        }
        self.expect_block_end()?;
        let (body, mentions) = self.macro_body("endcall")?;
        let caller = MacroDefinition {
            name: Rc::from("caller"),
            parameters,
            defaults,
            body,
            mentions,
        };
        Ok(Statement::Call(call, Rc::new(caller)))
    }

    fn filter_block(&mut self) -> Outcome<Statement> {
        let mut filters = vec![self.filter_call()?];
        while self.skip_sign("|") {
            filters.push(self.filter_call()?);
        }
        self.expect_block_end()?;
        let (body, _) = self.block(&["endfilter"])?;
        self.expect_block_end()?;
        Ok(Statement::FilterBlock(filters, body))
    }

    fn plain_block(&mut self) -> Outcome<Statement> {
        self.expect_name()?;
        let is_scoped = self.skip_name("scoped");
        self.expect_block_end()?;
        let body = self.own_block(&["endblock"])?;
        Ok(Statement::Block { body, is_scoped })
    }

    /// Profiles are never HTML, so it changes nothing.
    fn autoescape(&mut self) -> Outcome<Statement> {
        self.expression()?;
        self.expect_block_end()?;
        let (body, _) = self.block(&["endautoescape"])?;
        self.expect_block_end()?;
        Ok(Statement::With(Vec::new(), body))
    }

    fn include(&mut self) -> Outcome<Statement> {
        let name = self.expression()?;
        let ignores_missing = self.is_name("ignore") && {
            self.next();
            self.expect_word("missing")?;
            true
        };
        let with_context = self.context_words(true)?;
        Ok(Statement::Include {
            name,
            ignores_missing,
            with_context,
        })
    }

    fn context_words(&mut self, default: bool) -> Outcome<bool> {
        let is_with = self.is_name("with");
        if !(is_with || self.is_name("without")) {
            return Ok(default);
        }
        self.next();
        self.expect_word("context")?;
        Ok(is_with)
    }

    fn import(&mut self) -> Outcome<Statement> {
        let name = self.expression()?;
        self.expect_word("as")?;
        let target = self.expect_name()?;
        let with_context = self.context_words(false)?;
        Ok(Statement::Import {
            name,
            target,
            with_context,
        })
    }

    fn import_names(&mut self) -> Outcome<Statement> {
        let name = self.expression()?;
        self.expect_word("import")?;
        let mut names = Vec::new();
        let mut with_context = false;
        while !matches!(self.peek(), Token::BlockEnd) {
            if !names.is_empty() && !self.is_name("with") && !self.is_name("without") {
                self.expect_sign(",")?;
            }
            let is_context = (self.is_name("with") || self.is_name("without"))
                && matches!(self.peek_at(1), Token::Name(name) if &**name == "context");
            if is_context {
                with_context = self.context_words(false)?;
                break;
            }
            let name = self.expect_name()?;
            let alias = match self.skip_name("as") {
                true => self.expect_name()?,
                false => Rc::clone(&name),
            };
            names.push((name, alias));
        }
        Ok(Statement::FromImport {
            name,
            names,
            with_context,
        })
    }

    fn filter_call(&mut self) -> Outcome<FilterCall> {
        let name = self.dotted_name()?;
        let arguments = match self.is_sign("(") {
            true => self.arguments()?,
            false => Vec::new(),
        };
        Ok(FilterCall { name, arguments })
    }

    fn dotted_name(&mut self) -> Outcome<Rc<str>> {
        let mut name = self.expect_name()?.to_string();
        while self.skip_sign(".") {
            name = format!("{name}.{}", self.expect_name()?);
        }
        Ok(Rc::from(name))
    }
}
