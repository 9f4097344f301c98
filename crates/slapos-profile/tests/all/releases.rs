//! Profiles in the manner of real software releases: a stack, components that extend each other, hashes in a file of their
//! own, a release on top. All made up; each construct is one that releases use.

use serde_json::{Value as Json, json};
use slapos_buildout::Machine;
use slapos_profile::resolve::resolve;

use crate::world::{FOLDER, Files, load};

const MAIN: &str = r#"[buildout]
extends =
# what everybody needs
  stack/slapos.cfg
  component/zlib/buildout.cfg
  component/golang/buildout.cfg
  buildout.hash.cfg
parts =
  slapos-cookbook
  hello
  instance
  eggs
parts -=
  eggs

[slapos-cookbook]
recipe = zc.recipe.egg
eggs =
  slapos.cookbook
  ${lxml-python:egg}

[lxml-python]
recipe = zc.recipe.egg:custom
egg = lxml

[template-base]
recipe = slapos.recipe.template:jinja2
output = ${buildout:directory}/${:_buildout_section_name_}.cfg
url = ${:_profile_base_location_}/${:_update_hash_filename_}

[instance]
<= template-base
context =
    section buildout buildout
    key zlib_location zlib:location
    raw python ${python3:executable}
    jsonkey cfg :json
json = {"a": "$${x}", "b": "$$HOME"}

[download-base]
recipe = slapos.recipe.build:download
url = ${:_profile_base_location_}/${:_update_hash_filename_}
mode = 0644

[hello]
<=
  download-base
  keep-executable

[keep-executable]
mode = 755
recipe =

[go-tool]
<= golang1.21

[passed-on]
parameters = !py!{'hosts': ['a', 'b'], 'port': 80}

[versions]
lxml = 4.9.1:whl
"#;

const STACK: &str = r"[buildout]
extends =
  ../component/gcc/buildout.cfg
  ../component/zlib/buildout.cfg
extensions = slapos.rebootstrap
allow-hosts +=
  *.example.org
parts +=
  rebootstrap

[python3]
recipe = slapos.recipe.cmmi
executable = ${:prefix}/bin/python

[python3 : python2]
executable = /no

[environment]
PATH = ${zlib:location}/bin:%(PATH)s

[versions]
lxml = 3.0
slapos.cookbook = 1.0.514+SlapOSPatched001
";

const GCC: &str = r#"[gcc]
recipe = slapos.recipe.build
min-version += 5.4
init =
  # a Python body
  import re
  if re.match(r'\d', options['min-version']):
    options['x'] = "$${VAR}"

  options['y'] = 'z'
environment =
"#;

const ZLIB: &str = r#"[buildout]
extends = ../../component/gcc/buildout.cfg
parts = zlib

[gcc]
min-version += 8

[zlib]
recipe = slapos.recipe.cmmi
shared = true
url = https://example.org/zlib-${:version}.tar.gz#${:md5}
version = 1.3
md5 = 0
patches =
  ${:_profile_base_location_}/a.patch#abc
  ${:_profile_base_location_}/b.patch#def
configure-command = ./configure --prefix=@@LOCATION@@

[zlib:linux and platform.machine() == "x86_64"]
configure-options +=
  --64

[zlib : sys.version_info < (3,8)]   ; not here
configure-options = no
"#;

const GOLANG: &str = r"[golang-common]
recipe = slapos.recipe.cmmi
configure-command = :
make-targets =
  cd src && ./all.bash $$PWD
patches +=
  ${:_profile_base_location_}/common.patch

[golang1.2x]
<= golang-common
patches +=
  ${:_profile_base_location_}/twenty.patch

[golang1.21]
<= golang1.2x
patches +=
  ${:_profile_base_location_}/one.patch
";

const HASHES: &str = r"# Not a buildout file, but one that reads like it.
[instance]
_update_hash_filename_ = instance.cfg.in
md5sum = 1

[hello]
_update_hash_filename_ = hello.in
md5sum = 2
";

fn release() -> [(&'static str, &'static str); 6] {
    [
        ("main.cfg", MAIN),
        ("buildout.hash.cfg", HASHES),
        ("stack/slapos.cfg", STACK),
        ("component/gcc/buildout.cfg", GCC),
        ("component/zlib/buildout.cfg", ZLIB),
        ("component/golang/buildout.cfg", GOLANG),
    ]
}

fn sections() -> (Json, Json) {
    let resolved = resolve(&load(&release()).unwrap(), None).unwrap().to_json();
    assert_eq!(resolved["unresolved"], json!({}));
    (resolved["sections"].clone(), resolved["order"].clone())
}

#[test]
fn release_has_its_parts_in_the_order_of_what_they_need() {
    let (sections, order) = sections();
    // An empty recipe makes no part of `hello`.
    let expect = ["lxml-python", "slapos-cookbook", "python3", "instance"];
    assert_eq!(order, json!(expect));
    let parts = "slapos-cookbook\nhello\ninstance";
    assert_eq!(sections["buildout"]["parts"], parts);
    assert_eq!(sections["buildout"]["allow-hosts"], "*\n*.example.org");
    assert_eq!(sections["slapos-cookbook"]["eggs"], "slapos.cookbook\nlxml");
    assert_eq!(
        sections["versions"],
        json!({"lxml": "4.9.1:whl", "slapos.cookbook": "1.0.514+SlapOSPatched001"})
    );
}

#[test]
fn release_knows_the_folder_of_each_profile() {
    let (sections, _) = sections();
    let zlib = format!("{FOLDER}/component/zlib");
    let golang = format!("{FOLDER}/component/golang");
    assert_eq!(
        sections["zlib"]["patches"],
        format!("{zlib}/a.patch#abc\n{zlib}/b.patch#def")
    );
    assert_eq!(
        sections["go-tool"]["patches"],
        format!("\n{golang}/common.patch\n{golang}/twenty.patch\n{golang}/one.patch")
    );
    assert_eq!(sections["hello"]["url"], format!("{FOLDER}/hello.in"));
    assert_eq!(sections["hello"]["recipe"], "");
    assert_eq!(sections["hello"]["mode"], "755");
    assert_eq!(
        sections["instance"]["output"],
        format!("{FOLDER}/instance.cfg")
    );
}

#[test]
fn release_keeps_what_recipes_and_shells_fill_in() {
    let (sections, _) = sections();
    assert_eq!(
        sections["environment"]["PATH"],
        "@@zlib:location@@/bin:%(PATH)s"
    );
    assert_eq!(
        sections["zlib"]["url"],
        "https://example.org/zlib-1.3.tar.gz#0"
    );
    assert_eq!(
        sections["zlib"]["configure-command"],
        "./configure --prefix=@@LOCATION@@"
    );
    assert_eq!(
        sections["go-tool"]["make-targets"],
        "cd src && ./all.bash $$PWD"
    );
    assert_eq!(
        sections["instance"]["json"],
        r#"{"a": "${x}", "b": "$$HOME"}"#
    );
    assert_eq!(
        sections["instance"]["context"],
        "section buildout buildout\nkey zlib_location zlib:location\n\
         raw python @@python3:prefix@@/bin/python\njsonkey cfg :json"
    );
    let body = "# a Python body\nimport re\nif re.match(r'\\d', options['min-version']):\n  \
                options['x'] = \"${VAR}\"\n\noptions['y'] = 'z'";
    assert_eq!(sections["gcc"]["init"], body);
    assert_eq!(sections["gcc"]["min-version"], "\n5.4\n8");
    let parameters = json!({"py": "{'hosts': ['a', 'b'], 'port': 80}", "type": "dict"});
    assert_eq!(sections["passed-on"]["parameters"], parameters);
}

/// The kinds of conditions that releases have, and the machines and versions of Python on which each holds.
#[test]
fn conditions_of_releases_hold_where_they_should() {
    let conditions = [
        ("python2", "x27"),
        ("python3", "x311 i311 a311"),
        ("linux and platform.machine() == \"x86_64\"", "x27 x311"),
        ("linux and platform.machine() == 'i686'", "i311"),
        ("bits32", "i311"),
        ("sys.version_info < (3,11)", "x27"),
        ("posix", "x27 x311 i311 a311"),
        ("python27", "x27"),
        ("pypy or sys.version_info >= (3,11)", "x311 i311 a311"),
        ("platform.machine() == 'aarch64'", "a311"),
        (
            "not (linux and platform.machine() == 'x86_64')",
            "i311 a311",
        ),
        (
            "not linux or platform.machine() != 'riscv64'",
            "x27 x311 i311 a311",
        ),
        (
            "platform.freedesktop_os_release()['ID'] == 'debian'",
            "x27 x311 i311 a311",
        ),
        (
            "[int(q) for q in platform.release().split(\".\")[:2]]<[4,14]",
            "",
        ),
        (
            "os.path.isdir('/sys/module/kvm') and os.access('/dev/kvm', os.R_OK|os.W_OK)",
            "",
        ),
    ];
    let mut text = "[buildout]\n".to_owned();
    for (number, (condition, _)) in conditions.iter().enumerate() {
        text.push_str(&format!("[c{number} : {condition}]\nx = 1\n"));
    }
    let machines = [
        ("x27", "x86_64", (2, 7, 18)),
        ("x311", "x86_64", (3, 11, 7)),
        ("i311", "i686", (3, 11, 7)),
        ("a311", "aarch64", (3, 11, 7)),
    ];
    let mut held = vec![Vec::new(); conditions.len()];
    for (short, name, python) in machines {
        let machine = Machine {
            python,
            release: "6.1.0-18-amd64".to_owned(),
            os_release: [("ID".to_owned(), "debian".to_owned())].into(),
            ..Machine::linux(name)
        };
        let question = slapos_profile::Question::new("main.cfg", FOLDER.as_ref(), machine);
        let profile = question.load(&Files::of(&[("main.cfg", &text)])).unwrap();
        for (number, held) in held.iter_mut().enumerate() {
            if profile.has_section(&format!("c{number}")) {
                held.push(short);
            }
        }
    }
    for ((condition, expect), held) in conditions.iter().zip(held) {
        assert_eq!(held.join(" "), *expect, "{condition}");
    }
}
