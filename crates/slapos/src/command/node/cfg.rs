//! A node's settings out of the original's `slapos.cfg`, as far as this node knows such things.
//!
//! Keys that mean nothing here are told as notes, never fatal: the file is shared with the original.

use crate::command::proxy::ini::Ini;
use crate::failure::Failure;
use slapos_node::{OldMasterSettings, Settings};
use std::path::{Path, PathBuf};

/// Keys that hold here, by section.
const KNOWN: [(&str, &[&str]); 2] = [
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
    settings.check().map_err(Failure::new)?;
    Ok(NodeCfg {
        settings,
        notes: notes(ini),
    })
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
