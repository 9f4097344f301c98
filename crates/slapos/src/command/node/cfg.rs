//! A node's settings out of the original's `slapos.cfg`, as far as this node knows such things.
//!
//! Keys that mean nothing here are told as notes, never fatal: the file is shared with the original.

use crate::command::proxy::ini::Ini;
use crate::failure::Failure;
use slapos_node::{OldMasterSettings, Settings};
use std::path::{Path, PathBuf};

/// Keys that hold here, by section.
const KNOWN: [(&str, &[&str]); 3] = [
    (
        "slapos",
        &[
            "computer_id",
            "master_url",
            "software_root",
            "instance_root",
            "key_file",
            "cert_file",
            "master_ca_file",
        ],
    ),
    (
        "slapformat",
        &[
            "partition_amount",
            "partition_base_name",
            "user_base_name",
            "software_user",
        ],
    ),
    (
        "networkcache",
        &[
            "download-cache-url",
            "download-dir-url",
            "built-parts-url",
            "signature-certificate-list",
        ],
    ),
];

/// Settings, and notes for people.
#[derive(Debug)]
pub(crate) struct NodeCfg {
    pub(crate) settings: Settings,
    pub(crate) notes: Vec<String>,
}

/// Reads such a file.
pub(crate) fn read(path: &Path) -> Result<NodeCfg, Failure> {
    let ini = Ini::open(path)?;
    read_ini(&ini).map_err(|failure| Failure::new(format!("{}: {failure}", path.display())))
}

fn read_ini(ini: &Ini) -> Result<NodeCfg, Failure> {
    let find = |key: &str| ini.find("slapos", key);
    let need =
        |key: &str| find(key)?.ok_or_else(|| Failure::new(format!("[slapos] says no `{key}`")));
    let path = |key: &str| Ok::<_, Failure>(find(key)?.map(PathBuf::from));
    let of_format = |key: &str| ini.find_or_general("slapformat", key);
    let computer_id = need("computer_id")?;
    let mut settings = Settings {
        name: computer_id.clone(),
        software_root: path("software_root")?,
        instance_root: path("instance_root")?,
        old_master: Some(OldMasterSettings {
            url: need("master_url")?,
            computer_id,
            cert_file: path("cert_file")?,
            key_file: path("key_file")?,
            ca_file: path("master_ca_file")?,
        }),
        ..Settings::default()
    };
    if let Some(count) = of_format("partition_amount")? {
        settings.partitions = count.parse().map_err(|_| {
            Failure::new(format!(
                "[slapformat] partition_amount: `{count}` is no number"
            ))
        })?;
    }
    for (key, place) in [
        ("partition_base_name", &mut settings.partition_base_name),
        ("user_base_name", &mut settings.user_base_name),
        ("software_user", &mut settings.software_user),
    ] {
        if let Some(text) = of_format(key)? {
            *place = text;
        }
    }
    take_caches(ini, &mut settings)?;
    settings.check().map_err(Failure::new)?;
    Ok(NodeCfg {
        settings,
        notes: notes(ini),
    })
}

/// Caches and the keys that count there.
fn take_caches(ini: &Ini, settings: &mut Settings) -> Result<(), Failure> {
    // In a section of its own: nothing of it is filled from [slapos].
    let cache = |key: &str| {
        let found = ini.find("networkcache", key);
        found.map_err(|cause| Failure::new(format!("[networkcache] {key}: {cause}")))
    };
    if let (Some(contents), Some(entries)) =
        (cache("download-cache-url")?, cache("download-dir-url")?)
    {
        settings.source_caches = vec![format!("{contents},{entries}")];
    }
    settings.binary_caches = cache("built-parts-url")?.into_iter().collect();
    settings.trusted_keys = cache("signature-certificate-list")?.unwrap_or_default();
    Ok(())
}

/// The keys of its two sections that mean nothing to this node.
fn notes(ini: &Ini) -> Vec<String> {
    let unknown = KNOWN.iter().flat_map(|(section, known)| {
        let keys = ini.keys(section).filter(|key| !known.contains(key));
        keys.map(move |key| format!("[{section}] {key}: means nothing to this node"))
    });
    unknown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[slapos]\nsoftware_root = /opt/slapgrid\ninstance_root = %(base)s/slapgrid\n\
        base = /srv\nmaster_url = http://127.0.0.1:5000/\ncomputer_id = comp\n\
        [slapformat]\npartition_amount = 3\npartition_base_name = part\ncreate_tap = false\n";

    #[test]
    fn read_ini_of_the_original_gives_settings_and_notes() {
        let cfg = read_ini(&Ini::parse(FILE).unwrap()).ok().unwrap();
        let settings = cfg.settings;
        assert_eq!((settings.name.as_str(), settings.partitions), ("comp", 3));
        assert_eq!(
            settings.instance_root.as_deref(),
            Some(Path::new("/srv/slapgrid"))
        );
        assert_eq!(settings.partition_base_name, "part");
        let master = settings.old_master.unwrap();
        assert_eq!(master.url, "http://127.0.0.1:5000/");
        assert!(
            cfg.notes.iter().any(|note| note.contains("create_tap")),
            "{:?}",
            cfg.notes
        );
    }

    #[test]
    fn read_ini_takes_caches_and_the_keys_that_count_there() {
        let more = "[networkcache]\ndownload-cache-url = http://c/shacache\n\
            download-dir-url = http://c/shadir\nbuilt-parts-url = http://c\n";
        let read = |text: String| read_ini(&Ini::parse(&text).unwrap());
        let keys = "signature-certificate-list =\n  -----BEGIN CERTIFICATE-----\n  AAAA\n";
        let settings = read(format!("{FILE}{more}{keys}")).ok().unwrap().settings;
        assert_eq!(
            settings.source_caches,
            ["http://c/shacache,http://c/shadir"]
        );
        assert_eq!(settings.binary_caches, ["http://c"]);
        assert!(
            settings
                .trusted_keys
                .contains("BEGIN CERTIFICATE-----\nAAAA")
        );
        let told = read(format!("{FILE}{more}")).unwrap_err().to_string();
        assert!(told.contains("trusted_keys"), "{told}");
    }

    #[test]
    fn read_ini_says_what_is_missing_or_wrong() {
        let said = |text: &str| {
            read_ini(&Ini::parse(text).unwrap())
                .unwrap_err()
                .to_string()
        };
        assert!(said("[slapos]\ncomputer_id = c\n").contains("master_url"));
        let many = FILE.replace("partition_amount = 3", "partition_amount = many");
        assert!(said(&many).contains("many"));
    }
}
