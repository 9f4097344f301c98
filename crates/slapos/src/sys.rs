//! The one call of this crate that has no safe wrapper: giving memory back.
//!
//! The only file of this crate with `unsafe`. Programs that stay for months call
//! [`give_back_memory`] once they are up: what reading a command line and files left free lies in
//! pages that are otherwise kept.
#![allow(unsafe_code)]

/// Gives free pages of the heap back to the kernel, where the C library can.
pub(crate) fn give_back_memory() {
    // SAFETY: it takes the allocator's own locks and moves nothing that is in use.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}
