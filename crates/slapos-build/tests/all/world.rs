//! A private world for one test: a profile's folder, a release's folder, a partition.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use slapos_build::{
    BuildError, Cancel, InstanceInstall, InstanceOutcome, Origins, Progress, SoftwareBuild,
    SoftwareOutcome, build_software, default_path, install_instance,
};

pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) build: SoftwareBuild,
    pub(crate) install: InstanceInstall,
    pub(crate) progress: Vec<Progress>,
}

impl World {
    pub(crate) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("profile")).unwrap();
        let build = SoftwareBuild {
            profile: at("profile/software.cfg").display().to_string(),
            root: at("software"),
            shared: Some(at("shared")),
            cache: at("cache"),
            jobs: 2,
            overrides: Vec::new(),
            only: Vec::new(),
            network: false,
            path: default_path(),
            origins: Origins {
                debian: false,
                ..Origins::default()
            },
            cancel: Cancel::default(),
        };
        let install = InstanceInstall {
            software_dir: at("software"),
            partition_dir: at("slappart0"),
            template: None,
            computer_id: "COMP-1".to_owned(),
            partition_id: "slappart0".to_owned(),
            software_release_url: build.profile.clone(),
            server_url: "http://master/".to_owned(),
            ipv4: vec!["127.0.0.1".to_owned()],
            ipv6: vec!["::1".to_owned()],
            parameters: serde_json::Map::new(),
            software_type: String::new(),
            requested_state: "started".to_owned(),
            instance_title: "my_service".to_owned(),
            root_instance_title: String::new(),
            instance_guid: "SOFTINST-1".to_owned(),
            path: default_path(),
        };
        World {
            dir,
            build,
            install,
            progress: Vec::new(),
        }
    }

    /// One that builds with the eggs that all tests share.
    pub(crate) fn with_eggs() -> World {
        let mut world = World::new();
        let eggs = format!("buildout:eggs-directory={}", eggs().display());
        world.build.overrides.push(eggs);
        world
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    pub(crate) fn software(&self, text: &str) {
        self.write("profile/software.cfg", text);
    }

    pub(crate) fn instance(&self, text: &str) {
        self.write("software/instance.cfg", text);
    }

    pub(crate) fn build(&mut self) -> Result<SoftwareOutcome, BuildError> {
        build_software(&self.build, &mut |news| self.progress.push(news))
    }

    pub(crate) fn install(&mut self) -> Result<InstanceOutcome, BuildError> {
        install_instance(&self.install, &mut |news| self.progress.push(news))
    }

    pub(crate) fn set(&mut self, json: &str) {
        self.install.parameters = serde_json::from_str(json).unwrap();
    }
}

/// Every file below a folder with its time of change and inode: equal means that nothing was written.
pub(crate) fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (i64, i64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let mut seen = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            seen.insert(
                path.clone(),
                (metadata.ctime(), metadata.ctime_nsec(), metadata.ino()),
            );
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    seen
}

/// A site on loopback that answers one request with this profile; then it is gone.
pub(crate) fn site_for_once(profile: String) -> (String, std::thread::JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/base.cfg", listener.local_addr().unwrap());
    let site = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
        let length = profile.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{profile}"
        )
        .unwrap();
    });
    (url, site)
}

/// What a command prints that must end well.
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// Waits until something is there; the limit is so long that reaching it is a fault.
pub(crate) fn wait_until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < limit, "it did not come within 30 s");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The folder of eggs that all tests share; what the recipes of Python need is in it already.
pub(crate) fn eggs() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("eggs");
    std::fs::create_dir_all(&folder).unwrap();
    // Each test is a process of its own: one fetches, the others wait for it.
    let lock = std::fs::File::create(folder.join(".lock")).unwrap();
    let _held = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
    let mark = folder.join(".recipes-0.58");
    if !mark.exists() {
        let mut world = World::new();
        let overrides = &mut world.build.overrides;
        overrides.push(format!("buildout:eggs-directory={}", folder.display()));
        world.software(
            "[buildout]\nparts = a b\n[a]\nrecipe = slapos.recipe.build\ninit = pass\n\
             [b]\nrecipe = collective.recipe.shelloutput\ncommands = c = echo ${d:GREETING}\n\
             [d]\nrecipe = collective.recipe.environment\nGREETING = x\n\
             [versions]\nslapos.recipe.build = 0.58\ncollective.recipe.shelloutput = 0.1\n\
             collective.recipe.environment = 1.1.0\n",
        );
        world.build().unwrap();
        std::fs::write(mark, "").unwrap();
    }
    folder
}
