//! One number of jobs for a whole build: parts that are compiled at once share it, whatever `-j` they say.

use crate::world::World;

/// Six targets, each of which writes when it begins and ends, and takes a moment.
const MAKEFILE: &str = "\
all: a b c d e f
a b c d e f:
\t@echo + >> $(LOG); sleep 0.2; echo - >> $(LOG)
install:
";

#[test]
fn make_of_several_parts_shares_the_jobs_of_the_build() {
    let mut world = World::new();
    world.write("source/Makefile", MAKEFILE);
    let log = world.at("log");
    let part = format!(
        "recipe = slapos.recipe.cmmi\npath = {}\nconfigure-command = true\nenvironment =\n  LOG={}\n",
        world.at("source").display(),
        log.display()
    );
    world.software(&format!(
        "[buildout]\nparts = one two three\n[one]\n{part}make-options = -j8\n\
         [two]\n{part}[three]\n{part}make-binary = true\npre-build = make -j 8\n"
    ));
    world.build.jobs = 3;
    world.build().unwrap();
    let mut running = 0;
    let mut most = 0;
    for line in world.read("log").lines() {
        running += if line == "+" { 1 } else { -1 };
        most = most.max(running);
    }
    assert_eq!(world.read("log").lines().count(), 36);
    assert!((2..=3).contains(&most), "{most} at once");
    // All rights were given back.
    assert_eq!(running, 0);
}
