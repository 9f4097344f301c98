//! The agent's side of a job: start the child, follow its lines, judge its end.
//!
//! What the child says is bounded and believed only in its form: a child that floods, writes
//! garbage or dies in between is a failed job and nothing more.

use super::{Job, JobLine, JobOutcome, JobProgress, bounded};
use crate::limits;
use crate::system::child::{self, ChildAsk, ChildEnd, Ended};
use crate::system::{Account, JobAsk};
use std::path::Path;

/// Runs a job in a child process `program internal job`.
pub fn run(program: &Path, ask: &JobAsk<'_>, progress: &mut dyn FnMut(JobProgress)) -> JobOutcome {
    let command = [
        program.to_string_lossy().into_owned(),
        "internal".to_owned(),
        "job".to_owned(),
    ];
    // Texts, numbers and maps with text keys: serialising them cannot fail.
    let mut input = serde_json::to_vec(ask.job).unwrap_or_default();
    input.push(b'\n');
    let directory = match ask.job {
        Job::Software(job) => &job.build.root,
        Job::Instance(job) => &job.install.partition_dir,
    };
    let environment = environment(ask.account, directory);
    let mut outcome = None;
    let mut count = 0_u32;
    let mut take = |line: &[u8]| match serde_json::from_slice::<JobLine>(line) {
        Ok(JobLine::Outcome(last)) => outcome = Some(last),
        Ok(JobLine::Progress(step)) if count < limits::JOB_LINES_MAX => {
            count += 1;
            progress(step);
        }
        _ => {}
    };
    let ended = child::run(
        &ChildAsk {
            command: &command,
            directory,
            environment: &environment,
            account: ask.account,
            input: &input,
            timeout: ask.timeout,
            cancel: ask.cancel,
            output_bytes_max: limits::JOB_TAIL_BYTES_MAX,
        },
        Some(&mut take),
    );
    match ended {
        Ok(end) => judge(ask, end, outcome),
        Err(error) => {
            JobOutcome::Failed(format!("{} could not be started: {error}", ask.job.title()))
        }
    }
}

fn judge(ask: &JobAsk<'_>, end: ChildEnd, outcome: Option<JobOutcome>) -> JobOutcome {
    let title = ask.job.title();
    match (end.ended, outcome) {
        (Ended::Cancelled, _) => JobOutcome::Cancelled,
        (Ended::TimedOut, _) => JobOutcome::Failed(with_tail(
            format!(
                "{title} was ended because it took longer than {} minutes",
                ask.timeout.as_secs() / 60
            ),
            &end.output,
        )),
        (Ended::Code(0), Some(JobOutcome::Failed(message))) => {
            JobOutcome::Failed(bounded(&message))
        }
        (Ended::Code(0), Some(outcome)) => outcome,
        (ended, Some(JobOutcome::Failed(message))) => JobOutcome::Failed(with_tail(
            format!("{} ({ended})", bounded(&message)),
            &end.output,
        )),
        (ended, _) => JobOutcome::Failed(with_tail(
            format!("{title} {ended} without an outcome"),
            &end.output,
        )),
    }
}

fn with_tail(message: String, output: &str) -> String {
    match output.trim_end() {
        "" => message,
        tail => format!("{message}\n{tail}"),
    }
}

/// The whole environment of a job: nothing of the agent's own reaches a build or an instance.
#[must_use]
pub fn environment(account: Option<&Account>, home: &Path) -> Vec<(String, String)> {
    let mut environment = vec![
        ("PATH".to_owned(), limits::PATH.to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
        ("TZ".to_owned(), "UTC".to_owned()),
        ("HOME".to_owned(), home.to_string_lossy().into_owned()),
    ];
    if let Some(account) = account {
        environment.push(("USER".to_owned(), account.name.clone()));
        environment.push(("LOGNAME".to_owned(), account.name.clone()));
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{InstanceJob, SoftwareJob};
    use crate::system::Cancel;
    use slapos_build::SoftwareBuild;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn software() -> Job {
        Job::Software(Box::new(SoftwareJob {
            url: "/x/software.cfg".to_owned(),
            build: SoftwareBuild {
                profile: "/x/software.cfg".to_owned(),
                root: "/".into(),
                shared: None,
                cache: "/nowhere".into(),
                jobs: 1,
                overrides: Vec::new(),
                only: Vec::new(),
                network: false,
                path: String::new(),
                origins: slapos_build::Origins::default(),
                cancel: slapos_build::Cancel::default(),
            },
            log: "/nowhere".into(),
            stamp: String::new(),
        }))
    }

    fn run_script(script: &str, timeout: Duration) -> (JobOutcome, Vec<JobProgress>) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("slapos");
        fs_err::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs_err::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let mut steps = Vec::new();
        let ask = JobAsk {
            job: &software(),
            account: None,
            timeout,
            cancel: &Cancel::new().unwrap(),
        };
        let outcome = run(&program, &ask, &mut |step| steps.push(step));
        (outcome, steps)
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn job_progress_and_outcome_are_told() {
        let (outcome, steps) = run_script(
            r#"read job; echo '{"progress":{"part":"gcc","index":1,"total":2,"step":"compile","seconds":3}}'
               echo garbage; echo '{"outcome":"built"}'"#,
            LONG,
        );
        assert_eq!(outcome, JobOutcome::Built);
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].part, "gcc");
    }

    #[test]
    fn job_reads_what_is_asked_on_its_input_only() {
        let (outcome, _) = run_script(
            r#"read job; case "$*" in "internal job") ;; *) exit 1;; esac
               case "$job" in *'"url":"/x/software.cfg"'*) echo '{"outcome":"built"}';; esac"#,
            LONG,
        );
        assert_eq!(outcome, JobOutcome::Built);
    }

    #[test]
    fn job_without_an_outcome_fails_with_its_last_words() {
        let (outcome, _) = run_script("echo 'no compiler' >&2; exit 7", LONG);
        let JobOutcome::Failed(message) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(
            message.contains("ended with code 7 without an outcome"),
            "{message}"
        );
        assert!(message.ends_with("no compiler"), "{message}");
    }

    #[test]
    fn job_failed_outcome_is_kept_as_said() {
        let (outcome, _) = run_script(r#"echo '{"outcome":{"failed":"part gcc: boom"}}'"#, LONG);
        assert_eq!(outcome, JobOutcome::Failed("part gcc: boom".to_owned()));
    }

    #[test]
    fn job_that_hangs_is_ended() {
        let (outcome, _) = run_script("sleep 300", Duration::from_millis(300));
        let JobOutcome::Failed(message) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(message.contains("took longer than"), "{message}");
    }

    #[test]
    fn job_that_floods_is_bounded() {
        let (outcome, steps) = run_script(
            "head -c 20000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo; echo '{\"outcome\":\"built\"}'",
            LONG,
        );
        assert_eq!(outcome, JobOutcome::Built);
        assert!(steps.is_empty());
    }

    #[test]
    fn job_killed_is_a_failure() {
        let (outcome, _) = run_script("kill -KILL $$", LONG);
        assert!(matches!(outcome, JobOutcome::Failed(m) if m.contains("signal 9")));
    }

    #[test]
    fn job_program_missing_says_so() {
        let ask = JobAsk {
            job: &software(),
            account: None,
            timeout: LONG,
            cancel: &Cancel::new().unwrap(),
        };
        let outcome = run(Path::new("/nowhere/slapos"), &ask, &mut |_| {});
        assert!(matches!(outcome, JobOutcome::Failed(m) if m.contains("could not be started")));
    }

    #[test]
    fn job_line_read_back_is_the_same() {
        let job = Job::Instance(Box::new(InstanceJob {
            install: crate::act::install_request_for_tests(
                r#"{"n": 1.10, "big": 123456789012345678901234567890}"#,
            ),
        }));
        let text = serde_json::to_string(&job).unwrap();
        assert!(text.contains("123456789012345678901234567890") && text.contains("1.10"));
        let again: Job = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
}
