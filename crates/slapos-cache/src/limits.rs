//! Every limit of this crate, with its reason.

use std::time::Duration;

/// The largest source; chromium's, the largest tarball among real releases, is below 4 GB.
pub(crate) const SOURCE_BYTES_MAX: u64 = 8 << 30;

/// Bytes read at once: large enough that hashing dominates.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Bytes kept from the start of what came, to tell an HTML page from an archive.
pub(crate) const HEAD_BYTES: usize = 512;

/// A site that does not answer must not hold a build that another origin could serve.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence in the middle of a transfer.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The whole transfer: the largest source over a slow line.
pub(crate) const TOTAL_TIMEOUT: Duration = Duration::from_secs(2 * 3600);
/// Release pages redirect once or twice to a mirror.
pub(crate) const REDIRECTS_MAX: usize = 5;

/// One profile; the language itself takes no larger file.
pub(crate) const PROFILE_BYTES_MAX: usize = 4 << 20;
/// A file that a condition opens, such as /proc/cpuinfo of a large machine.
pub(crate) const OPENED_BYTES_MAX: u64 = 4 << 20;
/// One profile in all: it is a few kilobytes, and somebody waits for it.
pub(crate) const PROFILE_TIMEOUT: Duration = Duration::from_secs(60);

/// `apt-get update` of one suite takes 6 to 10 s on a good line.
pub(crate) const APT_UPDATE_TIMEOUT: Duration = Duration::from_secs(300);
/// After this no further index is read for one source: each takes 10 to 60 s, and what was read is kept.
pub(crate) const DEBIAN_SEARCH_TIMEOUT: Duration = Duration::from_secs(120);
/// A question that apt answers from its own files.
pub(crate) const APT_ASK_TIMEOUT: Duration = Duration::from_secs(30);
/// One file through apt.
pub(crate) const APT_FETCH_TIMEOUT: Duration = Duration::from_secs(3600);
/// How often a running apt is looked at.
pub(crate) const APT_POLL: Duration = Duration::from_millis(20);
/// A table older than this is made again when a hash is in none.
pub(crate) const TABLE_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Text that apt may answer with; an index of 40,000 packages is about 60 MB.
pub(crate) const APT_OUTPUT_BYTES_MAX: u64 = 512 << 20;
/// How many places are tried for one file; the same file is in a handful of suites at most.
pub(crate) const LOCATIONS_MAX: usize = 32;

/// Characters of a file name in the store's temporary folder and of messages from origins.
pub(crate) const REASON_CHARS_MAX: usize = 400;
