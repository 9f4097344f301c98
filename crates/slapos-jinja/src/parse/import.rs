//! Statements that bring in other templates: `include`, `import`, `from … import`.

use std::rc::Rc;

use super::Parser;
use crate::ast::Statement;
use crate::error::Outcome;
use crate::lex::Token;

impl Parser<'_> {
    pub(super) fn include(&mut self) -> Outcome<Statement> {
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

    pub(super) fn import(&mut self) -> Outcome<Statement> {
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

    pub(super) fn import_names(&mut self) -> Outcome<Statement> {
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
}
