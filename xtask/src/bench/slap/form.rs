//! What the servers are asked, as bytes: the forms of the old wire.

use slapos_api::client::escape;
use slapos_api::slap::{Value, write};
use std::net::SocketAddr;

/// The release of all instances: an address that nobody fetches.
pub(super) const RELEASE: &str = "/opt/bench/software.cfg";

/// A call, with the token of a person where one is needed.
pub(super) struct Call<'a> {
    pub(super) address: SocketAddr,
    pub(super) token: Option<&'a str>,
}

impl Call<'_> {
    /// `GET`, with further lines of the head, each with its end.
    pub(super) fn get(&self, path: &str, head: &str) -> Vec<u8> {
        let (address, token) = (self.address, self.token_line());
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{token}{head}\r\n").into_bytes()
    }

    /// `POST` of a form.
    pub(super) fn post(&self, path: &str, form: &[(&str, &str)]) -> Vec<u8> {
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        let (address, token, body) = (self.address, self.token_line(), pairs.join("&"));
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\n{token}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn token_line(&self) -> String {
        let line = |token| format!("Authorization: Bearer {token}\r\n");
        self.token.map(line).unwrap_or_default()
    }

    /// Ask for an instance on a node.
    pub(super) fn request(&self, name: &str, computer: &str) -> Vec<u8> {
        let parameters = marshal(&texts(&[("name", name), ("size", "10")]));
        let filter = marshal(&texts(&[("computer_guid", computer)]));
        let (shared, state) = (
            marshal(&Value::Bool(false)),
            marshal(&Value::text("started")),
        );
        self.post(
            "/requestComputerPartition",
            &[
                ("software_release", RELEASE),
                ("software_type", "RootSoftwareInstance"),
                ("partition_reference", name),
                ("shared_xml", &shared),
                ("partition_parameter_xml", &parameters),
                ("filter_xml", &filter),
                ("state", &state),
            ],
        )
    }

    /// Offer so many partitions, with two addresses each.
    pub(super) fn format(&self, computer: &str, partitions: usize) -> Vec<u8> {
        let partitions = (0..partitions).map(partition).collect();
        let document = Value::dict([
            ("reference", Value::text(computer)),
            ("address", Value::text("127.0.0.1")),
            ("netmask", Value::text("255.255.255.255")),
            ("partition_list", Value::List(partitions)),
        ]);
        self.post(
            "/loadComputerConfigurationFromXML",
            &[("xml", &marshal(&document))],
        )
    }

    /// Order the release on a node.
    pub(super) fn supply(&self, computer: &str) -> Vec<u8> {
        let form = [
            ("url", RELEASE),
            ("computer_id", computer),
            ("state", "available"),
        ];
        self.post("/supplySupply", &form)
    }

    /// About one partition of a node.
    pub(super) fn about(&self, path: &str, computer: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let (partition, rest) = more
            .split_first()
            .map_or(("", more), |(first, rest)| (first.1, rest));
        let mut form = vec![
            ("computer_id", computer),
            ("computer_partition_id", partition),
        ];
        form.extend(rest);
        self.post(path, &form)
    }

    /// Publish a value.
    pub(super) fn publish(&self, computer: &str, partition: &str, port: usize) -> Vec<u8> {
        let values = marshal(&texts(&[("url", &format!("http://[2001:db8::1]:{port}/"))]));
        let more = [("", partition), ("connection_xml", values.as_str())];
        self.about("/setComputerPartitionConnectionXml", computer, &more)
    }
}

/// The path of all about a node.
pub(super) fn full_information(computer: &str) -> String {
    format!("/getFullComputerInformation?computer_id={computer}")
}

fn partition(index: usize) -> Value {
    let (name, tap) = (format!("slappart{index}"), format!("tap{index}"));
    let four = format!("10.{}.{}.{}", index >> 16, index >> 8 & 255, index & 255);
    let address =
        |address: String, netmask: &str| texts(&[("addr", address.as_str()), ("netmask", netmask)]);
    Value::dict([
        ("reference", Value::text(name)),
        ("tap", texts(&[("name", tap.as_str())])),
        (
            "address_list",
            Value::List(vec![
                address(four, "255.255.255.255"),
                address(format!("2001:db8::{index:x}"), "ffff:ffff:ffff:ffff::"),
            ]),
        ),
    ])
}

fn texts(pairs: &[(&str, &str)]) -> Value {
    Value::dict(pairs.iter().map(|(key, value)| (*key, Value::text(*value))))
}

fn marshal(value: &Value) -> String {
    // Only texts of this file are written, and none of them holds what XML cannot.
    write(value).unwrap_or_default()
}
