//! Every bound of the language, with its reason.
//!
//! A profile may come from a stranger's URL, so each loop and each table of this crate ends at one of these.
//! All are far above what real releases need: the largest known one has 246 files, 32,000 sections and 270,000 options.

/// One file. The largest real profile is under 200 KB.
pub(crate) const FILE_BYTES_MAX: usize = 8 << 20;
/// Distinct files of one profile.
pub(crate) const FILES_MAX: usize = 10_000;
/// Bytes of all files of one profile together.
pub(crate) const ALL_FILES_BYTES_MAX: usize = 64 << 20;
/// `extends` inside `extends`. Real chains are under 30.
pub(crate) const EXTENDS_DEPTH_MAX: usize = 1_000;
/// Options that merging may look at, over all merges of one load: the merge of a diamond costs its size each time.
pub(crate) const MERGED_OPTIONS_MAX: usize = 50_000_000;
/// Changes (`=`, `+=`, `-=`) that one option may carry.
pub(crate) const OPERATIONS_MAX: usize = 10_000;
/// Sections and options that wait for each other at one moment. 10,000 chained references must work.
pub(crate) const REFERENCE_DEPTH_MAX: usize = 20_000;
/// Macros inside macros. Real chains are under 10.
pub(crate) const MACRO_DEPTH_MAX: usize = 2_000;
/// One value after substitution. Real ones are under 1 MB.
pub(crate) const VALUE_BYTES_MAX: usize = 16 << 20;
/// All values that substitution makes in one session.
pub(crate) const SESSION_BYTES_MAX: usize = 512 << 20;
/// Problems that one report lists; more only scroll the first one away.
pub(crate) const DIAGNOSTICS_MAX: usize = 50;
/// Links of a chain that a diagnostic keeps at each end.
pub(crate) const CHAIN_LINKS_MAX: usize = 10;
/// Brackets inside brackets in an expression or a typed value.
pub(crate) const EXPRESSION_DEPTH_MAX: usize = 60;
/// Additions and the like in one expression or typed value.
pub(crate) const EXPRESSION_OPERATIONS_MAX: usize = 500;
/// Steps that one section condition may take.
pub(crate) const EXPRESSION_STEPS_MAX: usize = 100_000;
/// Stack that must be left before the next level of references gets a new segment, bytes.
pub(crate) const STACK_RED_ZONE: usize = 256 << 10;
/// A new segment of stack, bytes.
pub(crate) const STACK_SEGMENT: usize = 4 << 20;
