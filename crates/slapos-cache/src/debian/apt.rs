//! apt as a child process with a private state: no root, nothing of the machine's own state is changed.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;
use thiserror::Error;

use crate::hash::Hash;
use crate::limits;

const APT_GET: &str = "/usr/bin/apt-get";
const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

/// Why apt could not be used.
#[derive(Debug, Error)]
pub(super) enum AptError {
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("running {program}: {source}")]
    Start {
        program: &'static str,
        source: std::io::Error,
    },
    #[error("{program} {}: {said}", .what)]
    Failed {
        program: &'static str,
        what: String,
        said: String,
    },
    #[error("{program} was stopped after {} s", .limit.as_secs())]
    TimedOut {
        program: &'static str,
        limit: Duration,
    },
    #[error("stopped as asked")]
    Stopped,
    #[error("this machine's apt knows no Debian archive")]
    NoArchive,
}

/// What asking for one file gave.
#[derive(Debug)]
pub(super) enum FetchOutcome {
    Fetched,
    Refused(String),
}

/// Whether this machine has the programs.
pub(super) fn is_here() -> bool {
    Path::new(APT_GET).exists() && Path::new(APT_HELPER).exists()
}

/// One private state of apt.
#[derive(Debug)]
pub(super) struct Apt {
    dir: PathBuf,
}

impl Apt {
    pub(super) fn new(dir: PathBuf) -> Apt {
        Apt { dir }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the folders and the configuration; `lines` are the sources.
    pub(super) fn prepare(&self, lines: &[String]) -> Result<(), AptError> {
        for folder in [
            "lists/partial",
            "cache/archives/partial",
            "etc/sources.list.d",
            "etc/preferences.d",
        ] {
            let path = self.dir.join(folder);
            fs::create_dir_all(&path).map_err(io_error("making the folder", &path))?;
        }
        self.write("etc/status", "")?;
        self.write("etc/sources.list.d/slapos.list", &(lines.join("\n") + "\n"))?;
        self.write("apt.conf", &self.configuration())
    }

    fn write(&self, name: &str, text: &str) -> Result<(), AptError> {
        let path = self.dir.join(name);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        fs::write(&path, text).map_err(io_error("writing", &path))
    }

    fn configuration(&self) -> String {
        let dir = self.dir.display();
        format!(
            "Dir::State \"{dir}\";\n\
             Dir::State::lists \"{dir}/lists\";\n\
             Dir::State::status \"{dir}/etc/status\";\n\
             Dir::Cache \"{dir}/cache\";\n\
             Dir::Etc::sourcelist \"/dev/null\";\n\
             Dir::Etc::sourceparts \"{dir}/etc/sources.list.d\";\n\
             Dir::Etc::preferencesparts \"{dir}/etc/preferences.d\";\n\
             APT::Sandbox::User \"\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::http::Timeout \"20\";\n\
             Acquire::Retries \"1\";\n\
             APT::Update::Post-Invoke {{}};\n\
             APT::Update::Post-Invoke-Success {{}};\n"
        )
    }

    /// Fetches the indexes of the sources; apt checks their signatures.
    pub(super) fn update(&self, watch: &mut dyn FnMut(u64) -> bool) -> Result<(), AptError> {
        let mut command = self.command(APT_GET);
        command.args(["-qq", "update"]);
        let watch = &mut || watch(0);
        run(
            command,
            Job::new("apt-get", "update", limits::APT_UPDATE_TIMEOUT),
            watch,
        )
        .map(|_| ())
    }

    /// The files of the source indexes, with the URI of the archive that each describes.
    pub(super) fn source_indexes(&self) -> Result<Vec<(String, PathBuf)>, AptError> {
        let mut command = self.command(APT_GET);
        command.args([
            "indextargets",
            "--format",
            "$(REPO_URI)|$(FILENAME)",
            "Created-By: Sources",
        ]);
        let job = Job::new("apt-get", "indextargets", limits::APT_ASK_TIMEOUT);
        let text = run(command, job, &mut || true)?;
        let lines = text.lines().filter_map(|line| line.split_once('|'));
        Ok(lines
            .map(|(uri, file)| (uri.to_owned(), PathBuf::from(file)))
            .collect())
    }

    /// The text of an index, whatever it is compressed with.
    pub(super) fn read_index(&self, file: &Path) -> Result<String, AptError> {
        let mut command = self.command(APT_HELPER);
        command.arg("cat-file").arg(file);
        run(
            command,
            Job::new("apt-helper", "cat-file", limits::APT_UPDATE_TIMEOUT),
            &mut || true,
        )
    }

    /// Fetches one file; apt checks its hash.
    pub(super) fn fetch(
        &self,
        uri: &str,
        out: &Path,
        hash: &Hash,
        watch: &mut dyn FnMut(u64) -> bool,
    ) -> Result<FetchOutcome, AptError> {
        let kind = match hash.kind() {
            crate::HashKind::Md5 => "MD5Sum",
            _ => "SHA256",
        };
        let mut command = self.command(APT_HELPER);
        command
            .args(["download-file", uri])
            .arg(out)
            .arg(format!("{kind}:{}", hash.hex()));
        let job = Job::new("apt-helper", "download-file", limits::APT_FETCH_TIMEOUT);
        let size = || fs::metadata(out).map_or(0, |metadata| metadata.len());
        match run(command, job, &mut || watch(size())) {
            Ok(_) => Ok(FetchOutcome::Fetched),
            Err(AptError::Failed { said, .. }) => Ok(FetchOutcome::Refused(said)),
            Err(error) => Err(error),
        }
    }

    /// Removes the whole state.
    pub(super) fn discard(&self) {
        // What cannot be removed only takes space and is overwritten the next time.
        let _ = fs::remove_dir_all(&self.dir);
    }

    fn command(&self, program: &'static str) -> Command {
        let mut command = machine_command(program);
        command
            .env("APT_CONFIG", self.dir.join("apt.conf"))
            .env("HOME", &self.dir);
        command
    }
}

/// Asks the machine's own apt where it gets packages from: (archive, release) pairs.
pub(super) fn machine_archives(
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<(String, String)>, AptError> {
    let mut command = machine_command(APT_GET);
    command.args([
        "indextargets",
        "--format",
        "$(REPO_URI)|$(RELEASE)",
        "Created-By: Packages",
    ]);
    let job = Job::new("apt-get", "indextargets", limits::APT_ASK_TIMEOUT);
    let text = run(command, job, &mut || watch(0))?;
    let mut pairs: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(uri, release)| (uri.to_owned(), release.to_owned()))
        .collect();
    pairs.sort();
    pairs.dedup();
    Ok(pairs)
}

/// apt with an allow-list of the environment; proxies are the machine's business.
fn machine_command(program: &'static str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LANG", "C.UTF-8");
    for name in ["http_proxy", "https_proxy", "no_proxy"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

struct Job {
    program: &'static str,
    what: String,
    limit: Duration,
}

impl Job {
    fn new(program: &'static str, what: impl AsRef<OsStr>, limit: Duration) -> Job {
        Job {
            program,
            what: what.as_ref().to_string_lossy().into_owned(),
            limit,
        }
    }
}

/// Runs to the end, in its own process group, which is killed whole at the limit or when told to stop.
fn run(
    mut command: Command,
    job: Job,
    watch: &mut dyn FnMut() -> bool,
) -> Result<String, AptError> {
    let start = |source| AptError::Start {
        program: job.program,
        source,
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(start)?;
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let status = wait(&mut child, &job, watch);
    let (out, err) = (
        stdout.join().unwrap_or_default(),
        stderr.join().unwrap_or_default(),
    );
    match status? {
        status if status.success() => Ok(out),
        status => {
            let said = err
                .lines()
                .chain(out.lines())
                .find(|line| line.starts_with("E: "));
            let said = said.map_or_else(|| status.to_string(), |line| line[3..].trim().to_owned());
            Err(AptError::Failed {
                program: job.program,
                what: job.what,
                said,
            })
        }
    }
}

fn wait(
    child: &mut Child,
    job: &Job,
    watch: &mut dyn FnMut() -> bool,
) -> Result<std::process::ExitStatus, AptError> {
    let begun = Instant::now();
    loop {
        let start = |source| AptError::Start {
            program: job.program,
            source,
        };
        if let Some(status) = child.try_wait().map_err(start)? {
            return Ok(status);
        }
        let is_late = begun.elapsed() > job.limit;
        if is_late || !watch() {
            kill_group(child);
            return Err(match is_late {
                true => AptError::TimedOut {
                    program: job.program,
                    limit: job.limit,
                },
                false => AptError::Stopped,
            });
        }
        std::thread::park_timeout(limits::APT_POLL);
    }
}

fn kill_group(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may have ended just now; then there is nothing to kill.
        let _ = nix::sys::signal::killpg(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGKILL,
        );
    }
    let _ = child.wait();
}

/// Reads a pipe on a thread of its own, so that neither pipe can fill up.
fn reader(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What was read before an error is as good as it gets.
            let _ = pipe
                .take(limits::APT_OUTPUT_BYTES_MAX)
                .read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn io_error<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> AptError + use<'a> {
    move |source| AptError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
