//! Under which licences a tree of sources is, as far as its own files tell.
//!
//! Start with [`licences_of`]. A help for people, no advice of law: only files at the top of the tree are read, a
//! licence is known by sentences of its text or by what a package says of itself. Names are those of SPDX.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use fs_err as fs;

use crate::limits;

/// The licence and what its text has, all of it; the first row that fits is taken. Spaces do not count, nor case.
const TEXTS: [(&str, &[&str]); 17] = [
    (
        "AGPL-3.0",
        &["gnu affero general public license", "version 3"],
    ),
    (
        "LGPL-3.0",
        &[
            "gnu lesser general public license",
            "version 3, 29 june 2007",
        ],
    ),
    (
        "LGPL-2.1",
        &["gnu lesser general public license", "version 2.1"],
    ),
    (
        "LGPL-2.0",
        &["gnu library general public license", "version 2"],
    ),
    (
        "GPL-3.0",
        &["gnu general public license", "version 3, 29 june 2007"],
    ),
    (
        "GPL-2.0",
        &["gnu general public license", "version 2, june 1991"],
    ),
    ("MPL-2.0", &["mozilla public license", "2.0"]),
    (
        "Apache-2.0",
        &["apache license", "version 2.0, january 2004"],
    ),
    ("PSF-2.0", &["python software foundation license version 2"]),
    (
        "PostgreSQL",
        &[
            "postgresql database management system",
            "permission to use, copy, modify",
        ],
    ),
    ("BSL-1.0", &["boost software license - version 1.0"]),
    (
        "bzip2-1.0.6",
        &[
            "copyright (c) 1996",
            "julian r seward",
            "altered source versions must be plainly marked",
        ],
    ),
    (
        "Zlib",
        &[
            "provided 'as-is'",
            "altered source versions must be plainly marked",
        ],
    ),
    (
        "BSD-3-Clause",
        &[
            "redistribution and use in source and binary forms",
            "neither the name",
        ],
    ),
    (
        "BSD-2-Clause",
        &["redistribution and use in source and binary forms"],
    ),
    (
        "MIT",
        &["permission is hereby granted, free of charge, to any person obtaining a copy"],
    ),
    (
        "ISC",
        &[
            "permission to use, copy, modify, and",
            "for any purpose with or without fee",
        ],
    ),
];

/// Names, without their ending, of files that hold a licence.
const NAMES: [&str; 8] = [
    "copying",
    "copying.lib",
    "copying3",
    "copyright",
    "license",
    "licence",
    "licenses",
    "unlicense",
];

/// What the files at the top of a tree say; empty when nothing is recognised.
pub(crate) fn licences_of(tree: &Path) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut names: Vec<_> = fs::read_dir(tree)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for name in names.iter().take(limits::LICENCE_NAMES_MAX) {
        let path = tree.join(name);
        let text = || read(&path);
        match name.as_str() {
            "package.json" => found.extend(of_json(&text())),
            "Cargo.toml" => found.extend(of_toml(&text())),
            "PKG-INFO" | "METADATA" => found.extend(of_metadata(&text())),
            _ if is_licence(name) => found.extend(of_text(&text()).map(str::to_owned)),
            _ => {}
        }
    }
    found.into_iter().collect()
}

fn is_licence(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let stem = ["txt", "md", "rst"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'))
        .unwrap_or(&name);
    NAMES.contains(&stem) || stem.starts_with("license-") || stem.starts_with("copying.")
}

fn of_text(text: &str) -> Option<&'static str> {
    let words: Vec<String> = text
        .split_whitespace()
        .map(str::to_ascii_lowercase)
        .collect();
    let text = words.join(" ");
    let fits = |parts: &&[&str]| parts.iter().all(|part| text.contains(part));
    let mut rows = TEXTS.iter().filter(|(_, parts)| fits(parts));
    rows.next().map(|(name, _)| *name)
}

fn of_json(text: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    json["license"].as_str().and_then(plain)
}

fn of_toml(text: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    let (_, value) = lines.find(|(name, _)| name.trim() == "license")?;
    plain(value.trim().trim_matches('"'))
}

/// Of a Python distribution; a classifier counts more than free text.
fn of_metadata(text: &str) -> Option<String> {
    let head: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    let mut classifiers = head
        .iter()
        .filter_map(|line| line.strip_prefix("Classifier: License :: OSI Approved :: "));
    let named = |classifier: &str| {
        Some(match classifier.trim() {
            "MIT License" => "MIT",
            "Apache Software License" => "Apache-2.0",
            "BSD License" => "BSD-3-Clause",
            "Zope Public License" => "ZPL-2.1",
            "Python Software Foundation License" => "PSF-2.0",
            "ISC License (ISCL)" => "ISC",
            "Mozilla Public License 2.0 (MPL 2.0)" => "MPL-2.0",
            _ => return None,
        })
    };
    if let Some(name) = classifiers.find_map(named) {
        return Some(name.to_owned());
    }
    let field = |name: &str| head.iter().find_map(|line| line.strip_prefix(name));
    let said = field("License-Expression: ").or_else(|| field("License: "));
    said.and_then(plain)
}

/// A short expression; a whole text in its place, or "UNKNOWN", tells nothing.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " .-+()/".contains(c);
    let is_short = !text.is_empty() && text.len() <= 60;
    (is_short && text.chars().all(is_plain) && text != "UNKNOWN").then(|| text.to_owned())
}

fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if let Some(file) = is_file.then(|| fs::File::open(path).ok()).flatten() {
        // What does not read says nothing.
        let _ = file.take(limits::LICENCE_BYTES_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_of_reads_texts_and_what_packages_say() {
        let dir = tempfile::tempdir().unwrap();
        let gpl = "  GNU GENERAL PUBLIC\n LICENSE\n Version 2, June 1991\n";
        for (name, text) in [
            ("COPYING", gpl),
            (
                "LICENSE-MIT.txt",
                "Permission is hereby granted, free of charge, to any\nperson obtaining a copy",
            ),
            ("package.json", "{\"license\": \"ISC\"}"),
            ("Cargo.toml", "[package]\nlicense = \"MIT OR Apache-2.0\"\n"),
            (
                "PKG-INFO",
                "Name: x\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: Zope Public License\n\nLicense: no\n",
            ),
            ("main.c", gpl),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let wanted = ["GPL-2.0", "ISC", "MIT", "MIT OR Apache-2.0", "ZPL-2.1"];
        assert_eq!(licences_of(dir.path()), wanted);
        assert!(licences_of(&dir.path().join("nowhere")).is_empty());
    }

    #[test]
    fn of_text_tells_licences_with_common_sentences_apart() {
        let bsd = "Redistribution and use in source and binary forms, with or without";
        assert_eq!(of_text(bsd), Some("BSD-2-Clause"));
        assert_eq!(
            of_text(&format!("{bsd} … Neither the name of")),
            Some("BSD-3-Clause")
        );
        assert_eq!(of_text("all rights reserved"), None);
    }
}
