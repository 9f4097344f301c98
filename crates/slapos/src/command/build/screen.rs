//! The news of a build: moving lines on a terminal, plain lines elsewhere, or a JSON object a line.
//!
//! Nothing here can stop a build: when nobody reads any more, it goes on silently.

use crate::print;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;
use slapos_build::{Progress, Step};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where the news go.
pub(super) struct Screen {
    form: Form,
    /// What was last printed of each part: one line a step is enough where nothing moves.
    told: BTreeMap<String, (Step, Option<String>)>,
}

enum Form {
    Terminal(MultiProgress, BTreeMap<String, ProgressBar>),
    Plain,
    Json,
}

impl Screen {
    pub(super) fn new(json: bool) -> Screen {
        let form = match json {
            true => Form::Json,
            false if print::is_terminal() => Form::Terminal(MultiProgress::new(), BTreeMap::new()),
            false => Form::Plain,
        };
        let told = BTreeMap::new();
        Screen { form, told }
    }

    /// One line of news.
    pub(super) fn show(&mut self, news: &Progress) {
        match &mut self.form {
            Form::Terminal(all, bars) => move_bar(all, bars, news),
            // A reader that went away is told of at the end.
            Form::Plain if is_new(&mut self.told, news) => drop(print::line(sentence(news))),
            Form::Plain => {}
            Form::Json => drop(print::json(&json!({"event": "progress", "news": news}))),
        }
    }

    /// Takes away what moves.
    pub(super) fn end(&mut self) {
        if let Form::Terminal(all, bars) = &mut self.form {
            bars.clear();
            // A terminal that is gone needs no clearing.
            let _ = all.clear();
        }
    }
}

/// Whether the step is another one, or a source is looked for elsewhere.
fn is_new(told: &mut BTreeMap<String, (Step, Option<String>)>, news: &Progress) -> bool {
    let line = news.line.clone().filter(|_| news.step == Step::Download);
    let is_told = |(step, said): &(Step, Option<String>)| {
        *step == news.step && (line.is_none() || *said == line)
    };
    if told.get(&news.part).is_some_and(is_told) {
        return false;
    }
    told.insert(news.part.clone(), (news.step, line));
    true
}

fn sentence(news: &Progress) -> String {
    let head = format!("[{}/{}] {}", news.index, news.total, news.part);
    match (news.step, &news.line) {
        (Step::Done, _) => format!("{head}: installed in {:.1} s", elapsed(news)),
        (Step::Download, Some(line)) => format!("{head}: {}: {line}", news.step.as_str()),
        (step, _) => format!("{head}: {}", step.as_str()),
    }
}

fn move_bar(all: &MultiProgress, bars: &mut BTreeMap<String, ProgressBar>, news: &Progress) {
    if news.step == Step::Done {
        if let Some(bar) = bars.remove(&news.part) {
            bar.finish_and_clear();
        }
        // As above: a terminal that is gone hears nothing.
        let _ = all.println(sentence(news));
        return;
    }
    let bar = bars.entry(news.part.clone()).or_insert_with(|| {
        let bar = all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    });
    let more = match (news.bytes, &news.line) {
        (Some(bytes), _) => format!("{:.1} MB", megabytes(bytes)),
        (None, Some(line)) => line.clone(),
        (None, None) => String::new(),
    };
    bar.set_message(format!(
        "[{}/{}] {}: {} {:.0} s  {more}",
        news.index,
        news.total,
        news.part,
        news.step.as_str(),
        elapsed(news)
    ));
}

fn elapsed(news: &Progress) -> f64 {
    Duration::from_millis(news.elapsed_ms).as_secs_f64()
}

fn megabytes(bytes: u64) -> f64 {
    // Thousands first, so that the number fits exactly.
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(step: Step, line: Option<&str>) -> Progress {
        Progress {
            part: "a".to_owned(),
            index: 1,
            total: 2,
            step,
            elapsed_ms: 1500,
            bytes: None,
            line: line.map(str::to_owned),
        }
    }

    #[test]
    fn is_new_of_a_step_is_once_and_of_a_place_to_look_each_time() {
        let mut told = BTreeMap::new();
        let mut tell = |step, line| is_new(&mut told, &news(step, line));
        assert!(tell(Step::Download, None));
        assert!(!tell(Step::Download, None));
        assert!(tell(Step::Download, Some("elsewhere")));
        assert!(!tell(Step::Download, Some("elsewhere")));
        assert!(tell(Step::Make, Some("cc a.c")));
        assert!(!tell(Step::Make, Some("cc b.c")));
    }

    #[test]
    fn sentence_tells_how_long_a_part_took() {
        assert_eq!(
            sentence(&news(Step::Done, None)),
            "[1/2] a: installed in 1.5 s"
        );
        assert_eq!(sentence(&news(Step::Make, Some("cc"))), "[1/2] a: compile");
    }
}
