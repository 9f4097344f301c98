//! Sources by hash: a local store, and origins that are asked for what it lacks.
//!
//! Start with [`Cache::ensure`]: it gives a file whose bytes have every hash that the [`Source`] names, from
//! the [`Store`], else from each [`Origin`] in turn. No byte is offered before its hash was checked.
//!
//! [`ProfileFetcher`] gives the text of a profile on the web, from its site or from a copy.
//!
//! Never in here: what profiles say, partitions, unpacking, what a source is used for.

mod cache;
mod debian;
mod hash;
mod limits;
mod origin;
mod profile;
mod sink;
mod source;
mod store;
mod url_origin;

pub use cache::{Cache, EnsureError, Found};
pub use debian::DebianOrigin;
pub use hash::{Digests, Hash, HashError, HashKind};
pub use origin::{Fetched, Origin, OriginMiss};
pub use profile::{FetchedProfile, Freshness, ProfileFetcher, ProfileMiss};
pub use sink::{Sink, Watch};
pub use source::Source;
pub use store::Store;
pub use url_origin::{UrlOrigin, UrlTimeouts};
