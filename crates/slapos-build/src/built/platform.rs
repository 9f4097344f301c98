//! What a built part runs on: processor, C library and system. Two machines of one platform can use each other's.

use std::process::Command;
use std::sync::OnceLock;

/// This machine, as in `x86_64-glibc-2.36-debian-12`.
pub(super) fn here() -> String {
    static HERE: OnceLock<String> = OnceLock::new();
    HERE.get_or_init(|| {
        let release = crate::file::read_text("/etc/os-release".as_ref()).unwrap_or_default();
        name(std::env::consts::ARCH, &libc(), &release)
    })
    .clone()
}

/// A part that was linked with a newer C library does not start with an older one, so its version counts.
fn libc() -> String {
    let asked = Command::new("/usr/bin/getconf")
        .arg("GNU_LIBC_VERSION")
        .output();
    let said = asked.ok().filter(|output| output.status.success());
    let text = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match text.as_deref().map(str::trim) {
        Some(text) if !text.is_empty() => text.replace(' ', "-"),
        _ => "libc".to_owned(),
    }
}

fn name(processor: &str, libc: &str, release: &str) -> String {
    let value = |name: &str| {
        let mut lines = release.lines().filter_map(|line| line.split_once('='));
        let found = lines.find(|(key, _)| *key == name);
        let text = found.map_or("", |(_, value)| value.trim().trim_matches(['"', '\'']));
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        text.chars().filter(is_plain).collect::<String>()
    };
    let (system, version) = (value("ID"), value("VERSION_ID"));
    let system = if system.is_empty() {
        std::env::consts::OS.to_owned()
    } else {
        system
    };
    let words = [processor, libc, &system, &version];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_of_processor_library_and_system() {
        let debian = "PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n";
        assert_eq!(
            name("x86_64", "glibc-2.36", debian),
            "x86_64-glibc-2.36-debian-12"
        );
        assert_eq!(name("aarch64", "libc", ""), "aarch64-libc-linux");
    }
}
