//! A master of the old wire: a Python `slapos proxy`, or any that speaks as it does.
//!
//! It has no watch stream, no generations and no epochs: it is asked again and again, and what
//! differs from the last answer is a new generation of an epoch that is this agent's own. An answer
//! that says no, or none, changes nothing of what runs. `translate.rs` turns documents into what the
//! agent works from. Start with [`OldMaster::read_desired`].

mod translate;

use super::identity::JoinError;
use crate::atomic_file;
use crate::config::OldMasterSettings;
use crate::desire::DesiredFile;
use crate::node::Node;
use slapos_api::slap::{SlapCallError, SlapClient, SlapTrust, Value, write};
use slapos_api::wire::JsonMap;
use slapos_api::wire::node::{Desired, InstanceReport, NodeFormat, NodeReport, SoftwareReport};
use slapos_api::{ClientError, ErrorBody, ErrorCode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use translate::{offer_document, read_node};

/// A way to such a master, with what it said last. Clones share it.
#[derive(Debug, Clone)]
pub struct OldMaster {
    client: SlapClient,
    computer: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Of the last answer, where the master gives tags.
    tag: Option<String>,
    desired: Desired,
    /// Guid → partition.
    seats: BTreeMap<String, String>,
    /// Guid → what the master has as published, as text.
    published: BTreeMap<String, JsonMap>,
    /// Guid → the failing promises that it was told of.
    failing: BTreeMap<String, Vec<String>>,
    /// How long the last answer took.
    took: Duration,
}

impl OldMaster {
    /// The master of the settings.
    ///
    /// # Errors
    /// When a file of the identity cannot be used.
    pub fn open(node: &Node, settings: &OldMasterSettings) -> Result<Self, JoinError> {
        let read = |path: &Option<std::path::PathBuf>| match path {
            None => Ok(None),
            Some(path) => {
                let text = atomic_file::read(path)?.ok_or_else(|| JoinError::File {
                    path: path.clone(),
                    cause: "it is missing".to_owned(),
                })?;
                Ok::<_, JoinError>(Some(String::from_utf8_lossy(&text).into_owned()))
            }
        };
        let (cert, key) = (read(&settings.cert_file)?, read(&settings.key_file)?);
        let ca = read(&settings.ca_file)?;
        let trust = SlapTrust {
            identity: cert.as_deref().zip(key.as_deref()),
            ca_pem: ca.as_deref(),
        };
        let client = SlapClient::new(&settings.url, trust)
            .map_err(|error| JoinError::Master(ClientError::Setup(error.to_string())))?;
        let mut start = [0; 8];
        node.random.fill(&mut start);
        let desired = Desired {
            master_epoch: format!("{}#{:x}", settings.url, u64::from_le_bytes(start)),
            ..Desired::default()
        };
        Ok(Self {
            client,
            computer: settings.computer_id.clone(),
            state: Arc::new(Mutex::new(State {
                desired,
                ..State::default()
            })),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        self.client.url()
    }

    /// How long to wait until it is asked again: a twentieth of its time at most is spent on this
    /// node, since the original works a second for one of a thousand partitions.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let took = self.lock().took;
        (took * 20).clamp(crate::limits::OLD_POLL_MIN, crate::limits::POLL)
    }

    /// Makes the node known with what it offers. A master that does not know a node which has work
    /// has lost its state, or is another one: it would free every partition, so it is told nothing.
    ///
    /// # Errors
    /// As every call; also when the node has work and the master does not know it.
    pub fn join(&self, node: &Node, offer: &NodeFormat) -> Result<(), JoinError> {
        let known = self.client.read_node(&self.computer, None);
        let (is_known, offered) = match known {
            Ok(answer) => (true, answer.map(|(document, _)| document)),
            // The original answers 404, and 500 where it never knew any node.
            Err(error) if matches!(error.status(), Some(404 | 500)) => (false, None),
            Err(error) => return Err(self.failed(error).into()),
        };
        let offered = offered.as_ref();
        let kept = DesiredFile::new(&node.layout.state()).load()?;
        let has_work = kept.is_some_and(|kept| !kept.instances.is_empty());
        let names_none = offered.is_some_and(|document| translate::partition_count(document) == 0);
        if has_work && (!is_known || names_none) {
            let cause = format!(
                "it does not know the node {} any more, which has instances; they go on. Give the \
                 master its state back, or remove {} to begin anew",
                self.computer,
                node.layout.state().join("desired.json").display()
            );
            let url = self.url().to_owned();
            return Err(JoinError::Master(ClientError::Garbled { url, cause }));
        }
        if offered.is_some_and(|document| translate::offers_same(document, offer)) {
            return Ok(());
        }
        let document = offer_document(&self.computer, offer);
        let told = self.client.offer(&document);
        told.map_err(|error| self.failed(error).into())
    }

    /// What it wants now.
    ///
    /// # Errors
    /// As every call: nothing changes then.
    pub fn read_desired(&self) -> Result<Desired, ClientError> {
        let tag = self.lock().tag.clone();
        let start = Instant::now();
        let answer = self.client.read_node(&self.computer, tag.as_deref());
        let answer = answer.map_err(|error| self.failed(error))?;
        let mut state = self.lock();
        state.took = start.elapsed();
        let Some((document, tag)) = answer else {
            return Ok(state.desired.clone());
        };
        let read = read_node(&document).map_err(|cause| ClientError::Garbled {
            url: self.url().to_owned(),
            cause,
        })?;
        let is_first = state.desired.generation == 0;
        if is_first
            || state.desired.software != read.software
            || state.desired.instances != read.instances
        {
            state.desired.generation += 1;
            state.desired.software = read.software;
            state.desired.instances = read.instances;
        }
        state.failing.retain(|id, _| read.seats.contains_key(id));
        state.seats = read.seats;
        state.published = read.published;
        state.tag = tag;
        Ok(state.desired.clone())
    }

    /// Says what was seen, call by call.
    ///
    /// # Errors
    /// When one of them may succeed later; those before it stand.
    pub fn report(&self, report: &NodeReport) -> Result<(), ClientError> {
        for software in &report.software {
            self.report_software(software)?;
        }
        for instance in &report.instances {
            self.report_instance(instance)?;
        }
        Ok(())
    }

    fn report_software(&self, said: &SoftwareReport) -> Result<(), ClientError> {
        let call = match said.state.as_str() {
            "building" => "buildingSoftwareRelease",
            "available" => "availableSoftwareRelease",
            "failed" => "softwareReleaseError",
            "destroyed" => "destroyedSoftwareRelease",
            _ => return Ok(()),
        };
        let message = said.message.clone().unwrap_or_default();
        let mut form = vec![("url", said.url.as_str()), ("computer_id", &self.computer)];
        if call == "softwareReleaseError" {
            form.push(("error_log", &message));
        }
        self.tell(call, &form)
    }

    fn report_instance(&self, said: &InstanceReport) -> Result<(), ClientError> {
        let Some(seat) = self.lock().seats.get(&said.id).cloned() else {
            // It left its partition: there is nobody to tell it of.
            return Ok(());
        };
        let place = [
            ("computer_id", self.computer.as_str()),
            ("computer_partition_id", seat.as_str()),
        ];
        if let Some(connection) = &said.connection {
            self.publish(&said.id, &place, connection)?;
        }
        let failing = self.failing_of(said);
        let (call, log) = match (said.state.as_deref(), &failing) {
            (Some("destroyed"), _) => ("destroyedComputerPartition", None),
            (Some("failed"), _) => ("softwareInstanceError", said.message.clone()),
            // A broken promise is an error of the instance on this wire.
            (_, Some(broken)) if !broken.is_empty() => {
                if self.lock().failing.get(&said.id) == Some(broken) {
                    return Ok(());
                }
                ("softwareInstanceError", Some(broken.join("\n")))
            }
            (Some("started"), _) => ("startedComputerPartition", None),
            (Some("stopped"), _) => ("stoppedComputerPartition", None),
            _ => return Ok(()),
        };
        let mut form = place.to_vec();
        let log = log.unwrap_or_default();
        if call == "softwareInstanceError" {
            form.push(("error_log", &log));
        }
        self.tell(call, &form)?;
        // Only what it was told of, so that what did not reach it is said again.
        if let Some(broken) = failing.filter(|_| said.state.as_deref() != Some("failed")) {
            self.lock().failing.insert(said.id.clone(), broken);
        }
        Ok(())
    }

    fn failing_of(&self, said: &InstanceReport) -> Option<Vec<String>> {
        let promises = said.promises.as_ref()?.iter();
        let broken = promises.filter(|promise| promise.state == "broken");
        Some(
            broken
                .map(|promise| format!("promise {}: {}", promise.name, promise.message))
                .collect(),
        )
    }

    /// Publishes what differs from what the master has.
    fn publish(
        &self,
        id: &str,
        place: &[(&str, &str)],
        connection: &JsonMap,
    ) -> Result<(), ClientError> {
        let texts = translate::texts(connection);
        if self.lock().published.get(id) == Some(&texts) {
            return Ok(());
        }
        let pairs = texts.iter();
        let pairs = pairs.map(|(key, value)| {
            (
                key.as_str(),
                Value::text(value.as_str().unwrap_or_default()),
            )
        });
        let document = match write(&Value::dict(pairs)) {
            Ok(document) => document,
            Err(error) => {
                tracing::error!(id, %error, "what it publishes cannot be said on the old wire");
                return Ok(());
            }
        };
        let mut form = place.to_vec();
        form.push(("connection_xml", &document));
        self.tell("setComputerPartitionConnectionXml", &form)?;
        self.lock().published.insert(id.to_owned(), texts);
        Ok(())
    }

    /// A call whose refusal is told in the log: what is not there any more needs no news.
    fn tell(&self, call: &str, form: &[(&str, &str)]) -> Result<(), ClientError> {
        match self.client.post(call, form) {
            Err(error) if error.status() == Some(404) => {
                tracing::warn!(call, %error, "the master does not know what it was told of");
                Ok(())
            }
            told => told.map_err(|error| self.failed(error)),
        }
    }

    /// The same failure as one of the native client, as the link knows them.
    fn failed(&self, error: SlapCallError) -> ClientError {
        match error {
            SlapCallError::Unreachable { url, cause } => ClientError::Unreachable { url, cause },
            SlapCallError::Garbled { url, cause } => ClientError::Garbled { url, cause },
            error if error.is_temporary() => ClientError::Garbled {
                url: self.url().to_owned(),
                cause: error.to_string(),
            },
            error => ClientError::Refused(ErrorBody {
                code: ErrorCode::Invalid,
                message: error.to_string(),
                hint: None,
                field: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slapos_api::wire::node::PromiseReport;

    #[test]
    fn broken_promise_that_no_master_was_told_of_is_told_again() {
        let promise = PromiseReport {
            name: "url.py".to_owned(),
            state: "broken".to_owned(),
            message: "no answer".to_owned(),
            checked_at_us: 1,
        };
        let said = InstanceReport {
            id: "comp-part0".to_owned(),
            generation: 1,
            state: Some("started".to_owned()),
            message: None,
            connection: None,
            promises: Some(vec![promise]),
            processes: None,
        };
        let seat = (said.id.clone(), "part0".to_owned());
        let master = OldMaster {
            client: SlapClient::new("http://127.0.0.1:9/", SlapTrust::default()).unwrap(),
            computer: "comp".to_owned(),
            state: Arc::new(Mutex::new(State {
                seats: BTreeMap::from([seat]),
                ..State::default()
            })),
        };
        for _ in 0..2 {
            let told = master.report_instance(&said);
            assert!(told.unwrap_err().is_temporary());
        }
    }
}
