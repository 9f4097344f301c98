//! Limits of the command line and of `up`, with the reason beside each.

use std::time::Duration;

/// How long until a followed service is looked at again when no event came: short enough that a
/// lost watch stream is hardly noticed, long enough to cost nothing.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The same for a foreground `up` with nothing to follow: events tell it, this is for lost ones.
pub(crate) const IDLE_LOOK: Duration = Duration::from_secs(30);

/// How often a node that is joining is looked for: a first start takes about a second.
pub(crate) const NODE_LOOK: Duration = Duration::from_millis(50);

/// How long a failure that stood before the request is not held against it: the node needs a
/// moment to try again.
pub(crate) const OLD_FAILURE: Duration = Duration::from_secs(5);

/// How long a master may be away while a service is followed: a restart with its back-off.
pub(crate) const MASTER_AWAY: Duration = Duration::from_secs(30);

/// How long `--wait` waits when no `--timeout` is given: the longest build of the catalogue on two
/// cores, twice.
pub(crate) const WAIT_DEFAULT_S: u64 = 20 * 60;

/// Size at which a log of the master or the agent begins a new file; one old file is kept, so each
/// takes at most twice this.
pub(crate) const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The port to try first. Not in the registry of well-known services, below the ephemeral ports.
pub(crate) const PORT_DEFAULT: u16 = 4321;

/// Free space without which nothing is started: a database that fills the disk half-way through a
/// commit is worse than a clear no.
pub(crate) const FREE_BYTES_MIN: u64 = 200 * 1024 * 1024;

/// Longest path of the folder. Sockets of services live below it, the kernel takes 107 bytes for
/// one, and `/instance/slappart999/var/run/…` needs its share.
pub(crate) const ROOT_BYTES_MAX: usize = 64;

/// How long the master may take to listen: opening a large database, making keys on a slow board.
pub(crate) const MASTER_READY: Duration = Duration::from_secs(60);

/// How long `up` waits for the supervisor's pid before it says that it does not know it.
pub(crate) const SUPERVISOR_READY: Duration = Duration::from_secs(10);

/// The pause before a child that ended is started again: at once the first time, then doubling.
pub(crate) const RESTART_MIN: Duration = Duration::from_millis(100);

/// The longest such pause: it never gives up.
pub(crate) const RESTART_MAX: Duration = Duration::from_secs(30);

/// A child that ran so long counts as well again, and its next pause is short.
pub(crate) const RESTART_FORGET: Duration = Duration::from_secs(1);

/// How long the agent has to end by itself: a report that is under way, no more.
pub(crate) const NODE_STOP: Duration = Duration::from_secs(15);

/// How long services have to end: the supervisor's own grace for one service, and room.
pub(crate) const SERVICES_STOP: Duration = Duration::from_secs(60);

/// How long the master has to end: the last commit.
pub(crate) const MASTER_STOP: Duration = Duration::from_secs(15);

/// How long `up --detach` waits for the background process: as the master, and room.
pub(crate) const DETACH_READY: Duration = Duration::from_secs(90);

/// How long `down` waits for all of that.
pub(crate) const DOWN: Duration = Duration::from_secs(120);

/// From the start of a program to when its start-up work is over: the first round of the agent
/// formats and looks at everything, in a second or two on a machine that does nothing else.
pub(crate) const SETTLED: Duration = Duration::from_secs(10);
