//! The profile that is drilled: packages that need each other, some shared, each whole only with its last file.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of each of the three files that a package installs.
const FILE_BYTES: usize = 200_000;
const PARTS: usize = 6;

/// `MORE` is how many mebibytes each package installs besides.
const CONFIGURE: &str = r#"#!/bin/sh
for word; do case $word in --prefix=*) prefix=${word#--prefix=} ;; esac; done
cat > Makefile <<END
all:
	for n in 1 2 3; do cc -O2 -c program.c -o program.o; done
	cc -o program program.o
install:
	mkdir -p $prefix/bin
	cp program $prefix/bin/
	for n in 1 2 3; do head -c FILE_BYTES /dev/zero > $prefix/data\$\$n; done
	if test -n "\$(MORE)"; then head -c \$(MORE)M /dev/zero > $prefix/more; fi
	$prefix/bin/program > $prefix/whole
END
"#;

const PROGRAM: &str = "#include <stdio.h>\nint main(void) { return puts(\"whole\") < 0; }\n";

/// A profile in a private folder, and where it is built.
pub(super) struct Project {
    program: PathBuf,
    folder: PathBuf,
}

impl Project {
    pub(super) fn make(program: &Path, folder: &Path) -> Result<Project, String> {
        let source = folder.join("package-1");
        let failed = |error: std::io::Error| error.to_string();
        std::fs::create_dir_all(&source).map_err(failed)?;
        let configure = CONFIGURE.replace("FILE_BYTES", &FILE_BYTES.to_string());
        std::fs::write(source.join("configure"), configure).map_err(failed)?;
        std::fs::write(source.join("program.c"), PROGRAM).map_err(failed)?;
        let project = Project {
            program: program.to_owned(),
            folder: folder.to_owned(),
        };
        let sum = project.shell("chmod +x package-1/configure && tar czf package-1.tar.gz package-1 && md5sum package-1.tar.gz")?;
        let sum = sum.split_whitespace().next().unwrap_or_default().to_owned();
        std::fs::write(folder.join("software.cfg"), project.profile(&sum)).map_err(failed)?;
        Ok(project)
    }

    /// Every second part is shared, each but the first two needs the one two before it.
    fn profile(&self, sum: &str) -> String {
        let names: Vec<String> = (0..PARTS).map(|n| format!("part{n}")).collect();
        let mut text = format!("[buildout]\nparts = {}\n", names.join(" "));
        let url = self.folder.join("package-1.tar.gz");
        for n in 0..PARTS {
            text.push_str(&format!(
                "\n[part{n}]\nrecipe = slapos.recipe.cmmi\nurl = {}\nmd5sum = {sum}\nshared = {}\nmore =\nmake-options = MORE=${{:more}}\n",
                url.display(),
                n % 2 == 0,
            ));
            if n >= 2 {
                text.push_str(&format!(
                    "pre-configure = test -s ${{part{}:location}}/whole\n",
                    n - 2
                ));
            }
        }
        text
    }

    /// As on a node: releases in `software`, shared parts beside them.
    pub(super) fn root(&self) -> PathBuf {
        self.node().join("software/release")
    }

    fn node(&self) -> PathBuf {
        self.folder.join("node")
    }

    /// What was pruned, as the program tells it.
    pub(super) fn prune(&self) -> Result<Value, String> {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(self.node());
        let output = command.args(["node", "prune", "--json"]).output();
        let output = output.map_err(|error| error.to_string())?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("build").arg(self.folder.join("software.cfg"));
        command.arg("--root").arg(self.root());
        command.arg("--shared").arg(self.node().join("shared"));
        command.arg("--cache").arg(self.folder.join("cache"));
        command
    }

    pub(super) fn build(&self) -> Result<(), String> {
        let output = self.command().output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Begins anew.
    pub(super) fn forget(&self) -> Result<(), String> {
        match std::fs::remove_dir_all(self.node()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    /// Every part that is recorded as installed is whole.
    pub(super) fn check_records(&self) -> Result<usize, String> {
        check_records(&self.root(), &self.node().join("shared"))
    }

    /// All parts are there and whole.
    pub(super) fn check_whole(&self) -> Result<(), String> {
        match self.check_records()? {
            PARTS => Ok(()),
            count => Err(format!("{count} of {PARTS} parts are recorded")),
        }
    }

    pub(super) fn shell(&self, script: &str) -> Result<String, String> {
        let output = Command::new("/bin/sh")
            .args(["-ec", script])
            .current_dir(&self.folder)
            .output()
            .map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(said),
            false => Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

/// How many parts are recorded below a root; each of them is whole, and so is each shared folder with a mark.
fn check_records(root: &Path, shared: &Path) -> Result<usize, String> {
    let mut count = 0;
    let text = std::fs::read_to_string(root.join(".slapos/installed.json"));
    let records: Value = match text {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Value::Null,
        Err(error) => return Err(error.to_string()),
        Ok(text) => serde_json::from_str(&text)
            .map_err(|error| format!("the record does not read: {error}"))?,
    };
    for (name, record) in records["parts"].as_object().into_iter().flatten() {
        if record["signature"] == "" {
            continue;
        }
        let places = ["owned", "shared"].map(|key| record[key][0].as_str().map(PathBuf::from));
        let place = places.into_iter().flatten().next();
        let place = place.ok_or_else(|| format!("{name} is recorded without a place"))?;
        check_part(&place).map_err(|error| format!("{name} is recorded and {error}"))?;
        count += 1;
    }
    let shared = std::fs::read_dir(shared).into_iter().flatten();
    for name in shared.flatten() {
        for place in std::fs::read_dir(name.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if place.path().join(".slapos-shared.json").exists() {
                check_part(&place.path()).map_err(|error| format!("a mark lies: {error}"))?;
            }
        }
    }
    Ok(count)
}

/// The file that is made last, and the sizes of the others.
fn check_part(place: &Path) -> Result<(), String> {
    let whole = std::fs::read_to_string(place.join("whole"));
    if !whole.is_ok_and(|text| text == "whole\n") {
        return Err(format!("{} has no last file", place.display()));
    }
    for n in 1..=3 {
        let size = std::fs::metadata(place.join(format!("data{n}"))).map(|it| it.len());
        if size.ok().and_then(|size| usize::try_from(size).ok()) != Some(FILE_BYTES) {
            return Err(format!("data{n} of {} is not whole", place.display()));
        }
    }
    Ok(())
}

/// For a root that only another mount namespace sees: the same check there, told by the exit code.
pub(super) const CHECK_PARTS: &str = r#"
for place in "$1"/shared/*/*/; do
  test -e "$place/.slapos-shared.json" || continue
  test "$(cat "$place/whole")" = whole || { echo "half a part: $place"; exit 9; }
done
"#;
