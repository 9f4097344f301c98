//! Every limit of the model, with the reason beside it.
//!
//! Other crates keep their own `limits.rs`; a limit that belongs to a word (a name, a parameter)
//! is here so that client, master and node refuse the same input.

/// Longest name of a service, project or node, in characters: what SLAP JSON-RPC allows for a title,
/// more than old clients were seen to send.
pub const NAME_CHARS_MAX: usize = 200;

/// Largest set of parameters of one instance, in bytes of its JSON text. The largest seen in real
/// use (a CDN's list of sites) is some hundred KiB.
pub const PARAMETERS_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting of a parameter value: more is an attack, not a configuration.
pub const PARAMETERS_DEPTH_MAX: usize = 64;
