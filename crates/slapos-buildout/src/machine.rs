//! What section conditions (`[name:condition]`) may know of the machine.
//!
//! Pure data: whoever loads a profile fills it in, so that the same profile can be resolved for another machine.

use std::collections::BTreeMap;

/// The machine and the Python that conditions speak of.
///
/// The Python is the one that would run the recipes; releases ask for `python3` or `sys.version_info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Version of Python: major, minor, micro.
    pub python: (u32, u32, u32),
    /// `cpython`, `pypy`, `jython` or `ironpython`.
    pub implementation: String,
    /// Path of the Python, the default of `${buildout:executable}`.
    pub executable: String,
    /// As `uname -m` says it: `x86_64`, `aarch64`.
    pub machine: String,
    /// As Python's `sys.platform` says it: `linux`, `darwin`, `win32`.
    pub platform: String,
    /// As `uname -s` says it: `Linux`.
    pub system: String,
    /// As `uname -r` says it: `6.1.0-28-amd64`.
    pub release: String,
    /// The keys of /etc/os-release, such as `ID` and `VERSION_ID`.
    pub os_release: BTreeMap<String, String>,
    /// Debian's triplet, such as `x86_64-linux-gnu`; empty where there is none.
    pub multiarch: String,
    /// Width of a pointer: 32 or 64.
    pub bits: u32,
    pub little_endian: bool,
}

impl Machine {
    /// A Linux of this `uname -m`, with Python 3.11; everything else follows from the name.
    pub fn linux(machine: &str) -> Machine {
        let bits = if matches!(
            machine,
            "i386" | "i486" | "i586" | "i686" | "armv6l" | "armv7l"
        ) {
            32
        } else {
            64
        };
        Machine {
            python: (3, 11, 7),
            implementation: "cpython".to_owned(),
            executable: "/usr/bin/python3".to_owned(),
            machine: machine.to_owned(),
            platform: "linux".to_owned(),
            system: "Linux".to_owned(),
            release: String::new(),
            os_release: BTreeMap::new(),
            multiarch: multiarch_of(machine),
            bits,
            little_endian: !matches!(machine, "s390x" | "ppc64" | "ppc"),
        }
    }
}

impl Default for Machine {
    /// A Linux of the kind of processor this program was compiled for.
    fn default() -> Machine {
        Machine::linux(std::env::consts::ARCH)
    }
}

fn multiarch_of(machine: &str) -> String {
    match machine {
        "i386" | "i486" | "i586" | "i686" | "x86" => "i386-linux-gnu".to_owned(),
        "armv7l" | "arm" => "arm-linux-gnueabihf".to_owned(),
        "ppc64le" => "powerpc64le-linux-gnu".to_owned(),
        other => format!("{other}-linux-gnu"),
    }
}
