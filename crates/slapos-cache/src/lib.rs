//! Sources by hash: a local store, and origins that are asked for what it lacks.
//!
//! Start with [`Cache::ensure`]: it gives a file whose bytes have every hash that the [`Source`] names, from
//! the [`Store`], else from each [`Origin`] in turn. No byte is offered before its hash was checked.
//!
//! [`RemoteCache`] is one of the origins: another machine's cache, as [`serve`] serves it. [`Signer`] and [`Trusted`]
//! say whose word counts; [`bundle`] carries a store to another place.
//!
//! [`Disk`] gives the texts of profiles: from files, and with [`ProfileFetcher`] from their site on the
//! web or a copy; it and [`host_machine`] say what conditions may know of this machine.
//!
//! Never in here: what profiles say, partitions, unpacking, what a source is used for.

pub mod bundle;
mod cache;
mod debian;
mod entry;
mod file;
mod hash;
mod http;
mod index;
mod limits;
mod look;
mod origin;
mod pins;
mod profile;
mod remote;
pub mod serve;
mod signing;
mod sink;
mod source;
mod store;
mod url_origin;

pub use cache::{Cache, EnsureError, Found};
pub use debian::DebianOrigin;
pub use entry::{Entry, EntryError, check_key, key_of_url};
pub use hash::{Digests, Hash, HashError, HashKind, mismatch};
pub use http::without_secrets;
pub use index::Index;
pub use look::Presence;
pub use origin::{Fetched, Origin, OriginMiss};
pub use pins::Pins;
pub use profile::{Disk, FetchedProfile, Freshness, ProfileFetcher, ProfileMiss, host_machine};
pub use remote::{CacheTimeouts, RemoteCache, RemoteError, Wire};
pub use signing::{
    Algorithm, Envelope, KeyError, KeyId, KeyPair, Signature, Signer, Trusted, generate,
};
pub use sink::{Sink, SourceNews, Watch};
pub use source::Source;
pub use store::{Store, Verified};
pub use url_origin::{UrlOrigin, UrlTimeouts};
