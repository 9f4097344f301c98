//! The size of the one file that is shipped.

use super::Bench;
use super::figure::{Figure, Goal, Spread};
use std::process::Command;

/// Strips a copy and weighs it.
pub(super) fn measure(bench: &mut Bench) -> Result<(), String> {
    let dir = tempfile::tempdir_in(&bench.place).map_err(|error| error.to_string())?;
    let copy = dir.path().join("slapos");
    std::fs::copy(&bench.program, &copy).map_err(|error| format!("cannot copy: {error}"))?;
    let status = Command::new("strip")
        .arg(&copy)
        .status()
        .map_err(|error| format!("cannot run strip (package binutils): {error}"))?;
    if !status.success() {
        return Err(format!("strip failed ({status})"));
    }
    let bytes = std::fs::metadata(&copy)
        .map_err(|error| error.to_string())?
        .len();
    let mib = f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0;
    let figure = Figure::new("install.size", "the stripped binary", Spread::one(mib)).unit("MiB");
    bench.report(figure.goal(Goal::AtMost(30.0)));
    Ok(())
}
