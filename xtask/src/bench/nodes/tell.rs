//! How the figures of the nodes are told: a percentile of each call, and what was not served.

use super::super::figure::{Figure, Goal, Spread};
use super::Run;
use super::record::{Span, What};
use crate::command::say;
use std::io::Write;

impl Run {
    pub(super) fn report(&mut self, figure: Figure) {
        if self.asked.json {
            // Whoever reads no more does not stop the measures.
            drop(writeln!(std::io::stdout(), "{}", figure.json()));
        } else {
            say(&figure.row());
        }
        self.figures.push(figure);
    }

    pub(super) fn seconds(&mut self, id: &'static str, what: &str, span: &Span) {
        let length = (span.end - span.start).as_secs_f64();
        self.report(Figure::new(id, what, Spread::one(length)).unit("s"));
    }

    pub(super) fn latencies(&mut self, [join, poll, report]: [&'static str; 3], span: &Span) {
        self.latency(join, What::Join, span, "connect, handshake, offer");
        self.latency(
            poll,
            What::Poll,
            span,
            "connect, handshake, read what is wanted",
        );
        self.latency(
            report,
            What::Report,
            span,
            "a report until it is on the disk",
        );
        let watch = self.world.record.times(What::Watch, span);
        say(&format!("  {} streams were opened", watch.len()));
    }

    pub(super) fn latency(&mut self, id: &'static str, which: What, span: &Span, what: &str) {
        let times = self.world.record.times(which, span);
        if times.is_empty() {
            return;
        }
        let (count, middle) = (times.len(), Spread::of(times.clone()).median);
        let last = Spread::percentile(times, 99);
        let length = (span.end - span.start).as_secs_f64();
        let rate = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / length;
        let what = format!("p99 of {count}: {what}; p50 {middle:.2} ms, {rate:.0} a second");
        let figure = Figure::new(id, what, last);
        let is_goal = !id.contains("restart");
        self.report(match is_goal {
            true => figure.goal(Goal::AtMost(1000.0)),
            false => figure,
        });
    }

    /// Says what was not served; told again at the end.
    pub(super) fn note_failures(&mut self, when: &str, span: &Span) {
        for (text, count) in self.world.record.failures(span) {
            let text = format!("{when}, {count} times: {text}");
            say(&format!("  {text}"));
            self.failures.push(text);
        }
    }
}
