//! The jobserver of GNU make, shared by all parts of a build: so many compilers at once, whoever starts them.
//!
//! It is a pipe with one byte for each process that may run. The engine takes one for each part that it starts, a
//! `make` inside takes more for its jobs and puts them back. Start at [`Jobserver::new`].
//! The form is `R,W`, two inherited descriptors, which every make since 4.2 reads; `fifo:` needs 4.4.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, RawFd};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Shells use descriptors up to 9 by name, and from 10 on for what they put aside.
const DESCRIPTOR_MIN: RawFd = 60;
/// How often a waiting part looks whether the build was stopped.
const POLL: Duration = Duration::from_millis(100);

/// A jobserver that is made when the first part asks for it, so that a run with nothing to do writes nothing.
#[derive(Debug, Default)]
pub(crate) struct JobserverWhenNeeded<'f> {
    /// None where nothing is compiled.
    folder: Option<&'f Path>,
    jobs: u32,
    made: OnceLock<Option<Jobserver>>,
}

impl<'f> JobserverWhenNeeded<'f> {
    pub(crate) fn new(folder: &'f Path, jobs: u32) -> JobserverWhenNeeded<'f> {
        JobserverWhenNeeded {
            folder: Some(folder),
            jobs,
            made: OnceLock::new(),
        }
    }

    /// None also on a disk that knows no pipes: then each make has as many jobs as all would share.
    pub(crate) fn get(&self) -> Option<&Jobserver> {
        let make = || Jobserver::new(self.folder?, self.jobs).ok();
        self.made.get_or_init(make).as_ref()
    }
}

/// The pipe, with descriptors that child processes inherit.
#[derive(Debug)]
pub(crate) struct Jobserver {
    /// Our own way in, which never blocks; make decides by itself whether its own does.
    pipe: fs::File,
    inherited: [RawFd; 2],
    jobs: u32,
}

/// The right to run one process; given back when dropped.
#[derive(Debug)]
pub(crate) struct Token<'j> {
    server: &'j Jobserver,
    byte: u8,
}

impl Jobserver {
    /// So many processes at once; `folder` holds the pipe's name for a moment.
    pub(crate) fn new(folder: &Path, jobs: u32) -> io::Result<Jobserver> {
        let place = tempfile::Builder::new()
            .prefix("jobserver-")
            .tempdir_in(folder)?;
        let path = place.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600))?;
        // For reading and writing at once, so that no opening waits for another.
        let pipe = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&path)?;
        let reader = fs::OpenOptions::new().read(true).write(true).open(&path)?;
        let writer = fs::OpenOptions::new().write(true).open(&path)?;
        let server = Jobserver {
            inherited: [inheritable(&reader)?, inheritable(&writer)?],
            pipe,
            jobs,
        };
        for _ in 0..jobs {
            server.put(b'+')?;
        }
        Ok(server)
    }

    /// What `MAKEFLAGS` says of it.
    pub(crate) fn flags(&self) -> String {
        let [read, write] = self.inherited;
        format!("-j{} --jobserver-auth={read},{write}", self.jobs)
    }

    /// Waits for the right to run; none when `go_on` says no.
    pub(crate) fn take(&self, go_on: &dyn Fn() -> bool) -> Option<Token<'_>> {
        let mut byte = [0];
        loop {
            match (&self.pipe).read(&mut byte) {
                Ok(1) => {
                    let [byte] = byte;
                    return Some(Token { server: self, byte });
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return None,
                _ => {}
            }
            if !go_on() {
                return None;
            }
            let timeout = PollTimeout::try_from(POLL).unwrap_or(PollTimeout::ZERO);
            // Whatever it says, the pipe is looked at again.
            let _ = poll(
                &mut [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)],
                timeout,
            );
        }
    }

    fn put(&self, byte: u8) -> io::Result<()> {
        (&self.pipe).write_all(&[byte])
    }
}

/// A copy of a descriptor that child processes get.
fn inheritable(file: &fs::File) -> io::Result<RawFd> {
    Ok(fcntl(file.as_fd(), FcntlArg::F_DUPFD(DESCRIPTOR_MIN))?)
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        // There is room: it was taken from there. A pipe that broke serves nobody any more.
        let _ = self.server.put(self.byte);
    }
}

impl Drop for Jobserver {
    fn drop(&mut self) {
        for descriptor in self.inherited {
            // Nobody else knows its number.
            let _ = nix::unistd::close(descriptor);
        }
    }
}

/// Before a command that names a number of jobs: `make -j8` would leave the jobserver and start eight of its own.
///
/// A function of the shell, so that no path of ours gets into what is built.
pub(crate) const SHELL_MAKE: &str = r#"make() {
  case $MAKEFLAGS in *--jobserver-auth=*) ;; *) command make "$@"; return ;; esac
  slapos_left=$# slapos_number=
  while [ "$slapos_left" -gt 0 ]; do
    slapos_left=$((slapos_left - 1))
    case $1 in
      -j|--jobs) slapos_number=1 ;;
      -j[0-9]*|--jobs=*) slapos_number= ;;
      ''|*[!0-9]*) slapos_number=; set -- "$@" "$1" ;;
      *) [ -n "$slapos_number" ] || set -- "$@" "$1"; slapos_number= ;;
    esac
    shift
  done
  command make "$@"
}
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn take_gives_as_many_as_there_are_and_each_again() {
        let folder = tempfile::tempdir().unwrap();
        let server = Jobserver::new(folder.path(), 2).unwrap();
        let first = server.take(&|| false).unwrap();
        let _second = server.take(&|| false).unwrap();
        assert!(server.take(&|| false).is_none());
        drop(first);
        assert!(server.take(&|| false).is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn shell_make_drops_numbers_of_jobs_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let show = folder.path().join("make");
        fs::write(&show, "#!/bin/sh\nprintf '<%s>' \"$@\"\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&show, mode).unwrap();
        let said = |flags: &str, words: &str| {
            let script = format!("set -e; {SHELL_MAKE} make {words}");
            let output = Command::new("/bin/sh")
                .args(["-c", &script])
                .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
                .env("MAKEFLAGS", flags)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let flags = "-j2 --jobserver-auth=60,61";
        let words = "-j8 a -j 4 'b c' --jobs=3 7 -j d --jobs 2 X= ''";
        assert_eq!(said(flags, words), "<a><b c><7><d><X=><>");
        assert_eq!(said("-j2", "-j8 a"), "<-j8><a>");
    }
}
