//! `slapos.cookbook:promise.plugin` and the promise recipes before it: a built-in check in `etc/promise`.
//!
//! The modules of the original that look at what every service has are built in; the file that is written is a
//! [`PromiseSpec`]. The partition's folder gives its place, whatever folder the original's option `output` names.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::promise::{Check, FileState, PromiseSpec};
use crate::work::{PartFailure, Work};

struct Promise {
    path: PathBuf,
    spec: PromiseSpec,
}

pub(super) fn construct_plugin(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let module = options::needed(part, "module")?;
    let check = check(part, &module)?;
    finish(construction, part, check, "output")
}

pub(super) fn construct_port(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let host = options::text_or(part, "hostname", "127.0.0.1")?;
    let check = Check::Port {
        host,
        port: port(part, "port")?,
    };
    finish(construction, part, check, "path")
}

pub(super) fn construct_url(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let check = Check::Url {
        url: options::needed(part, "url")?,
        status: 200,
        text: None,
    };
    finish(construction, part, check, "path")
}

pub(super) fn construct_page(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let url = options::needed(part, "url")?;
    let text = options::text_or(part, "match", &url)?;
    let check = Check::Url {
        url,
        status: 200,
        text: Some(text),
    };
    finish(construction, part, check, "path")
}

/// What is compared is known now; that it is wrong is the promise's to tell.
pub(super) fn construct_parameter(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let value = options::text_or(part, "value", "")?;
    let address = value.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_expected = match options::text(part, "expected-type")?.as_deref() {
        Some("ipv4") => address.is_ok_and(|address| address.is_ipv4()),
        Some("ipv6") => address.is_ok_and(|address| address.is_ipv6()),
        Some(other) => {
            return Err(format!("`expected-type` is `{other}`; it may be ipv4 or ipv6").into());
        }
        None => {
            let expected = options::text(part, "expected-value")?;
            let unexpected = options::text(part, "expected-not-value")?;
            expected.is_none_or(|expected| expected == value)
                && unexpected.is_none_or(|unexpected| unexpected != value)
        }
    };
    let said = format!("the value is {}", options::shell_quote(&value));
    let script = format!("printf '%s\\n' \"$1\"; exit {}", i32::from(!is_expected));
    let command = ["/bin/sh", "-c", &script, "check_parameter", &said];
    let check = Check::Command {
        command: command.map(str::to_owned).to_vec(),
    };
    finish(construction, part, check, "path")
}

fn finish(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
    check: Check,
    output: &str,
) -> Result<Box<dyn Part>, RecipeError> {
    let name = name(part, output, &construction.name)?;
    let mut spec = PromiseSpec::new(name.clone(), check);
    spec.period_s = match options::text(part, "config-frequency")? {
        // The original counts in minutes.
        Some(_) => options::number(part, "config-frequency", 1_u32)?.saturating_mul(60),
        None => options::number(part, "config-period", spec.period_s)?,
    };
    spec.timeout_s = options::number(part, "config-timeout", spec.timeout_s)?;
    spec.grace_s = options::number(part, "config-grace", spec.grace_s)?;
    let path = construction
        .world
        .directory
        .join("etc/promise")
        .join(format!("{name}.json"));
    part.set("promise-path", path.to_string_lossy().into_owned())?;
    Ok(Box::new(Promise { path, spec }))
}

/// The name of the file that the profile asks for, else the option `name`, else that of the part.
fn name(
    part: &mut PartOptions<'_, '_>,
    output: &str,
    default: &str,
) -> Result<String, RecipeError> {
    let asked = match options::text(part, output)? {
        Some(path) => Path::new(&path)
            .file_name()
            .map(|name| name.to_string_lossy().trim_end_matches(".py").to_owned()),
        None => options::text(part, "name")?,
    };
    let name = asked.unwrap_or_else(|| default.to_owned());
    if name.contains('/') || name.starts_with('.') || name.is_empty() {
        return Err(format!("`{name}` is no name for a promise").into());
    }
    Ok(name)
}

fn check(part: &mut PartOptions<'_, '_>, module: &str) -> Result<Check, RecipeError> {
    Ok(match module {
        "check_port_listening" | "check_socket_listening" => socket(part)?,
        "check_url_available" => Check::Url {
            url: options::needed(part, "config-url")?,
            status: options::number(part, "config-http-code", 200)?,
            text: options::text(part, "config-text")?,
        },
        "check_tcp_answer" => Check::Answer {
            host: options::text_or(part, "config-host", "127.0.0.1")?,
            port: port(part, "config-port")?,
            send: options::text(part, "config-send")?,
            text: options::needed(part, "config-text")?,
        },
        "check_command_execute" => Check::Command {
            command: vec![
                "/bin/sh".to_owned(),
                "-c".to_owned(),
                options::needed(part, "config-command")?,
            ],
        },
        "check_process_running" => Check::Process {
            process: options::needed(part, "config-process")?,
        },
        "check_service_state" => service(part)?,
        "check_file_state" => file_state(part)?,
        "check_file_fresh" => Check::FileFresh {
            path: PathBuf::from(options::needed(part, "config-filename")?),
            max_age_s: options::number(part, "config-max-age", 3600)?,
        },
        "check_free_disk_space" => disk(part)?,
        _ => {
            return Err(format!(
                "the promise module `{module}` is not built in; those that are: check_socket_listening, \
                 check_port_listening, check_url_available, check_tcp_answer, check_command_execute, \
                 check_process_running, check_service_state, check_file_state, check_file_fresh, check_free_disk_space"
            )
            .into());
        }
    })
}

fn socket(part: &mut PartOptions<'_, '_>) -> Result<Check, RecipeError> {
    if let Some(path) = options::text(part, "config-pathname")? {
        return Ok(Check::Socket {
            path: PathBuf::from(path),
        });
    }
    let host = options::text_or(part, "config-host", "127.0.0.1")?;
    Ok(Check::Port {
        host,
        port: port(part, "config-port")?,
    })
}

fn port(part: &mut PartOptions<'_, '_>, option: &str) -> Result<u16, RecipeError> {
    let text = options::needed(part, option)?;
    text.parse()
        .map_err(|_| format!("`{option}` is `{text}`, no port").into())
}

fn service(part: &mut PartOptions<'_, '_>) -> Result<Check, RecipeError> {
    let expected = options::text_or(part, "config-expect", "running")?;
    if expected != "running" {
        return Err(format!("`config-expect` is `{expected}`; only `running` is built in").into());
    }
    Ok(Check::Process {
        process: options::needed(part, "config-service")?,
    })
}

fn file_state(part: &mut PartOptions<'_, '_>) -> Result<Check, RecipeError> {
    let state = match options::text_or(part, "config-state", "not-empty")?.as_str() {
        "absent" => FileState::Absent,
        "empty" => FileState::Empty,
        "not-empty" => FileState::NotEmpty,
        other => {
            return Err(
                format!("`config-state` is `{other}`; it may be absent, empty, not-empty").into(),
            );
        }
    };
    let path = PathBuf::from(options::needed(part, "config-filename")?);
    Ok(Check::FileState { path, state })
}

/// The threshold of the original is in GiB and may have a fraction.
fn disk(part: &mut PartOptions<'_, '_>) -> Result<Check, RecipeError> {
    let min_bytes = match options::text(part, "config-threshold")? {
        None => options::number(part, "config-min-bytes", 1_u64 << 30)?,
        Some(text) => {
            let gib: f64 = text
                .parse()
                .ok()
                .filter(|gib: &f64| (0.0..1e9).contains(gib))
                .ok_or_else(|| format!("`config-threshold` is `{text}`, no number of GiB"))?;
            // In range: checked just above.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let bytes = (gib * f64::from(1 << 30)) as u64;
            bytes
        }
    };
    let directory = part.other("buildout", "directory")?.into_text();
    let path = options::text_or(part, "config-path", &directory)?;
    Ok(Check::DiskFree {
        path: PathBuf::from(path),
        min_bytes,
    })
}

impl Part for Promise {
    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        work.write(&self.path, self.spec.to_text().as_bytes(), 0o600)?;
        Ok(Installed::owning(&self.path))
    }
}
