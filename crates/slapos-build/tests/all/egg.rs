//! Python packages from PyPI as parts: which versions, what scripts, built how.

use std::process::Command;

use crate::world::{World, said, snapshot};

/// What a script of the release prints.
fn run(world: &World, script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(world.at("software/bin").join(script));
    said(command.args(arguments).env_clear())
}

const VERSION: &str = "import importlib.metadata as m; print(m.version('python-slugify'))";

#[test]
fn egg_scripts_run_with_the_pinned_version_and_the_rest_is_reported() {
    let mut world = World::with_eggs();
    let profile = |pin: &str| {
        format!(
            "[buildout]\nparts = slug\n[slug]\nrecipe = zc.recipe.egg\neggs = python-slugify\ninterpreter = py\n\
             [versions]\npython-slugify = {pin}\n"
        )
    };
    world.software(&profile("8.0.1"));
    let done = world.build().unwrap();
    assert_eq!(run(&world, "slugify", &["Hello World"]), "hello-world");
    assert_eq!(run(&world, "py", &["-c", VERSION]), "8.0.1");
    assert_eq!(run(&world, "py", &["-m", "slugify", "A b"]), "a-b");
    let unpinned: Vec<&str> = done
        .unpinned
        .iter()
        .map(|line| line.split("==").next().unwrap())
        .collect();
    assert_eq!(unpinned, ["slug: text-unidecode"]);
    let before = snapshot(&world.at(""));
    assert_eq!(world.build().unwrap().kept, ["slug"]);
    assert_eq!(snapshot(&world.at("")), before);
    world.software(&profile("8.0.4"));
    assert_eq!(world.build().unwrap().installed, ["slug"]);
    assert_eq!(run(&world, "py", &["-c", VERSION]), "8.0.4");
    world.software("[buildout]\nparts =\n");
    world.build().unwrap();
    assert!(!world.at("software/bin/slugify").exists());
}

const PINS: &str = "[versions]\npython-slugify = 8.0.4\ntext-unidecode = 1.3\n";

#[test]
fn egg_scripts_are_chosen_renamed_initialised_and_given_arguments() {
    let mut world = World::with_eggs();
    world.write(
        "software/more/extra_module.py",
        "def main(*words):\n  print('extra', *words)\n",
    );
    world.software(&format!(
        "[buildout]\nparts = slug\nallow-picked-versions = false\n[slug]\nrecipe = zc.recipe.egg:scripts\n\
         eggs = python-slugify\nscripts = slugify=slug extra\nentry-points = extra=extra_module:main\n\
         extra-paths = more\ninitialization =\n  import os\n  os.environ['X'] = 'y'\n  word = os.environ['X'] + 'z'\n\
         arguments = *(sys.argv[:1] and [word])\n{PINS}"
    ));
    world.build().unwrap();
    assert_eq!(run(&world, "extra", &[]), "extra yz");
    let names = std::fs::read_dir(world.at("software/bin")).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["extra", "slug"]);
}

#[test]
fn egg_parts_refuse_what_cannot_be() {
    let mut world = World::with_eggs();
    let cases = [
        (
            "eggs = python-slugify\nscripts = nothing",
            "no part of it",
            "none of python-slugify has the script `nothing`",
        ),
        ("eggs = python-slugify==7", "", "pip could not install"),
        (
            "eggs = python-slugify\nentry-points = a:b",
            "",
            "not `name=module:attribute`",
        ),
        ("eggs = not a requirement !", "", "reading the requirement"),
    ];
    for (options, _, reason) in cases {
        world.software(&format!(
            "[buildout]\nparts = a\nallow-picked-versions = false\n[a]\nrecipe = zc.recipe.egg\n{options}\n{PINS}"
        ));
        let text = world.build().unwrap_err().to_string();
        assert!(text.contains(reason), "{text}");
    }
    world.software(
        "[buildout]\nparts = a\nallow-picked-versions = false\n[a]\nrecipe = zc.recipe.egg:eggs\neggs = python-slugify\n",
    );
    let text = world.build().unwrap_err().to_string();
    assert!(text.contains("allow-picked-versions"), "{text}");
}

#[test]
fn egg_custom_is_built_from_its_source_with_patches() {
    let mut world = World::with_eggs();
    world.write(
        "profile/new.patch",
        "--- /dev/null\n+++ src/text_unidecode/patched.py\n@@ -0,0 +1 @@\n+WORD = 'patched'\n",
    );
    world.software(
        "[buildout]\nparts = slug\n[unidecode]\nrecipe = zc.recipe.egg:custom\negg = text-unidecode\n\
         patches = ${:_profile_base_location_}/new.patch\n\
         [slug]\nrecipe = zc.recipe.egg\neggs =\n  ${unidecode:egg}\n  python-slugify\nscripts =\ninterpreter = py\n\
         dependency = ${unidecode:recipe}\n\
         [py]\nrecipe = zc.recipe.egg\neggs = ${slug:eggs}\nscripts = slugify\ninterpreter = pypatched\n\
         [versions]\npython-slugify = 8.0.4\ntext-unidecode = 1.3+SlapOSPatched001\n",
    );
    let text = world
        .read("profile/software.cfg")
        .replace("parts = slug", "parts = py");
    world.software(&text);
    assert_eq!(
        world.build().unwrap().installed,
        ["unidecode", "slug", "py"]
    );
    let code = "import text_unidecode.patched as p, importlib.metadata as m; print(p.WORD, m.version('text-unidecode'))";
    let said = run(&world, "pypatched", &["-c", code]).to_lowercase();
    assert_eq!(said, "patched 1.3+slapospatched001");
    assert_eq!(run(&world, "slugify", &["A b"]), "a-b");
}

#[test]
fn egg_develop_is_used_where_it_lies() {
    let mut world = World::with_eggs();
    world.write(
        "source/setup.py",
        "from setuptools import setup\nsetup(name='own.tool', version='1', py_modules=['own_tool'], \
         install_requires=['python-slugify'], entry_points={'console_scripts': ['own = own_tool:main']})\n",
    );
    world.write(
        "source/own_tool.py",
        "import slugify\ndef main():\n  print(slugify.slugify('One Two'))\n",
    );
    let source = world.at("source");
    world.software(&format!(
        "[buildout]\nparts = own\n[tool]\nrecipe = zc.recipe.egg:develop\nsetup = {}\n\
         [own]\nrecipe = zc.recipe.egg\neggs = own.tool\ntool = ${{tool:setup}}\n{PINS}setuptools = 69.5.1\nwheel = 0.43.0\n",
        source.display()
    ));
    world.build().unwrap();
    assert_eq!(run(&world, "own", &[]), "one-two");
    // No new build: the source is used where it lies.
    world.write("source/own_tool.py", "def main():\n  print('changed')\n");
    assert_eq!(world.build().unwrap().kept.len(), 2);
    assert_eq!(run(&world, "own", &[]), "changed");
}
