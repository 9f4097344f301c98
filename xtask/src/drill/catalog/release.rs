//! The releases that are drilled, and what is asked of each.
//!
//! A new release gets a line in [`RELEASES`] and a client in `database.rs` or `web.rs`.

use super::ground::Ground;
use super::{database, web};
use serde_json::{Value, json};
use slapos_api::wire::instance::InstanceView;
use std::path::{Path, PathBuf};

/// A release and how it is drilled.
pub(super) struct Release {
    /// `name@version`.
    pub(super) software: &'static str,
    /// What its first request asks for.
    pub(super) first: fn(&Ground) -> Value,
    /// What its second request changes.
    pub(super) change: fn(&Ground) -> Value,
    /// Talks to the service: its answer, or what is wrong with it.
    pub(super) talk: fn(&Talk<'_>) -> Result<String, String>,
}

/// A service that is talked to.
pub(super) struct Talk<'t> {
    /// Of the private SlapOS.
    pub(super) root: &'t Path,
    pub(super) ground: &'t Ground,
    pub(super) view: &'t InstanceView,
    /// Whether the change was asked for.
    pub(super) is_changed: bool,
}

/// The cheapest to build first.
pub(super) const RELEASES: &[Release] = &[
    Release {
        software: "helloworld@1.0",
        first: nothing,
        change: |_| json!({"greeting": "Hello from the drill"}),
        talk: web::helloworld,
    },
    Release {
        software: "redis@6.0.16",
        first: nothing,
        change: |_| json!({"maxmemory": "48mb"}),
        talk: database::redis,
    },
    Release {
        software: "redis@7.0.15",
        first: nothing,
        change: |_| json!({"maxmemory": "48mb"}),
        talk: database::redis,
    },
    Release {
        software: "redis@8.0.6",
        first: nothing,
        change: |_| json!({"maxmemory": "48mb"}),
        talk: database::redis,
    },
    Release {
        software: "nginx@1.22.1",
        first: nothing,
        change: |_| json!({"index_html": "<h1>Page of the drill</h1>"}),
        talk: web::nginx,
    },
    Release {
        software: "memcached@1.6.18",
        first: nothing,
        change: |_| json!({"memory_mb": 48}),
        talk: database::memcached,
    },
    Release {
        software: "mosquitto@2.0.21",
        first: nothing,
        change: |_| json!({"message_bytes_max": 1000}),
        talk: database::mosquitto,
    },
    Release {
        software: "dropbear@2025.89",
        first: |ground| json!({"authorized_keys": [ground.public_key("first")]}),
        change: |ground| json!({"authorized_keys": [ground.public_key("second")]}),
        talk: database::dropbear,
    },
    Release {
        software: "haproxy@3.0.11",
        first: |ground| json!({"servers": ground.servers}),
        change: |ground| json!({"servers": [ground.servers[1]]}),
        talk: web::haproxy,
    },
    Release {
        software: "waitress@3.0.2",
        first: nothing,
        change: |_| json!({"application": web::APPLICATION}),
        talk: web::waitress,
    },
    Release {
        software: "jupyterlab@4.6.6",
        first: nothing,
        change: |_| json!({"terminals": false}),
        talk: web::jupyterlab,
    },
    Release {
        software: "node-red@4.1.8",
        first: nothing,
        change: |_| json!({"protect_endpoints": false}),
        talk: web::node_red,
    },
    Release {
        software: "dufs@0.47.0",
        first: nothing,
        change: |_| json!({"anonymous_read": true}),
        talk: web::dufs,
    },
    Release {
        software: "postgresql@15.18",
        first: nothing,
        change: |_| json!({"connections_max": 40}),
        talk: database::postgresql,
    },
];

fn nothing(_: &Ground) -> Value {
    json!({})
}

impl Talk<'_> {
    /// What the service publishes under that name.
    pub(super) fn published(&self, name: &str) -> Result<&str, String> {
        published(self.view, name)
    }

    /// A program of a shared part of the release.
    pub(super) fn program(&self, part: &str, path: &str) -> Result<PathBuf, String> {
        let folder = self.root.join("shared").join(part);
        let builds = std::fs::read_dir(&folder);
        let builds = builds.map_err(|error| format!("{}: {error}", folder.display()))?;
        builds
            .filter_map(|build| Some(build.ok()?.path().join(path)))
            .find(|program| program.is_file())
            .ok_or_else(|| format!("{} has no {path}", folder.display()))
    }
}

/// What a service publishes under that name.
pub(super) fn published<'v>(view: &'v InstanceView, name: &str) -> Result<&'v str, String> {
    let value = view.connection.get(name).and_then(Value::as_str);
    value.ok_or_else(|| format!("publishes no {name}"))
}
