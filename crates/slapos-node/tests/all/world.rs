//! A node of its own for each test: a root, an agent in a thread, a supervisor that is ended at
//! the end.

use crate::master::Master;
use slapos_api::wire::node::{Desired, DesiredInstance, DesiredSoftware, InstanceReport};
use slapos_model::{Clock, RandomSource, Timestamp};
use slapos_node::{NodeConfig, Settings, Shutdown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }
}

pub(crate) struct Fixed;

impl RandomSource for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// So long that reaching it is a bug.
const LIMIT: Duration = Duration::from_secs(40);

pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    while !condition() {
        assert!(started.elapsed() < LIMIT, "it never came: {what}");
        let _ = never.recv_timeout(Duration::from_millis(2));
    }
}

pub(crate) struct World {
    pub(crate) root: PathBuf,
    pub(crate) settings: Settings,
    _folder: tempfile::TempDir,
    agent: Option<(Shutdown, std::thread::JoinHandle<()>)>,
}

impl World {
    pub(crate) fn new(test: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("slapos-node-")
            .tempdir()
            .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs_err::set_permissions(folder.path(), mode).unwrap();
        let root = folder.path().join("root");
        fs_err::create_dir_all(&root).unwrap();
        Self {
            settings: Settings {
                partitions: 2,
                user_base_name: format!("sntu{test}"),
                software_user: format!("snts{test}"),
                ..Settings::default()
            },
            root,
            _folder: folder,
            agent: None,
        }
    }

    pub(crate) fn config(&self) -> NodeConfig {
        NodeConfig {
            root: self.root.clone(),
            program: env!("CARGO_BIN_EXE_node-for-tests").into(),
            settings: self.settings.clone(),
        }
    }

    /// A release whose profile says `text`; returns its URL.
    pub(crate) fn release(&self, text: &str) -> String {
        let path = self.root.join("software.cfg");
        fs_err::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    pub(crate) fn start(&mut self) {
        let (config, shutdown) = (self.config(), Shutdown::new());
        let handle = shutdown.clone();
        let body = move || {
            slapos_node::run(&config, Arc::new(SystemClock), Arc::new(Fixed), &handle).unwrap();
        };
        self.agent = Some((shutdown, std::thread::spawn(body)));
    }

    pub(crate) fn stop(&mut self) {
        if let Some((shutdown, thread)) = self.agent.take() {
            shutdown.request();
            thread.join().unwrap();
        }
    }

    pub(crate) fn supervisor(&self) -> slapos_supervise::Client {
        slapos_supervise::Client::connect(&self.root.join("var/supervise")).unwrap()
    }

    pub(crate) fn pid(&self, partition: &str) -> Option<i32> {
        let mut client =
            slapos_supervise::Client::connect(&self.root.join("var/supervise")).ok()?;
        client.status_of(partition).ok()??.programs.first()?.pid
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some((shutdown, thread)) = self.agent.take() {
            shutdown.request();
            let _ = thread.join();
        }
        let dir = self.root.join("var/supervise");
        if let Ok(mut client) = slapos_supervise::Client::connect(&dir) {
            let _ = client.shutdown(slapos_supervise::ShutdownMode::StopServices);
            let deadline = Instant::now() + Duration::from_secs(20);
            while slapos_supervise::Client::connect(&dir).is_ok() && Instant::now() < deadline {
                std::thread::yield_now();
            }
        }
        for name in user_names(&self.settings) {
            let is_there = nix::unistd::User::from_name(&name).is_ok_and(|user| user.is_some());
            if is_there {
                let _ = std::process::Command::new("userdel").arg(&name).status();
            }
        }
    }
}

fn user_names(settings: &Settings) -> Vec<String> {
    let users = (0..settings.partitions).map(|index| format!("{}{index}", settings.user_base_name));
    users.chain([settings.software_user.clone()]).collect()
}

pub(crate) fn instance(
    id: &str,
    partition: &str,
    url: &str,
    parameters: serde_json::Value,
) -> DesiredInstance {
    DesiredInstance {
        id: id.to_owned(),
        generation: 1,
        partition: partition.to_owned(),
        name: format!("name-of-{id}"),
        root_name: format!("name-of-{id}"),
        software: url.to_owned(),
        software_type: "default".to_owned(),
        state: "started".to_owned(),
        parameters: parameters.as_object().unwrap().clone(),
        shared: Vec::new(),
    }
}

pub(crate) fn ask(desired: &mut Desired, url: &str, instances: Vec<DesiredInstance>) {
    desired.master_epoch = "one".to_owned();
    desired.generation += 1;
    desired.software = vec![DesiredSoftware {
        url: url.to_owned(),
        state: "available".to_owned(),
        attempt: 0,
    }];
    desired.instances = instances;
}

pub(crate) fn report_of(master: &Master, id: &str) -> Option<InstanceReport> {
    master.known.lock().unwrap().instances.get(id).cloned()
}

pub(crate) fn is_state(master: &Master, id: &str, state: &str) -> bool {
    report_of(master, id).is_some_and(|said| said.state.as_deref() == Some(state))
}

pub(crate) fn is_green(master: &Master, id: &str) -> bool {
    report_of(master, id).is_some_and(|said| {
        said.state.as_deref() == Some("started")
            && said
                .promises
                .is_some_and(|all| all.iter().all(|one| one.state == "kept"))
    })
}

pub(crate) fn is_alive(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
