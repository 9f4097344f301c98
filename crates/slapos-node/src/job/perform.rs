//! The child's side of a job.
//!
//! It runs as the user that the work is for, in a session of its own. Its standard input is also
//! its lifeline to the agent.

use super::{InstanceJob, Job, JobLine, JobOutcome, SoftwareJob};
use crate::limits;
use crate::record::{self, Installed, ProgramKind};
use slapos_build::{InstanceOutcome, Progress};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

/// The child side of `slapos internal job`: reads one JSON job (one line) from `input`, does it,
/// writes JSON lines to `output`, the last one being the outcome. When `input` ends before the job
/// does, the agent is gone and the whole process group is killed. Returns the exit code for the
/// process: 0 when an outcome was written, also when it is a failure; 1 when not even that was
/// possible.
pub fn run_job(input: impl Read + Send + 'static, output: &mut dyn Write) -> u8 {
    let mut input = BufReader::new(input);
    let job = match read_job(&mut input) {
        Ok(job) => job,
        Err(message) => return tell(output, JobOutcome::Failed(message)),
    };
    let lifeline = std::thread::Builder::new()
        .name("lifeline".to_owned())
        .spawn(move || follow_agent(&mut input));
    if let Err(error) = lifeline {
        let message = format!("cannot start a thread: {error}");
        return tell(output, JobOutcome::Failed(message));
    }
    let outcome = perform(&job, output);
    tell(output, outcome)
}

fn read_job(input: &mut dyn BufRead) -> Result<Job, String> {
    let mut line = Vec::new();
    let read = input
        .take(limits::JOB_BYTES_MAX)
        .read_until(b'\n', &mut line);
    match read {
        Err(error) => Err(format!("cannot read the job: {error}")),
        Ok(_) if line.last() != Some(&b'\n') => Err("the job is cut or too long".to_owned()),
        Ok(_) => serde_json::from_slice(&line).map_err(|error| {
            format!("the job is not understood: {error}; is the agent of another version?")
        }),
    }
}

/// Waits for the end of the input: the agent is gone then, and so is who would judge the outcome.
fn follow_agent(input: &mut impl Read) {
    let mut rest = [0; 64];
    while !matches!(input.read(&mut rest), Ok(0) | Err(_)) {}
    let own = nix::unistd::getpid();
    // Only a group of our own is killed, never that of a shell in which somebody tries this.
    if nix::unistd::getpgrp() == own {
        let _ = nix::sys::signal::killpg(own, nix::sys::signal::Signal::SIGKILL);
    }
}

fn tell(output: &mut dyn Write, outcome: JobOutcome) -> u8 {
    u8::from(write_line(output, &JobLine::Outcome(outcome)).is_err())
}

fn write_line(output: &mut dyn Write, line: &JobLine) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    output.write_all(&text)?;
    output.flush()
}

fn perform(job: &Job, output: &mut dyn Write) -> JobOutcome {
    match job {
        Job::Software(job) => build(job, output),
        Job::Instance(job) => install(job, output),
    }
}

fn build(job: &SoftwareJob, output: &mut dyn Write) -> JobOutcome {
    let mut log = BuildLog::open(&job.log);
    log.say(&format!("building {}", job.url));
    let mut part = String::new();
    let mut tell_step = |progress: Progress| {
        let line = format!(
            "[{}/{}] {} {}",
            progress.index,
            progress.total,
            progress.part,
            progress.step.as_str()
        );
        // News about a step comes each second; the log needs it once.
        if line != part {
            log.say(&line);
            part = line;
        }
        report(output, &progress);
    };
    match slapos_build::build_software(&job.build, &mut tell_step) {
        Err(error) => {
            let message = error.failure().message;
            log.say(&message);
            JobOutcome::Failed(super::bounded(&message))
        }
        // The mark is the last file of a release: without it the release is not there.
        Ok(outcome) => match mark_complete(job) {
            Ok(()) => {
                for source in &outcome.unpinned {
                    log.say(&format!(
                        "warning: no hash says what this source is: {source}"
                    ));
                }
                for warning in &outcome.warnings {
                    log.say(&format!("warning: {warning}"));
                }
                log.say("complete");
                JobOutcome::Built
            }
            Err(error) => JobOutcome::Failed(format!("cannot mark the release complete: {error}")),
        },
    }
}

fn mark_complete(job: &SoftwareJob) -> std::io::Result<()> {
    crate::atomic_file::write_readable(
        &job.build.root.join(crate::layout::COMPLETED),
        job.stamp.as_bytes(),
    )
}

fn install(job: &InstanceJob, output: &mut dyn Write) -> JobOutcome {
    let mut tell_step = |progress: Progress| report(output, &progress);
    match slapos_build::install_instance(&job.install, &mut tell_step) {
        Err(error) => JobOutcome::Failed(super::bounded(&error.failure().message)),
        Ok(outcome) => JobOutcome::Installed(installed(outcome)),
    }
}

fn installed(outcome: InstanceOutcome) -> Installed {
    let program = |kind: ProgramKind| {
        move |program: slapos_build::Program| record::Program {
            name: program.name,
            kind,
            path: program.path,
            digest: program.digest,
        }
    };
    let run = outcome.run.into_iter().map(program(ProgramKind::Run));
    let service = outcome
        .service
        .into_iter()
        .map(program(ProgramKind::Service));
    let connection = outcome.connection.into_iter();
    Installed {
        programs: run.chain(service).collect(),
        promises: outcome.promises,
        broken_promises: outcome.broken_promises,
        connection: connection
            .map(|(name, value)| (name, value.into()))
            .collect(),
    }
}

fn report(output: &mut dyn Write, progress: &Progress) {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let line = JobLine::Progress(super::JobProgress {
        part: progress.part.clone(),
        index: count(progress.index),
        total: count(progress.total),
        step: progress.step.as_str().to_owned(),
        seconds: u32::try_from(progress.elapsed_ms / 1000).unwrap_or(u32::MAX),
    });
    // Who does not listen any more will be told by the outcome.
    let _ = write_line(output, &line);
}

/// The log of the last build, which a log request reads. A log that cannot be written is no reason
/// not to build.
struct BuildLog(Option<fs_err::File>);

impl BuildLog {
    fn open(path: &Path) -> Self {
        Self(fs_err::File::create(path).ok())
    }

    fn say(&mut self, line: &str) {
        if let Some(file) = &mut self.0 {
            let _ = writeln!(file, "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_job_garbage_is_a_failed_outcome() {
        let mut output = Vec::new();
        let code = run_job(std::io::Cursor::new(b"{}\n".to_vec()), &mut output);
        let line: JobLine = serde_json::from_slice(&output).unwrap();
        assert_eq!(code, 0);
        assert!(
            matches!(line, JobLine::Outcome(JobOutcome::Failed(m)) if m.contains("not understood"))
        );
    }

    #[test]
    fn run_job_cut_is_a_failed_outcome() {
        let mut output = Vec::new();
        run_job(std::io::Cursor::new(b"{".to_vec()), &mut output);
        assert!(
            String::from_utf8(output)
                .unwrap()
                .contains("cut or too long")
        );
    }
}
