//! The profiles that are measured: made up, and the same on every day.
//!
//! [`parts`] is one long file; [`lattice`] has the shape of the largest real software release: 250 files that extend one
//! another in so many ways that an engine without memory opens 170,000.

/// Names and texts of files; the first one is the profile.
pub(super) type Files = Vec<(String, String)>;

/// So many files are beside each other in a layer, and so many layers above each other.
const WIDTH: usize = 31;
const LAYERS: usize = 8;
/// Sections that several files change.
const SHARED: usize = 102;
/// Versions that are pinned.
const VERSIONS: usize = 376;

/// A profile of so many parts, each of which needs the one before and inherits the same macro.
pub(super) fn parts(count: usize) -> Files {
    let mut text = "[buildout]\nparts =\n".to_owned();
    for number in 0..count {
        line(&mut text, format_args!("  p{number}"));
    }
    text.push_str(
        "\n[macro]\nrecipe = chain\nflags = -O2 -g ${:extra}\nextra = x\n\
         location = ${buildout:parts-directory}/${:_buildout_section_name_}\n",
    );
    for number in 0..count {
        line(
            &mut text,
            format_args!("\n[p{number}]\n<= macro\nname = ${{:_buildout_section_name_}}"),
        );
        if let Some(before) = number.checked_sub(1) {
            line(
                &mut text,
                format_args!("previous = ${{p{before}:location}}"),
            );
        }
    }
    vec![("parts.cfg".to_owned(), text)]
}

/// 250 files, 600 sections, 4,300 options: each file extends three of the layer below, those of the lowest one `versions.cfg`.
pub(super) fn lattice() -> Files {
    let mut top = "[buildout]\nextends =\n".to_owned();
    for place in 0..WIDTH {
        line(&mut top, format_args!("  {}", name(LAYERS - 1, place)));
    }
    top.push_str("parts =\n");
    for place in 0..WIDTH {
        line(
            &mut top,
            format_args!("  main-{}", number(LAYERS - 1, place)),
        );
    }
    let mut files = vec![("software.cfg".to_owned(), top)];
    for layer in (0..LAYERS).rev() {
        for place in 0..WIDTH {
            files.push((name(layer, place), file(layer, place)));
        }
    }
    let mut versions = "[versions]\n".to_owned();
    for egg in 0..VERSIONS {
        line(
            &mut versions,
            format_args!("egg.of.somebody{egg} = {}.{}.0", egg % 7, egg % 11),
        );
    }
    files.push(("versions.cfg".to_owned(), versions));
    files
}

fn name(layer: usize, place: usize) -> String {
    format!("component{}.cfg", number(layer, place))
}

fn number(layer: usize, place: usize) -> usize {
    layer * WIDTH + place
}

/// One of the layers: two sections of its own, and a change of one that others change too.
fn file(layer: usize, place: usize) -> String {
    let own = number(layer, place);
    let below: Vec<usize> = match layer.checked_sub(1) {
        Some(below) => [0, 1, 7]
            .map(|step| number(below, (place + step) % WIDTH))
            .to_vec(),
        None => Vec::new(),
    };
    let mut text = "[buildout]\nextends =\n".to_owned();
    for other in &below {
        line(&mut text, format_args!("  component{other}.cfg"));
    }
    if below.is_empty() {
        text.push_str("  versions.cfg\n");
    }
    text.push_str(
        &OWN.replace("OWN", &own.to_string())
            .replace("LAYER", &layer.to_string()),
    );
    for other in &below {
        let location = format!("${{main-{other}:location}}");
        line(&mut text, format_args!("  PATH={location}/bin:%(PATH)s"));
        line(
            &mut text,
            format_args!("  LDFLAGS=-L{location}/lib -Wl,-rpath={location}/lib"),
        );
    }
    text.push_str(
        &OTHERS
            .replace("OWN", &own.to_string())
            .replace("SHARED", &(own % SHARED).to_string()),
    );
    text
}

/// Ends in an option that gets a line or two for each file below.
const OWN: &str = "
[main-OWN]
recipe = slapos.recipe.cmmi
shared = true
url = https://example.org/${:name}-${:version}.tar.xz
name = componentOWN
version = LAYER.OWN
md5sum = 0123456789abcdef0123456789abcdef
configure-options = --disable-static --prefix=${:location}
make-options = -j4
location = ${buildout:parts-directory}/${:_buildout_section_name_}
environment =
";

const OTHERS: &str = "
[patch-OWN]
<= main-OWN
url = ${main-OWN:url}.patch
options = -p1
filename = ${:name}.patch

[shared-SHARED]
kind = list
items-OWN = ${patch-OWN:filename}
last = OWN
";

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.push_str(&words.to_string());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use slapos_buildout::{Fetch, FetchFailure, LoadOptions, Profile, load};
    use std::collections::HashMap;

    #[derive(Debug)]
    struct Memory(HashMap<String, String>);

    impl Fetch for Memory {
        fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
            self.0.get(location).cloned().ok_or(FetchFailure::NotFound)
        }
    }

    fn loaded(files: Files) -> Profile {
        let entry = format!("/{}", files[0].0);
        let files = files
            .into_iter()
            .map(|(name, text)| (format!("/{name}"), text));
        load(&entry, &Memory(files.collect()), &LoadOptions::default()).unwrap()
    }

    #[test]
    fn lattice_has_the_shape_of_the_largest_release() {
        let files = lattice();
        assert_eq!(files.len(), 250);
        let profile = loaded(files);
        let names: Vec<&str> = profile.sections().collect();
        let options: usize = names.iter().map(|name| profile.options(name).count()).sum();
        assert_eq!(names.len(), 600);
        assert!((4_250..4_400).contains(&options), "{options}");
    }

    #[test]
    fn parts_are_as_many_as_asked_for() {
        // The macro, `[buildout]` and `[versions]` are sections too.
        assert_eq!(loaded(parts(1000)).sections().count(), 1003);
    }
}
