//! Rendering: statements here, expressions in evaluate.rs, loops in loops.rs, calls and macros in call.rs.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use slapos_buildout::Typed;

use crate::ast::{Block, FilterCall, Node, Statement, Target};
use crate::error::{ErrorKind, Outcome, TemplateError, fail};
use crate::parse::parse;
use crate::value::{Dict, Key, Nest, Value, drop_flat, from_json_text};
use crate::{arguments::Arguments, filter, global, limits};

mod call;
mod evaluate;
mod import;
mod loops;
#[cfg(test)]
mod tests;

pub(crate) use evaluate::attribute;
pub(crate) use loops::LoopState;

/// A value that a template is given.
#[derive(Debug, Clone)]
pub struct Given(pub(crate) Value);

impl Given {
    #[must_use]
    pub fn text(text: &str) -> Given {
        Given(Value::text(text))
    }

    /// A typed value of a profile.
    #[must_use]
    pub fn typed(typed: &Typed) -> Given {
        Given(Value::from(typed))
    }

    /// The value of a JSON text; the error is a sentence.
    pub fn json(text: &str) -> Result<Given, String> {
        from_json_text(text)
            .map(Given)
            .map_err(|error| error.message)
    }

    /// A dictionary, such as the options of a section.
    #[must_use]
    pub fn dict(pairs: impl IntoIterator<Item = (String, Given)>) -> Given {
        let pairs = pairs
            .into_iter()
            .map(|(name, given)| (Key::text(&name), (Value::text(&name), given.0)));
        Given(Value::dict(pairs.collect::<Dict>()))
    }

    /// A Python module that is built in.
    #[must_use]
    pub fn module(name: &str) -> Option<Given> {
        crate::module::module(name).map(Given)
    }
}

/// What a template may use besides its context.
#[derive(Debug)]
pub struct Settings<'s> {
    /// What messages call the template.
    pub name: &'s str,
    pub extensions: &'s [Extension],
    /// Where `import` and `include` look.
    pub templates: &'s dyn Load,
}

/// Extensions of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `{% do %}`
    Do,
    /// `{% break %}` and `{% continue %}`
    LoopControls,
}

impl Extension {
    /// By the name in the option `extensions`; `jinja2.ext.with_` and the like are built in and need none.
    #[must_use]
    pub fn of(name: &str) -> Option<Extension> {
        match name {
            "jinja2.ext.do" => Some(Extension::Do),
            "jinja2.ext.loopcontrols" => Some(Extension::LoopControls),
            _ => None,
        }
    }
}

/// Gives the texts of other templates.
pub trait Load: std::fmt::Debug {
    /// None if there is no template of this name; an error is a sentence.
    fn load(&self, name: &str) -> Option<Result<String, String>>;
}

/// No other template.
#[derive(Debug, Clone, Copy)]
pub struct NoTemplates;

impl Load for NoTemplates {
    fn load(&self, _: &str) -> Option<Result<String, String>> {
        None
    }
}

/// What one rendering may take; more ends it with [`ErrorKind::Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Statements, expressions, items of loops.
    pub steps: u64,
    /// Bytes of all that is made.
    pub bytes: u64,
}

impl Default for Budget {
    /// What real templates never need.
    fn default() -> Budget {
        Budget {
            steps: limits::STEPS_MAX,
            bytes: limits::BYTES_MAX,
        }
    }
}

/// Renders a template.
pub fn render(
    template: &str,
    context: Vec<(String, Given)>,
    settings: &Settings<'_>,
) -> Result<String, TemplateError> {
    render_within(template, context, settings, Budget::default())
}

/// The same for who has less to give.
pub fn render_within(
    template: &str,
    context: Vec<(String, Given)>,
    settings: &Settings<'_>,
    budget: Budget,
) -> Result<String, TemplateError> {
    let machine = Machine::new(settings, budget);
    let result = parse(template, settings.name, settings.extensions).and_then(|block| {
        let names = context
            .into_iter()
            .map(|(name, given)| (Rc::from(name), given.0));
        let around = Scope::new(None);
        **around.names.borrow_mut() = names.collect();
        let frame = Frame::top(Scope::new(Some(around)), &Rc::from(settings.name));
        let mut out = String::new();
        machine.block(&frame, &block, &mut out)?;
        Ok(out)
    });
    result.map_err(|failure| failure.into_error())
}

/// One rendering.
pub(crate) struct Machine<'s> {
    settings: &'s Settings<'s>,
    budget: Budget,
    steps: Cell<u64>,
    bytes: Cell<u64>,
    calls: Cell<u32>,
    globals: HashMap<&'static str, Value>,
    templates: RefCell<HashMap<String, Rc<Block>>>,
    /// Templates that were imported without the context: they are run once.
    modules: RefCell<HashMap<String, Value>>,
    /// Scopes that a macro or a loop holds, which they may hold too.
    held: RefCell<Vec<Weak<Scope>>>,
}

impl Drop for Machine<'_> {
    /// Empties the scopes that are left, so that nothing is kept for ever.
    fn drop(&mut self) {
        self.modules.borrow_mut().clear();
        for scope in self.held.take() {
            if let Some(scope) = scope.upgrade() {
                let names = std::mem::take(&mut **scope.names.borrow_mut());
                drop_flat(names);
            }
        }
    }
}

/// Names, and those around them.
pub(crate) struct Scope {
    names: RefCell<Nest<HashMap<Rc<str>, Value>>>,
    parent: Option<Rc<Scope>>,
    /// Of the names that another template would get from this one: those that are not given on.
    imported: RefCell<Vec<Rc<str>>>,
    /// The top of a template that was included: the loop that it is included in is not its own.
    hides_loop: bool,
}

impl Scope {
    fn new(parent: Option<Rc<Scope>>) -> Rc<Scope> {
        Rc::new(Scope {
            names: RefCell::default(),
            parent,
            imported: RefCell::default(),
            hides_loop: false,
        })
    }

    /// The top of an included template, which sees these names.
    fn included(parent: Rc<Scope>) -> Rc<Scope> {
        Rc::new(Scope {
            names: RefCell::default(),
            parent: Some(parent),
            imported: RefCell::default(),
            hides_loop: true,
        })
    }

    fn find(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            if let Some(value) = scope.names.borrow().get(name) {
                return Some(value.clone());
            }
            if scope.hides_loop && name == "loop" {
                return None;
            }
            scope = scope.parent.as_deref()?;
        }
    }

    fn set(&self, name: &Rc<str>, value: Value) {
        self.names.borrow_mut().insert(Rc::clone(name), value);
    }

    /// The same of what is imported, which whoever imports this template does not get.
    fn set_imported(&self, name: &Rc<str>, value: Value) {
        self.set(name, value);
        let mut imported = self.imported.borrow_mut();
        if !imported.contains(name) {
            imported.push(Rc::clone(name));
        }
    }
}

/// Where a statement runs.
pub(crate) struct Frame {
    scope: Rc<Scope>,
    /// The names at the top of the template.
    top: Rc<Scope>,
    template: Rc<str>,
}

impl Frame {
    /// At the top of a template, or of what stands for itself as a template does.
    fn top(scope: Rc<Scope>, template: &Rc<str>) -> Frame {
        Frame {
            top: Rc::clone(&scope),
            scope,
            template: Rc::clone(template),
        }
    }

    fn inner(&self) -> Frame {
        self.within(&self.scope)
    }

    /// In a scope of its own within this one.
    fn within(&self, scope: &Rc<Scope>) -> Frame {
        Frame {
            scope: Scope::new(Some(Rc::clone(scope))),
            top: Rc::clone(&self.top),
            template: Rc::clone(&self.template),
        }
    }
}

/// How a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl<'s> Machine<'s> {
    pub(crate) fn new(settings: &'s Settings<'s>, budget: Budget) -> Machine<'s> {
        Machine {
            settings,
            budget,
            steps: Cell::new(0),
            bytes: Cell::new(0),
            calls: Cell::new(0),
            globals: global::all(),
            templates: RefCell::default(),
            modules: RefCell::default(),
            held: RefCell::default(),
        }
    }
}

impl Machine<'_> {
    /// A scope for a value to hold; it is emptied in the end.
    fn hold(&self, scope: &Rc<Scope>) -> Rc<Scope> {
        let mut held = self.held.borrow_mut();
        let is_last = held
            .last()
            .is_some_and(|last| std::ptr::eq(last.as_ptr(), Rc::as_ptr(scope)));
        if !is_last {
            // Those that are gone are swept before the list grows to twice its size.
            if held.len() == held.capacity() {
                held.retain(|scope| scope.strong_count() > 0);
                let more = held.len() + 16;
                held.reserve(more);
            }
            held.push(Rc::downgrade(scope));
        }
        Rc::clone(scope)
    }

    /// Counts steps.
    pub(crate) fn spend(&self, steps: u64) -> Outcome<()> {
        let all = self.steps.get().saturating_add(steps);
        self.steps.set(all);
        match all > self.budget.steps {
            true => fail(
                ErrorKind::Limit,
                format!("the template takes more than {} steps", self.budget.steps),
            ),
            false => Ok(()),
        }
    }

    /// Counts bytes before they are made.
    pub(crate) fn make(&self, bytes: usize) -> Outcome<()> {
        let all = self.bytes.get().saturating_add(bytes as u64);
        self.bytes.set(all);
        match all > self.budget.bytes {
            true => fail(
                ErrorKind::Limit,
                format!(
                    "the template makes more than {} MiB",
                    self.budget.bytes >> 20
                ),
            ),
            false => Ok(()),
        }
    }

    /// Runs a call within the calls that are running, on a stack that is large enough.
    pub(crate) fn deeper<T>(&self, run: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let depth = self.calls.get() + 1;
        if depth > limits::CALLS_MAX {
            return fail(
                ErrorKind::Limit,
                format!("more than {} calls within each other", limits::CALLS_MAX),
            );
        }
        self.calls.set(depth);
        let result = stacker::maybe_grow(limits::STACK_RED_ZONE, limits::STACK_GROWTH, run);
        self.calls.set(depth - 1);
        result
    }

    /// Counts values before they are made, as steps and as bytes.
    pub(crate) fn make_values(&self, n: usize) -> Outcome<()> {
        self.spend(n as u64)?;
        self.make(n.saturating_mul(size_of::<Value>()))
    }

    fn block(&self, frame: &Frame, block: &Block, out: &mut String) -> Outcome<Flow> {
        stacker::maybe_grow(limits::STACK_RED_ZONE, limits::STACK_GROWTH, || {
            for node in block {
                let flow = self.node(frame, node, out)?;
                if flow != Flow::On {
                    return Ok(flow);
                }
            }
            Ok(Flow::On)
        })
    }

    fn node(&self, frame: &Frame, node: &Node, out: &mut String) -> Outcome<Flow> {
        self.spend(1)?;
        self.statement(frame, &node.kind, out)
            .map_err(|mut failure| {
                failure
                    .place
                    .get_or_insert_with(|| (frame.template.to_string(), node.line));
                failure
            })
    }

    fn statement(&self, frame: &Frame, statement: &Statement, out: &mut String) -> Outcome<Flow> {
        match statement {
            Statement::Text(text) => self.write(text, out)?,
            Statement::Print(expression) => {
                let text = self.evaluate(frame, expression)?.to_text(self)?;
                self.write(&text, out)?;
            }
            Statement::If(branches, otherwise) => {
                for (condition, body) in branches {
                    if self.evaluate(frame, condition)?.is_true()? {
                        return self.block(frame, body, out);
                    }
                }
                return self.block(frame, otherwise, out);
            }
            Statement::For(for_loop) => return self.for_loop(frame, for_loop, out),
            Statement::Set(target, value) => {
                let value = self.evaluate(frame, value)?;
                self.assign(frame, target, value)?;
            }
            Statement::SetBlock(target, filters, body) => {
                let text = match self.captured(&frame.inner(), body)? {
                    Ok(text) => text,
                    Err(flow) => return Ok(flow),
                };
                let value = self.filtered(frame, filters, text)?;
                self.assign(frame, target, value)?;
            }
            Statement::With(pairs, body) => {
                let inner = frame.inner();
                for (target, value) in pairs {
                    let value = self.evaluate(frame, value)?;
                    self.assign(&inner, target, value)?;
                }
                return self.block(&inner, body, out);
            }
            Statement::Macro(definition) => {
                let value = self.macro_value(frame, definition);
                frame.scope.set(&definition.name, value);
            }
            Statement::Call(call, caller) => {
                let caller = self.macro_value(frame, caller);
                let text = self.call_with_caller(frame, call, caller)?.to_text(self)?;
                self.write(&text, out)?;
            }
            Statement::FilterBlock(filters, body) => {
                let text = match self.captured(&frame.inner(), body)? {
                    Ok(text) => text,
                    Err(flow) => return Ok(flow),
                };
                let text = self.filtered(frame, filters, text)?.to_text(self)?;
                self.write(&text, out)?;
            }
            Statement::Do(expression) => {
                self.evaluate(frame, expression)?;
            }
            Statement::Block { body, is_scoped } => {
                let around = if *is_scoped { &frame.scope } else { &frame.top };
                return self.block(&frame.within(around), body, out);
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Include { .. } | Statement::Import { .. } | Statement::FromImport { .. } => {
                self.other_template(frame, statement, out)?;
            }
        }
        Ok(Flow::On)
    }

    fn write(&self, text: &str, out: &mut String) -> Outcome<()> {
        self.make(text.len())?;
        out.push_str(text);
        Ok(())
    }

    /// The text of a block; of one that leaves the loop around it there is none.
    fn captured(&self, frame: &Frame, body: &Block) -> Outcome<Result<Value, Flow>> {
        let mut text = String::new();
        Ok(match self.block(frame, body, &mut text)? {
            Flow::On => Ok(Value::text(text)),
            left => Err(left),
        })
    }

    fn filtered(&self, frame: &Frame, filters: &[FilterCall], value: Value) -> Outcome<Value> {
        let mut value = value;
        for call in filters {
            let arguments = self.arguments(frame, &call.arguments)?;
            value = filter::apply(self, &call.name, arguments.with_first(value))?;
        }
        Ok(value)
    }

    fn assign(&self, frame: &Frame, target: &Target, value: Value) -> Outcome<()> {
        match target {
            Target::Name(name) => frame.scope.set(name, value),
            Target::Attribute(name, attribute) => match frame.scope.find(name) {
                Some(Value::Namespace(dict)) => {
                    let key = Value::Str(Rc::clone(attribute));
                    dict.borrow_mut().insert(Key::text(attribute), (key, value));
                }
                _ => {
                    let message =
                        format!("cannot assign attribute on non-namespace object `{name}`");
                    return fail(ErrorKind::Syntax, message);
                }
            },
            Target::Tuple(targets) => {
                let items = value.items(self)?;
                if items.len() != targets.len() {
                    let (wanted, given) = (targets.len(), items.len());
                    let message = format!("{given} values cannot be assigned to {wanted} names");
                    return fail(ErrorKind::Value, message);
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(frame, target, item)?;
                }
            }
        }
        Ok(())
    }

    /// Calls a function, a type, a macro or an object.
    pub(crate) fn call(&self, callee: &Value, arguments: Arguments) -> Outcome<Value> {
        call::call(self, callee, arguments)
    }
}
