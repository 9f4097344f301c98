//! Cutting the network off from steps that need none: their sources are there before they begin.
//!
//! A network namespace of the kernel, entered with the system's `unshare`; root needs nothing else, others a user
//! namespace that maps them to themselves. Where the kernel gives neither, steps run as they are and the run says so.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Words before a command, the strongest that works first.
const WAYS: [&[&str]; 2] = [
    &["unshare", "--net", "--"],
    &["unshare", "--user", "--map-current-user", "--net", "--"],
];

/// Brings up the loopback of the new namespace, where this may be done; tests of packages talk to themselves.
pub(crate) const LOOPBACK: &str = "ip link set lo up 2>/dev/null || :; ";

/// Whether and how steps are cut off.
#[derive(Debug, Default)]
pub(crate) struct NetworkCut {
    is_wanted: bool,
    found: OnceLock<Option<&'static [&'static str]>>,
    is_missed: AtomicBool,
}

impl NetworkCut {
    /// Steps are cut off when `is_wanted`.
    pub(crate) fn new(is_wanted: bool) -> NetworkCut {
        NetworkCut {
            is_wanted,
            ..NetworkCut::default()
        }
    }

    /// The words before a step's command; none are also where it cannot be done. Found out once, by trying.
    pub(crate) fn words(&self) -> &'static [&'static str] {
        if !self.is_wanted {
            return &[];
        }
        let found = self
            .found
            .get_or_init(|| WAYS.into_iter().find(|way| works(way)));
        found.unwrap_or_else(|| {
            self.is_missed.store(true, Ordering::Relaxed);
            &[]
        })
    }

    /// What to say when a step was to be cut off and could not be.
    pub(crate) fn warning(&self) -> Option<String> {
        self.is_missed.load(Ordering::Relaxed).then(|| {
            "the steps of the build could reach the network: this kernel gives this user no network namespace"
                .to_owned()
        })
    }
}

fn works(way: &[&str]) -> bool {
    let Some((program, words)) = way.split_first() else {
        return false;
    };
    let status = Command::new(program)
        .args(words)
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
