//! Sorting by Python's order, which need not be total: a merge sort that ends whatever the comparisons say, and at the
//! first that fails.

use std::cmp::Ordering;

use super::{Value, order};
use crate::error::Outcome;
use crate::render::Machine;

/// Sorts by the first of each pair, stably, also in reverse.
pub(crate) fn sort_keyed<T>(
    machine: &Machine<'_>,
    keyed: Vec<(Value, T)>,
    reverse: bool,
) -> Outcome<Vec<(Value, T)>> {
    machine.make_values(keyed.len())?;
    let mut runs: Vec<Vec<(Value, T)>> = keyed.into_iter().map(|one| vec![one]).collect();
    while runs.len() > 1 {
        let mut longer = Vec::with_capacity(runs.len().div_ceil(2));
        let mut all = runs.into_iter();
        while let Some(left) = all.next() {
            longer.push(match all.next() {
                Some(right) => merged(machine, left, right, reverse)?,
                None => left,
            });
        }
        runs = longer;
    }
    Ok(runs.pop().unwrap_or_default())
}

fn merged<T>(
    machine: &Machine<'_>,
    left: Vec<(Value, T)>,
    right: Vec<(Value, T)>,
    reverse: bool,
) -> Outcome<Vec<(Value, T)>> {
    let mut out = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        // The right one goes first only if it must: equal ones keep their order.
        let (lower, higher) = if reverse { (a, b) } else { (b, a) };
        let is_right = order(machine, lower, higher, "<")? == Some(Ordering::Less);
        out.extend(if is_right { right.next() } else { left.next() });
    }
    out.extend(left);
    out.extend(right);
    Ok(out)
}
