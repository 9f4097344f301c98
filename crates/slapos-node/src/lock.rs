//! One agent per root: a lock that the kernel gives back when its holder dies.

use crate::error::NodeError;
use crate::layout::Layout;
use fs_err::os::unix::fs::OpenOptionsExt;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// The lock, held as long as this lives.
#[derive(Debug)]
pub(crate) struct RootLock {
    _file: Flock<std::fs::File>,
}

impl RootLock {
    /// Takes it without waiting.
    pub(crate) fn take(layout: &Layout) -> Result<Self, NodeError> {
        let path = layout.state().join("lock");
        let file = fs_err::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(NodeError::doing("open the agent's lock"))?;
        match Flock::lock(file.into_parts().0, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Self { _file: file }),
            Err((_, Errno::EWOULDBLOCK)) => Err(NodeError::AlreadyRuns {
                root: layout.root().to_path_buf(),
            }),
            Err((_, error)) => Err(NodeError::System {
                doing: format!("lock {}", path.display()),
                source: error.into(),
            }),
        }
    }

    /// Whether somebody holds it.
    pub(crate) fn is_held(layout: &Layout) -> bool {
        layout.state().join("lock").exists()
            && matches!(Self::take(layout), Err(NodeError::AlreadyRuns { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_taken_twice_is_refused_until_it_is_given_back() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        fs_err::create_dir_all(layout.state()).unwrap();
        let first = RootLock::take(&layout).unwrap();
        assert!(RootLock::is_held(&layout));
        let error = RootLock::take(&layout).unwrap_err();
        assert!(error.to_string().contains("already works"), "{error}");
        drop(first);
        assert!(!RootLock::is_held(&layout));
    }
}
