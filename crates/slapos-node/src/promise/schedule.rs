//! When promises are checked and what their results mean: pure, with a clock given.
//!
//! After a start or a change a promise is tried at once and soon again until it is kept for the
//! first time, so that green comes fast; then at its period. Inside its start-up grace a failure
//! only means pending.

use super::check::Finding;
use crate::limits;
use crate::moment::Moment;
use slapos_build::PromiseSpec;
use slapos_model::PromiseState;
use std::collections::BTreeMap;
use std::time::Duration;

/// Which promise: partition and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Where.
    pub partition: String,
    /// Its name.
    pub name: String,
}

/// All promises of the node.
#[derive(Debug, Default)]
pub struct Schedule {
    checks: BTreeMap<Key, Entry>,
    running: usize,
}

#[derive(Debug)]
struct Entry {
    spec: PromiseSpec,
    state: PromiseState,
    message: String,
    checked_at_us: i64,
    // Invariant: counts in `Schedule::running` while it is true.
    is_running: bool,
    /// Set when it was restarted while a check ran: what that check finds is of before.
    is_stale: bool,
    next_at: Moment,
    started_at: Moment,
    tries: u32,
    was_kept: bool,
}

/// What a promise said, for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its name.
    pub name: String,
    /// What it means.
    pub state: PromiseState,
    /// In words.
    pub message: String,
    /// When, microseconds since 1970; 0 when never.
    pub checked_at_us: i64,
}

impl Schedule {
    /// Makes `specs` the promises of a partition. Those that are new or changed begin anew; the
    /// others go on.
    pub fn set(&mut self, partition: &str, specs: &[PromiseSpec], now: Moment) {
        let gone: Vec<Key> = self
            .keys_of(partition)
            .filter(|key| specs.iter().all(|spec| spec.name != key.name))
            .cloned()
            .collect();
        for key in gone {
            self.drop_entry(&key);
        }
        for spec in specs {
            let key = Key {
                partition: partition.to_owned(),
                name: spec.name.clone(),
            };
            let is_same = self
                .checks
                .get(&key)
                .is_some_and(|entry| entry.spec == *spec);
            if !is_same {
                self.drop_entry(&key);
                self.checks.insert(key, Entry::new(spec.clone(), now));
            }
        }
    }

    /// Forgets all promises of a partition: it is stopped or gone.
    pub fn clear(&mut self, partition: &str) {
        self.set(partition, &[], Moment::default());
    }

    /// A partition was started or changed: its promises are tried at once, with a new grace. What
    /// was kept before says nothing of what runs now.
    pub fn restart(&mut self, partition: &str, now: Moment) {
        for (key, entry) in &mut self.checks {
            if key.partition == partition {
                entry.started_at = now;
                entry.next_at = now;
                entry.tries = 0;
                entry.was_kept = false;
                entry.is_stale = entry.is_running;
                entry.state = PromiseState::Pending;
                entry.message.clear();
            }
        }
    }

    /// Something happened to a program of the partition: its promises are looked at soon. A check
    /// that is under way may have met the program of before, so what it finds does not count.
    pub fn look_soon(&mut self, partition: &str, now: Moment) {
        for (key, entry) in &mut self.checks {
            if key.partition == partition {
                let soon = now.plus(limits::PROMISE_TRIES[0]);
                entry.next_at = entry.next_at.min(soon);
                entry.tries = 0;
                entry.was_kept = false;
                entry.is_stale = entry.is_running;
            }
        }
    }

    /// Takes the checks that are due, as many as there is room for, longest due first.
    pub fn take_due(&mut self, now: Moment) -> Vec<(Key, PromiseSpec)> {
        let mut due: Vec<(Moment, Key)> = self
            .checks
            .iter()
            .filter(|(_, entry)| !entry.is_running && entry.next_at <= now)
            .map(|(key, entry)| (entry.next_at, key.clone()))
            .collect();
        due.sort();
        due.truncate(limits::PROMISES_AT_ONCE.saturating_sub(self.running));
        let mut taken = Vec::new();
        for (_, key) in due {
            if let Some(entry) = self.checks.get_mut(&key) {
                entry.is_running = true;
                self.running += 1;
                taken.push((key, entry.spec.clone()));
            }
        }
        taken
    }

    /// Takes checks of `partitions` that were never made, as many as there is room for: for a round
    /// in which each is made once.
    pub fn take_due_once(&mut self, now: Moment, partitions: &[String]) -> Vec<(Key, PromiseSpec)> {
        for (key, entry) in &mut self.checks {
            let is_asked = partitions.contains(&key.partition);
            let is_due = is_asked && entry.checked_at_us == 0;
            entry.next_at = if is_due {
                now
            } else {
                Moment::new(Duration::MAX)
            };
        }
        self.take_due(now)
    }

    /// Takes in what a check of such a round found, as it is.
    pub fn record_once(&mut self, key: &Key, finding: &Finding) {
        self.record(key, finding, Moment::new(Duration::MAX));
    }

    /// When [`Schedule::take_due`] has something next; `None` while nothing can begin.
    #[must_use]
    pub fn next_at(&self) -> Option<Moment> {
        if self.running >= limits::PROMISES_AT_ONCE {
            return None;
        }
        let waiting = self.checks.values().filter(|entry| !entry.is_running);
        waiting.map(|entry| entry.next_at).min()
    }

    /// Takes in what a check found. Says whether the state changed or it is the first result.
    pub fn record(&mut self, key: &Key, finding: &Finding, now: Moment) -> bool {
        let Some(entry) = self.checks.get_mut(key).filter(|entry| entry.is_running) else {
            // It was dropped meanwhile; its place among the running is given back.
            self.running = self.running.saturating_sub(1);
            return false;
        };
        entry.is_running = false;
        self.running = self.running.saturating_sub(1);
        if std::mem::take(&mut entry.is_stale) {
            return false;
        }
        entry.take(finding, now)
    }

    /// What the promises of a partition said, by name.
    #[must_use]
    pub fn said(&self, partition: &str) -> Vec<Said> {
        let of_partition = self
            .checks
            .iter()
            .filter(|(key, _)| key.partition == partition);
        of_partition
            .map(|(key, entry)| Said {
                name: key.name.clone(),
                state: entry.state,
                message: entry.message.clone(),
                checked_at_us: entry.checked_at_us,
            })
            .collect()
    }

    fn keys_of(&self, partition: &str) -> impl Iterator<Item = &Key> {
        self.checks
            .keys()
            .filter(move |key| key.partition == partition)
    }

    /// A running check of a dropped entry still counts until its result comes.
    fn drop_entry(&mut self, key: &Key) {
        self.checks.remove(key);
    }
}

impl Entry {
    fn new(spec: PromiseSpec, now: Moment) -> Self {
        Self {
            spec,
            state: PromiseState::Pending,
            message: String::new(),
            checked_at_us: 0,
            is_running: false,
            is_stale: false,
            next_at: now,
            started_at: now,
            tries: 0,
            was_kept: false,
        }
    }

    fn take(&mut self, finding: &Finding, now: Moment) -> bool {
        let grace = Duration::from_secs(u64::from(self.spec.grace_s));
        let is_young = now.since(self.started_at) < grace;
        let state = match finding.state {
            PromiseState::Broken if is_young => PromiseState::Pending,
            state => state,
        };
        let is_news = self.checked_at_us == 0 || state != self.state;
        self.state = state;
        self.message.clone_from(&finding.message);
        self.checked_at_us = finding.checked_at_us;
        self.was_kept |= state == PromiseState::Kept;
        self.next_at = now.plus(self.pause());
        self.tries = self.tries.saturating_add(1);
        is_news
    }

    /// Short pauses until it is kept for the first time, never longer than its period. A failure
    /// that lasts is looked at less and less often, so that a broken service costs nothing.
    fn pause(&mut self) -> Duration {
        let period = Duration::from_secs(u64::from(self.spec.period_s));
        if self.was_kept {
            return period;
        }
        let index = usize::try_from(self.tries).unwrap_or(usize::MAX);
        let pause = limits::PROMISE_TRIES.get(index).copied();
        match pause {
            Some(pause) => pause.min(period),
            None if self.tries < limits::PROMISE_QUICK_TRIES => limits::PROMISE_RETRY.min(period),
            None => period,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slapos_build::Check;

    fn at(millis: u64) -> Moment {
        Moment::new(Duration::from_millis(millis))
    }

    fn spec(name: &str) -> PromiseSpec {
        PromiseSpec {
            period_s: 60,
            timeout_s: 20,
            grace_s: 10,
            ..PromiseSpec::new(
                name,
                Check::Process {
                    process: "x".to_owned(),
                },
            )
        }
    }

    fn found(state: PromiseState) -> Finding {
        Finding {
            state,
            message: state.to_string(),
            checked_at_us: 1,
        }
    }

    fn key(name: &str) -> Key {
        Key {
            partition: "p".to_owned(),
            name: name.to_owned(),
        }
    }

    fn state(schedule: &Schedule) -> PromiseState {
        schedule.said("p")[0].state
    }

    #[test]
    fn schedule_tries_soon_until_first_kept_then_at_its_period() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a")], at(0));
        let mut now = 0;
        let mut times = Vec::new();
        for _ in 0..6 {
            assert_eq!(schedule.take_due(at(now)).len(), 1);
            schedule.record(&key("a"), &found(PromiseState::Broken), at(now));
            let next = schedule.next_at().unwrap();
            times.push(next.since(at(now)).as_millis());
            now += u64::try_from(next.since(at(now)).as_millis()).unwrap();
        }
        assert_eq!(times, [20, 30, 50, 100, 200, 400]);
        schedule.take_due(at(now));
        schedule.record(&key("a"), &found(PromiseState::Kept), at(now));
        assert_eq!(schedule.next_at(), Some(at(now + 60_000)));
    }

    #[test]
    fn schedule_failure_inside_the_grace_is_pending_then_broken() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a")], at(0));
        schedule.take_due(at(0));
        assert!(schedule.record(&key("a"), &found(PromiseState::Broken), at(9_000)));
        assert_eq!(state(&schedule), PromiseState::Pending);
        schedule.take_due(at(20_000));
        assert!(schedule.record(&key("a"), &found(PromiseState::Broken), at(20_000)));
        assert_eq!(state(&schedule), PromiseState::Broken);
    }

    #[test]
    fn schedule_unchanged_result_is_no_news() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a")], at(0));
        schedule.take_due(at(0));
        assert!(schedule.record(&key("a"), &found(PromiseState::Kept), at(0)));
        schedule.take_due(at(60_000));
        assert!(!schedule.record(&key("a"), &found(PromiseState::Kept), at(60_000)));
    }

    #[test]
    fn schedule_unchanged_specs_go_on_and_changed_ones_begin_anew() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a"), spec("b")], at(0));
        for (key, _) in schedule.take_due(at(0)) {
            schedule.record(&key, &found(PromiseState::Kept), at(0));
        }
        let changed = PromiseSpec {
            period_s: 5,
            ..spec("b")
        };
        schedule.set("p", &[spec("a"), changed], at(100));
        let due = schedule.take_due(at(100));
        assert_eq!(
            due.iter()
                .map(|(key, _)| key.name.as_str())
                .collect::<Vec<_>>(),
            ["b"]
        );
    }

    #[test]
    fn schedule_hung_checks_never_take_more_than_their_places() {
        let mut schedule = Schedule::default();
        let specs: Vec<_> = (0..100)
            .map(|index| spec(&format!("p{index:03}")))
            .collect();
        schedule.set("p", &specs, at(0));
        assert_eq!(schedule.take_due(at(0)).len(), limits::PROMISES_AT_ONCE);
        assert_eq!(schedule.take_due(at(1)).len(), 0);
        assert_eq!(schedule.next_at(), None);
        schedule.record(&key("p000"), &found(PromiseState::Kept), at(2));
        assert_eq!(schedule.take_due(at(2)).len(), 1);
    }

    #[test]
    fn schedule_restart_ignores_what_a_check_of_before_found() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a")], at(0));
        schedule.take_due(at(0));
        schedule.restart("p", at(10));
        assert!(!schedule.record(&key("a"), &found(PromiseState::Kept), at(20)));
        assert_eq!(state(&schedule), PromiseState::Pending);
        assert_eq!(schedule.take_due(at(20)).len(), 1);
    }

    #[test]
    fn schedule_restart_forgets_what_was_kept_before() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a")], at(0));
        schedule.take_due(at(0));
        schedule.record(&key("a"), &found(PromiseState::Kept), at(0));
        schedule.restart("p", at(10));
        assert_eq!(state(&schedule), PromiseState::Pending);
    }

    #[test]
    fn schedule_check_that_met_the_program_of_before_does_not_count() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a")], at(0));
        schedule.take_due(at(0));
        schedule.look_soon("p", at(5));
        assert!(!schedule.record(&key("a"), &found(PromiseState::Kept), at(6)));
        assert_eq!(state(&schedule), PromiseState::Pending);
        assert_eq!(schedule.take_due(at(30)).len(), 1);
    }

    #[test]
    fn schedule_dropped_while_running_gives_its_place_back() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a")], at(0));
        schedule.take_due(at(0));
        schedule.clear("p");
        assert!(!schedule.record(&key("a"), &found(PromiseState::Kept), at(5)));
        assert_eq!(schedule.running, 0);
        assert_eq!(schedule.said("p"), vec![]);
    }

    #[test]
    fn schedule_process_event_brings_a_kept_promise_forward() {
        let mut schedule = Schedule::default();
        schedule.set("p", &[spec("a")], at(0));
        schedule.take_due(at(0));
        schedule.record(&key("a"), &found(PromiseState::Kept), at(0));
        schedule.look_soon("p", at(1_000));
        assert_eq!(schedule.next_at(), Some(at(1_020)));
    }
}
