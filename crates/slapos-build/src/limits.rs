//! Every limit of this crate, with its reason.

use std::time::Duration;

/// A promise is looked at every minute, as the original's grid does.
pub(crate) const PROMISE_PERIOD_S: u32 = 60;
/// The original's promise-timeout.
pub(crate) const PROMISE_TIMEOUT_S: u32 = 20;
/// Time for a database to replay its journal before its promises count.
pub(crate) const PROMISE_GRACE_S: u32 = 30;

/// One step of a build; the longest known, a browser's compilation, takes about two hours on a good machine.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(6 * 3600);
/// How often a running step is looked at; also how late a cancellation is noticed.
pub(crate) const STEP_POLL: Duration = Duration::from_millis(5);
/// A process left behind that holds the output open must not hold the build.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How late a cancellation is noticed while a recipe is waited for.
pub(crate) const CANCEL_POLL: Duration = Duration::from_millis(50);
/// A short question to a program, such as where a branch is; git itself gives up a silent site after a minute.
pub(crate) const QUESTION_TIMEOUT: Duration = Duration::from_secs(120);
/// News of a running step.
pub(crate) const PROGRESS_PERIOD: Duration = Duration::from_secs(1);

/// A part that took this long is recorded at once, and others when there was no news for as long: recording costs
/// two syncs, some milliseconds.
pub(crate) const SAVE_QUIET: Duration = Duration::from_millis(20);
/// Many quick parts are recorded together: what a kill may cost of parts that are done.
pub(crate) const SAVE_PERIOD: Duration = Duration::from_millis(500);

/// The log of one part. What is beyond is dropped and said so; the end is still kept for the error.
pub(crate) const LOG_BYTES_MAX: u64 = 16 << 20;
/// Lines of the log that an error shows.
pub(crate) const TAIL_LINES: usize = 40;
/// Characters of such a line.
pub(crate) const TAIL_LINE_CHARS: usize = 400;

/// Everything that one archive unpacks to; the sources of a browser are 20 GB.
pub(crate) const ARCHIVE_BYTES_MAX: u64 = 32 << 30;
/// Entries of one archive; the largest source trees have 500,000.
pub(crate) const ARCHIVE_ENTRIES_MAX: u64 = 2_000_000;

/// Where a link of a zip archive leads; the longest path that Linux takes.
pub(crate) const LINK_BYTES_MAX: u64 = 4096;

/// How deep below the folder of releases or partitions an installation of another SlapOS is looked for.
pub(crate) const NESTING_MAX: usize = 8;
/// A record or script that is searched for names of shared parts; the largest record of a real release has 1 MB.
pub(crate) const RECORD_BYTES_MAX: u64 = 32 << 20;

/// A file of which two builds are compared byte for byte, both in memory; the largest that is built, a browser's
/// library, has 200 MB.
pub(crate) const COMPARED_BYTES_MAX: u64 = 1 << 30;
/// Differences of two builds that are told; a hundred show what is wrong.
pub(crate) const DIFFERENCES_MAX: usize = 100;

/// A profile, template or schema.
pub(crate) const TEXT_BYTES_MAX: u64 = 8 << 20;
/// Files whose bytes enter a signature, such as a source that ships with the profile.
pub(crate) const INPUT_BYTES_MAX: u64 = 256 << 20;

/// Programs and promises of one partition; more is a mistake of a template.
pub(crate) const PARTITION_FILES_MAX: usize = 4096;

/// Ports that are tried before a free one is given up.
pub(crate) const PORTS_TRIED_MAX: u32 = 2000;
/// Where the original begins.
pub(crate) const PORT_MIN: u16 = 1024;
/// Below the range from which the kernel takes ports of outgoing connections (32768 to 60999), so that none of
/// them can take the port of a service that is down. The original's default is 49151.
pub(crate) const PORT_MAX: u16 = 32767;

/// Processes that write to disk at once when files are synced: the journal commits them together.
pub(crate) const SYNC_THREADS: usize = 8;

/// Memory for one compiler: C++ takes 300 to 600 MB, C a tenth of it.
pub(crate) const JOB_BYTES: u64 = 400 << 20;
/// Below this no part is started beside another: whoever runs may still grow.
pub(crate) const MEMORY_FREE_MIN: u64 = 256 << 20;

/// Parts built at once, whatever is asked.
pub(crate) const JOBS_MAX: u32 = 64;

/// Silence of a recipe of Python while it is constructed; those that look around or ask a server take seconds.
pub(crate) const HOST_TIMEOUT: Duration = Duration::from_secs(600);
/// Start of the recipe host: Python and its packaging library, on a busy machine.
pub(crate) const HOST_START_TIMEOUT: Duration = Duration::from_secs(60);
/// A host that does not read is not going to.
pub(crate) const HOST_WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// One message of a recipe: the largest options are whole templates.
pub(crate) const HOST_LINE_BYTES_MAX: usize = 16 << 20;
/// Everything that all recipes of a run say.
pub(crate) const HOST_TALK_BYTES_MAX: u64 = 1 << 30;
/// Questions of one constructor; the largest reads some hundred sections.
pub(crate) const HOST_ASKS_MAX: u32 = 200_000;
/// What constructors print before a part has its log; the end is kept.
pub(crate) const HOST_OUTPUT_BYTES_MAX: usize = 256 << 10;
/// Characters of a traceback in an error.
pub(crate) const HOST_TRACEBACK_CHARS: usize = 3000;
/// Finding, building and installing eggs with pip; a large one compiles for a quarter of an hour.
pub(crate) const EGGS_TIMEOUT: Duration = Duration::from_secs(2 * 3600);
