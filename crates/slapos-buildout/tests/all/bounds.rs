//! Large and hostile profiles: they resolve, or fail with an error, soon.

use std::fmt::Write as _;

use slapos_buildout::{FetchFailure, Kind, Session, Value, load};

use crate::world::{FOLDER, VectorRecipes, load_options, load_text};

/// `count` parts, each referring to the one before.
fn chain(count: usize) -> String {
    let mut text = format!(
        "[buildout]\nparts = p{}\n[p0]\nrecipe = r\nx = end\n",
        count - 1
    );
    for n in 1..count {
        write!(text, "[p{n}]\nrecipe = r\nx = ${{p{}:x}}\n", n - 1).expect("a string grows");
    }
    text
}

#[test]
fn a_chain_of_ten_thousand_parts_resolves_in_order() {
    let profile = load_text(&chain(10_000)).unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    let order = session.parts().unwrap();
    assert_eq!(
        (order.len(), order[0].as_str(), order[9_999].as_str()),
        (10_000, "p0", "p9999")
    );
    assert_eq!(session.get("p9999", "x").unwrap(), Value::from("end"));
}

#[test]
fn a_chain_inside_one_section_resolves() {
    let mut text = String::from("[buildout]\nparts =\n[a]\nx10000 = end\n");
    for n in 0..10_000 {
        writeln!(text, "x{n} = ${{:x{}}}", n + 1).unwrap();
    }
    let profile = load_text(&text).unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    assert_eq!(session.get("a", "x0").unwrap(), Value::from("end"));
}

#[test]
fn a_chain_beyond_the_bound_is_an_error_with_a_short_chain() {
    let profile = load_text(&chain(21_000)).unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    let report = session.parts().unwrap_err();
    assert_eq!(report.kind(), Kind::TooLarge);
    assert!(report.first().chain.len() < 30);
}

#[test]
fn values_that_double_at_each_reference_end() {
    let mut text = String::from("[buildout]\nparts =\n[a]\nx0 = 0123456789\n");
    for n in 1..64 {
        writeln!(text, "x{n} = ${{:x{0}}}${{:x{0}}}", n - 1).unwrap();
    }
    let profile = load_text(&text).unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    assert_eq!(session.get("a", "x63").unwrap_err().kind(), Kind::TooLarge);
}

#[test]
fn files_that_extend_two_of_the_next_are_merged_once_each() {
    let asked = std::cell::Cell::new(0);
    let fetch = |location: &str| {
        asked.set(asked.get() + 1);
        let n: u32 = location.rsplit('/').next().unwrap().parse().unwrap();
        let next = n + 1;
        let extends = if n < 500 {
            format!("extends = {next} {next}\n")
        } else {
            String::new()
        };
        Ok(format!("[buildout]\n{extends}parts += x\n[s]\no += {n}\n"))
    };
    let profile = load(&format!("{FOLDER}/0"), &Fetched(fetch), &load_options()).unwrap();
    assert_eq!(asked.get(), 501);
    assert_eq!(profile.raw("s", "o").unwrap().lines().count(), 502);
}

#[test]
fn files_without_end_are_an_error() {
    let deeper = |location: &str| {
        let depth = location.matches("/d").count();
        Ok(format!("[buildout]\nextends = d{depth}/x\n"))
    };
    let report = load("/x", &Fetched(deeper), &load_options()).unwrap_err();
    assert_eq!(report.kind(), Kind::TooLarge);
}

#[test]
fn a_file_that_is_too_large_is_an_error() {
    let large = |_: &str| Ok("#\n".repeat(5 << 20));
    let report = load("/x", &Fetched(large), &load_options()).unwrap_err();
    assert_eq!(report.kind(), Kind::TooLarge);
}

#[test]
fn macros_that_name_two_of_the_next_are_expanded_once_each() {
    let mut text = String::from("[buildout]\nparts =\n[m500]\nx = end\n");
    for n in 0..500 {
        write!(text, "[m{n}]\n<= m{0}\n   m{0}\ny{n} = 1\n", n + 1).unwrap();
    }
    let profile = load_text(&text).unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    assert_eq!(session.get("m0", "x").unwrap(), Value::from("end"));
    assert_eq!(session.section("m0").unwrap().len(), 501);
}

#[test]
fn macros_without_end_are_an_error() {
    let mut text = String::from("[buildout]\nparts =\n");
    for n in 0..3_000 {
        write!(text, "[m{n}]\n<= m{}\n", n + 1).unwrap();
    }
    let profile = load_text(&text).unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    assert_eq!(session.section("m0").unwrap_err().kind(), Kind::TooLarge);
}

/// A fetcher written as a closure.
struct Fetched<F>(F);

impl<F: Fn(&str) -> Result<String, FetchFailure>> slapos_buildout::Fetch for Fetched<F> {
    fn fetch(&self, location: &str) -> Result<String, FetchFailure> {
        (self.0)(location)
    }
}
