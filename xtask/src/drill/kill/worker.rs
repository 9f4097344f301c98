//! A person who keeps asking: a further service is ordered, destroyed, and the next one ordered.
//!
//! It remembers what was acknowledged and nothing else. A request without an answer is asked again
//! until there is one, as every client of SlapOS may.

use super::check::Fault;
use crate::bench::wait::{pause, wait_for};
use crate::bench::world::{World, helloworld};
use slapos_api::{ClientError, ErrorCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a service stays, from too short to be installed to long enough to be green.
const STAYS_MS: [u64; 4] = [0, 100, 400, 1000];

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Worker {
    count: u32,
    destroyed: Vec<String>,
    started: Option<String>,
    acknowledged: u32,
}

impl Worker {
    /// How many requests were answered.
    pub(super) fn acknowledged(&self) -> u32 {
        self.acknowledged
    }

    /// Works until told to stop, and to the end of what is under way, at most `limit` for each.
    pub(super) fn work(
        &mut self,
        world: &World,
        stop: &AtomicBool,
        limit: Duration,
    ) -> Result<(), String> {
        while !stop.load(Ordering::Relaxed) {
            match self.started.take() {
                None => self.order(world, limit)?,
                Some(name) => self.destroy(world, name, limit)?,
            }
        }
        Ok(())
    }

    fn order(&mut self, world: &World, limit: Duration) -> Result<(), String> {
        self.count += 1;
        let name = format!("extra-{}", self.count);
        let ask = helloworld(&name);
        until_answered(&name, limit, || world.client.request_instance(&ask))?;
        self.acknowledged += 1;
        self.started = Some(name);
        let index = usize::try_from(self.count).unwrap_or_default() % STAYS_MS.len();
        pause(Duration::from_millis(STAYS_MS[index]));
        Ok(())
    }

    fn destroy(&mut self, world: &World, name: String, limit: Duration) -> Result<(), String> {
        let destroyed = || match world.client.set_instance_state(&name, "destroyed") {
            // Asked twice because the first answer was lost, and gone already.
            Err(error) if is_missing(&error) => Ok(()),
            other => other.map(drop),
        };
        until_answered(&name, limit, destroyed)?;
        self.acknowledged += 1;
        self.destroyed.push(name);
        Ok(())
    }

    /// Whether everything acknowledged is so by now.
    pub(super) fn check(&self, world: &World) -> Result<(), Fault> {
        let list = world
            .client
            .list_instances()
            .map_err(|error| Fault::NotYet(error.to_string()))?;
        let find = |name: &str| list.items.iter().find(|view| view.name == name);
        for name in &self.destroyed {
            match find(name) {
                Some(view) if view.requested_state != "destroyed" => {
                    return Err(Fault::Broken(format!(
                        "the acknowledged end of {name} is lost: it is to be {}",
                        view.requested_state
                    )));
                }
                Some(view) => {
                    let state = &view.state;
                    return Err(Fault::NotYet(format!("{name} is not gone, it is {state}")));
                }
                None => {}
            }
        }
        let Some(name) = &self.started else {
            return Ok(());
        };
        match find(name) {
            None => Err(Fault::Broken(format!(
                "the acknowledged request of {name} is lost"
            ))),
            Some(view) if view.state == "started" && view.promises.total > 0 => Ok(()),
            Some(view) => Err(Fault::NotYet(format!(
                "{name} is {}: {}",
                view.state,
                view.message.as_deref().unwrap_or("-")
            ))),
        }
    }
}

/// Asks again while there is no answer; a refusal is a failure.
fn until_answered<T>(
    name: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<T, ClientError>,
) -> Result<T, String> {
    wait_for(&format!("an answer about {name}"), limit, || match ask() {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_temporary() => Ok(None),
        Err(error) => Err(format!("{name} was refused: {error}")),
    })
}

fn is_missing(error: &ClientError) -> bool {
    error
        .refusal()
        .is_some_and(|body| body.code == ErrorCode::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_answered_asks_again_while_nobody_is_there() {
        let mut tries = 0;
        let answer = until_answered("x", Duration::from_secs(60), || {
            tries += 1;
            match tries {
                3 => Ok(tries),
                _ => Err(ClientError::Unreachable {
                    url: "http://127.0.0.1:1".to_owned(),
                    cause: "refused".to_owned(),
                }),
            }
        });
        assert_eq!(answer, Ok(3));
    }

    #[test]
    fn until_answered_takes_a_refusal_for_one() {
        let error = until_answered::<()>("x", Duration::from_secs(60), || {
            Err(ClientError::Setup("no".to_owned()))
        });
        assert!(error.unwrap_err().contains("refused"));
    }
}
