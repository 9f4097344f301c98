//! What a release needs, written down: gathered without building, held to, listed and signed.

use serde_json::Value;
use slapos_build::{Lock, SoftwareOutcome, Statement, attest, gather, installation};
use slapos_cache::{Hash, HashKind, Signer, Trusted, generate};

use crate::world::{World, snapshot};

/// A world with a package that has a licence, and a file without a hash.
fn world() -> World {
    let world = World::new();
    world.write(
        "site/hello-1.0/LICENSE",
        "Permission is hereby granted, free of charge, to any person obtaining a copy",
    );
    world.write(
        "site/hello-1.0/Makefile",
        "all:\ninstall:\n\tmkdir -p $(prefix) && cp Makefile $(prefix)/\n",
    );
    let tar = std::process::Command::new("tar")
        .args(["czf", "hello-1.0.tar.gz", "hello-1.0"])
        .current_dir(world.at("site"))
        .status();
    assert!(tar.unwrap().success());
    world.write("site/loose.txt", "loose");
    let md5 = md5(&world);
    world.software(&format!(
        "[buildout]\nparts = hello loose\n\
         [hello]\nrecipe = slapos.recipe.cmmi\nshared = true\nurl = file://{site}/hello-1.0.tar.gz\nmd5sum = {md5}\n\
         configure-command = true\n\
         [loose]\nrecipe = slapos.recipe.build:download\nurl = {url}\n",
        site = world.at("site").display(),
        url = loose(&world, "loose"),
    ));
    world
}

fn md5(world: &World) -> String {
    let bytes = std::fs::read(world.at("site/hello-1.0.tar.gz")).unwrap();
    Hash::of(HashKind::Md5, &bytes).hex().to_owned()
}

/// A URL on the web that gives this text once, and is gone.
fn loose(_: &World, text: &str) -> String {
    let (url, _site) = crate::world::site_for_once(text.to_owned());
    url
}

fn elsewhere(world: &mut World) -> Result<SoftwareOutcome, String> {
    for place in [&world.build.root, world.build.shared.as_ref().unwrap()] {
        if place.exists() {
            std::fs::remove_dir_all(place).unwrap();
        }
    }
    world.build().map_err(|error| error.to_string())
}

#[test]
fn gather_fetches_all_and_a_locked_build_takes_it() {
    let mut world = world();
    let mut told = Vec::new();
    let lock = gather(&world.build, &mut |one| told.push(one.source.clone())).unwrap();
    assert_eq!(told, ["hello-1.0.tar.gz", "base.cfg"]);
    assert!(!world.build.root.exists(), "nothing is built");
    let by = |name: &str| lock.sources.iter().find(|one| one.name == name).unwrap();
    let hello = by("hello-1.0.tar.gz");
    assert_eq!(hello.md5, md5(&world));
    assert_eq!(hello.licences, ["MIT"]);
    let git = |script: &str| {
        let mut command = std::process::Command::new("sh");
        let output = command
            .args(["-ec", script])
            .current_dir(world.at("site/hello-1.0"));
        String::from_utf8(output.output().unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    };
    let tree = git("git init -q . && git add -A && git write-tree && rm -rf .git");
    assert_eq!(hello.swhid, format!("swh:1:dir:{tree}"));
    let loose = by("base.cfg");
    assert!(!loose.pinned && hello.pinned);
    let blob = git("printf loose | git hash-object --stdin");
    assert_eq!(loose.swhid, format!("swh:1:cnt:{blob}"));
    // It reads back, and is written once.
    let file = world.at("slapos.lock");
    lock.save(&file).unwrap();
    assert_eq!(Lock::load(&file).unwrap(), lock);
    world.build.origins.lock = Some(lock);
    let built = elsewhere(&mut world).unwrap();
    // The lock has the hash that the profile has not.
    assert_eq!((built.installed.len(), built.unpinned.len()), (2, 0));
}

#[test]
fn locked_build_refuses_what_is_not_in_the_lock() {
    let mut world = world();
    let mut lock = gather(&world.build, &mut |_| {}).unwrap();
    world.build.origins.lock = Some(lock.clone());
    let profile = world.read("profile/software.cfg");
    // The package changed, and the profile with it.
    world.software(&profile.replace(&md5(&world), &"0".repeat(32)));
    let failure = elsewhere(&mut world).unwrap_err();
    assert!(failure.contains("is not in the lock file"), "{failure}");
    // Another URL that has no hash.
    world.software(&profile.replace("base.cfg", "other.cfg"));
    let failure = elsewhere(&mut world).unwrap_err();
    assert!(failure.contains("no source of the URL"), "{failure}");
    // The site gives something else for the same URL: nothing has what the lock says.
    std::fs::remove_dir_all(&world.build.cache).unwrap();
    let loose = lock.sources.iter_mut().find(|one| !one.pinned).unwrap();
    let url = crate::world::site_for_once("changed".to_owned()).0;
    world.software(&profile.replace(&loose.url, &url));
    loose.url = url;
    world.build.origins.lock = Some(lock);
    let failure = elsewhere(&mut world).unwrap_err();
    assert!(failure.contains("with the wrong hash"), "{failure}");
}

#[test]
fn locked_build_takes_profiles_of_the_lock_only() {
    let mut world = World::new();
    let (url, site) = crate::world::site_for_once("[buildout]\nparts =\n".to_owned());
    world.software(&format!("[buildout]\nextends = {url}\n"));
    let lock = gather(&world.build, &mut |_| {}).unwrap();
    site.join().unwrap();
    assert_eq!(lock.profiles.keys().collect::<Vec<_>>(), [&url]);
    // The site is gone: the copy that the lock names serves, and nobody is asked.
    world.build.origins.lock = Some(lock.clone());
    let built = world.build().unwrap();
    assert!(built.warnings.is_empty(), "{built:?}");
    world.build.origins.lock = Some(Lock::default());
    let failure = world.build().unwrap_err().to_string();
    assert!(failure.contains("not in the lock file"), "{failure}");
}

fn list(world: &World) -> Value {
    serde_json::from_str(&world.read("software/.slapos/sbom.cdx.json")).unwrap()
}

#[test]
fn list_of_components_tells_sources_and_licences_and_is_written_once() {
    let mut world = world();
    world.build().unwrap();
    let told = list(&world);
    let components = told["components"].as_array().unwrap();
    let by = |name: &str| components.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(by("hello")["licenses"][0]["license"]["name"], "MIT");
    let source = by("hello-1.0.tar.gz");
    let sha256 = source["hashes"][0]["content"].as_str().unwrap();
    let depends = told["dependencies"].as_array().unwrap();
    let hello = depends
        .iter()
        .find(|one| one["ref"] == "part:hello")
        .unwrap();
    assert_eq!(hello["dependsOn"][0], format!("source:{sha256}"));
    let before = snapshot(&world.build.root);
    world.build().unwrap();
    assert_eq!(snapshot(&world.build.root), before);
    // Another release that shares the part knows its sources too.
    std::fs::remove_dir_all(&world.build.root).unwrap();
    world.build().unwrap();
    assert_eq!(list(&world), told);
}

#[test]
fn statement_holds_until_something_is_changed() {
    let mut world = world();
    world.build().unwrap();
    let pair = generate().unwrap();
    let trusted = Trusted::parse(&pair.public_pem).unwrap();
    let root = world.build.root.clone();
    let state = |trusted: &Trusted| installation(&root, trusted).unwrap().statement;
    assert_eq!(state(&trusted), Statement::None);
    attest(&root, &Signer::parse(&pair.private_pem).unwrap()).unwrap();
    let id = trusted.ids().next().unwrap().to_string();
    assert_eq!(state(&trusted), Statement::Holds(id));
    assert_eq!(state(&Trusted::default()), Statement::Stranger);
    let location = world.build().unwrap().parts["hello"]
        .location
        .clone()
        .unwrap();
    std::fs::write(location.join("Makefile"), "changed").unwrap();
    let Statement::Differs(what) = state(&trusted) else {
        panic!("it was changed");
    };
    assert!(what.starts_with("hello/"), "{what}");
}
