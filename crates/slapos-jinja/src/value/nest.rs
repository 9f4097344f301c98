//! What holds values: dropped without recursion, however deep a template made it.
//!
//! [`Nest`] wraps the content of a container. A few levels are dropped at once; what lies deeper waits in a queue
//! that the outermost drop empties. Nothing here looks at the values.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Levels that are dropped within each other before the rest waits: some kilobytes of stack.
const LEVELS_MAX: u32 = 32;

thread_local! {
    static LEVEL: Cell<u32> = const { Cell::new(0) };
    static WAITING: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// The content of a container.
#[derive(Default)]
pub(crate) struct Nest<T: Default + 'static>(T);

impl<T: Default> Nest<T> {
    pub(crate) fn new(content: T) -> Nest<T> {
        Nest(content)
    }
}

impl<T: Default> Deref for Nest<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Default> DerefMut for Nest<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Default> Drop for Nest<T> {
    fn drop(&mut self) {
        drop_flat(std::mem::take(&mut self.0));
    }
}

impl<T: Default + fmt::Debug> fmt::Debug for Nest<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Drops now, or later if this is already deep within a drop.
pub(crate) fn drop_flat<T: 'static>(content: T) {
    let level = LEVEL.get();
    if level >= LEVELS_MAX {
        WAITING.with_borrow_mut(|waiting| waiting.push(Box::new(content)));
        return;
    }
    LEVEL.set(level + 1);
    drop(content);
    if level == 0 {
        // One at a time, and the queue is not borrowed while it drops: that may fill it again.
        while let Some(next) = WAITING.with_borrow_mut(Vec::pop) {
            drop(next);
        }
    }
    LEVEL.set(level);
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[derive(Default)]
    struct Link(#[expect(dead_code, reason = "it is only held")] Option<Rc<Nest<Link>>>);

    #[test]
    fn drop_of_a_long_chain_needs_no_stack() {
        let mut chain = Link::default();
        for _ in 0..200_000 {
            chain = Link(Some(Rc::new(Nest::new(chain))));
        }
        let last = Rc::new(Nest::new(Link::default()));
        let watched = Rc::downgrade(&last);
        drop_flat((chain, last));
        assert!(watched.upgrade().is_none());
    }
}
