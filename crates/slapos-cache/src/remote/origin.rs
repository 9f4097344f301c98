//! A cache as one of the places where sources are looked for.

use super::{RemoteCache, RemoteError};
use crate::entry::key_of_url;
use crate::{Fetched, Origin, OriginMiss, Sink, Source};

impl RemoteCache {
    /// A source without a hash that this cache finds is one that somebody trusted signed for its URL.
    fn by_url(&self, source: &Source, sink: &mut Sink<'_>) -> Result<(), RemoteError> {
        let mut last = RemoteError::NotThere;
        for url in &source.urls {
            for entry in self.entries(&key_of_url(url))? {
                let Ok(hash) = entry.content() else { continue };
                match self.fetch(&hash, sink) {
                    Ok(()) if sink.mismatch(source).is_none() => return Ok(()),
                    Ok(()) => {}
                    Err(error @ (RemoteError::Stopped | RemoteError::Resting)) => {
                        return Err(error);
                    }
                    Err(error) => last = error,
                }
            }
        }
        Err(last)
    }
}

impl Origin for RemoteCache {
    fn name(&self) -> &str {
        &self.name
    }

    fn fetch(&self, source: &Source, sink: &mut Sink<'_>) -> Result<Fetched, OriginMiss> {
        let mut result = Err(RemoteError::NotThere);
        if let Some(hash) = source.strongest() {
            result = RemoteCache::fetch(self, hash, sink);
        }
        if matches!(result, Err(RemoteError::NotThere)) {
            result = self.by_url(source, sink);
        }
        match result {
            Ok(()) => Ok(Fetched {
                location: self.name.clone(),
            }),
            Err(RemoteError::Stopped) => Err(OriginMiss::Stopped),
            Err(RemoteError::NotThere) => {
                Err(OriginMiss::NotHere(RemoteError::NotThere.to_string()))
            }
            Err(error) => Err(OriginMiss::Failed(error.to_string())),
        }
    }
}
