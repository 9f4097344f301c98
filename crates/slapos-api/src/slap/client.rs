//! A blocking client of the old wire: what a node of ours and a forwarding master say to a Python
//! proxy or master.
//!
//! Calls and their answers only; nothing is tried again here. Every call has a time-out and a bound
//! on the size of its answer, and nothing of an answer is trusted. Start with [`SlapClient::new`].

use super::{SlapError, Value, read, write};
use crate::limits::{SLAP_ANSWER_BYTES_MAX, SLAP_CALL_TIMEOUT};
use crate::tls::{TlsError, client_config, nobody_trusted};
use crate::transport::{ReadError, builder, chain, escape, read_bounded};
use reqwest::blocking::{RequestBuilder, Response};
use std::time::Duration;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum SlapCallError {
    /// Nobody answers there, or went silent.
    #[error("cannot reach the master at {url}: {cause}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What the network said.
        cause: String,
    },
    /// It answered, and not with success.
    #[error("the master at {url} answers {status}: {text}")]
    Status {
        /// Who.
        url: String,
        /// HTTP status.
        status: u16,
        /// Its words, cut.
        text: String,
    },
    /// It answered something that is none of this wire.
    #[error("what answers at {url} does not speak as a SlapOS master: {cause}")]
    Garbled {
        /// Who.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The client cannot be made.
    #[error("cannot set up a client of {0}: {1}")]
    Setup(String, String),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Something that this wire cannot carry.
    #[error("cannot say that on the old wire: {0}")]
    Unsayable(#[from] SlapError),
}

impl SlapCallError {
    /// Whether the same call may succeed later: anything but a plain refusal. The original answers
    /// 500 to what passes, 404 to what is not there yet, 408 to what is not ready.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Status { status, .. } => !matches!(status, 400 | 401 | 403 | 405 | 413 | 415),
            Self::Unreachable { .. } | Self::Garbled { .. } => true,
            Self::Setup(..) | Self::Tls(_) | Self::Unsayable(_) => false,
        }
    }

    /// The HTTP status, when there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

type Answer<T> = Result<T, SlapCallError>;

/// Certificate and key of the caller, and the authority to believe, PEM.
#[derive(Clone, Copy, Default)]
pub struct SlapTrust<'a> {
    /// (certificate, key).
    pub identity: Option<(&'a str, &'a str)>,
    /// Without it nobody is believed over https.
    pub ca_pem: Option<&'a str>,
}

impl std::fmt::Debug for SlapTrust<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SlapTrust(…)")
    }
}

/// What is asked for, in the words of this wire.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct SlapRequest {
    /// Address of the release.
    pub release: String,
    /// Software type; empty for the default.
    pub software_type: String,
    /// The requester's name for it.
    pub title: String,
    /// A share?
    pub shared: bool,
    /// Its parameters.
    pub parameters: Vec<(String, String)>,
    /// Where it may be.
    pub filter: Vec<(String, String)>,
    /// `started`, `stopped`, `destroyed`.
    pub state: String,
    /// On behalf of which node's partition; none as a person.
    pub seat: Option<(String, String)>,
}

/// A client of one master.
#[derive(Debug, Clone)]
pub struct SlapClient {
    http: reqwest::blocking::Client,
    url: String,
}

impl SlapClient {
    /// A client of the master at `url`.
    ///
    /// # Errors
    /// When a certificate, key or authority cannot be used.
    pub fn new(url: &str, trust: SlapTrust<'_>) -> Answer<Self> {
        let setup = |cause: String| SlapCallError::Setup(url.to_owned(), cause);
        let tls = match trust.ca_pem {
            Some(ca_pem) => client_config(ca_pem, trust.identity)?,
            None => nobody_trusted()?,
        };
        let http = builder(tls)
            .timeout(SLAP_CALL_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            // The original closes each connection after its answer.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| setup(chain(&error)))?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Where the master is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `GET getFullComputerInformation`, with the tag of the last answer: none when the master says
    /// that nothing changed (ours does), else the node and the new tag.
    ///
    /// # Errors
    /// As every call: [`SlapCallError`].
    pub fn read_node(
        &self,
        node: &str,
        tag: Option<&str>,
    ) -> Answer<Option<(Value, Option<String>)>> {
        let path = format!("/getFullComputerInformation?computer_id={}", escape(node));
        let mut request = self.http.get(self.at(&path));
        if let Some(tag) = tag {
            request = request.header("If-None-Match", tag);
        }
        let response = self.perform(request)?;
        if response.status().as_u16() == 304 {
            return Ok(None);
        }
        let tag = response.headers().get("etag");
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let document = self.decode(response)?;
        Ok(Some((document, tag)))
    }

    /// `GET getRunId`: which life of which proxy.
    ///
    /// # Errors
    /// As every call: [`SlapCallError`].
    pub fn run_id(&self) -> Answer<String> {
        let response = self.perform(self.http.get(self.at("/getRunId")))?;
        self.text(response)
    }

    /// `POST requestComputerPartition`: the instance as it is answered.
    ///
    /// # Errors
    /// As every call: [`SlapCallError`].
    pub fn request_instance(&self, ask: &SlapRequest) -> Answer<Value> {
        let texts = |pairs: &[(String, String)]| {
            let pairs = pairs.iter();
            Value::dict(pairs.map(|(key, value)| (key.as_str(), Value::text(value))))
        };
        let shared = write(&Value::Bool(ask.shared))?;
        let parameters = write(&texts(&ask.parameters))?;
        let filter = write(&texts(&ask.filter))?;
        let state = write(&Value::text(&ask.state))?;
        let mut form = vec![
            ("software_release", ask.release.as_str()),
            ("software_type", &ask.software_type),
            ("partition_reference", &ask.title),
            ("shared_xml", &shared),
            ("partition_parameter_xml", &parameters),
            ("filter_xml", &filter),
            ("state", &state),
        ];
        let mut request = self.http.post(self.at("/requestComputerPartition"));
        if let Some((node, partition)) = &ask.seat {
            form.push(("computer_id", node));
            form.push(("computer_partition_id", partition));
            let seat =
                format!("X-SlapPartition computer_id={node},computer_partition_id={partition}");
            request = request.header("Authorization", seat);
        }
        let response = self.perform(request.header(FORM.0, FORM.1).body(encode(&form)))?;
        self.decode(response)
    }

    /// `POST loadComputerConfigurationFromXML`: what a node offers.
    ///
    /// # Errors
    /// As every call: [`SlapCallError`].
    pub fn offer(&self, document: &Value) -> Answer<()> {
        let xml = write(document)?;
        self.post("loadComputerConfigurationFromXML", &[("xml", &xml)])
    }

    /// Any call with a form whose answer says nothing.
    ///
    /// # Errors
    /// As every call: [`SlapCallError`].
    pub fn post(&self, call: &str, form: &[(&str, &str)]) -> Answer<()> {
        let request = self.http.post(self.at(&format!("/{call}")));
        let response = self.perform(request.header(FORM.0, FORM.1).body(encode(form)))?;
        self.text(response).map(drop)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn perform(&self, request: RequestBuilder) -> Answer<Response> {
        let response = request.send().map_err(|error| SlapCallError::Unreachable {
            url: self.url.clone(),
            cause: chain(&error),
        })?;
        let status = response.status().as_u16();
        if response.status().is_success() || status == 304 {
            return Ok(response);
        }
        let text = self.text(response).unwrap_or_default();
        Err(SlapCallError::Status {
            url: self.url.clone(),
            status,
            // A page of an error, of which the first words are enough.
            text: text.chars().take(300).collect(),
        })
    }

    fn decode(&self, response: Response) -> Answer<Value> {
        let text = self.text(response)?;
        read(&text).map_err(|error| self.garbled(error.to_string()))
    }

    fn text(&self, response: Response) -> Answer<String> {
        let text = read_bounded(response, SLAP_ANSWER_BYTES_MAX).map_err(|error| match error {
            ReadError::Gone(cause) => SlapCallError::Unreachable {
                url: self.url.clone(),
                cause,
            },
            ReadError::TooLong(_) => self.garbled(error.to_string()),
        })?;
        String::from_utf8(text).map_err(|error| self.garbled(error.to_string()))
    }

    fn garbled(&self, cause: String) -> SlapCallError {
        SlapCallError::Garbled {
            url: self.url.clone(),
            cause,
        }
    }
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn encode(form: &[(&str, &str)]) -> String {
    let pairs = form.iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slap_client_without_a_master_says_where_it_should_be() {
        let client = SlapClient::new("http://127.0.0.1:9/", SlapTrust::default()).unwrap();
        let error = client.run_id().unwrap_err();
        assert!(error.is_temporary());
        assert!(error.to_string().contains("http://127.0.0.1:9:"), "{error}");
    }

    #[test]
    fn encode_leaves_no_mark_of_a_form_in_a_value() {
        assert_eq!(
            encode(&[("a", "x&y=z é"), ("b", "")]),
            "a=x%26y%3Dz%20%C3%A9&b="
        );
    }
}
