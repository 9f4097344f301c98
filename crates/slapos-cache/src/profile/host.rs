//! The machine this runs on, as section conditions see it.
//!
//! Only what is read from files; no Python is started, so its version is the one that the caller names or the default.

use std::collections::BTreeMap;

use slapos_buildout::Machine;

/// This machine: processor as compiled for, kernel release and distribution as the system's files say.
pub fn host_machine() -> Machine {
    let read = |path: &str| fs_err::read_to_string(path).unwrap_or_default();
    let mut os_release = parse_os_release(&read("/etc/os-release"));
    if os_release.is_empty() {
        os_release = parse_os_release(&read("/usr/lib/os-release"));
    }
    Machine {
        release: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        os_release,
        ..Machine::default()
    }
}

/// `KEY=value` lines, values quoted as in a shell or not at all.
fn parse_os_release(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| {
            let value = value.trim().trim_matches(['"', '\'']);
            (key.trim().to_owned(), value.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_os_release_unquotes_values() {
        let read = parse_os_release("# c\nID=debian\nVERSION_ID=\"12\"\n");
        assert_eq!(read.get("ID").map(String::as_str), Some("debian"));
        assert_eq!(read.get("VERSION_ID").map(String::as_str), Some("12"));
    }
}
