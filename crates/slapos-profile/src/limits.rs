//! Every bound of this crate, with its reason.

/// Files inside files that are looked at as written; what the language allows.
pub(crate) const TREE_DEPTH_MAX: usize = 1_000;
/// Files that are looked at as written; what the language allows.
pub(crate) const TREE_FILES_MAX: usize = 10_000;
/// Sections inherited through sections that are followed; deeper than anyone can read.
pub(crate) const MACRO_DEPTH_MAX: usize = 200;
/// Overridden changes of one option that are told of; more would hide the first.
pub(crate) const STORY_STEPS_MAX: usize = 1_000;
/// Findings of one run of the linter; more only scroll the first ones away.
pub(crate) const FINDINGS_MAX: usize = 2_000;
/// Nodes and places of long arrows in a picture; beyond it nobody could follow an arrow anyway.
pub(crate) const LAYOUT_PLACES_MAX: usize = 50_000;
/// Times that columns are ordered; more hardly changes a picture.
pub(crate) const LAYOUT_SWEEPS: usize = 8;
/// Silence of the editor before problems are worked out again: people type a letter in 100 to 300 ms.
pub(crate) const EDITOR_SILENCE: std::time::Duration = std::time::Duration::from_millis(80);
/// Open documents that are looked at; editors open some tens.
pub(crate) const DOCUMENTS_MAX: usize = 500;
/// Bytes of all open documents together, and of all files that are kept for them; four times what the language allows one profile.
pub(crate) const EDITOR_BYTES_MAX: usize = 64 << 20;
/// Messages that wait for the editor's log; it is told at every pause.
pub(crate) const MESSAGES_MAX: usize = 100;
/// Names that a completion offers; an editor filters them as one types.
pub(crate) const COMPLETIONS_MAX: usize = 5_000;
/// Characters of a value that a hover shows.
pub(crate) const HOVER_CHARS_MAX: usize = 2_000;
