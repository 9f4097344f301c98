//! How much memory there is for a build: what the kernel says can be used without swapping.
//!
//! Only Linux says; elsewhere it is unknown and limits nothing. A control group's own limit is not looked at yet.

use std::path::Path;

/// Bytes that can be used now, if it can be told.
pub(crate) fn available_bytes() -> Option<u64> {
    available_in(&fs_err::read_to_string(Path::new("/proc/meminfo")).ok()?)
}

fn available_in(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_in_reads_the_kernels_table() {
        let text = "MemTotal:       24589160 kB\nMemAvailable:   12 kB\n";
        assert_eq!(available_in(text), Some(12 << 10));
        assert_eq!(available_in("MemTotal: 1 kB\n"), None);
        assert_eq!(available_in("MemAvailable: x\n"), None);
    }
}
