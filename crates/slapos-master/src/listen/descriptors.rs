//! How many connections the system lets this process have.
//!
//! Shells give a process 1,024 descriptors and let it take more; a node needs one. What is left
//! for other things is never given to connections, so that the database can always open its files.

use crate::limits::{CONNECTIONS_MAX, OTHER_DESCRIPTORS};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes as many descriptors as the system gives; how many connections they are good for.
pub(super) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let count = match setrlimit(Resource::Nofile, most) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let connections = connections(count);
    if connections < CONNECTIONS_MAX {
        tracing::info!(
            connections,
            "fewer connections than could be served, for want of open files"
        );
    }
    connections
}

/// None is no limit.
fn connections(descriptors: Option<u64>) -> usize {
    let count = descriptors.map_or(usize::MAX, |count| {
        usize::try_from(count).unwrap_or(usize::MAX)
    });
    // Half of very few, so that at least somebody is answered.
    let left = count.saturating_sub(OTHER_DESCRIPTORS).max(count / 2);
    left.clamp(1, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(connections(None), CONNECTIONS_MAX);
        assert_eq!(connections(Some(1_000_000)), CONNECTIONS_MAX);
        assert_eq!(connections(Some(20_000)), 20_000 - OTHER_DESCRIPTORS);
        assert_eq!(connections(Some(64)), 32);
        assert_eq!(connections(Some(0)), 1);
    }
}
