//! `docs/cli.md` is what the program says of itself.

use crate::program::World;
use std::path::Path;

#[test]
fn reference_in_docs_is_that_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let written = fs_err::read_to_string(path).unwrap();
    let ran = World::new().run(&["internal", "cli-reference"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        written == ran.stdout,
        "docs/cli.md is out of date; write it anew with `cargo xtask generate`, or \
         `slapos internal cli-reference > docs/cli.md`"
    );
}
