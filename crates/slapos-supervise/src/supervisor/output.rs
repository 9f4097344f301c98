//! Output of programs: from their pipes into their logs.
//!
//! Each program writes to a named pipe in the private folder, which it holds open for reading too.
//! So neither the death of the supervisor nor of its successor breaks the pipe; the successor opens
//! it by name and finds what was written meanwhile. A log that cannot be written costs the output, never
//! the program's time.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::PathBuf;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, fchown, mkfifo};

use super::Supervisor;
use super::entry::{Entry, ProgramId};
use crate::poll::Token;

impl Supervisor {
    /// The descriptor that a program gets as its output; `None` when there is no pipe to be had,
    /// then its output is lost and the supervisor's log says so.
    pub(super) fn open_output(&mut self, id: ProgramId) -> Option<OwnedFd> {
        self.watch_output(id);
        let entry = self.entry(id)?;
        entry.output.as_ref()?;
        let opened = self.open_pipe(entry, 0);
        match opened {
            Ok(pipe) => Some(pipe),
            Err(error) => {
                self.note(&format!("cannot open an output pipe: {error}"));
                None
            }
        }
    }

    /// Makes sure that the pipe of a program exists and is read here.
    pub(super) fn watch_output(&mut self, id: ProgramId) {
        let Some(entry) = self.entry(id).filter(|entry| entry.output.is_none()) else {
            return;
        };
        let opened = self.open_pipe(entry, libc::O_NONBLOCK);
        let watched = opened.and_then(|pipe| {
            self.poller.add(pipe.as_fd(), Token::Output(id))?;
            Ok(pipe)
        });
        match (watched, self.entry_mut(id)) {
            (Ok(pipe), Some(entry)) => entry.output = Some(pipe),
            (Err(error), _) => self.note(&format!("cannot read an output pipe: {error}")),
            (Ok(_), None) => {}
        }
    }

    /// Moves what a program wrote into its log, a bounded part of it.
    pub(super) fn move_output(&mut self, id: ProgramId) {
        let Some(entry) = self
            .programs
            .get_mut(id as usize)
            .and_then(Option::as_deref_mut)
        else {
            return;
        };
        let Some(pipe) = &entry.output else { return };
        let Ok(pipe) = pipe.try_clone() else { return };
        let Ok(n) = std::fs::File::from(pipe).read(&mut self.output) else {
            return;
        };
        let path = self.logs.path_of(&entry.group, &entry.spec.name);
        if entry.untold_bytes > 0 {
            let notice = format!(
                "[slapos] {} bytes of output were lost here\n",
                entry.untold_bytes
            );
            if self
                .logs
                .write(&path, entry.spec.log, notice.as_bytes())
                .1
                .is_ok()
            {
                entry.untold_bytes = 0;
            }
        }
        // Without the notice the reader would take the log for complete.
        let (written, result) = match entry.untold_bytes {
            0 => self.logs.write(&path, entry.spec.log, &self.output[..n]),
            _ => (0, Err(io::ErrorKind::StorageFull.into())),
        };
        let lost = (n - written) as u64;
        let is_new = entry.untold_bytes == 0 && lost > 0;
        entry.dropped_bytes += lost;
        entry.untold_bytes += lost;
        if let (Err(error), true) = (result, is_new) {
            self.note(&format!(
                "output is lost, {} cannot be written: {error}",
                path.display()
            ));
        }
    }

    /// The pipe of a program is not needed any more.
    pub(super) fn remove_output(&mut self, entry: &Entry) {
        let path = self.pipe_path(entry);
        let _ = fs::remove_file(&path);
        if let Some(folder) = path.parent() {
            // Stays while the group has other programs.
            let _ = std::fs::remove_dir(folder);
        }
        self.logs
            .forget(&self.logs.path_of(&entry.group, &entry.spec.name));
    }

    fn open_pipe(&self, entry: &Entry, flags: i32) -> io::Result<OwnedFd> {
        let path = self.pipe_path(entry);
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        match mkfifo(&path, Mode::from_bits_truncate(0o600)) {
            Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let mut options = fs::OpenOptions::new();
        options
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW | flags);
        let pipe = options.open(&path)?;
        if !pipe.metadata()?.file_type().is_fifo() {
            return Err(io::Error::other(format!(
                "{} is not a pipe",
                path.display()
            )));
        }
        if let Some(user) = entry
            .spec
            .user
            .as_ref()
            .filter(|_| Uid::effective().is_root())
        {
            // The program may open /dev/stdout again.
            fchown(
                &pipe,
                Some(Uid::from_raw(user.uid)),
                Some(Gid::from_raw(user.gid)),
            )?;
        }
        Ok(OwnedFd::from(pipe.into_file()))
    }

    fn pipe_path(&self, entry: &Entry) -> PathBuf {
        self.dir
            .join("output")
            .join(&entry.group)
            .join(&entry.spec.name)
    }
}
