//! The libraries that do the work, as the commands see them.
//!
//! The only file that names the functions of `slapos-master`, `slapos-node` and `slapos-supervise`
//! which run for long. It adds the clock, the randomness and the paths of this machine, nothing
//! else.
