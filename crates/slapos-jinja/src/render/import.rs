//! Other templates: `include`, `import`, `from … import`.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Frame, Machine, Scope};
use crate::ast::{Block, Expr, Statement};
use crate::error::{ErrorKind, Outcome, fail, type_error};
use crate::parse::parse;
use crate::value::{Nest, Object, Value};

impl Machine<'_> {
    pub(super) fn other_template(
        &self,
        frame: &Frame,
        statement: &Statement,
        out: &mut String,
    ) -> Outcome<()> {
        self.deeper(|| self.include_or_import(frame, statement, out))
    }

    fn include_or_import(
        &self,
        frame: &Frame,
        statement: &Statement,
        out: &mut String,
    ) -> Outcome<()> {
        match statement {
            Statement::Include {
                name,
                ignores_missing,
                with_context,
            } => match self.first_template(frame, name)? {
                Some((name, block)) => {
                    let inner = self.frame_of(frame, &name, *with_context);
                    self.block(&inner, &block, out).map(drop)
                }
                None if *ignores_missing => Ok(()),
                None => self.not_found(frame, name),
            },
            Statement::Import {
                name,
                target,
                with_context,
            } => {
                let module = self.import(frame, name, *with_context)?;
                frame.scope.set_imported(target, module);
                Ok(())
            }
            Statement::FromImport {
                name,
                names,
                with_context,
            } => {
                let module = self.import(frame, name, *with_context)?;
                let Value::Object(module) = module else {
                    return type_error("no module");
                };
                for (name, alias) in names {
                    if name.starts_with('_') {
                        let message = format!("the name `{name}` is private to its template");
                        return fail(ErrorKind::Syntax, message);
                    }
                    let found = module.attributes.borrow().get(name).cloned();
                    let value = found.unwrap_or_else(|| {
                        let template = &module.printed;
                        Value::missing(format!("the template {template} does not export `{name}`"))
                    });
                    frame.scope.set_imported(alias, value);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn import(&self, frame: &Frame, name: &Expr, with_context: bool) -> Outcome<Value> {
        let Some((name, block)) = self.first_template(frame, name)? else {
            return self.not_found(frame, name);
        };
        if !with_context && let Some(module) = self.modules.borrow().get(&name) {
            return Ok(module.clone());
        }
        let inner = self.frame_of(frame, &name, with_context);
        let mut text = String::new();
        self.block(&inner, &block, &mut text)?;
        let names = inner.scope.names.borrow();
        let imported = inner.scope.imported.borrow();
        let exported = names
            .iter()
            .filter(|(name, _)| !name.starts_with('_') && !imported.contains(name));
        let module = Value::Object(Rc::new(Object {
            kind: "TemplateModule",
            printed: Rc::from(text),
            attributes: RefCell::new(Nest::new(
                exported.map(|(n, v)| (Rc::clone(n), v.clone())).collect(),
            )),
            ..Object::default()
        }));
        drop((names, imported));
        if !with_context {
            self.modules.borrow_mut().insert(name, module.clone());
        }
        Ok(module)
    }

    fn frame_of(&self, frame: &Frame, name: &str, with_context: bool) -> Frame {
        let scope = match with_context {
            true => Scope::included(Rc::clone(&frame.scope)),
            false => Scope::new(None),
        };
        Frame::top(scope, &Rc::from(name))
    }

    /// The first of the named templates that is there.
    fn first_template(&self, frame: &Frame, name: &Expr) -> Outcome<Option<(String, Rc<Block>)>> {
        let named = self.evaluate(frame, name)?;
        let names = named.sequence(self)?.unwrap_or_else(|| vec![named.clone()]);
        for name in names {
            let name = name.as_str("the name of a template")?.to_string();
            if let Some(block) = self.templates.borrow().get(&name) {
                return Ok(Some((name, Rc::clone(block))));
            }
            match self.settings.templates.load(&name) {
                None => {}
                Some(Err(reason)) => return fail(ErrorKind::NotFound, reason),
                Some(Ok(text)) => {
                    let block = Rc::new(parse(&text, &name, self.settings.extensions)?);
                    let kept = Rc::clone(&block);
                    self.templates.borrow_mut().insert(name.clone(), kept);
                    return Ok(Some((name, block)));
                }
            }
        }
        Ok(None)
    }

    fn not_found<T>(&self, frame: &Frame, name: &Expr) -> Outcome<T> {
        let name = self.evaluate(frame, name)?.repr(self)?;
        fail(
            ErrorKind::NotFound,
            format!(
                "there is no template {name}; the option `import-list` names those that can be imported"
            ),
        )
    }
}
