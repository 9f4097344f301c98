//! `cargo xtask fuzz TARGET`: runs a target of the folders fuzz/ and fuzz/wire/ for some time, or repeats an input that failed.
//!
//! No nightly toolchain is needed: the sanitizers of the stable one are switched on by the flags below. Inputs that reach
//! new code stay below the target folder and are the start of the next run; the first run starts with the vectors.
//! Start with [`run`].

use crate::Outcome;
use crate::command::{run_with, say, top};
use crate::venv::target_folder;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `cargo fuzz` passes to the compiler, so that libFuzzer sees which code an input reaches.
const FLAGS: [&str; 10] = [
    "-Zsanitizer=address",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "--cfg",
    "fuzzing",
];

/// The sanitizer is not for build scripts, which are built for the host when a platform is named.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Separates the files of an input, as in fuzz/src/lib.rs.
const SEPARATOR: &str = "\u{1}";

/// What is fuzzed.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Of the profile language: parse, resolve, template, format. Of the wire: marshal, parameters, call.
    target: Target,
    /// How long.
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    /// Run these inputs once, instead of looking for new ones.
    #[arg(long, value_name = "FILE")]
    repeat: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Target {
    Parse,
    Resolve,
    Template,
    Format,
    Marshal,
    Parameters,
    Call,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Target::Parse => "parse",
            Target::Resolve => "resolve",
            Target::Template => "template",
            Target::Format => "format",
            Target::Marshal => "marshal",
            Target::Parameters => "parameters",
            Target::Call => "call",
        }
    }

    fn is_of_wire(self) -> bool {
        matches!(self, Target::Marshal | Target::Parameters | Target::Call)
    }

    fn features(self) -> &'static [&'static str] {
        match self {
            Target::Call => &["--features", "master"],
            _ => &[],
        }
    }

    /// The folder of its package, below the top.
    fn package(self) -> &'static str {
        match self.is_of_wire() {
            true => "fuzz/wire",
            false => "fuzz",
        }
    }

    /// Words of the language, without which a fuzzer would look for them for hours.
    fn dictionary(self) -> &'static str {
        match self {
            Target::Template => "template",
            _ if self.is_of_wire() => "wire",
            _ => "profile",
        }
    }
}

/// Builds and runs one target.
pub(crate) fn run(asked: &Arguments) -> Outcome {
    let name = asked.target.name();
    let folder = target_folder().join("fuzz");
    build(asked.target, &folder)?;
    let mut fuzzer = Command::new(folder.join(PLATFORM).join("release").join(name));
    // One that takes a second is a fault: everything here has bounds.
    fuzzer.args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=4096"]);
    if !asked.repeat.is_empty() {
        let files: Result<Vec<_>, _> = asked.repeat.iter().map(std::path::absolute).collect();
        return run_with(fuzzer.args(files.map_err(|error| error.to_string())?));
    }
    let (found, failed) = (folder.join("corpus").join(name), folder.join("failed"));
    for dir in [&found, &failed] {
        std::fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    }
    let seeds = match asked.target.is_of_wire() {
        true => top().join(asked.target.package()).join("seeds").join(name),
        false => seed(asked.target, &folder.join("seeds").join(name))?,
    };
    let dictionary = top().join("fuzz/dictionaries");
    let dictionary = dictionary.join(format!("{}.dict", asked.target.dictionary()));
    fuzzer
        .arg(format!("-max_total_time={}", asked.seconds))
        .arg(format!("-artifact_prefix={}/{name}-", failed.display()))
        .arg(format!("-dict={}", dictionary.display()))
        .args(["-print_final_stats=1", "-use_value_profile=1"])
        .args([&found, &seeds]);
    run_with(&mut fuzzer).map_err(|error| {
        format!(
            "{error}; the input is below {}: run it again with --repeat",
            failed.display()
        )
    })
}

fn build(target: Target, folder: &Path) -> Outcome {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--manifest-path"])
        .arg(top().join(target.package()).join("Cargo.toml"))
        .args(["--target", PLATFORM, "--bin", target.name(), "--target-dir"])
        .arg(folder)
        .args(target.features())
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", FLAGS.join(" "));
    run_with(&mut cargo)
}

/// Writes the files of the vectors as inputs; gives the folder.
fn seed(target: Target, folder: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let vectors = match target {
        Target::Template => "crates/slapos-build/tests/vectors/templates.jsonl",
        _ => "crates/slapos-buildout/tests/vectors/language.jsonl",
    };
    let text = std::fs::read_to_string(top().join(vectors)).map_err(failed)?;
    let mut count = 0_usize;
    for vector in text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
    {
        for input in inputs(target, &vector) {
            std::fs::write(folder.join(count.to_string()), input).map_err(failed)?;
            count += 1;
        }
    }
    say(&format!("{count} inputs from the vectors"));
    Ok(folder.to_owned())
}

/// Inputs from one vector. Where several files make one input they are called `/a.cfg`, `/b.cfg` and so on.
fn inputs(target: Target, vector: &Value) -> Vec<String> {
    let files = vector["files"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match target {
        Target::Resolve => {
            let main = vector["main"].as_str().unwrap_or_default();
            let named: Vec<(&str, &str)> = files
                .filter_map(|(name, text)| Some((name.as_str(), text.as_str()?)))
                .collect();
            let (first, rest): (Vec<_>, Vec<_>) = named.iter().partition(|(name, _)| *name == main);
            let ordered: Vec<_> = first.into_iter().chain(rest).collect();
            let letters = || ordered.iter().zip('a'..='z');
            let renamed = ordered.iter().map(|(_, text)| {
                letters().fold((*text).to_owned(), |text, ((name, _), letter)| {
                    text.replace(name, &format!("{letter}.cfg"))
                })
            });
            vec![renamed.collect::<Vec<_>>().join(SEPARATOR)]
        }
        Target::Template => files
            .filter(|(name, _)| *name != "buildout.cfg")
            .filter_map(|(_, value)| text(value))
            .collect(),
        Target::Parse | Target::Format => files.filter_map(|(_, value)| text(value)).collect(),
        // Theirs are files of the repository.
        Target::Marshal | Target::Parameters | Target::Call => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inputs_for_resolving_begin_with_the_profile_under_its_new_name() {
        let vector = json!({"main": "main.cfg", "files": {
            "base.cfg": "[a]", "main.cfg": "[buildout]\nextends = base.cfg"}});
        assert_eq!(
            inputs(Target::Resolve, &vector),
            ["[buildout]\nextends = b.cfg\u{1}[a]"]
        );
        assert_eq!(inputs(Target::Parse, &vector).len(), 2);
    }

    #[test]
    fn inputs_for_templates_leave_out_the_profile() {
        let vector = json!({"files": {"buildout.cfg": "[t]", "t.in": "{{ x }}"}});
        assert_eq!(inputs(Target::Template, &vector), ["{{ x }}"]);
    }
}
