//! What both sides build: packages of C, a chain of a thousand parts, one large archive.

use super::remove;
use crate::Outcome;
use crate::drill::luck::Luck;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: u32 = 6;
const SOURCES: u32 = 8;
const FUNCTIONS: u32 = 150;
const CHAINED: u32 = 1000;
const ARCHIVED: u32 = 4000;

/// As a script of autoconf does: it asks the compiler one thing after another.
const CONFIGURE: &str = r#"#!/bin/sh
for word; do case $word in --prefix=*) prefix=${word#--prefix=} ;; esac; done
for header in stdio stdlib string unistd stdint errno time math ctype limits float signal; do
  printf '#include <%s.h>\nint main(void) { return 0; }\n' $header > conftest.c
  cc -O2 conftest.c -o conftest || exit 1
done
sed "s|@prefix@|$prefix|" Makefile.in > Makefile
"#;

const MAKEFILE: &str = "OBJECTS = OBJECT_LIST
all: program
%.o: %.c
\tcc -O2 -c $< -o $@
program: $(OBJECTS)
\tcc -o program $(OBJECTS)
install:
\tmkdir -p @prefix@/bin
\tcp program @prefix@/bin/
";

/// A profile, and the folders of both sides.
pub(super) struct Project {
    folder: PathBuf,
    /// Files below `parts` that both must have made alike.
    results: Vec<String>,
}

impl Project {
    pub(super) fn packages(above: &Path) -> Result<Project, String> {
        let project = Project::new(above, "packages")?;
        let names: Vec<String> = (0..PACKAGES).map(|n| format!("package{n}")).collect();
        let mut profile = format!("[buildout]\nparts = {}\n", names.join(" "));
        for name in &names {
            project.write_package(name)?;
            let archive = project.pack(name)?;
            let sum = project.shell(&format!("md5sum {archive}"))?;
            let sum = sum.split_whitespace().next().unwrap_or_default();
            let url = project.folder.join(archive);
            let url = url.display();
            profile.push_str(&format!(
                "\n[{name}]\nrecipe = slapos.recipe.cmmi\nurl = {url}\nmd5sum = {sum}\n"
            ));
        }
        project.write("software.cfg", &profile)?;
        let results = names.iter().map(|name| format!("{name}/bin/program"));
        Ok(Project {
            results: results.collect(),
            ..project
        })
    }

    pub(super) fn chain(above: &Path) -> Result<Project, String> {
        let project = Project::new(above, "chain")?;
        let names: Vec<String> = (0..CHAINED).map(|n| format!("p{n}")).collect();
        let mut profile = format!("[buildout]\nparts =\n  {}\n", names.join("\n  "));
        let mut before = "the first".to_owned();
        for name in &names {
            // Below the side's own folder, so each line names another path on each side.
            profile.push_str(&format!(
                "\n[{name}]\nrecipe = slapos.recipe.template\ninline = after {before}\noutput = ${{buildout:parts-directory}}/{name}\n"
            ));
            before = format!("${{{name}:output}}");
        }
        project.write("software.cfg", &profile)?;
        Ok(project)
    }

    pub(super) fn archive(above: &Path) -> Result<Project, String> {
        let project = Project::new(above, "archive")?;
        let mut luck = Luck::new(1);
        for n in 0..ARCHIVED {
            let mut text = String::new();
            while text.len() < 20_000 {
                // Half words, half noise: sources pack to about a quarter.
                let _ = writeln!(
                    text,
                    "static int value_{} = {};",
                    luck.up_to(99),
                    luck.up_to(u64::MAX >> 20)
                );
            }
            project.write(&format!("tree/folder{}/file{n}.c", n % 50), &text)?;
        }
        let archive = project.pack("tree")?;
        let sum = project.shell(&format!("md5sum {archive}; sha256sum {archive} > sum"))?;
        let sum = sum.split_whitespace().next().unwrap_or_default();
        let url = project.folder.join(archive);
        project.write(
            "software.cfg",
            &format!(
                "[buildout]\nparts = tree\n[tree]\nrecipe = slapos.recipe.build:download-unpacked\nurl = {}\nmd5sum = {sum}\n",
                url.display()
            ),
        )?;
        Ok(project)
    }

    /// The same work with the usual programs.
    pub(super) fn unpack_with_tar(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        let script = "rm -rf theirs && mkdir theirs && sha256sum --quiet -c sum && tar xzf tree.tar.gz -C theirs && sync -f theirs";
        command.args(["-ec", script]).current_dir(&self.folder);
        command
    }

    /// Writes everything to the disk that waits for it.
    pub(super) fn settle(&self) -> Outcome {
        self.shell("sync -f .").map(drop)
    }

    pub(super) fn profile(&self) -> PathBuf {
        self.folder.join("software.cfg")
    }

    pub(super) fn our_root(&self) -> PathBuf {
        self.folder.join("ours")
    }

    pub(super) fn their_root(&self) -> PathBuf {
        self.folder.join("theirs")
    }

    /// Both sides begin anew.
    pub(super) fn forget(&self) -> Outcome {
        remove(&self.our_root())?;
        self.forget_theirs()
    }

    pub(super) fn forget_theirs(&self) -> Outcome {
        remove(&self.their_root())
    }

    /// Both made the same; the parts of a chain are counted.
    pub(super) fn check_same(&self) -> Outcome {
        for result in &self.results {
            let script = format!("cmp ours/parts/{result} theirs/parts/{result}");
            self.shell(&script)?;
        }
        let count = |side: &str| self.shell(&format!("find {side}/parts -type f | wc -l"));
        let (ours, theirs) = (count("ours")?, count("theirs")?);
        match ours == theirs {
            true => Ok(()),
            false => Err(format!(
                "ours made {} files, theirs {}",
                ours.trim(),
                theirs.trim()
            )),
        }
    }

    fn new(above: &Path, name: &str) -> Result<Project, String> {
        let folder = above.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        Ok(Project {
            folder,
            results: Vec::new(),
        })
    }

    fn write_package(&self, name: &str) -> Outcome {
        let mut objects = vec!["main.o".to_owned()];
        let mut calls = String::new();
        let mut declared = String::new();
        for file in 0..SOURCES {
            let mut text = String::new();
            for n in 0..FUNCTIONS {
                // Enough for the compiler to think about.
                let _ = writeln!(
                    text,
                    "unsigned f{file}_{n}(unsigned a) {{ unsigned s = a; for (unsigned i = 0; i < a % {}; i++) \
                     {{ s = s * {}u + (s >> 3) - i; if (s & {}) s ^= i << 2; }} return s; }}",
                    n + 7,
                    n * 2 + 3,
                    n + 1
                );
            }
            let _ = write!(declared, "unsigned f{file}_0(unsigned); ");
            let _ = write!(calls, " + f{file}_0({file})");
            self.write(&format!("{name}/source{file}.c"), &text)?;
            objects.push(format!("source{file}.o"));
        }
        let main = format!("{declared}\nint main(void) {{ return (0{calls}) == 1; }}\n");
        self.write(&format!("{name}/main.c"), &main)?;
        let makefile = MAKEFILE.replace("OBJECT_LIST", &objects.join(" "));
        self.write(&format!("{name}/Makefile.in"), &makefile)?;
        self.write(&format!("{name}/configure"), CONFIGURE)?;
        self.shell(&format!("chmod +x {name}/configure")).map(drop)
    }

    /// The name of the archive of a folder.
    fn pack(&self, name: &str) -> Result<String, String> {
        self.shell(&format!("tar czf {name}.tar.gz {name}"))?;
        Ok(format!("{name}.tar.gz"))
    }

    fn write(&self, name: &str, text: &str) -> Outcome {
        let path = self.folder.join(name);
        let above = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(above)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    fn shell(&self, script: &str) -> Result<String, String> {
        let output = Command::new("/bin/sh")
            .args(["-ec", script])
            .current_dir(&self.folder)
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!(
                "{script}: {}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }
}
