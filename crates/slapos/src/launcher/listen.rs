//! Which address the master gets, and what clients are told of it.
//!
//! Once chosen, a port is kept: it stands in `etc/client.json`. Only at the very first start, and
//! only when nobody asked for one, a port that is taken is replaced by a free one.

use crate::client_file::ClientFile;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::limits::PORT_DEFAULT;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// The address to listen on: the one asked for, the one of before, or a free one.
pub(super) fn choose(folder: &Folder, asked: Option<SocketAddr>) -> Result<SocketAddr, Failure> {
    let before = ClientFile::load(folder)?.and_then(|file| local_address(&file.url));
    match asked.or(before) {
        Some(address) => check_free(address).map(|()| address),
        None => {
            let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT_DEFAULT));
            match check_free(usual) {
                Ok(()) => Ok(usual),
                Err(_) => free_address(),
            }
        }
    }
}

/// What clients on this machine are told. Plain HTTP is for loopback only.
pub(super) fn client_file(folder: &Folder, address: SocketAddr) -> ClientFile {
    let url = match address.ip() {
        ip if ip.is_loopback() => format!("http://{address}"),
        ip if ip.is_unspecified() => format!("http://127.0.0.1:{}", address.port()),
        _ => format!("https://{address}"),
    };
    ClientFile {
        url,
        token_file: folder.token_file(),
        ca_file: Some(folder.authority_file()),
    }
}

/// The address in a client file of a master on this machine.
fn local_address(url: &str) -> Option<SocketAddr> {
    let (_, address) = url.split_once("://")?;
    address.parse().ok()
}

fn check_free(address: SocketAddr) -> Result<(), Failure> {
    let error = match TcpListener::bind(address) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let (ip, port) = (address.ip(), address.port());
    Err(match error.kind() {
        ErrorKind::AddrInUse => Failure::new(format!(
            "Port {port} on {ip} is taken by another program."
        ))
        .with_hint(format!(
            "stop that program, or choose another port: slapos up --listen {}",
            SocketAddr::new(ip, port.checked_add(1).unwrap_or(PORT_DEFAULT))
        )),
        ErrorKind::PermissionDenied => {
            Failure::new(format!("This user may not listen on port {port} of {ip}."))
                .with_hint("choose a port above 1023: slapos up --listen 127.0.0.1:4321")
        }
        ErrorKind::AddrNotAvailable => {
            Failure::new(format!("This machine does not have the address {ip}."))
                .with_hint("choose one that `ip address` shows, such as 127.0.0.1")
        }
        _ => Failure::new(format!("cannot listen on {address}: {error}")),
    })
}

fn free_address() -> Result<SocketAddr, Failure> {
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    TcpListener::bind(any)
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::new(format!("cannot find a free port: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn folder(path: &Path) -> Folder {
        Folder::find(Some(path)).unwrap()
    }

    #[test]
    fn choose_of_a_taken_port_that_was_asked_for_says_so() {
        let root = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let failure = choose(&folder(root.path()), Some(address)).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains(&format!("Port {} on 127.0.0.1 is taken", address.port())));
        assert!(text.contains("--listen 127.0.0.1:"), "{text}");
    }

    #[test]
    fn choose_keeps_the_port_of_before() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let free = free_address().unwrap();
        client_file(&folder, free).save(&folder).unwrap();
        assert_eq!(choose(&folder, None).unwrap(), free);
    }

    #[test]
    fn client_file_of_a_public_address_uses_tls() {
        let folder = folder(Path::new("/r"));
        let url = |address: &str| client_file(&folder, address.parse().unwrap()).url;
        assert_eq!(url("127.0.0.1:1"), "http://127.0.0.1:1");
        assert_eq!(url("0.0.0.0:1"), "http://127.0.0.1:1");
        assert_eq!(url("[::1]:1"), "http://[::1]:1");
        assert_eq!(url("192.0.2.1:1"), "https://192.0.2.1:1");
    }
}
