//! Text that is written and does not survive, without anybody saying so.
//!
//! A file that is extended in two ways counts where it is named last, so what lies between may be undone. And the original
//! engines lose increments without a base, which are kept here: whoever shares the profile with them should know.

use std::collections::HashSet;

use super::{Collector, Rule, View};
use crate::annotate::{Change, Stories};
use crate::syntax::Sign;
use crate::tree::WrittenStep;

const BASE_REFERENCE: &str = "${:_profile_base_location_}";

pub(super) fn check(view: &View<'_>, stories: &Stories<'_>, findings: &mut Collector<'_>) {
    let mut all: Vec<(&str, &str, &[WrittenStep])> = view.tree.written().collect();
    all.sort_unstable_by_key(|(section, option, _)| (*section, *option));
    for (section, option, steps) in all {
        if (section, option) == ("buildout", "extends") {
            continue;
        }
        let story = stories.story(section, option);
        if steps.len() > 1 {
            undone(view, (section, option), steps, &story.history, findings);
        }
        without_base(view, (section, option), steps, &story.history, findings);
        removes_nothing(view, (section, option), &story.history, findings);
    }
    moved_base(view, findings);
}

/// A change above a value that is undone because the file with that value is extended again, later.
fn undone(
    view: &View<'_>,
    name: (&str, &str),
    steps: &[WrittenStep],
    history: &[Change],
    findings: &mut Collector<'_>,
) {
    let tree = view.tree;
    let living: HashSet<(&str, u32)> = history
        .iter()
        .map(|change| (change.origin.file.as_str(), change.origin.line))
        .collect();
    let last_set = steps.iter().rposition(|step| step.sign == Sign::Set);
    let Some(last_set) = last_set else { return };
    let winner = steps[last_set];
    for step in &steps[..last_set] {
        let (file, written) = tree.at(*step);
        let line = u32::try_from(written.line + 1).unwrap_or(u32::MAX);
        let is_dead = !living.contains(&(file.location.as_str(), line));
        if !is_dead || step.file == winner.file || !tree.extends(step.file, winner.file) {
            continue;
        }
        let (over, _) = tree.at(winner);
        let (section, option) = name;
        let sign = step.sign.text();
        let message = format!(
            "`{option} {sign}` of section `{section}` is lost: {} is extended again by another file, \
             and its value wins",
            over.location
        );
        let rule = match step.sign {
            Sign::Set => Rule::ShadowedValue,
            _ => Rule::LostIncrement,
        };
        let help = "set the option in the profile that extends both";
        findings.warn_at_step(tree, *step, (rule, message, help));
    }
}

/// The original engines keep `x +=` without a base as an option called `x +`, or drop all but one.
fn without_base(
    view: &View<'_>,
    name: (&str, &str),
    steps: &[WrittenStep],
    history: &[Change],
    findings: &mut Collector<'_>,
) {
    let (section, option) = name;
    let has_macro = !view.parents(section).is_empty();
    let own_set = steps.iter().any(|step| step.sign == Sign::Set);
    let own_adds = steps.iter().filter(|step| step.sign != Sign::Set).count();
    let starts_empty = history.first().is_some_and(|first| first.sign != "=");
    // `[buildout]` has defaults below every file.
    let is_lost = (starts_empty && own_adds > 0) || (has_macro && !own_set && own_adds > 1);
    if !is_lost || own_set || section == "buildout" {
        return;
    }
    let Some(step) = steps.last() else { return };
    let message = match (starts_empty, own_adds) {
        (true, 1) => format!(
            "`{option}` of section `{section}` is only added to, nothing sets it; zc.buildout 3.0.1 makes an option \
             called `{option} +` of it"
        ),
        (true, _) => format!(
            "`{option}` of section `{section}` is only added to, in {own_adds} places; zc.buildout 3.0.1 keeps one of them"
        ),
        _ => format!(
            "`{option}` of section `{section}` is added to in {own_adds} places above a macro; zc.buildout 3.0.1 loses \
             the value of the macro"
        ),
    };
    let help = "here all of it counts; for other engines write `=` in the lowest file";
    findings.warn_at_step(view.tree, *step, (Rule::LostInOriginal, message, help));
}

/// `x -= v` where no line is `v`.
fn removes_nothing(
    view: &View<'_>,
    name: (&str, &str),
    history: &[Change],
    findings: &mut Collector<'_>,
) {
    let mut lines: HashSet<&str> = HashSet::new();
    for change in history {
        match change.sign {
            "=" => lines = change.value.split('\n').collect(),
            "+=" => lines.extend(change.value.split('\n')),
            _ => {
                let removed = change.value.split('\n').filter(|line| !line.is_empty());
                for line in removed {
                    if !lines.remove(line) {
                        nothing_removed(view, name, change, findings);
                        break;
                    }
                }
            }
        }
    }
}

fn nothing_removed(
    view: &View<'_>,
    name: (&str, &str),
    change: &Change,
    findings: &mut Collector<'_>,
) {
    let (section, option) = name;
    let is_here = |step: &&WrittenStep| {
        let (file, written) = view.tree.at(**step);
        file.location == change.origin.file && written.line + 1 == change.origin.line as usize
    };
    let Some(step) = view.tree.steps(section, option).iter().find(is_here) else {
        return;
    };
    let message =
        format!("`{option} -=` of section `{section}` names a line that the value does not have");
    let help = "whole lines are compared; look at the value with `slapos profile annotate`";
    findings.warn_at_step(view.tree, *step, (Rule::RemovesNothing, message, help));
}

/// The highest file that writes `${:_profile_base_location_}` in a section decides for all its options.
fn moved_base(view: &View<'_>, findings: &mut Collector<'_>) {
    for section in view.profile.sections() {
        let Some(base) = view.profile.raw(section, "_profile_base_location_") else {
            continue;
        };
        for option in view.profile.options(section) {
            let last = view.tree.steps(section, option).last().copied();
            let Some(step) = last else { continue };
            let (file, written) = view.tree.at(step);
            let own = slapos_buildout::base_of(&file.location);
            let is_said = file.syntax.value(written).contains(BASE_REFERENCE);
            if is_said && own != base {
                let message = format!(
                    "`{BASE_REFERENCE}` in `{option}` of section `{section}` means {base}, the folder of a higher file"
                );
                let help = "a section has one base: that of the highest file that writes this reference in it";
                findings.warn_at_step(view.tree, step, (Rule::MovedBase, message, help));
            }
        }
    }
}
