//! Commands that are clients of a service: run with a time limit, their output is the answer.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bench::wait::wait_for;

/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client printed, when it ended well.
pub(super) fn answer(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    // Answers are far below what a pipe holds, so nobody has to read meanwhile.
    let ended = wait_for(&program, PATIENCE, || {
        child.try_wait().map_err(|error| error.to_string())
    });
    if let Err(error) = ended {
        drop(child.kill());
        drop(child.wait());
        return Err(error);
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!(
            "{program} ended with {}: {} {}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        )),
    }
}

/// `Ok` with what was said when it has what is wanted.
pub(super) fn expect(said: String, wanted: &str) -> Result<String, String> {
    match said.contains(wanted) {
        true => Ok(said),
        false => Err(format!("answered {said:?}, wanted {wanted:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_what_a_command_prints_and_its_bad_end_an_error() {
        assert_eq!(
            answer(Command::new("echo").arg("hello")),
            Ok("hello".to_owned())
        );
        let failed = answer(Command::new("sh").args(["-c", "echo no; exit 3"])).unwrap_err();
        assert!(failed.contains("no"), "{failed}");
        assert!(expect("abc".to_owned(), "b").is_ok());
        assert!(expect("abc".to_owned(), "d").is_err());
    }
}
