//! A private master for each test: its rules over a store of its own, time set by hand.

use serde_json::{Value, json};
use slapos_api::wire::instance::{InstanceRequest, InstanceView};
use slapos_api::wire::node::{
    InstanceReport, NodeFormat, NodeReport, PartitionOffer, PromiseReport,
};
use slapos_master::app::caller::hash_hex;
use slapos_master::app::schema::Schemas;
use slapos_master::app::{AppError, Caller, Proof, catalog, instance, node, project, report};
use slapos_master::store::catalog::ReleaseRow;
use slapos_master::store::{Database, Store, StoreError, Tx, subject};
use slapos_testkit::{FakeClock, SeededRandom};
use std::sync::Arc;

/// A master without its faces.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Arc<FakeClock>,
    schemas: Arc<Schemas>,
}

/// The owner's token.
pub(crate) const OWNER: &str = "slapos_test_owner";

impl World {
    /// With an owner, the project `default` and a small catalogue.
    pub(crate) fn new(database: &Database) -> Self {
        Self::with_seed(database, 1)
    }

    /// The same with another randomness: a second master on one database.
    pub(crate) fn with_seed(database: &Database, seed: u64) -> Self {
        let clock = Arc::new(FakeClock::new());
        let random = Arc::new(SeededRandom::new(seed));
        let store = Store::open(database, Arc::<FakeClock>::clone(&clock), random).unwrap();
        let world = Self {
            store,
            clock,
            schemas: Arc::default(),
        };
        world
            .write(|tx| {
                project::ensure_owner(tx, OWNER)?;
                subject::set_meta(tx, "epoch", "EPOCH-1")?;
                slapos_master::store::catalog::upsert(tx, &release("redis", "7.0.15", true))?;
                slapos_master::store::catalog::upsert(tx, &release("redis", "8.0.2", false))?;
                Ok::<_, AppError>(())
            })
            .unwrap();
        world
    }

    pub(crate) fn write<T, E>(
        &self,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.store.write_blocking(body)
    }

    /// As a subject of that token.
    pub(crate) fn with<T: Send + 'static>(
        &self,
        token: &str,
        mut body: impl FnMut(&mut Tx<'_>, &Caller) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let proof = Proof::of_token(token);
        self.write(move |tx| {
            let caller = Caller::identify(tx, &proof)?;
            body(tx, &caller)
        })
    }

    /// As the node of that name.
    pub(crate) fn as_node<T: Send + 'static>(
        &self,
        name: &str,
        mut body: impl FnMut(&mut Tx<'_>, &Caller) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let proof = Proof::Key(hash_hex(name.as_bytes()));
        self.write(move |tx| {
            let caller = Caller::identify(tx, &proof)?;
            body(tx, &caller)
        })
    }

    /// A node with so many partitions.
    pub(crate) fn add_node(&self, name: &str, partitions: usize) {
        let owned = name.to_owned();
        self.with(OWNER, move |tx, caller| {
            node::register(tx, caller, None, &owned, &hash_hex(owned.as_bytes()))
        })
        .unwrap();
        self.format(name, partitions);
    }

    /// The node offers so many partitions.
    pub(crate) fn format(&self, name: &str, partitions: usize) {
        let offer = NodeFormat {
            version: "0.1.0".to_owned(),
            facts: json!({"machine": "x86_64"}).as_object().unwrap().clone(),
            partitions: (0..partitions)
                .map(|index| PartitionOffer {
                    name: format!("slappart{index}"),
                    addresses: vec!["127.0.0.1".to_owned()],
                })
                .collect(),
        };
        self.as_node(name, move |tx, caller| node::format(tx, caller, &offer))
            .unwrap();
    }

    /// The owner asks.
    pub(crate) fn request(&self, ask: InstanceRequest) -> Result<InstanceView, AppError> {
        self.request_as(OWNER, ask)
    }

    /// Somebody asks.
    pub(crate) fn request_as(
        &self,
        token: &str,
        ask: InstanceRequest,
    ) -> Result<InstanceView, AppError> {
        let schemas = Arc::clone(&self.schemas);
        self.with(token, move |tx, caller| {
            instance::request(tx, &schemas, caller, &ask)
        })
    }

    /// What the owner sees of a service.
    pub(crate) fn find(&self, name: &str) -> Result<InstanceView, AppError> {
        let name = name.to_owned();
        self.with(OWNER, move |tx, caller| instance::find(tx, caller, &name))
    }

    /// The node reports a state of what it was asked, all promises kept.
    pub(crate) fn report_state(&self, node: &str, view: &InstanceView, state: &str) {
        let promise = PromiseReport {
            name: "port".to_owned(),
            state: "kept".to_owned(),
            message: "listening".to_owned(),
            checked_at_us: 1_795_564_800_000_000,
        };
        let said = InstanceReport {
            state: Some(state.to_owned()),
            promises: (state == "started").then(|| vec![promise]),
            connection: None,
            ..instance_report(view)
        };
        self.report(node, said);
    }

    /// The node reports.
    pub(crate) fn report(&self, node: &str, said: InstanceReport) {
        let whole = NodeReport {
            instances: vec![said],
            ..NodeReport::default()
        };
        self.as_node(node, move |tx, caller| report::keep(tx, caller, &whole))
            .unwrap();
    }

    /// A person of the project `default` in that role.
    pub(crate) fn add_member(&self, name: &str, role: &str) -> String {
        let ask = slapos_api::wire::project::MemberCreate {
            name: name.to_owned(),
            role: role.to_owned(),
        };
        let created = self.with(OWNER, move |tx, caller| {
            project::create_member(tx, caller, "default", &ask)
        });
        created.unwrap().token
    }

    /// All kinds of events, in order.
    pub(crate) fn event_kinds(&self) -> Vec<String> {
        let events: Result<_, AppError> =
            self.write(|tx| Ok(slapos_master::store::event::list_after(tx, 0, 10_000)?));
        events
            .unwrap()
            .into_iter()
            .map(|event| event.kind)
            .collect()
    }

    /// The catalogue as a person sees it.
    pub(crate) fn catalog(&self) -> Vec<slapos_api::wire::catalog::CatalogEntry> {
        self.with(OWNER, |tx, _| catalog::list(tx)).unwrap()
    }
}

/// A report about an instance that says nothing yet.
pub(crate) fn instance_report(view: &InstanceView) -> InstanceReport {
    InstanceReport {
        id: view.id.clone(),
        generation: view.generation,
        state: None,
        message: None,
        connection: None,
        promises: None,
        processes: None,
    }
}

/// A request for a redis of that name.
pub(crate) fn redis(name: &str) -> InstanceRequest {
    InstanceRequest {
        name: name.to_owned(),
        software: "redis".to_owned(),
        ..InstanceRequest::default()
    }
}

/// A JSON object.
pub(crate) fn map(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

fn release(name: &str, version: &str, is_default: bool) -> ReleaseRow {
    let schema = json!({"type": "object", "additionalProperties": false, "properties": {
        "maxmemory": {"type": "string", "pattern": "^[0-9]+mb$"},
        "port": {"type": "integer", "minimum": 1}}});
    ReleaseRow {
        url: format!("catalog:{name}/{version}/software.cfg"),
        name: name.to_owned(),
        version: version.to_owned(),
        title: "Key-value store".to_owned(),
        summary: "Keeps data in memory.".to_owned(),
        schema: schema.to_string(),
        connection: json!({"url": "where it is"}).to_string(),
        readme: "# redis".to_owned(),
        files: json!({"software.cfg": "[buildout]\nparts =\n"}).to_string(),
        is_default,
    }
}
