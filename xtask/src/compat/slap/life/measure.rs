//! How fast the genuine node is, for the benchmarks: from a request to the running process.

use super::Life;
use crate::Outcome;
use crate::bench::wait::wait_for;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A round of the genuine node takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

impl Life<'_> {
    /// Makes its node ready: formatted, the release built, the supervisor up.
    pub(crate) fn prepare(&self) -> Outcome {
        self.node(&["format", "--now"], 0)?;
        self.client(&["supply", &self.release(), &self.computer], 0, "Done.")?;
        self.node(&["software", "--now"], 0)?;
        self.node(&["instance", "--now"], 0)
    }

    /// Milliseconds from `slapos request`, a round of the node at once after it, to the running
    /// process. `index` counts from 0 what was asked here.
    pub(crate) fn request_until_running(&self, index: usize) -> Result<f64, String> {
        let start = Instant::now();
        let (name, release) = (format!("measured-{index}"), self.release());
        self.client(&["request", &name, &release], 0, "")?;
        let mut round = self.python.unprivileged("slapos");
        round.args(["node", "instance", "--now", "--cfg"]);
        let mut round = round
            .arg(self.path("node.cfg"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start a round of the genuine node: {error}"))?;
        let partition = self.path(&format!("inst/slappart{index}"));
        let running = wait_for(&name, LIMIT, || Ok(runs_sleep(&partition).then_some(())));
        let took = start.elapsed().as_secs_f64() * 1000.0;
        round
            .wait()
            .map_err(|error| format!("a round of the genuine node: {error}"))?;
        running.map(|()| took)
    }
}

/// The release's service is a `sleep` that is started in its partition.
fn runs_sleep(partition: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return false;
    };
    entries.filter_map(Result::ok).any(|entry| {
        let process = entry.path();
        std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(partition))
            && std::fs::read(process.join("cmdline")).is_ok_and(|line| line.starts_with(b"sleep\0"))
    })
}
