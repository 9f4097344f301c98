//! `slapos build check FILE`: builds twice in two places and tells what is not the same.

use super::{Order, screen::Screen};
use crate::failure::{Exit, Failure, Outcome};
use crate::{engine, print};
use serde_json::json;
use slapos_build::{Cancel, SoftwareOutcome, compare_builds};
use std::path::Path;

/// Build a profile twice, in two places, and tell what differs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    order: Order,
}

/// Exit code 1 when something differs.
pub(super) fn run(args: &Args, root: &Path, json: bool) -> Outcome {
    // Names of one length, so that one can stand for the other inside of files.
    let places = [root.join("check-1"), root.join("check-2")];
    let cancel = Cancel::default();
    let stop = cancel.clone();
    engine::on_interrupt(move || stop.raise())?;
    let [first, second] = [&places[0], &places[1]].map(|place| build(args, place, &cancel, json));
    let (first, second) = (first?, second?);
    let found = compare_builds((&first, &places[0]), (&second, &places[1]))
        .map_err(|error| Failure::new(error.to_string()))?;
    if json {
        print::json(&json!({"event": "end", "ok": found.is_empty(), "differences": found}))?;
    } else {
        for one in &found {
            print::line(format!(
                "{}: {}: {}",
                one.part,
                one.path.display(),
                one.what
            ))?;
        }
        print::line(match found.len() {
            0 => format!("{} parts are the same in both places", first.parts.len()),
            count => format!("{count} files differ"),
        })?;
    }
    Ok(if found.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// From nothing: what an earlier check left would prove nothing.
fn build(
    args: &Args,
    place: &Path,
    cancel: &Cancel,
    json: bool,
) -> Result<SoftwareOutcome, Failure> {
    match fs_err::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::new(error.to_string()));
        }
        _ => {}
    }
    let build = args.order.build(place, cancel.clone())?;
    let mut screen = Screen::new(json);
    let built = slapos_build::build_software(&build, &mut |news| screen.show(&news));
    screen.end();
    built.map_err(|error| Failure::new(error.to_string()))
}
