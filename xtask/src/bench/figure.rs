//! A measured figure, what it is compared with, and the table of all.
//!
//! A ratio is only made of two sides measured in the same run; figures of another day are never
//! divided by.

use super::process::load_average;
use serde_json::{Value, json};

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// `service.request_to_process`.
    pub(crate) id: &'static str,
    /// For people, with everything that one has to know to repeat it.
    pub(crate) what: String,
    /// Unit of value and goal.
    pub(crate) unit: &'static str,
    /// What was measured.
    pub(crate) value: Spread,
    /// What it is compared with.
    pub(crate) goal: Goal,
    /// Load average when it was made.
    pub(crate) load: f64,
}

/// What a figure is compared with.
#[derive(Debug, Clone)]
pub(crate) enum Goal {
    /// Nothing: it is shown to be known.
    None,
    /// The median is at most so much, in the unit of the figure.
    AtMost(f64),
    /// A limit of the machine in the same run, and how many times worse the figure may be.
    Limit {
        /// What the limit is.
        what: String,
        /// Its value, in the unit of the figure.
        value: Spread,
        /// How many times worse, computed by the measure: rates and times differ in direction.
        ratio: f64,
        /// At most so many times.
        at_most: f64,
    },
    /// Another program, measured in the same run; over 1 is ahead of it.
    Peer {
        /// Which.
        what: String,
        /// Its value.
        value: Spread,
        /// How many times better the figure is.
        ratio: f64,
        /// At least so many times, where that is a goal.
        at_least: Option<f64>,
    },
}

/// Median and ends of repeated measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The one in the middle.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
    /// How many.
    pub(crate) count: usize,
}

impl Spread {
    /// Of some measures; none are all zero, with a count that says so.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            median: rank(&values, 50),
            min: values.first().copied().unwrap_or_default(),
            max: values.last().copied().unwrap_or_default(),
            count: values.len(),
        }
    }

    /// One measure.
    pub(crate) fn one(value: f64) -> Self {
        Self::of(vec![value])
    }

    /// A percentile in place of the median.
    pub(crate) fn percentile(mut values: Vec<f64>, percent: usize) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            median: rank(&values, percent),
            ..Self::of(values)
        }
    }
}

/// The smallest value that is not below `percent` of all, nearest rank.
fn rank(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(place - 1).copied().unwrap_or_default()
}

impl Figure {
    /// A figure that was made now.
    pub(crate) fn new(id: &'static str, what: impl Into<String>, value: Spread) -> Self {
        Self {
            id,
            what: what.into(),
            unit: "ms",
            value,
            goal: Goal::None,
            load: load_average(),
        }
    }

    /// In another unit than milliseconds.
    pub(crate) fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Compared with something.
    pub(crate) fn goal(self, goal: Goal) -> Self {
        Self { goal, ..self }
    }

    /// Whether it is as wanted; none when nothing is.
    pub(crate) fn is_met(&self) -> Option<bool> {
        match &self.goal {
            Goal::None => None,
            Goal::Peer {
                ratio, at_least, ..
            } => at_least.map(|least| *ratio >= least),
            Goal::AtMost(most) => Some(self.value.median <= *most),
            Goal::Limit { ratio, at_most, .. } => Some(ratio <= at_most),
        }
    }

    /// For people.
    pub(crate) fn line(&self) -> String {
        let verdict = match self.is_met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "-",
        };
        format!(
            "{verdict:<8} {:<28} {:<30} {:<52} load {:.1}  {}",
            self.id,
            format!("{} {}", self.value, self.unit),
            self.goal_text(),
            self.load,
            self.what
        )
    }

    /// The head of a table of figures beside another program's.
    pub(crate) fn row_head() -> String {
        let (ours, theirs) = ("ours", "theirs");
        format!(
            "{:<31} {ours:<28} {theirs:<28} {:<9} {:<11} {:<8} load",
            "figure", "ratio", "goal", "met"
        )
    }

    /// One line of it.
    pub(crate) fn row(&self) -> String {
        let (mut theirs, mut ratio, mut goal) = (String::new(), String::new(), String::new());
        match &self.goal {
            Goal::None => {}
            Goal::AtMost(most) => goal = format!("≤ {most} {}", self.unit),
            Goal::Limit {
                value,
                ratio: times,
                at_most,
                ..
            } => {
                (theirs, ratio) = (value.to_string(), format!("1/{}", short(*times)));
                goal = format!("≤ {at_most} ×");
            }
            Goal::Peer {
                value,
                ratio: times,
                at_least,
                ..
            } => {
                (theirs, ratio) = (value.to_string(), format!("{} ×", short(*times)));
                goal = at_least.map_or_else(String::new, |least| format!("≥ {least} ×"));
            }
        }
        let met = match self.is_met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "-",
        };
        let (ours, load) = (format!("{} {}", self.value, self.unit), self.load);
        let (id, what) = (self.id, &self.what);
        format!("{id:<31} {ours:<28} {theirs:<28} {ratio:<9} {goal:<11} {met:<8} {load:.1}  {what}")
    }

    fn goal_text(&self) -> String {
        match &self.goal {
            Goal::None => String::new(),
            Goal::AtMost(most) => {
                format!("goal ≤ {most}{}", share(self.value.median, *most))
            }
            Goal::Limit {
                what,
                value,
                ratio,
                at_most,
            } => format!(
                "{ratio:.2} × {what} {} (≤ {at_most} ×)",
                short(value.median)
            ),
            Goal::Peer {
                what,
                value,
                ratio,
                at_least,
            } => {
                let least = at_least.map(|least| format!(" (≥ {least} ×)"));
                let (value, least) = (short(value.median), least.unwrap_or_default());
                format!("{ratio:.1} × ahead of {what} {value}{least}")
            }
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let mut object = json!({
            "id": self.id, "what": self.what, "unit": self.unit, "value": self.value.json(),
            "met": self.is_met(), "load": self.load,
        });
        match &self.goal {
            Goal::None => {}
            Goal::AtMost(most) => object["goal"] = json!(most),
            Goal::Limit {
                what,
                value,
                ratio,
                at_most,
            } => {
                object["limit"] = json!({"what": what, "value": value.json()});
                object["ratio"] = json!(ratio);
                object["ratio_at_most"] = json!(at_most);
            }
            Goal::Peer {
                what,
                value,
                ratio,
                at_least,
            } => {
                object["peer"] = json!({"what": what, "value": value.json()});
                object["ratio"] = json!(ratio);
                object["ratio_at_least"] = json!(at_least);
            }
        }
        object
    }
}

impl Spread {
    fn json(&self) -> Value {
        json!({"median": self.median, "min": self.min, "max": self.max, "n": self.count})
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.count < 2 {
            return f.write_str(&short(self.median));
        }
        let (min, max) = (short(self.min), short(self.max));
        write!(f, "{} ({min}–{max})", short(self.median))
    }
}

/// How much of the goal is used; of a goal of nothing there is no share.
fn share(value: f64, most: f64) -> String {
    match most > 0.0 {
        true => format!(" ({:.2} of it)", value / most),
        false => String::new(),
    }
}

/// Three digits that count, at least those before the point.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_an_even_count_takes_a_measured_value() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((spread.median, spread.min, spread.max), (2.0, 1.0, 4.0));
    }

    #[test]
    fn percentile_is_by_nearest_rank() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(Spread::percentile(values.clone(), 99).median, 99.0);
        assert_eq!(Spread::percentile(values[..50].to_vec(), 99).median, 50.0);
        assert_eq!(Spread::percentile(vec![], 99).count, 0);
    }

    #[test]
    fn figure_over_its_goal_is_not_met() {
        let figure = |value| Figure::new("a", "b", Spread::one(value)).goal(Goal::AtMost(5.0));
        assert_eq!(figure(5.0).is_met(), Some(true));
        assert_eq!(figure(5.1).is_met(), Some(false));
        assert!(figure(5.1).line().starts_with("NOT MET"));
    }

    #[test]
    fn figure_beside_a_limit_is_judged_by_its_ratio() {
        let goal = |ratio| Goal::Limit {
            what: "bare".to_owned(),
            value: Spread::one(300.0),
            ratio,
            at_most: 3.0,
        };
        let figure = Figure::new("a", "b", Spread::one(100.0)).unit("/s");
        assert_eq!(figure.clone().goal(goal(3.0)).is_met(), Some(true));
        assert_eq!(figure.goal(goal(3.1)).is_met(), Some(false));
    }
}
