//! A web site on loopback that answers every request with the same bytes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Serves until the test's process ends.
pub(crate) struct Site {
    pub(crate) url: String,
    requests: Arc<AtomicUsize>,
}

impl Site {
    /// Answers with these bytes, head and body as they are, and closes the connection.
    pub(crate) fn answering(bytes: impl Into<Vec<u8>>) -> Site {
        let bytes = bytes.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/thing-1.0.tar.gz", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(&bytes);
            }
        });
        Site { url, requests }
    }

    /// Answers 200 with this body.
    pub(crate) fn serving(body: &[u8]) -> Site {
        let mut bytes =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        Site::answering(bytes)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}
