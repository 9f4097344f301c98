//! A Python proxy's database of each form, taken over.

use slapos_master::takeover::{Asked, Became, Report, take_over};
use slapos_master::{Database, MasterConfig, MasterError};
use slapos_model::{Clock, RandomSource};
use slapos_testkit::{FakeClock, SeededRandom};
use std::path::Path;
use std::sync::Arc;

const NAMES: &str = "<?xml version=''1.0'' encoding=''utf-8''?>\n<instance>\n  <parameter id=\"_\">{\"n\": 9007199254740993, \"u\": \"é&lt;\"}</parameter>\n  <parameter id=\"e\"></parameter>\n</instance>\n";

const SHARES: &str = "<marshal><list id=\"i2\"><dictionary id=\"i3\"><string>slap_software_type</string><string>RootSoftwareInstance</string><string>slave_reference</string><string>_site</string><string>slave_title</string><string>_site</string><string>name</string><string>you</string></dictionary></list></marshal>";

/// Tables of a version, as the package made them.
fn tables(version: u32) -> String {
    let node = match version {
        ..=10 => "",
        _ => ", computer_reference VARCHAR(255)",
    };
    let requester = if version >= 17 {
        ", requester_id VARCHAR(255) NOT NULL DEFAULT ''"
    } else {
        ""
    };
    let asked = if version >= 17 {
        "requester_id VARCHAR(255) NOT NULL DEFAULT ''"
    } else {
        "asked_by VARCHAR(255)"
    };
    let reference = if version >= 11 {
        "reference VARCHAR(255), "
    } else {
        ""
    };
    let stamp = if version >= 11 {
        ", timestamp REAL"
    } else {
        ""
    };
    format!(
        "CREATE TABLE software{version} (url VARCHAR(255){node});
         CREATE TABLE computer{version} ({reference}address VARCHAR(255), netmask VARCHAR(255));
         CREATE TABLE partition{version} (reference VARCHAR(255){node},
             slap_state VARCHAR(255) DEFAULT 'free', software_release VARCHAR(255), xml TEXT,
             connection_xml TEXT, slave_instance_list TEXT, software_type VARCHAR(255),
             partition_reference VARCHAR(255), requested_by VARCHAR(255) NOT NULL DEFAULT '',
             requested_state VARCHAR(255) NOT NULL DEFAULT 'started'{stamp}{requester});
         CREATE TABLE slave{version} (reference VARCHAR(255){node}, connection_xml TEXT,
             hosted_by VARCHAR(255), {asked});
         CREATE TABLE partition_network{version} (partition_reference VARCHAR(255){node},
             reference VARCHAR(255), address VARCHAR(255), netmask VARCHAR(255));"
    )
}

/// A node of four partitions: a root in the second, its child in the fourth, a share, a release.
fn write_proxy(path: &Path, version: u32) {
    let (column, node) = match version {
        ..=10 => ("", ""),
        _ => (", computer_reference", ", 'comp'"),
    };
    let (root_column, root) = match version {
        17.. => (", requester_id", ", 'slappart1'"),
        _ => ("", ""),
    };
    let by = if version >= 17 { "web" } else { "slappart1" };
    let mut sql = tables(version);
    if version >= 11 {
        sql += &format!("INSERT INTO computer{version} VALUES ('comp', '127.0.0.1', '255.0.0.0');");
    }
    sql +=
        &format!("INSERT INTO software{version} (url{column}) VALUES ('/sr/software.cfg'{node});");
    for index in 0..4 {
        sql += &format!(
            "INSERT INTO partition{version} (reference{column}) VALUES ('slappart{index}'{node});
             INSERT INTO partition_network{version} (partition_reference{column}, reference, address, netmask)
             VALUES ('slappart{index}'{node}, 'tap{index}', '10.0.0.{index}', '255.255.255.255');"
        );
    }
    sql += &format!(
        "UPDATE partition{version} SET slap_state = 'busy', software_release = '/sr/software.cfg',
             xml = '{NAMES}', connection_xml = '{NAMES}', software_type = 'RootSoftwareInstance',
             partition_reference = 'web', slave_instance_list = '{SHARES}',
             requested_state = 'stopped' WHERE reference = 'slappart1';
         UPDATE partition{version} SET (slap_state, software_release, software_type,
             partition_reference, requested_by{root_column}) = ('busy', '/sr/software.cfg',
             'default', 'kid', '{by}'{root}) WHERE reference = 'slappart3';
         INSERT INTO slave{version} (reference{column}, connection_xml, hosted_by)
             VALUES ('_site'{node}, '{NAMES}', 'slappart1');"
    );
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(&sql).unwrap();
}

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new(version: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_proxy(&dir.path().join("proxy.db"), version);
        Self { dir }
    }

    fn take(&self, computer: Option<&str>, is_dry: bool) -> Result<Report, MasterError> {
        let config = MasterConfig {
            dir: self.dir.path().join("master"),
            listen: ([127, 0, 0, 1], 0).into(),
            database: Database::Sqlite(self.dir.path().join("ours.sqlite")),
            proxy: None,
            beside: None,
        };
        let asked = Asked {
            source: self.dir.path().join("proxy.db"),
            computer: computer.map(str::to_owned),
            is_dry,
        };
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::new());
        let random: Arc<dyn RandomSource> = Arc::new(SeededRandom::new(7));
        take_over(&config, &asked, &clock, &random)
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let path = self.dir.path().join("ours.sqlite");
        let connection = rusqlite::Connection::open(path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

#[test]
fn takeover_of_every_version_finds_all_in_its_place() {
    for version in [10, 11, 14, 16, 17, 18] {
        let fixture = Fixture::new(version);
        let report = fixture.take(Some("comp"), false).unwrap();
        assert_eq!(report.schema, version);
        let all_taken = report
            .steps
            .iter()
            .all(|step| step.outcome == Became::Taken);
        assert!(all_taken, "{version}: {:?}", report.steps);
        let seats = fixture.texts(
            "SELECT instance.name || ' ' || coalesce(partition.name, '-') || ' ' || requested_state
             || ' ' || coalesce(parent.name, '-') FROM instance
             LEFT JOIN partition ON partition.instance_id = instance.id
             LEFT JOIN (SELECT id AS parent, name FROM instance) AS parent
                 ON parent.parent = instance.parent_id
             ORDER BY instance.name",
        );
        let wanted = [
            "kid slappart3 started web",
            "site - started -",
            "web slappart1 stopped -",
        ];
        assert_eq!(seats, wanted, "{version}");
        let given = fixture.texts("SELECT parameters FROM instance WHERE name = 'web'");
        let given: serde_json::Value = serde_json::from_str(&given[0]).unwrap();
        let exact = "{\"n\": 9007199254740993, \"u\": \"é<\"}";
        assert_eq!(given, serde_json::json!({"_": exact, "e": ""}), "{version}");
        let published = fixture.texts("SELECT connection FROM instance ORDER BY name");
        assert_eq!(published[0], "{}", "{version}");
        assert!(
            published[1..]
                .iter()
                .all(|text| text.contains("9007199254740993"))
        );
        let addresses = fixture.texts("SELECT networks FROM partition WHERE name = 'slappart3'");
        assert!(addresses[0].contains("10.0.0.3") && addresses[0].contains("tap3"));
    }
}

#[test]
fn takeover_twice_changes_nothing_the_second_time() {
    let fixture = Fixture::new(18);
    let first = fixture.take(None, false).unwrap();
    let rows = "SELECT id || generation || coalesce(partition_id, '') FROM instance ORDER BY id";
    let before = (fixture.texts(rows), fixture.texts("SELECT kind FROM event"));
    let second = fixture.take(None, false).unwrap();
    assert_eq!(first.steps.len(), second.steps.len());
    assert!(
        second
            .steps
            .iter()
            .all(|step| step.outcome == Became::Known),
        "{:?}",
        second.steps
    );
    assert_eq!(
        (fixture.texts(rows), fixture.texts("SELECT kind FROM event")),
        before
    );
}

#[test]
fn takeover_dry_says_the_same_and_writes_nothing() {
    let fixture = Fixture::new(17);
    let source = std::fs::read(fixture.dir.path().join("proxy.db")).unwrap();
    let dry = fixture.take(None, true).unwrap();
    assert!(dry.dry_run);
    assert_eq!(std::fs::read_dir(fixture.dir.path()).unwrap().count(), 1);
    let wet = fixture.take(None, false).unwrap();
    assert_eq!(dry.steps, wet.steps);
    let again = fixture.take(None, true).unwrap();
    assert!(again.steps.iter().all(|step| step.outcome == Became::Known));
    assert_eq!(
        std::fs::read(fixture.dir.path().join("proxy.db")).unwrap(),
        source
    );
}

#[test]
fn takeover_of_a_broken_or_foreign_file_says_so_and_changes_nothing() {
    let fixture = Fixture::new(18);
    let path = fixture.dir.path().join("proxy.db");
    let said = |fixture: &Fixture, word: &str| {
        let error = fixture.take(None, false).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
        assert!(!fixture.dir.path().join("ours.sqlite").exists());
    };
    let connection = rusqlite::Connection::open(&path).unwrap();
    let break_it = "UPDATE partition18 SET xml = '<instance><para' WHERE reference = 'slappart1'";
    connection.execute_batch(break_it).unwrap();
    said(&fixture, "partition slappart1 of comp");
    connection.execute_batch("DROP TABLE partition18").unwrap();
    said(&fixture, "no table `partition`");
    drop(connection);
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    said(&fixture, "not a database");
    std::fs::remove_file(&path).unwrap();
    said(&fixture, "proxy.db");
    assert!(!path.exists());
}

#[test]
fn takeover_of_rows_without_a_node_asks_for_its_name() {
    let error = Fixture::new(10).take(None, false).unwrap_err();
    assert!(error.to_string().contains("--computer"), "{error}");
}

#[test]
fn takeover_while_a_master_runs_is_refused() {
    let fixture = Fixture::new(18);
    let dir = fixture.dir.path().join("master");
    std::fs::create_dir(&dir).unwrap();
    let held = std::fs::File::create(dir.join("lock")).unwrap();
    held.lock().unwrap();
    let error = fixture.take(None, false).unwrap_err();
    assert!(matches!(error, MasterError::InUse(_)), "{error}");
}
