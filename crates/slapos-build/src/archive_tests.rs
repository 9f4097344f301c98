//! Good archives unpack; hostile ones are refused and leave nothing outside.

use tar::EntryType;

use super::*;

struct Entry {
    name: &'static str,
    kind: EntryType,
    link: &'static str,
    data: &'static [u8],
    mode: u32,
}

fn file(name: &'static str, data: &'static [u8]) -> Entry {
    Entry {
        name,
        kind: EntryType::Regular,
        link: "",
        data,
        mode: 0o644,
    }
}

fn link(name: &'static str, kind: EntryType, link: &'static str) -> Entry {
    Entry {
        name,
        kind,
        link,
        data: b"",
        mode: 0o777,
    }
}

/// Writes headers by hand: the tar crate refuses to write hostile names.
fn tar_of(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        header.as_old_mut().linkname[..entry.link.len()].copy_from_slice(entry.link.as_bytes());
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_size(entry.data.len() as u64);
        header.set_mtime(1_000_000_000);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(entry.data);
        bytes.resize(bytes.len().div_ceil(512) * 512, 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Unpacks into `<dir>/in`; what lies beside it must stay as it was.
fn unpack_bytes(bytes: &[u8]) -> (tempfile::TempDir, io::Result<()>) {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("in");
    fs::create_dir(&into).unwrap();
    let archive = dir.path().join("archive");
    fs::write(&archive, bytes).unwrap();
    let result = unpack(&archive, &into);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        2,
        "something escaped"
    );
    (dir, result)
}

fn compress(bytes: &[u8], with: &str) -> Vec<u8> {
    use std::io::Write;
    match with {
        "gz" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        "bz2" => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        "xz" => {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        _ => bytes.to_vec(),
    }
}

#[test]
fn unpack_of_every_compression_gives_the_same_tree() {
    let bytes = tar_of(&[
        file("a-1/x", b"1"),
        Entry {
            mode: 0o6777,
            ..file("a-1/bin/y", b"2")
        },
        link("a-1/l", EntryType::Symlink, "bin/y"),
        link("a-1/h", EntryType::Link, "a-1/x"),
    ]);
    for with in ["", "gz", "bz2", "xz"] {
        let (dir, result) = unpack_bytes(&compress(&bytes, with));
        result.unwrap();
        let top = top_folder(&dir.path().join("in")).unwrap();
        assert!(top.ends_with("in/a-1"), "{with}");
        assert_eq!(fs::read(top.join("x")).unwrap(), b"1");
        assert_eq!(fs::read(top.join("l")).unwrap(), b"2");
        assert_eq!(fs::read(top.join("h")).unwrap(), b"1");
        let mode = fs::metadata(top.join("bin/y"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o755);
    }
}

#[test]
fn unpack_of_hostile_archives_is_refused() {
    let hostile = [
        vec![file("../evil", b"x")],
        vec![file("a/../../evil", b"x")],
        vec![file("/evil", b"x")],
        vec![link("a", EntryType::Symlink, "/etc/passwd")],
        vec![link("a", EntryType::Symlink, "../evil")],
        vec![link("d/a", EntryType::Symlink, "../../evil")],
        vec![link("a", EntryType::Link, "../archive")],
        vec![link("a", EntryType::Link, "/etc/passwd")],
        vec![link("a", EntryType::Char, "")],
        vec![link("a", EntryType::Block, "")],
        vec![link("a", EntryType::Fifo, "")],
        vec![link("a", EntryType::Symlink, "b"), file("a/c", b"x")],
        vec![
            link("a", EntryType::Symlink, "."),
            link("a/b", EntryType::Symlink, ".."),
        ],
        vec![
            link("a", EntryType::Symlink, "."),
            link("b", EntryType::Symlink, "a/.."),
        ],
    ];
    for entries in hostile {
        let (_dir, result) = unpack_bytes(&tar_of(&entries));
        let text = result.unwrap_err().to_string();
        assert!(
            text.contains("the archive is refused"),
            "{}: {text}",
            entries[0].name
        );
    }
}

#[test]
fn unpack_of_a_damaged_archive_fails() {
    let whole = compress(&tar_of(&[file("a", &[7; 4000])]), "gz");
    assert!(unpack_bytes(&whole[..whole.len() / 2]).1.is_err());
    assert!(unpack_bytes(b"<html>no archive</html>").1.is_err());
    assert!(unpack_bytes(b"").1.is_err());
    assert!(unpack_bytes(b"PK\x03\x04 zip").1.is_err());
}

#[test]
fn unpack_keeps_the_times_that_make_compares() {
    let (dir, result) = unpack_bytes(&tar_of(&[file("a", b"1")]));
    result.unwrap();
    let modified = fs::metadata(dir.path().join("in/a"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(Some(modified), time_of(1_000_000_000));
}

/// A zip archive of files, each with a mode; a link is a file with the mode of one.
fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut out = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, mode, data) in entries {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .unix_permissions(*mode);
        match mode & 0o170_000 == 0o120_000 {
            true => out
                .add_symlink(*name, String::from_utf8_lossy(data), options)
                .unwrap(),
            false => {
                out.start_file(*name, options).unwrap();
                out.write_all(data).unwrap();
            }
        }
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn unpack_of_a_zip_gives_files_modes_and_links() {
    let bytes = zip_of(&[
        ("a-1/bin/y", 0o6777, &[7; 100_000]),
        ("a-1/l", 0o120_777, b"bin/y"),
    ]);
    let (dir, result) = unpack_bytes(&bytes);
    result.unwrap();
    let top = top_folder(&dir.path().join("in")).unwrap();
    assert_eq!(fs::read(top.join("l")).unwrap(), [7; 100_000]);
    let mode = fs::metadata(top.join("bin/y"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn unpack_of_hostile_zips_is_refused() {
    for entries in [
        vec![("../evil", 0o644, &b"x"[..])],
        vec![("/evil", 0o644, &b"x"[..])],
        vec![("a", 0o120_777, &b"/etc/passwd"[..])],
        vec![("a", 0o120_777, &b"../evil"[..])],
        vec![("a", 0o120_777, &b"b"[..]), ("a/c", 0o644, &b"x"[..])],
    ] {
        let (_dir, result) = unpack_bytes(&zip_of(&entries));
        let text = result.unwrap_err().to_string();
        assert!(
            text.contains("the archive is refused"),
            "{}: {text}",
            entries[0].0
        );
    }
}

#[test]
fn unpack_of_a_name_twice_keeps_the_last() {
    let (dir, result) = unpack_bytes(&tar_of(&[file("a", b"1"), file("a", b"2")]));
    result.unwrap();
    assert_eq!(fs::read(dir.path().join("in/a")).unwrap(), b"2");
}
