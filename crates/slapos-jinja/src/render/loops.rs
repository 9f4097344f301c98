//! `{% for %}` and its variable `loop`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Flow, Frame, Machine, Scope};
use crate::arguments::Arguments;
use crate::ast::ForLoop;
use crate::error::{Outcome, type_error};
use crate::value::{Nest, Value, are_equal};

/// The variable `loop`.
pub(crate) struct LoopState {
    items: Nest<Vec<Value>>,
    index: Cell<usize>,
    depth: usize,
    /// Of a recursive loop: itself, with the names around it.
    recursion: Option<(Rc<ForLoop>, Rc<Scope>, Rc<str>)>,
    /// What `loop.changed` was last asked with.
    last: RefCell<Option<Value>>,
}

impl LoopState {
    pub(crate) fn length(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_recursive(&self) -> bool {
        self.recursion.is_some()
    }

    pub(crate) fn printed(&self) -> String {
        format!(
            "<LoopContext {}/{}>",
            self.index.get() + 1,
            self.items.len()
        )
    }

    /// `loop.name`
    pub(crate) fn attribute(self: &Rc<Self>, name: &str) -> Option<Value> {
        let (at, length) = (self.index.get(), self.items.len());
        let neighbour = |at: Option<usize>| match at.and_then(|at| self.items.get(at)) {
            Some(value) => value.clone(),
            None => Value::missing(format!("there is no {name} item")),
        };
        Some(match name {
            "index" => Value::size(at + 1),
            "index0" => Value::size(at),
            "revindex" => Value::size(length - at),
            "revindex0" => Value::size(length - at - 1),
            "first" => Value::Bool(at == 0),
            "last" => Value::Bool(at + 1 == length),
            "length" => Value::size(length),
            "depth" => Value::size(self.depth + 1),
            "depth0" => Value::size(self.depth),
            "previtem" => neighbour(at.checked_sub(1)),
            "nextitem" => neighbour(Some(at + 1)),
            "cycle" => {
                let state = Rc::clone(self);
                Value::function("cycle", move |_, arguments| {
                    let choices = arguments.plain;
                    match choices.len() {
                        0 => type_error("no items for cycling given"),
                        n => Ok(choices[state.index.get() % n].clone()),
                    }
                })
            }
            "changed" => {
                let state = Rc::clone(self);
                Value::function("changed", move |machine, arguments| {
                    state.changed(machine, arguments.plain)
                })
            }
            _ => return None,
        })
    }

    fn changed(&self, machine: &Machine<'_>, now: Vec<Value>) -> Outcome<Value> {
        let now = Value::tuple(now);
        let mut last = self.last.borrow_mut();
        if let Some(before) = last.as_ref()
            && are_equal(machine, before, &now)?
        {
            return Ok(Value::Bool(false));
        }
        *last = Some(now);
        Ok(Value::Bool(true))
    }
}

impl Machine<'_> {
    pub(super) fn for_loop(
        &self,
        frame: &Frame,
        for_loop: &Rc<ForLoop>,
        out: &mut String,
    ) -> Outcome<Flow> {
        let items = self.evaluate(frame, &for_loop.items)?;
        self.go_through(frame, for_loop, &items, 0, out)
    }

    fn go_through(
        &self,
        frame: &Frame,
        for_loop: &Rc<ForLoop>,
        items: &Value,
        depth: usize,
        out: &mut String,
    ) -> Outcome<Flow> {
        let mut items = items.items(self)?;
        if let Some(condition) = &for_loop.condition {
            let mut kept = Vec::new();
            for item in items {
                let inner = frame.inner();
                self.assign(&inner, &for_loop.target, item.clone())?;
                if self.evaluate(&inner, condition)?.is_true()? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        let here = (
            Rc::clone(for_loop),
            self.hold(&frame.scope),
            Rc::clone(&frame.template),
        );
        let state = Rc::new(LoopState {
            items: Nest::new(items),
            index: Cell::new(0),
            depth,
            recursion: for_loop.is_recursive.then_some(here),
            last: RefCell::default(),
        });
        let mut has_ended_one = false;
        for (at, item) in state.items.iter().enumerate() {
            state.index.set(at);
            let inner = frame.inner();
            inner
                .scope
                .set(&Rc::from("loop"), Value::Loop(Rc::clone(&state)));
            self.assign(&inner, &for_loop.target, item.clone())?;
            match self.block(&inner, &for_loop.body, out)? {
                Flow::Break => break,
                Flow::Continue => {}
                Flow::On => has_ended_one = true,
            }
        }
        // The original looks for a turn that came to its end, not for an item.
        match has_ended_one {
            true => Ok(Flow::On),
            false => self.block(&frame.inner(), &for_loop.otherwise, out),
        }
    }

    /// `loop(items)` of a recursive loop.
    pub(super) fn call_loop(&self, state: &Rc<LoopState>, arguments: Arguments) -> Outcome<Value> {
        let items = arguments.one("loop")?;
        let Some((for_loop, scope, template)) = &state.recursion else {
            return type_error("the loop must have the word `recursive` to be called");
        };
        let frame = Frame::top(Rc::clone(scope), template);
        let mut text = String::new();
        self.go_through(&frame, for_loop, &items, state.depth + 1, &mut text)?;
        Ok(Value::text(text))
    }
}
