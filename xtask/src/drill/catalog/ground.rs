//! What a drill brings along for its services: keys to log in with, and web servers to stand behind a proxy.
//!
//! Everything lives in a private folder and on loopback, and ends with the drill.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The drill's own things.
pub(super) struct Ground {
    dir: tempfile::TempDir,
    /// Two servers that answer every request with `first` and `second`.
    pub(super) servers: [SocketAddr; 2],
}

impl Ground {
    /// Makes the keys and starts the servers.
    pub(super) fn prepare() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let ground = Self {
            servers: [serve("first")?, serve("second")?],
            dir,
        };
        for name in ["first", "second"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(ground.key(name))
                .output()
                .map_err(|error| format!("cannot run ssh-keygen: {error}"))?;
            if !made.status.success() {
                return Err(String::from_utf8_lossy(&made.stderr).into_owned());
            }
        }
        Ok(ground)
    }

    /// The private key of that name.
    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The public key of that name, as one line.
    pub(super) fn public_key(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.path().join(format!("{name}.pub")));
        text.unwrap_or_default().trim().to_owned()
    }

    /// Its folder.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// A web server that ends with this process.
fn serve(text: &'static str) -> Result<SocketAddr, String> {
    let failed = |error: std::io::Error| format!("no server for the drill: {error}");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // A check of a proxy connects and says nothing: its error is its own.
            drop(stream.set_read_timeout(Some(std::time::Duration::from_secs(2))));
            if !matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
                continue;
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    Ok(address)
}
