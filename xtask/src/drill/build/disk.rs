//! The same build on a disk of 40 MB while it installs 60 MB: it fails cleanly, and goes on when there is room.
//!
//! The disk is a file system in memory, mounted in a mount namespace of its own; that needs root.

use super::project::{CHECK_PARTS, Project};
use crate::Outcome;
use crate::command::say;
use std::process::Command;

/// Builds on the small disk, looks, makes it larger, builds again, looks again.
const SCRIPT: &str = r#"
set -u
disk=$2; program=$3; profile=$4; cache=$5
mount -t tmpfs -o size=40m tmpfs "$disk" || exit 7
"$program" build "$profile" --root "$disk/root" --cache "$cache" --jobs 1 part0:more=20 part1:more=20 part2:more=20 > "$6" 2>&1
code=$?
echo "on 40 MB: exit code $code: $(grep -m1 -i 'space' "$6")"
test $code = 1 || exit 8
check() { sh -c "$CHECK_PARTS" sh "$disk/root" || exit 9; }
check
python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$disk/root/.slapos/installed.json" || exit 9
kept=$(grep -c '"signature": "[0-9a-f]' "$disk/root/.slapos/installed.json")
echo "recorded on the full disk: $kept parts"
mount -o remount,size=200m "$disk" || exit 7
"$program" build "$profile" --root "$disk/root" --cache "$cache" --jobs 1 part0:more=20 part1:more=20 part2:more=20 > "$6" 2>&1 || { cat "$6"; exit 10; }
check
echo "on 200 MB: $(tail -1 "$6")"
"#;

/// Runs it, or says why it cannot.
pub(super) fn run(project: &Project) -> Outcome {
    if !nix::unistd::geteuid().is_root() {
        say("the small disk: not drilled, it is mounted as root only");
        return Ok(());
    }
    let disk = project.folder().join("disk");
    std::fs::create_dir_all(&disk).map_err(|error| error.to_string())?;
    let output = Command::new("unshare")
        .args(["--mount", "/bin/sh", "-c", SCRIPT, "sh"])
        .arg(project.root())
        .arg(&disk)
        .arg(project.program())
        .arg(project.folder().join("software.cfg"))
        .arg(project.folder().join("cache"))
        .arg(project.folder().join("disk.log"))
        .env("CHECK_PARTS", CHECK_PARTS)
        .output()
        .map_err(|error| format!("cannot run unshare: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines()
        .for_each(|line| say(&format!("the small disk: {line}")));
    match output.status.code() {
        Some(0) => Ok(()),
        Some(7) => {
            say("the small disk: not drilled, this machine mounts no file system in memory");
            Ok(())
        }
        _ => Err(format!(
            "the small disk: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
