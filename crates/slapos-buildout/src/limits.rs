//! Every bound of the language, with its reason.
//!
//! A profile may come from a stranger's URL, so each loop and each table of this crate ends at one of these.
//! All are far above what releases need: the largest measured one (erp5) extends 246 files,
//! and 113 releases together have 32,000 sections and 270,000 options.

/// Bytes of one file; profiles are written by hand. Whoever reads a profile needs this many and one more, to see that it is longer.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// Distinct files of one profile; forty times what erp5 has.
pub(crate) const FILES_MAX: usize = 10_000;
/// Bytes of all files of one profile together. A section costs a few hundred bytes of memory and may be four bytes of text.
pub(crate) const ALL_FILES_BYTES_MAX: usize = 16 << 20;
/// `extends` inside `extends`; deeper than anyone can follow.
pub(crate) const EXTENDS_DEPTH_MAX: usize = 1_000;
/// Sections and options that merging looks at in one load: a file costs its size each time it is extended, in time and in memory
/// (8 bytes for each section). A made-up tree of 250 files and 2,500 sections needs about two million.
pub(crate) const MERGED_OPTIONS_MAX: usize = 50_000_000;
/// Changes (`=`, `+=`, `-=`) that one option may carry; more than all files could hold in earnest.
pub(crate) const OPERATIONS_MAX: usize = 10_000;
/// Sections and options that wait for each other at one moment. 10,000 chained parts must work, each with its recipe reading the next.
pub(crate) const REFERENCE_DEPTH_MAX: usize = 20_000;
/// Macros inside macros; deeper than anyone can follow.
pub(crate) const MACRO_DEPTH_MAX: usize = 2_000;
/// One value after substitution; values become arguments and environments, which systems bound at a few megabytes.
pub(crate) const VALUE_BYTES_MAX: usize = 16 << 20;
/// All values that substitution makes in one session, so that doubling values cannot eat the machine's memory.
pub(crate) const SESSION_BYTES_MAX: usize = 512 << 20;
/// Problems that one report lists; more only scroll the first one away.
pub(crate) const DIAGNOSTICS_MAX: usize = 50;
/// Links of a chain that a diagnostic keeps at each end.
pub(crate) const CHAIN_LINKS_MAX: usize = 10;
/// Brackets inside brackets in an expression or a typed value; the reader is recursive.
pub(crate) const EXPRESSION_DEPTH_MAX: usize = 60;
/// Additions and the like in one expression or typed value; each makes the tree one deeper.
pub(crate) const EXPRESSION_OPERATIONS_MAX: usize = 500;
/// Steps that one section condition may take; the longest known one takes about twenty.
pub(crate) const EXPRESSION_STEPS_MAX: usize = 100_000;
/// Stack that must be left before the next level of references gets a new segment, bytes. A recipe's constructor runs in it.
pub(crate) const STACK_RED_ZONE: usize = 256 << 10;
/// A new segment of stack, bytes.
pub(crate) const STACK_SEGMENT: usize = 4 << 20;
/// Times that a section in a circle is tried again, when all sections are asked for: each try may go through all of them.
pub(crate) const CIRCLES_MAX: usize = 2_000;
