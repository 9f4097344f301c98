//! The identifier of a tree of files that git and Software Heritage have: of its names, kinds and bytes, nothing else.
//!
//! Start with [`tree_id`]. A folder without files counts, as at Software Heritage; git itself cannot have one.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fs_err as fs;
use sha1::{Digest, Sha1};

use crate::file::hex;

/// The git tree of a folder: 40 hex digits. `skip` is a name at its top that does not count.
pub(crate) fn tree_id(folder: &Path, skip: Option<&str>) -> io::Result<String> {
    Ok(hex(&tree(folder, skip)?))
}

/// The git blob of a file: 40 hex digits.
pub(crate) fn blob_id(file: &Path) -> io::Result<String> {
    Ok(hex(&blob(file)?))
}

fn tree(folder: &Path, skip: Option<&str>) -> io::Result<[u8; 20]> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if skip.is_some_and(|skip| name == skip) {
            continue;
        }
        let metadata = fs::symlink_metadata(entry.path())?;
        let mut key = name.as_encoded_bytes().to_vec();
        let (mode, id) = if metadata.is_dir() {
            // git sorts a folder as if its name ended so.
            key.push(b'/');
            ("40000", tree(&entry.path(), None)?)
        } else if metadata.is_symlink() {
            let target = fs::read_link(entry.path())?;
            let target = target.as_os_str().as_encoded_bytes();
            (
                "120000",
                object("blob", target.len() as u64, &mut &*target)?,
            )
        } else if metadata.is_file() {
            let is_program = metadata.permissions().mode() & 0o100 != 0;
            let mode = if is_program { "100755" } else { "100644" };
            (mode, blob(&entry.path())?)
        } else {
            continue;
        };
        let mut row = format!("{mode} ").into_bytes();
        row.extend_from_slice(name.as_encoded_bytes());
        row.push(0);
        row.extend_from_slice(&id);
        rows.push((key, row));
    }
    rows.sort();
    let text: Vec<u8> = rows.into_iter().flat_map(|(_, row)| row).collect();
    object("tree", text.len() as u64, &mut &*text)
}

fn blob(file: &Path) -> io::Result<[u8; 20]> {
    let mut file = fs::File::open(file)?;
    let length = file.metadata()?.len();
    object("blob", length, &mut file)
}

fn object(kind: &str, length: u64, content: &mut dyn Read) -> io::Result<[u8; 20]> {
    let mut hasher = Sha1::new();
    hasher.update(format!("{kind} {length}\0"));
    let mut chunk = vec![0; 64 << 10];
    loop {
        match content.read(&mut chunk) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(count) => hasher.update(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn tree_id_is_that_of_git() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        // `a-b`, `a/` and `a.c` tell whether folders are sorted as git sorts them.
        for folder in ["a", "b/c/d", ".hidden"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for (file, text) in [
            ("a/x", "1"),
            ("a-b", "2"),
            ("a.c", ""),
            ("b/c/d/é", "3"),
            (".hidden/y", "4"),
        ] {
            fs::write(at(file), text).unwrap();
        }
        fs::set_permissions(at("a-b"), std::fs::Permissions::from_mode(0o755)).unwrap();
        fs::os::unix::fs::symlink("../nowhere", at("b/link")).unwrap();
        let git = |words: &[&str]| {
            let mut command = Command::new("git");
            command.args(words).current_dir(dir.path());
            // A configuration of who runs the test must not change the answer.
            command
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_CONFIG_NOSYSTEM", "1");
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "-q", "."]);
        git(&["add", "--all", "--force"]);
        assert_eq!(
            tree_id(dir.path(), Some(".git")).unwrap(),
            git(&["write-tree"])
        );
        assert_eq!(blob_id(&at("a-b")).unwrap(), git(&["hash-object", "a-b"]));
    }

    #[test]
    fn tree_id_of_nothing_is_that_of_the_empty_tree() {
        let dir = tempfile::tempdir().unwrap();
        let empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        assert_eq!(tree_id(dir.path(), None).unwrap(), empty);
        // Software Heritage has a folder in which another is, even when that is empty.
        fs::create_dir(dir.path().join("e")).unwrap();
        assert_ne!(tree_id(dir.path(), None).unwrap(), empty);
    }
}
