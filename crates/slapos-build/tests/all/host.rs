//! Recipes of Python from PyPI, run unchanged: what they see, what they give, and what they cannot break.
//!
//! The eggs are fetched once into the target folder; without PyPI the first run of these tests fails.

use slapos_build::{BuildError, Step};

use crate::world::{World, snapshot, wait_until};

const PINS: &str = "[versions]\nslapos.recipe.build = 0.58\ncollective.recipe.shelloutput = 0.1\n\
                    collective.recipe.environment = 1.1.0\n";

fn profile(world: &World, parts: &str, rest: &str) {
    world.software(&format!("[buildout]\nparts = {parts}\n{rest}\n{PINS}"));
}

#[test]
fn script_init_gives_options_to_others_and_reads_from_them() {
    let mut world = World::with_eggs();
    let text = |y: &str| {
        format!(
            "[out]\nrecipe = slapos.recipe.template\ninline = ${{a:x}} ${{a:from-b}}\noutput = ${{buildout:directory}}/out\n\
             [a]\nrecipe = slapos.recipe.build\ninit =\n  options['x'] = 'v' + self.buildout['data']['y'].upper()\n  \
             options['from-b'] = self.buildout['b']['z']\n\
             [b]\nrecipe = slapos.recipe.build\ninit =\n  options['z'] = repr(sorted(options))\n\
             [data]\ny = {y}\n"
        )
    };
    profile(&world, "out", &text("w"));
    assert_eq!(world.build().unwrap().installed, ["b", "a", "out"]);
    assert_eq!(world.read("software/out"), "vW ['init', 'recipe']");
    let before = snapshot(&world.at(""));
    let again = world.build().unwrap();
    assert_eq!((again.installed.len(), again.kept.len()), (0, 3));
    assert_eq!(snapshot(&world.at("")), before);
    // Read only inside of the recipe's code, and still a dependency.
    profile(&world, "out", &text("q"));
    assert_eq!(world.build().unwrap().installed, ["a", "out"]);
    assert_eq!(world.read("software/out"), "vQ ['init', 'recipe']");
}

#[test]
fn script_install_has_its_tools_and_owns_its_location() {
    let mut world = World::with_eggs();
    let made = std::process::Command::new("/bin/sh")
        .arg("-c")
        .arg("mkdir -p x-1/sub && echo hello > x-1/sub/file && tar czf x.tar.gz x-1 && md5sum x.tar.gz")
        .current_dir(world.at("profile"))
        .output()
        .unwrap();
    let md5 = String::from_utf8(made.stdout).unwrap()[..32].to_owned();
    let url = world.at("profile/x.tar.gz");
    let install = "  work = guessworkdir(self.extract(self.download()))\n  self.copyTree(work, location)\n  \
                   call(['touch', os.path.join(location, 'called')])\n  \
                   self.pipeCommand([['cat', location + '/sub/file'], ['tr', 'a-z', 'A-Z']], env=self.environ)\n";
    let text = |more: &str| {
        format!(
            "[a]\nrecipe = slapos.recipe.build\nurl = {}\nmd5sum = {md5}\nenvironment =\n  X = %(PATH)s\n\
             install =\n  import os\n{install}{more}",
            url.display()
        )
    };
    profile(&world, "a", &text(""));
    let done = world.build().unwrap();
    assert_eq!((done.installed.len(), done.unpinned.len()), (1, 0));
    assert_eq!(world.read("software/parts/a/sub/file"), "hello\n");
    assert!(world.at("software/parts/a/called").exists());
    let log = world.read("software/.slapos/log/a.log");
    assert!(
        log.contains("Running: cat") && log.contains("[ENV] X = /usr"),
        "{log}"
    );
    profile(&world, "", "");
    assert_eq!(world.build().unwrap().removed, ["a"]);
    assert!(!world.at("software/parts/a").exists());
}

#[test]
fn script_shared_is_built_once_for_two_releases() {
    let mut world = World::with_eggs();
    let count = world.at("count");
    profile(
        &world,
        "a",
        &format!(
            "[a]\nrecipe = slapos.recipe.build\nshared = true\ninstall =\n  import os\n  os.mkdir(location)\n  \
             open('{}', 'a').write('x')\n",
            count.display()
        ),
    );
    world.build().unwrap();
    world.build.root = world.at("another");
    assert_eq!(world.build().unwrap().installed, ["a"]);
    assert_eq!(world.read("count"), "x");
    assert_eq!(world.build().unwrap().kept, ["a"]);
}

#[test]
fn script_update_runs_at_every_run_and_only_then() {
    let mut world = World::with_eggs();
    let count = world.at("count");
    let body = |word: &str| format!("  open('{}', 'a').write('{word} ')\n", count.display());
    let text = format!(
        "[a]\nrecipe = slapos.recipe.build\ninstall =\n  import os\n  os.mkdir(location)\n{}update =\n{}",
        body("install"),
        body("update")
    );
    profile(&world, "a", &text);
    world.build().unwrap();
    assert_eq!(world.build().unwrap().kept, ["a"]);
    world.build().unwrap();
    assert_eq!(world.read("count"), "install update update ");
}

#[test]
fn recipes_of_the_collective_run_as_they_are() {
    let mut world = World::with_eggs();
    profile(
        &world,
        "out",
        "[env]\nrecipe = collective.recipe.environment\nGREETING = hello\n\
         [shell]\nrecipe = collective.recipe.shelloutput\ncommands =\n  a = echo $GREETING ${env:GREETING}\n\
         [out]\nrecipe = slapos.recipe.template\ninline = <${shell:a}> ${env:LANG}\noutput = ${buildout:directory}/out\n",
    );
    world.build().unwrap();
    // Under Python 3 the recipe gives bytes, and options keep their type.
    assert_eq!(world.read("software/out"), "<!py!b'hello hello'> C.UTF-8");
}

#[test]
fn recipes_of_the_cookbook_run_as_they_are() {
    let mut world = World::with_eggs();
    world.write("profile/word", "first\nsecond\n");
    world.write("software/copies/.keep", "");
    world.software(
        "[buildout]\nparts = out copy shell\n\
         [line]\nrecipe = slapos.cookbook:readline\nstorage-path = ${:_profile_base_location_}/word\n\
         [copy]\nrecipe = slapos.cookbook:copyfilelist\nfile-list = ${:_profile_base_location_}/word\n\
         target-directory = ${buildout:directory}/copies\n\
         [shell]\nrecipe = slapos.cookbook:shell\nwrapper = ${buildout:directory}/run\nshell = /bin/sh\n\
         home = ${buildout:directory}\nps1 = \"x\"\npath = /bin\n\
         [out]\nrecipe = slapos.recipe.template\ninline = <${line:readline}>\noutput = ${buildout:directory}/out\n\
         [versions]\nslapos.cookbook = 1.0.514\n",
    );
    world.build().unwrap();
    assert_eq!(world.read("software/out"), "<first\n>");
    assert_eq!(world.read("software/copies/word"), "first\nsecond\n");
    assert!(world.read("software/run").starts_with("#!"));
    world.software("[buildout]\nparts =\n");
    world.build().unwrap();
    assert!(!world.at("software/copies/word").exists() && !world.at("software/run").exists());
}

#[test]
fn script_that_raises_shows_where_in_the_profile_and_in_its_code() {
    let mut world = World::with_eggs();
    profile(
        &world,
        "a",
        "[a]\nrecipe = slapos.recipe.build\ninit =\n  x = 1\n  1 / (x - 1)\n",
    );
    let text = world.build().unwrap_err().to_string();
    for word in [
        "software.cfg:4",
        "ZeroDivisionError",
        "line 2",
        "1 / (x - 1)",
    ] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    profile(
        &world,
        "a",
        "[a]\nrecipe = slapos.recipe.build\ninit = self.buildout['b']['c']\n[b]\nc = ${d:e}\n",
    );
    let text = world.build().unwrap_err().to_string();
    assert!(
        text.contains("section `d`") && text.contains("c = ${d:e}"),
        "{text}"
    );
}

#[test]
fn script_that_fails_to_install_is_an_error_of_its_part_only() {
    let mut world = World::with_eggs();
    let good =
        "[good]\nrecipe = slapos.recipe.build\ninstall =\n  import os\n  os.mkdir(location)\n";
    let cases = [
        ("raise ValueError('the reason')", "ValueError: the reason"),
        ("os.kill(os.getpid(), 11)", "was killed by signal 11"),
        ("os._exit(3)", "ended with status 3"),
        ("raise SystemExit(1)", "SystemExit"),
        ("import time; time.sleep(1000)", "killed after 2 s"),
    ];
    for (body, reason) in cases {
        let text = format!(
            "{good}[bad]\nrecipe = slapos.recipe.build\nafter = ${{good:location}}\ninstall =\n  import os\n  {body}\n"
        );
        profile(&world, "bad", &format!("recipe-timeout = 2\n{text}"));
        let error = world.build().unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.failure().part.as_deref(), Some("bad"));
        assert!(world.at("software/parts/good").exists());
    }
}

#[test]
fn script_whose_constructor_dies_hangs_or_talks_is_refused_in_time() {
    let mut world = World::with_eggs();
    let cases = [
        (
            "import os; os.write(2, b'last words'); os._exit(3)",
            "in the middle of the constructor",
        ),
        ("while True: pass", "said nothing for 2 s"),
        (
            "import os\n  for n in range(300): os.write(1, b'x' * 999999)\n  os._exit(1)",
            "xxx",
        ),
        (
            "while True: self.buildout['buildout']['directory']",
            "more than any recipe",
        ),
    ];
    for (body, reason) in cases {
        let text = format!("[bad]\nrecipe = slapos.recipe.build\ninit =\n  {body}\n");
        profile(&world, "bad", &format!("recipe-timeout = 2\n{text}"));
        let text = world.build().unwrap_err().to_string();
        assert!(
            text.contains(reason) && text.len() < 10_000,
            "{}",
            &text[..text.len().min(2000)]
        );
    }
}

#[test]
fn script_that_floods_its_log_is_cut_and_installed() {
    let mut world = World::with_eggs();
    profile(
        &world,
        "a",
        "[a]\nrecipe = slapos.recipe.build\ninstall =\n  import os\n  os.mkdir(location)\n  \
         for n in range(40): os.write(1, b'x' * 999999 + b'\\n')\n",
    );
    world.build().unwrap();
    let log = std::fs::metadata(world.at("software/.slapos/log/a.log")).unwrap();
    assert!(log.len() < 17 << 20, "{}", log.len());
}

#[test]
fn script_asked_to_stop_is_killed() {
    let world = World::with_eggs();
    profile(
        &world,
        "a",
        "[a]\nrecipe = slapos.recipe.build\ninstall =\n  import time\n  time.sleep(1000)\n",
    );
    let cancel = world.build.cancel.clone();
    let result = slapos_build::build_software(&world.build, &mut |news| {
        if news.step == Step::Install {
            cancel.raise();
        }
    });
    assert!(matches!(result, Err(BuildError::Cancelled)));
}

/// A recipe of our own in a develop egg, with an uninstallation.
fn develop(world: &World) {
    world.write(
        "recipe/own_recipe.py",
        "import os, logging\n\
         class Recipe:\n  def __init__(self, buildout, name, options):\n    self.options = options\n    \
         self.buildout = buildout\n    options['folder'] = os.path.join(buildout['buildout']['parts-directory'], name)\n  \
         def install(self):\n    os.makedirs(self.options['folder'])\n    \
         open(self.options['folder'] + '/seen', 'w').write(self.buildout['data']['x'])\n    \
         return self.options['folder']\n  update = None\n\
         def uninstall(name, options):\n  \
         open(options['log'], 'a').write(name + ' ' + os.path.basename(options['__buildout_installed__']) + '\\n')\n",
    );
    world.write(
        "recipe/own_recipe.egg-info/PKG-INFO",
        "Metadata-Version: 2.1\nName: own.recipe\nVersion: 1\n",
    );
    world.write(
        "recipe/own_recipe.egg-info/entry_points.txt",
        "[zc.buildout]\ndefault = own_recipe:Recipe\n[zc.buildout.uninstall]\ndefault = own_recipe:uninstall\n",
    );
    let path = world.at("recipe");
    world.write(
        "software/develop-eggs/own.recipe.egg-link",
        &format!("{}\n.", path.display()),
    );
}

#[test]
fn recipe_of_a_develop_egg_is_uninstalled_when_it_changes_and_when_it_goes() {
    let mut world = World::with_eggs();
    develop(&world);
    let log = world.at("log");
    let text = |x: &str| {
        format!(
            "[a]\nrecipe = own.recipe\nlog = {}\nx = ${{data:x}}\n[data]\nx = {x}\n",
            log.display()
        )
    };
    profile(&world, "a", &text("1"));
    world.build().unwrap();
    assert_eq!(world.read("software/parts/a/seen"), "1");
    profile(&world, "a", &text("2"));
    world.build().unwrap();
    assert_eq!(
        (world.read("log"), world.read("software/parts/a/seen")),
        ("a a\n".into(), "2".into())
    );
    // Its code changed: a develop egg has no version to tell.
    let code = world.read("recipe/own_recipe.py");
    world.write(
        "recipe/own_recipe.py",
        &code.replace("['x'])", "['x'] + '!')"),
    );
    assert_eq!(world.build().unwrap().installed, ["a"]);
    assert_eq!(world.read("software/parts/a/seen"), "2!");
    profile(&world, "", "");
    assert_eq!(world.build().unwrap().removed, ["a"]);
    assert_eq!(world.read("log"), "a a\n".repeat(3));
    assert!(!world.at("software/parts/a").exists());
}

#[test]
fn recipe_that_is_nowhere_is_refused_with_its_place() {
    let mut world = World::with_eggs();
    profile(
        &world,
        "a",
        "offline = true\n[a]\nrecipe = slapos.recipe.nowhere:x\n",
    );
    let text = world.build().unwrap_err().to_string();
    assert!(
        text.contains("software.cfg:5") && text.contains("slapos.recipe.nowhere"),
        "{text}"
    );
    profile(&world, "a", "[a]\nrecipe = slapos.recipe.build:nothing\n");
    let text = world.build().unwrap_err().to_string();
    assert!(
        text.contains("no recipe `nothing`") && text.contains("gitclone"),
        "{text}"
    );
}

#[test]
fn recipe_without_a_pin_is_reported() {
    let mut world = World::with_eggs();
    world.software(
        "[buildout]\nparts = a\n[a]\nrecipe = collective.recipe.environment\n[versions]\n",
    );
    let done = world.build().unwrap();
    assert!(
        done.unpinned
            .iter()
            .any(|line| line.contains("a: collective.recipe.environment==")),
        "{done:?}"
    );
}

#[test]
fn build_that_is_stopped_does_not_wait_for_a_constructor() {
    let mut world = World::with_eggs();
    let mark = world.at("begun");
    let script = format!(
        "[a]\nrecipe = slapos.recipe.build\ninit =\n  open('{}', 'w').close()\n  import time\n  time.sleep(3600)\n",
        mark.display()
    );
    profile(&world, "a", &script);
    let cancel = world.build.cancel.clone();
    let stopper = std::thread::spawn(move || {
        wait_until(|| mark.exists().then_some(()));
        cancel.raise();
        std::time::Instant::now()
    });
    let failure = world.build().unwrap_err();
    assert!(matches!(failure, BuildError::Cancelled), "{failure}");
    let asked = stopper.join().unwrap();
    assert!(asked.elapsed() < std::time::Duration::from_secs(30));
}
