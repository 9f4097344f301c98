//! Addresses that a partition may bind.

use std::net::IpAddr;

/// An address of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(pub IpAddr);

impl Address {
    /// The address as it stands in a URL: an IPv6 one in brackets.
    #[must_use]
    pub fn url_host(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_v6_in_a_url_has_brackets() {
        assert_eq!(Address("::1".parse().unwrap()).url_host(), "[::1]");
        assert_eq!(
            Address("127.0.0.1".parse().unwrap()).url_host(),
            "127.0.0.1"
        );
    }
}
