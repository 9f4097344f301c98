//! The agent's connection to the supervisor: one, kept, opened again when it broke.
//!
//! A call is safe to repeat, so one that met a dead connection is tried once more on a new one.

use crate::limits::SUPERVISOR_TIMEOUT;
use slapos_supervise::{Client, ClientError};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

pub(crate) struct Connection {
    dir: PathBuf,
    client: Mutex<Option<Client>>,
}

impl Connection {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            client: Mutex::new(None),
        }
    }

    pub(crate) fn call<T>(
        &self,
        ask: impl Fn(&mut Client) -> Result<T, ClientError>,
    ) -> io::Result<T> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut client) = kept.take() {
            match ask(&mut client) {
                Ok(answer) => {
                    *kept = Some(client);
                    return Ok(answer);
                }
                Err(ClientError::Refused(why)) => {
                    *kept = Some(client);
                    return Err(io::Error::other(format!("the supervisor refused: {why}")));
                }
                Err(ClientError::Spec(error)) => {
                    *kept = Some(client);
                    return Err(io::Error::other(error.to_string()));
                }
                Err(_) => {}
            }
        }
        let mut client =
            Client::connect_with(&self.dir, SUPERVISOR_TIMEOUT).map_err(io::Error::other)?;
        let answer = ask(&mut client).map_err(io::Error::other)?;
        *kept = Some(client);
        Ok(answer)
    }
}
