//! Instances: what is kept, what changes, and what the partition promises.

use slapos_build::{Check, FileState};

use crate::world::{World, snapshot};

const KEPT: &str = "
[buildout]
parts = publish
[slap-configuration]
recipe = slapos.cookbook:slapconfiguration
[port]
recipe = slapos.cookbook:free_port
[other-port]
recipe = slapos.cookbook:free_port
[password]
recipe = slapos.cookbook:generate.password
storage-path = ${buildout:directory}/etc/.password
[file]
recipe = slapos.recipe.template
output = ${buildout:directory}/etc/${slap-configuration:configuration.name}
inline = ${port:port}
[publish]
recipe = slapos.cookbook:publish
port = ${port:port}
other = ${other-port:port}
password = ${password:passwd}
file = ${file:output}
";

#[test]
fn install_keeps_port_and_password_when_everything_else_changes() {
    let mut world = World::new();
    world.instance(KEPT);
    world.set(r#"{"name": "one"}"#);
    let first = world.install().unwrap().connection;
    assert_ne!(first["port"], first["other"]);
    world.set(r#"{"name": "two"}"#);
    let second = world.install().unwrap();
    for key in ["port", "other", "password"] {
        assert_eq!(second.connection[key], first[key], "{key}");
    }
    assert!(
        !world.at("slappart0/etc/one").exists(),
        "what the part no longer owns is removed"
    );
    assert_eq!(world.read("slappart0/etc/two"), first["port"]);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(world.at("slappart0/etc/.password"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        !world
            .read("slappart0/.slapos/installed.json")
            .contains(&first["password"])
    );
}

#[test]
fn install_keeps_the_port_when_its_part_changes_unless_it_no_longer_fits() {
    let mut world = World::new();
    world.instance(KEPT);
    world.set(r#"{"name": "one"}"#);
    let first: u16 = world.install().unwrap().connection["port"].parse().unwrap();
    let with = |range: &str| KEPT.replace("[other-port]", &format!("{range}\n[other-port]"));
    world.instance(&with("minimum = 1024\nmaximum = 40000"));
    assert_eq!(
        world.install().unwrap().connection["port"],
        first.to_string()
    );
    world.instance(&with("minimum = 40001\nmaximum = 45000"));
    let moved: u16 = world.install().unwrap().connection["port"].parse().unwrap();
    assert!((40001..=45000).contains(&moved));
}

#[test]
fn install_without_a_part_removes_its_files_but_not_its_data() {
    let mut world = World::new();
    let directory = "[directory]\nrecipe = slapos.cookbook:mkdirectory\ndata = ${buildout:directory}/srv/data\n";
    world.instance(&format!(
        "[buildout]\nparts = directory run\n{directory}[run]\nrecipe = slapos.cookbook:wrapper\n\
         wrapper-path = ${{buildout:directory}}/etc/run/job\ncommand-line = /bin/echo 'a b' $x\n"
    ));
    let outcome = world.install().unwrap();
    assert_eq!(outcome.run[0].name, "job");
    let output = std::process::Command::new(&outcome.run[0].path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a b $x\n");
    world.write("slappart0/srv/data/precious", "");
    world.instance("[buildout]\nparts =\n");
    let outcome = world.install().unwrap();
    assert_eq!(outcome.removed_parts, ["run", "directory"]);
    assert!(outcome.run.is_empty());
    assert!(world.at("slappart0/srv/data/precious").exists());
}

#[test]
fn install_that_fails_keeps_what_was_there_and_the_next_one_repairs() {
    let mut world = World::new();
    world.instance(KEPT);
    world.set(r#"{"name": "one"}"#);
    let first = world.install().unwrap().connection;
    // A folder stands where the file is to be.
    world.write("slappart0/etc/two/x", "");
    world.set(r#"{"name": "two"}"#);
    let text = world.install().unwrap_err().to_string();
    assert!(
        text.contains("part `file`") && text.contains("etc/two"),
        "{text}"
    );
    assert!(world.at("slappart0/etc/one").exists());
    std::fs::remove_dir_all(world.at("slappart0/etc/two")).unwrap();
    let again = world.install().unwrap();
    assert_eq!(again.connection["port"], first["port"]);
    assert!(!world.at("slappart0/etc/one").exists());
}

#[test]
fn install_promises_of_every_kind_are_told() {
    let mut world = World::new();
    let plugin = |name: &str, module: &str, more: &str| {
        format!("[{name}]\nrecipe = slapos.cookbook:promise.plugin\nmodule = {module}\n{more}\n")
    };
    let parts = [
        plugin("a", "check_socket_listening", "config-pathname = /s\nconfig-frequency = 5"),
        plugin("b", "check_url_available", "config-url = http://h/\nconfig-http-code = 204"),
        plugin("c", "check_command_execute", "config-command = test 1 = 1"),
        plugin("d", "check_service_state", "config-service = web"),
        plugin("e", "check_file_state", "config-filename = /f\nconfig-state = empty"),
        plugin("f", "check_file_fresh", "config-filename = /f\nconfig-max-age = 9"),
        plugin("g", "check_free_disk_space", "config-threshold = 0.5\nconfig-path = /"),
        "[h]\nrecipe = slapos.cookbook:check_port_listening\npath = /x/etc/promise/named\nport = 80\n".to_owned(),
    ];
    world.instance(&format!(
        "[buildout]\nparts = a b c d e f g h\n{}",
        parts.concat()
    ));
    world.write("slappart0/etc/promise/mine", "#!/bin/sh\n");
    world.write("slappart0/etc/promise/bad.json", "{}");
    let mine = world.at("slappart0/etc/promise/mine");
    std::fs::set_permissions(&mine, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let outcome = world.install().unwrap();
    let checks: Vec<(&str, &Check)> = outcome
        .promises
        .iter()
        .map(|spec| (spec.name.as_str(), &spec.check))
        .collect();
    let path = |text: &str| text.into();
    let command = ["/bin/sh", "-c", "test 1 = 1"].map(str::to_owned).to_vec();
    let expected = [
        ("a", Check::Socket { path: path("/s") }),
        (
            "b",
            Check::Url {
                url: "http://h/".into(),
                status: 204,
                text: None,
            },
        ),
        ("c", Check::Command { command }),
        (
            "d",
            Check::Process {
                process: "web".into(),
            },
        ),
        (
            "e",
            Check::FileState {
                path: path("/f"),
                state: FileState::Empty,
            },
        ),
        (
            "f",
            Check::FileFresh {
                path: path("/f"),
                max_age_s: 9,
            },
        ),
        (
            "g",
            Check::DiskFree {
                path: path("/"),
                min_bytes: 1 << 29,
            },
        ),
        ("mine", Check::Executable { path: mine }),
        (
            "named",
            Check::Port {
                host: "127.0.0.1".into(),
                port: 80,
            },
        ),
    ];
    let expected: Vec<(&str, &Check)> = expected
        .iter()
        .map(|(name, check)| (*name, check))
        .collect();
    assert_eq!(checks, expected);
    assert_eq!(outcome.promises[0].period_s, 300);
    assert!(outcome.broken_promises.contains_key("bad.json"));
}

#[test]
fn install_renders_typed_parameters_in_jinja() {
    let mut world = World::new();
    world.write(
        "software/schema.json",
        r#"{"properties": {"n": {"default": 3}, "on": {"default": true}}}"#,
    );
    world.instance(
        "[buildout]\nparts = file\n[slap]\nrecipe = slapos.cookbook:slapconfiguration.jsonschema\n\
         jsonschema = ${buildout:directory}/../software/schema.json\n\
         [file]\nrecipe = slapos.recipe.template:jinja2\noutput = ${buildout:directory}/out\n\
         context =\n  key p slap:configuration\n  section every slap\n  raw who me\n\
         inline =\n  {{ p.n + 1 }} {{ 'on' if p.on else 'off' }} {{ who }} {{ p.list|join('+') }} {{ every['slap-computer-id'] }}\n",
    );
    world.set(r#"{"list": ["a", "b"]}"#);
    world.install().unwrap();
    assert_eq!(world.read("slappart0/out").trim(), "4 on me a+b COMP-1");
}

#[test]
fn install_static_files_follow_their_parameter() {
    let mut world = World::new();
    world.instance(
        "[buildout]\nparts = site\n[slap]\nrecipe = slapos.cookbook:slapconfiguration\n\
         [site]\nrecipe = slapos.cookbook:static.files\ndirectory = ${buildout:directory}/www\n\
         files = ${slap:configuration.site}\nindex.html = default\n",
    );
    world.set(r#"{"site": {"a/b.css": "x", "c": "y"}}"#);
    world.install().unwrap();
    assert_eq!(world.read("slappart0/www/index.html"), "default");
    assert_eq!(world.read("slappart0/www/a/b.css"), "x");
    world.set(r#"{"site": {"index.html": "mine"}}"#);
    world.install().unwrap();
    assert_eq!(world.read("slappart0/www/index.html"), "mine");
    assert!(!world.at("slappart0/www/c").exists());
    world.set(r#"{"site": {"../../evil": "x"}}"#);
    assert!(
        world
            .install()
            .unwrap_err()
            .to_string()
            .contains("../../evil")
    );
    assert!(!world.at("evil").exists());
}

#[test]
fn install_idle_writes_nothing() {
    let mut world = World::new();
    world.instance(KEPT);
    world.set(r#"{"name": "one"}"#);
    world.install().unwrap();
    let before = snapshot(&world.at(""));
    assert_eq!(world.install().unwrap().changed_parts, Vec::<String>::new());
    assert_eq!(snapshot(&world.at("")), before);
}

#[test]
fn install_may_not_download() {
    let mut world = World::new();
    world.instance(&format!(
        "[buildout]\nparts = a\n[a]\nrecipe = slapos.recipe.build:download\nurl = http://127.0.0.1:9/x\nmd5sum = {}\n",
        "0".repeat(32)
    ));
    let text = world.install().unwrap_err().to_string();
    assert!(text.contains("may not download"), "{text}");
}
