//! Frontends that a proxy has not: who asks for one is told to use its own address.
//!
//! Public recipes ask for these two releases and cannot go on without an answer. The original's
//! proxy also offers to relay https; it is an open relay and is left out (docs/compatibility.md).

use super::Dialect;
use super::forward::MASTER_KEY;
use super::request::Asked;
use serde_json::Value as Json;
use slapos_api::slap::{Class, Value};
use std::collections::BTreeMap;

const WEB: &str =
    "http://git.erp5.org/gitweb/slapos.git/blob_plain/HEAD:/software/apache-frontend/software.cfg";
const KVM: &str = "http://git.erp5.org/gitweb/slapos.git/blob_plain/refs/tags/slapos-0.92:/software/kvm/software.cfg";

/// The answer for such a frontend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct FakeFrontend {
    /// What stands where a partition's name would.
    pub(in crate::http) partition: String,
    /// What it is reached by.
    pub(in crate::http) connection: BTreeMap<String, String>,
}

/// The answer, when such a frontend is asked of a proxy with all that it needs.
pub(in crate::http) fn find(dialect: &Dialect, asked: &Asked) -> Option<FakeFrontend> {
    let proxy = dialect.proxy().filter(|_| asked.shared)?;
    if asked.filter.contains_key(MASTER_KEY) || proxy.master_of(&asked.release).is_some() {
        return None;
    }
    let parameter = |name: &str| {
        let value = asked.parameters.get(name).and_then(Json::as_str);
        value.filter(|text| !text.is_empty())
    };
    let answer = |partition: String, pairs: &[(&str, &str)]| FakeFrontend {
        partition,
        connection: pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    };
    match (asked.release.as_str(), asked.software_type.as_str()) {
        (WEB, "" | "default" | "RootSoftwareInstance") => {
            let url = parameter("url")?;
            let pairs = [("secure_access", url), ("domain", authority(url))];
            Some(answer(format!("Fake frontend for {url}"), &pairs))
        }
        (KVM, "frontend") => {
            let (host, port) = (parameter("host")?, parameter("port")?);
            let host = if host.contains(':') && !host.starts_with('[') {
                format!("[{host}]")
            } else {
                host.to_owned()
            };
            let url = format!("https://{host}:{port}/");
            let pairs = [
                ("url", url.as_str()),
                ("domainname", &host),
                ("port", port),
                ("path", "/"),
            ];
            Some(answer(format!("Fake KVM VNC frontend for {url}"), &pairs))
        }
        _ => None,
    }
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

impl FakeFrontend {
    /// As a marshalled partition.
    pub(super) fn to_value(&self) -> Value {
        let connection = self.connection.iter();
        let connection = connection.map(|(key, value)| (key.clone(), Value::text(value)));
        let arguments = vec![Value::text(""), Value::text(&self.partition), Value::None];
        let state = [
            ("_computer_id", Value::text("")),
            ("_connection_dict", Value::dict(connection)),
            ("_parameter_dict", Value::Dict(vec![])),
            ("_partition_id", Value::text(&self.partition)),
            ("_request_dict", Value::None),
            ("_requested_state", Value::text("started")),
            ("slap_computer_id", Value::text("")),
            ("slap_computer_partition_id", Value::text("")),
        ];
        Value::object(Class::ComputerPartition, arguments, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_of_an_address() {
        assert_eq!(authority("http://[::1]:8080/x?y=1"), "[::1]:8080");
        assert_eq!(authority("https://a.example?x"), "a.example");
    }
}
