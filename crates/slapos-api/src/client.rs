//! A blocking client of the native API: what the command line and the node agent call.
//!
//! One method a call, named as the operation in the OpenAPI file. Every call has a time-out and a
//! bound on the size of its answer; nothing is tried again here, since whether that is right is
//! the caller's knowledge. Start with [`Client::new`].

mod watch;

use crate::error::{ErrorBody, ErrorCode};
use crate::limits::{ANSWER_BYTES_MAX, CALL_TIMEOUT, WATCH_TIMEOUT};
use crate::tls::{TlsError, client_config, nobody_trusted};
use crate::transport::{ReadError, builder, chain, read_bounded};
use crate::wire::catalog::{CatalogEntry, ReleaseFiles};
use crate::wire::event::Event;
use crate::wire::instance::{Bang, InstanceRequest, InstanceView, PromiseView, StateChange, Why};
use crate::wire::log::{LogAnswer, LogChunk};
use crate::wire::node::{Desired, NodeFormat, NodeRegister, NodeRegistered, NodeReport, NodeView};
use crate::wire::project::Me;
use crate::wire::supply::{SupplySet, SupplyView};
use crate::wire::{Health, List};
use reqwest::Method;
use reqwest::blocking::{RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

pub use crate::transport::escape;
pub use watch::Watch;

/// How the caller proves who it is.
#[derive(Clone)]
pub enum Credential {
    /// Not at all.
    None,
    /// A token of a person.
    Token(String),
    /// The certificate and key of a node or an instance, PEM.
    Certificate {
        /// The chain, leaf first.
        certificate_pem: String,
        /// The private key.
        key_pem: String,
    },
}

// Secrets stay out of logs: only the kind is shown.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "Credential::None",
            Self::Token(_) => "Credential::Token(…)",
            Self::Certificate { .. } => "Credential::Certificate(…)",
        })
    }
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The master said no, and why.
    #[error("{}", .0.message)]
    Refused(ErrorBody),
    /// The master could not be reached or went silent.
    #[error("cannot reach the master at {url}: {cause}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What the network said.
        cause: String,
    },
    /// Something answered, but not as a master does.
    #[error("what answers at {url} does not speak as a SlapOS master: {cause}")]
    Garbled {
        /// Who answered.
        url: String,
        /// What was wrong with it.
        cause: String,
    },
    /// Certificates that cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A client that cannot be made.
    #[error("cannot set up the client: {0}")]
    Setup(String),
}

impl ClientError {
    /// The master's own words, when it was the master that said no.
    #[must_use]
    pub fn refusal(&self) -> Option<&ErrorBody> {
        match self {
            Self::Refused(body) => Some(body),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without anything being changed by the caller.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Refused(body) => {
                matches!(body.code, ErrorCode::Unavailable | ErrorCode::Internal)
            }
            Self::Unreachable { .. } | Self::Garbled { .. } => true,
            Self::Tls(_) | Self::Setup(_) => false,
        }
    }
}

/// A client of one master as one subject.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::blocking::Client,
    url: String,
    token: Option<String>,
}

type Answer<T> = Result<T, ClientError>;

impl Client {
    /// A client of the master at `url` (`http://127.0.0.1:…` or `https://…`). With `ca_pem` only
    /// that authority is believed; an `https` address needs it.
    ///
    /// # Errors
    /// When a certificate, key or authority cannot be used.
    pub fn new(url: &str, credential: Credential, ca_pem: Option<&str>) -> Answer<Self> {
        let mut token = None;
        let identity = match &credential {
            Credential::Certificate {
                certificate_pem,
                key_pem,
            } => Some((certificate_pem.as_str(), key_pem.as_str())),
            Credential::Token(text) => {
                token = Some(text.clone());
                None
            }
            Credential::None => None,
        };
        let tls = match ca_pem {
            Some(ca_pem) => client_config(ca_pem, identity)?,
            None => nobody_trusted()?,
        };
        let http = builder(tls)
            .timeout(CALL_TIMEOUT)
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| ClientError::Setup(chain(&error)))?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// Where the master is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `GET /v1/health`: is it there?
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn health(&self) -> Answer<Health> {
        self.get("/v1/health")
    }

    /// `GET /v1/me`: who am I?
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn me(&self) -> Answer<Me> {
        self.get("/v1/me")
    }

    /// `POST /v1/instances`: create or get.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn request_instance(&self, ask: &InstanceRequest) -> Answer<InstanceView> {
        self.send(Method::POST, "/v1/instances", ask)
    }

    /// `GET /v1/instances`: all that the caller may see and are not destroyed.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn list_instances(&self) -> Answer<List<InstanceView>> {
        self.get("/v1/instances")
    }

    /// `GET /v1/instances/{instance}`: by name or reference.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn find_instance(&self, instance: &str) -> Answer<InstanceView> {
        self.get(&format!("/v1/instances/{}", escape(instance)))
    }

    /// `PUT /v1/instances/{instance}/state`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn set_instance_state(&self, instance: &str, state: &str) -> Answer<InstanceView> {
        let change = StateChange {
            state: state.to_owned(),
        };
        self.send(
            Method::PUT,
            &format!("/v1/instances/{}/state", escape(instance)),
            &change,
        )
    }

    /// `POST /v1/instances/{instance}/bang`: look again now.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn bang_instance(&self, instance: &str, message: &str) -> Answer<InstanceView> {
        let bang = Bang {
            message: message.to_owned(),
        };
        self.send(
            Method::POST,
            &format!("/v1/instances/{}/bang", escape(instance)),
            &bang,
        )
    }

    /// `GET /v1/instances/{instance}/promises`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn list_promises(&self, instance: &str) -> Answer<List<PromiseView>> {
        self.get(&format!("/v1/instances/{}/promises", escape(instance)))
    }

    /// `GET /v1/instances/{instance}/why`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn explain_instance(&self, instance: &str) -> Answer<Why> {
        self.get(&format!("/v1/instances/{}/why", escape(instance)))
    }

    /// `GET /v1/instances/{instance}/logs`: `query` is `lines=…&after=…&service=…&build=true`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn read_logs(&self, instance: &str, query: &str) -> Answer<LogChunk> {
        self.get(&format!("/v1/instances/{}/logs?{query}", escape(instance)))
    }

    /// `GET /v1/catalog`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn list_catalog(&self) -> Answer<List<CatalogEntry>> {
        self.get("/v1/catalog")
    }

    /// `GET /v1/catalog/{name}`: newest version, or `name@version`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn find_catalog_entry(&self, name: &str) -> Answer<CatalogEntry> {
        self.get(&format!("/v1/catalog/{}", escape(name)))
    }

    /// `GET /v1/releases?url=…`: the files of a release that the master holds.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn read_release(&self, url: &str) -> Answer<ReleaseFiles> {
        self.get(&format!("/v1/releases?url={}", escape(url)))
    }

    /// `GET /v1/nodes`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn list_nodes(&self) -> Answer<List<NodeView>> {
        self.get("/v1/nodes")
    }

    /// `POST /v1/nodes`: join.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn register_node(&self, ask: &NodeRegister) -> Answer<NodeRegistered> {
        self.send(Method::POST, "/v1/nodes", ask)
    }

    /// `GET /v1/supplies`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn list_supplies(&self) -> Answer<List<SupplyView>> {
        self.get("/v1/supplies")
    }

    /// `PUT /v1/supplies`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn set_supply(&self, ask: &SupplySet) -> Answer<SupplyView> {
        self.send(Method::PUT, "/v1/supplies", ask)
    }

    /// `GET /v1/events`: a page of the event log after `after`.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn list_events(&self, after: i64) -> Answer<List<Event>> {
        self.get(&format!("/v1/events?after={after}"))
    }

    /// `GET /v1/watch`: events as they happen; `after` is the last one known, none for "from now".
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn watch(&self, after: Option<i64>) -> Answer<Watch> {
        let path = match after {
            Some(seq) => format!("/v1/watch?after={seq}"),
            None => "/v1/watch".to_owned(),
        };
        let request = self.request(Method::GET, &path).timeout(WATCH_TIMEOUT);
        let response = self.perform(request)?;
        Ok(Watch::new(response, self.url.clone()))
    }

    /// `PUT /v1/node/format`, as a node: what it offers.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn format_node(&self, offer: &NodeFormat) -> Answer<NodeView> {
        self.send(Method::PUT, "/v1/node/format", offer)
    }

    /// `GET /v1/node/desired`, as a node: all that it is asked to run.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn read_desired(&self) -> Answer<Desired> {
        self.get("/v1/node/desired")
    }

    /// `POST /v1/node/report`, as a node: what it saw.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn report(&self, report: &NodeReport) -> Answer<()> {
        self.send_silent(Method::POST, "/v1/node/report", report)
    }

    /// `POST /v1/node/logs/{request}`, as a node: the log that was wanted.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn answer_log(&self, request: &str, answer: &LogAnswer) -> Answer<()> {
        self.send_silent(
            Method::POST,
            &format!("/v1/node/logs/{}", escape(request)),
            answer,
        )
    }

    /// Any call, for what has no method here yet.
    ///
    /// # Errors
    /// As every call: [`ClientError`].
    pub fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Answer<T> {
        let response = self.perform(self.any(method, path, body)?)?;
        self.decode(response)
    }

    /// The status that a call is answered with, whatever it is; the body is not read.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn status_of(
        &self,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Answer<u16> {
        let sent = self.any(method, path, body)?.send();
        let response = sent.map_err(|error| ClientError::Unreachable {
            url: self.url.clone(),
            cause: chain(&error),
        })?;
        Ok(response.status().as_u16())
    }

    fn any(
        &self,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Answer<RequestBuilder> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        let request = self.request(method, path);
        Ok(match body {
            Some(body) => request.json(body),
            None => request,
        })
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        let response = self.perform(self.request(Method::GET, path))?;
        self.decode(response)
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Answer<T> {
        let response = self.perform(self.request(method, path).json(body))?;
        self.decode(response)
    }

    fn send_silent(&self, method: Method, path: &str, body: &impl Serialize) -> Answer<()> {
        let response = self.perform(self.request(method, path).json(body))?;
        self.read_bounded(response).map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn perform(&self, request: RequestBuilder) -> Answer<Response> {
        let response = request.send().map_err(|error| ClientError::Unreachable {
            url: self.url.clone(),
            cause: chain(&error),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = self.read_bounded(response)?;
        match serde_json::from_slice::<ErrorBody>(&text) {
            Ok(body) => Err(ClientError::Refused(body)),
            Err(_) => Err(self.garbled(format!("status {status} without a reason"))),
        }
    }

    fn decode<T: DeserializeOwned>(&self, response: Response) -> Answer<T> {
        let text = self.read_bounded(response)?;
        serde_json::from_slice(&text).map_err(|error| self.garbled(error.to_string()))
    }

    fn read_bounded(&self, response: Response) -> Answer<Vec<u8>> {
        read_bounded(response, ANSWER_BYTES_MAX).map_err(|error| match error {
            ReadError::Gone(cause) => ClientError::Unreachable {
                url: self.url.clone(),
                cause,
            },
            ReadError::TooLong(_) => self.garbled(error.to_string()),
        })
    }

    fn garbled(&self, cause: String) -> ClientError {
        ClientError::Garbled {
            url: self.url.clone(),
            cause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_without_a_master_says_where_it_should_be() {
        let client = Client::new("http://127.0.0.1:9", Credential::None, None).unwrap();
        let error = client.health().unwrap_err();
        assert!(error.is_temporary());
        assert!(error.to_string().contains("http://127.0.0.1:9"), "{error}");
    }

    #[test]
    fn credential_debug_hides_the_secret() {
        let shown = format!("{:?}", Credential::Token("s3cret".to_owned()));
        assert!(!shown.contains("s3cret"));
    }
}
