//! Every limit of this crate, with its reason.

/// Steps of one rendering: statements, expressions, items of a loop. The largest real templates take about a million;
/// this many take some seconds.
pub(crate) const STEPS_MAX: u64 = 50_000_000;
/// Bytes of text that are looked at in one step: counting the characters of a long text is fast, but not free.
pub(crate) const BYTES_PER_STEP: u64 = 64;
/// Bytes of text that one rendering may make, all together: `"x" * 10**9` must not fill the memory.
pub(crate) const BYTES_MAX: u64 = 256 << 20;
/// Calls within calls; Python itself stops at 1,000 frames, which a template reaches at about 300.
pub(crate) const CALLS_MAX: u32 = 300;
/// Expressions and blocks within each other.
pub(crate) const NESTING_MAX: u32 = 200;
/// Tuples and frozen sets within each other in a key of a dictionary: a key is compared and dropped by recursion.
pub(crate) const KEY_DEPTH_MAX: u32 = 100;
/// Values within values that are compared; Python's own recursion ends at 1,000.
pub(crate) const COMPARE_DEPTH_MAX: u32 = 500;
/// Values within values that are printed; Python's own recursion ends at 1,000, and nobody reads that many.
pub(crate) const PRINT_DEPTH_MAX: usize = 100;
/// Operators, attributes and filters of one statement: each is a level of the tree. A large dictionary has commas, not
/// operators; the longest statement of the real templates has about 60. Two are counted for each plain value.
pub(crate) const LINKS_MAX: u32 = 20_000;
/// Largest exponent or shift: the result must fit 127 bits anyway.
pub(crate) const EXPONENT_MAX: i128 = 127;
/// Width or precision of a format: `format!` takes 65,535 at most, and `%g` asks for a few more than it was given.
pub(crate) const WIDTH_MAX: usize = 60_000;
/// Backtracking steps of a regular expression.
pub(crate) const BACKTRACK_MAX: usize = 1_000_000;
/// Stack that must be free before a nested evaluation, and what is added when it is not.
pub(crate) const STACK_RED_ZONE: usize = 128 << 10;
pub(crate) const STACK_GROWTH: usize = 1 << 20;
