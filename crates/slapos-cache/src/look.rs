//! Where a source is, without keeping it.

use std::io;

use crate::sink::{Sink, SourceNews};
use crate::{Cache, Origin, OriginMiss, Source, limits};

/// Whether a place has a source, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    There(String),
    NotThere(String),
}

impl Cache {
    /// Asks the store and then every origin, and tells of each as soon as it is known.
    ///
    /// Of a large source only the beginning is fetched; its hash is then said to be unchecked.
    pub fn look(&self, source: &Source, tell: &mut dyn FnMut(&str, Presence)) {
        let stored = match self.find(source) {
            Ok(Some(stored)) => Presence::There(stored.path.display().to_string()),
            Ok(None) => Presence::NotThere("not kept yet".to_owned()),
            Err(error) => Presence::NotThere(error.to_string()),
        };
        tell("the store", stored);
        for origin in self.origins() {
            let presence = self
                .ask_for_its_beginning(origin, source)
                .unwrap_or_else(|error| Presence::NotThere(error.to_string()));
            tell(origin.name(), presence);
        }
    }

    fn ask_for_its_beginning(&self, origin: &dyn Origin, source: &Source) -> io::Result<Presence> {
        let mut watch = |news: SourceNews<'_>| match news {
            SourceNews::Received(bytes) => bytes < limits::LOOK_BYTES_MAX,
            SourceNews::Said(_) => true,
        };
        let mut sink = Sink::new(self.store().temporary()?, &mut watch);
        let fetched = origin.fetch(source, &mut sink);
        if sink.looks_like_html() && !source.title().contains(".htm") {
            return Ok(Presence::NotThere("a web page in its place".to_owned()));
        }
        Ok(match fetched {
            Ok(fetched) => match sink.mismatch(source) {
                None if source.hashes.is_empty() => {
                    Presence::There(format!("{}, no hash to check", fetched.location))
                }
                None => Presence::There(format!("{}, with the right hash", fetched.location)),
                Some((_, found)) => {
                    Presence::NotThere(format!("{} has another file: {found}", fetched.location))
                }
            },
            Err(_) if sink.is_stopped() => {
                Presence::There("it begins to come; its hash was not checked".to_owned())
            }
            Err(OriginMiss::NotHere(reason) | OriginMiss::Failed(reason)) => {
                Presence::NotThere(reason)
            }
            Err(OriginMiss::Stopped) => Presence::NotThere("stopped".to_owned()),
        })
    }
}
