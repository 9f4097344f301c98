//! The words of SlapOS as types: references, names, states and their legal moves, parameters,
//! roles and time.
//!
//! Every rule here is pure. This crate never does I/O, never speaks SQL or HTTP, and its types
//! never derive serde: what travels is defined in `slapos-api`, what is stored in the master's
//! store. Start with [`state`] for the life of an instance and [`parameter`] for values that may
//! be sealed.

pub mod id;
pub mod limits;
pub mod name;
pub mod parameter;
pub mod promise;
pub mod role;
pub mod state;
pub mod suggest;
pub mod time;

pub use id::{
    InstanceId, NodeId, ParseIdError, PartitionId, ProjectId, SubjectId, TokenId, fresh_id,
};
pub use name::{Name, NameError};
pub use parameter::{ParameterError, Parameters, Value};
pub use promise::PromiseState;
pub use role::{Role, SubjectKind};
pub use state::{InstallationState, ReportedState, RequestedState};
pub use suggest::closest;
pub use time::{Clock, RandomSource, Timestamp, jitter};
