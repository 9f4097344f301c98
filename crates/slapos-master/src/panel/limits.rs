//! Limits of the panel, with the reason beside each.

/// Largest form that is read: a full set of parameters, percent-encoded, and room for the rest.
pub(super) const FORM_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How far back in the event log a page looks for what it shows: one page of the log costs one
/// indexed query, and what is older is no news.
pub(super) const EVENTS_LOOKED_AT: i64 = 500;

/// Events that a page shows; more is a wall of text.
pub(super) const EVENTS_SHOWN: usize = 30;

/// Longest token that is looked up; ours have some 50 characters.
pub(super) const TOKEN_BYTES_MAX: usize = 200;

/// Longest text of an event in a list; the whole of it is on the service's page.
pub(super) const EVENT_TEXT_MAX: usize = 160;

/// Lines of a log on a page without script.
pub(super) const LOG_LINES: u32 = 300;

/// Largest answer of the log call that is taken over into a page: a chunk of it, escaped as JSON.
pub(super) const LOG_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
