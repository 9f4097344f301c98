//! The supervisor of a folder as `up` and `down` see it: its pid, and stopping it.
//!
//! The pid is asked of the kernel, which knows who listens on the control socket. So there is no
//! pid file that could be stale.

use crate::folder::Folder;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use slapos_supervise::{Client, ShutdownMode};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The pid of the supervisor, none when there is none.
pub(crate) fn pid(folder: &Folder) -> Option<u32> {
    // A socket's address holds 107 bytes; through the folder's descriptor any path fits.
    let dir = fs_err::File::open(folder.supervise_dir()).ok()?;
    let path = format!("/proc/self/fd/{}/supervise.sock", dir.as_raw_fd());
    let stream = UnixStream::connect(path).ok()?;
    let peer = getsockopt(&stream, PeerCredentials).ok()?;
    u32::try_from(peer.pid()).ok()
}

/// The same, waiting for it.
pub(crate) fn wait_pid(folder: &Folder, limit: Duration) -> Option<u32> {
    let deadline = Instant::now() + limit;
    loop {
        match pid(folder) {
            Some(pid) => return Some(pid),
            None if Instant::now() > deadline => return None,
            None => std::thread::park_timeout(Duration::from_millis(10)),
        }
    }
}

/// How many programs run, none when no supervisor answers.
pub(super) fn running(folder: &Folder) -> Option<usize> {
    let groups = Client::connect(&folder.supervise_dir())
        .ok()?
        .status()
        .ok()?;
    let programs = groups.iter().flat_map(|group| &group.programs);
    Some(programs.filter(|program| program.pid.is_some()).count())
}

/// Tells it to stop all services and to end.
pub(super) fn ask_to_end(folder: &Folder) -> bool {
    Client::connect(&folder.supervise_dir())
        .and_then(|mut client| client.shutdown(ShutdownMode::StopServices))
        .is_ok()
}
