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

/// Keys that a reader trusts: a company's caches and those of its friends.
pub(crate) const TRUSTED_KEYS_MAX: usize = 256;
/// Signatures of one entry; each is tried with each key.
pub(crate) const SIGNATURES_MAX: usize = 8;

/// A key of an index, such as `file-urlmd5:` and 32 digits; an egg's name and version is longer, a URL longer still.
pub(crate) const KEY_BYTES_MAX: usize = 1024;
/// One entry with its signatures; those of real caches are below 2 kB.
pub(crate) const ENTRY_BYTES_MAX: usize = 64 << 10;
/// Entries of one key: one for each platform and each who signs. The oldest goes when one more comes.
pub(crate) const ENTRIES_MAX: usize = 64;
/// What a reader takes in answer for one key.
pub(crate) const ENTRIES_BYTES_MAX: usize = ENTRY_BYTES_MAX * ENTRIES_MAX;

/// Connections that a cache serves at once; each costs a few kilobytes.
pub(crate) const CONNECTIONS_MAX: usize = 2048;
/// A request's head, and silence between two requests.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Until accepting is tried again when descriptors ran out.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Uploads at once: each has a file open and a thread of its own.
pub(crate) const UPLOADS_MAX: usize = 32;
/// Pieces of an upload that wait for the disk.
pub(crate) const UPLOAD_PIECES_MAX: usize = 8;

/// A cache is a help: one that is not there at once is not waited for.
pub(crate) const CACHE_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Silence of a cache.
pub(crate) const CACHE_READ_TIMEOUT: Duration = Duration::from_secs(8);
/// A short text, such as what is said under a key, as a whole.
pub(crate) const CACHE_TEXT_TIMEOUT: Duration = Duration::from_secs(8);
/// Failures in a row until a cache is left alone for `CACHE_REST`.
pub(crate) const CACHE_FAILURES_MAX: u32 = 2;
pub(crate) const CACHE_REST: Duration = Duration::from_secs(60);
/// How often one transfer goes on where it broke.
pub(crate) const CACHE_RESUMES_MAX: u32 = 3;
/// A cache that is slower than this, on average after `CACHE_GRACE`, holds more than it helps.
pub(crate) const CACHE_BYTES_PER_SECOND_MIN: u64 = 32 << 10;
pub(crate) const CACHE_GRACE: Duration = Duration::from_secs(10);
/// One upload; libnetworkcache has an hour too.
pub(crate) const UPLOAD_TIMEOUT: Duration = Duration::from_secs(3600);

/// Bytes read of an upload that is refused, so that who sends it sees why.
pub(crate) const DRAINED_BYTES_MAX: usize = 64 << 20;
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The list of an archive of a store: some 200 bytes for each content.
pub(crate) const LIST_BYTES_MAX: u64 = 256 << 20;

/// Sources of one run that are remembered; the largest real release has some 600.
pub(crate) const USED_MAX: usize = 100_000;

/// Threads that serve connections: files are read by others.
pub(crate) const WORKERS: usize = 2;

/// Bytes fetched to see whether a place has a source; a smaller one is checked whole.
pub(crate) const LOOK_BYTES_MAX: u64 = 1 << 20;
