//! Every limit of this crate, with its reason.

/// A promise is looked at every minute, as the original's grid does.
pub(crate) const PROMISE_PERIOD_S: u32 = 60;
/// The original's promise-timeout.
pub(crate) const PROMISE_TIMEOUT_S: u32 = 20;
/// Time for a database to replay its journal before its promises count.
pub(crate) const PROMISE_GRACE_S: u32 = 30;
