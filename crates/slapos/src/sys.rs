//! The calls of this crate that have no safe wrapper: giving memory back.
//!
//! The only file of this crate with `unsafe`. Programs that stay for months call
//! [`give_back_memory`] once they are up: what reading a command line and files left free lies in
//! pages that are otherwise kept, and the code that only a start needs stays mapped. Linux with
//! glibc; elsewhere nothing is done, and nothing is wrong.
#![allow(unsafe_code)]

use crate::limits::SETTLED;

/// Gives free pages of the heap back to the kernel, and unmaps the pages of this program's code:
/// what is used again is mapped again from the page cache, at a microsecond for each window.
pub(crate) fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: it takes the allocator's own locks and moves nothing that is in use.
        unsafe {
            libc::malloc_trim(0);
        }
        for (start, length) in own_code().unwrap_or_default() {
            // SAFETY: a range of this process that holds unchanged pages of a file, neither written
            // nor writable (`r-xp`): dropped ones are read from the file again when they are used.
            unsafe {
                libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED);
            }
        }
    }
}

/// The same some seconds later, when the work of a start is over.
pub(crate) fn give_back_memory_once_settled() {
    let settled = std::thread::Builder::new().name("settle".to_owned());
    // Without it the program only stays larger.
    drop(settled.spawn(|| {
        std::thread::park_timeout(SETTLED);
        give_back_memory();
    }));
}

/// The ranges that hold the code of the running program: start and length.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn own_code() -> Option<Vec<(usize, usize)>> {
    let program = std::env::current_exe().ok()?;
    let program = program.to_str()?;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let lines = maps.lines().filter(|line| line.ends_with(program));
    Some(lines.filter_map(code_range).collect())
}

/// The range of a line of `/proc/self/maps`, when it is code: `start-end r-xp …`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn code_range(line: &str) -> Option<(usize, usize)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    rest.starts_with("r-xp ")
        .then_some((start, end.checked_sub(start)?))
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn code_range_is_of_code_only() {
        let code = "55d0-55f0 r-xp 0009f000 fe:00 22 /bin/slapos";
        assert_eq!(code_range(code), Some((0x55d0, 0x20)));
        assert_eq!(
            code_range("55d0-55f0 r--p 0009f000 fe:00 22 /bin/slapos"),
            None
        );
        assert_eq!(
            code_range("55f0-55d0 r-xp 0009f000 fe:00 22 /bin/slapos"),
            None
        );
        assert_eq!(code_range("nonsense"), None);
    }

    #[test]
    fn give_back_memory_leaves_everything_as_it_is() {
        let kept: Vec<String> = (0..1000).map(|index| format!("{index} is kept")).collect();
        assert!(!own_code().unwrap_or_default().is_empty());
        give_back_memory();
        assert_eq!(kept[999], "999 is kept");
    }
}
