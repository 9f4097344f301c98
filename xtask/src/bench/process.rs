//! What the kernel says of processes: memory, CPU time, who there is.
//!
//! Only reads `/proc` and sends signals to pids that the caller names.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::PathBuf;

/// Proportional memory of a process, in KiB: shared pages are divided among those who share them.
pub(crate) fn pss_kib(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    read_pss(&text).ok_or_else(|| format!("{path} has no line Pss"))
}

fn read_pss(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// CPU time of a process with its threads and the children that it waited for, in microseconds.
pub(crate) fn cpu_us(pid: u32) -> u64 {
    let children_us = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|text| children_ticks(&text))
        .unwrap_or_default()
        .saturating_mul(10_000);
    own_cpu_us(pid) + children_us
}

/// The threads' time, which the kernel counts in nanoseconds, unlike the ticks of `stat`.
fn own_cpu_us(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let of_task = |path: PathBuf| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    let paths = tasks
        .into_iter()
        .flatten()
        .flatten()
        .map(|task| task.path());
    paths.filter_map(of_task).sum::<u64>() / 1000
}

/// Ticks (10 ms each) of the children that were waited for: fields 16 and 17 of proc(5).
fn children_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(field(13)? + field(14)?)
}

/// Ticks (10 ms each) of a process with the threads that it had: fields 14 and 15 of proc(5).
pub(crate) fn process_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields = rest.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Whether the process runs; a zombie does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|text| text.rsplit_once(") ").map(|(_, rest)| rest.to_owned()))
        .is_some_and(|rest| !rest.starts_with(['Z', 'X']))
}

/// Sends a signal; false when there is no such process.
pub(crate) fn send(pid: u32, signal: Signal) -> bool {
    i32::try_from(pid).is_ok_and(|pid| pid > 1 && kill(Pid::from_raw(pid), signal).is_ok())
}

/// A running process and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// Its pid.
    pub(crate) pid: u32,
    /// Program and arguments.
    pub(crate) words: Vec<String>,
}

/// Every process whose command line names something below `text`.
pub(crate) fn list_naming(text: &str) -> Vec<Running> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let running = pids.filter_map(|pid| {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&bytes);
        let words = line.split('\0').map(str::to_owned).collect();
        line.contains(text).then_some(Running { pid, words })
    });
    running.filter(|process| is_alive(process.pid)).collect()
}

/// Load average of the last minute.
pub(crate) fn load_average() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// CPU time of the calling thread, in microseconds.
pub(crate) fn thread_cpu_us() -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default()
        / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_pss_takes_the_total_only() {
        let text = "00-ff [rollup]\nRss:  9000 kB\nPss:  1234 kB\nPss_Dirty: 12 kB\n";
        assert_eq!(read_pss(text), Some(1234));
        assert_eq!(read_pss("Rss: 1 kB"), None);
    }

    #[test]
    fn children_ticks_are_not_led_astray_by_a_name() {
        let stat = "7 (a) (b) S 1 7 7 0 -1 4 1 2 3 4 50 60 7 8 20 0 1 0 4711";
        assert_eq!(children_ticks(stat), Some(15));
    }

    #[test]
    fn own_process_is_alive_and_has_memory() {
        let own = std::process::id();
        assert!(is_alive(own));
        assert!(pss_kib(own).unwrap() > 100);
        assert!(!is_alive(u32::MAX));
        assert!(!send(1, Signal::SIGCONT));
    }
}
