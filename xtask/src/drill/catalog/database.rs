//! Clients of databases, caches, brokers and shells, each of its own protocol.

use super::line::{answer, expect};
use super::release::Talk;
use crate::drill::client;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

type Answer = Result<String, String>;

/// Keeps a key over the change, and reads the limit that was changed.
pub(super) fn redis(talk: &Talk<'_>) -> Answer {
    let mut redis = client::Redis::connect(talk.published("url")?)?;
    expect(redis.call(&["PING"])?, "PONG")?;
    if !talk.is_changed {
        expect(redis.call(&["SET", "drill", "kept"])?, "OK")?;
    }
    expect(redis.call(&["GET", "drill"])?, "kept")?;
    let megabytes = if talk.is_changed { 48 } else { 64 };
    let limit = (megabytes * 1024 * 1024).to_string();
    expect(redis.call(&["CONFIG", "GET", "maxmemory"])?, &limit)?;
    let info = redis.call(&["INFO", "server"])?;
    let version = info.lines().find(|line| line.starts_with("redis_version"));
    Ok(version.unwrap_or_default().to_owned())
}

/// Is refused without the password, then writes and reads.
pub(super) fn memcached(talk: &Talk<'_>) -> Answer {
    let refused = memcached_lines(talk, "get drill\r\n", 1)?;
    if !refused.starts_with("CLIENT_ERROR unauthenticated") {
        return Err(format!("without a password it answered {refused:?}"));
    }
    let login = format!(
        "{} {}",
        talk.published("user")?,
        talk.published("password")?
    );
    let said = format!(
        "set auth 0 0 {}\r\n{login}\r\nset drill 0 0 5\r\nhello\r\nget drill\r\nstats settings\r\n",
        login.len()
    );
    let heard = memcached_lines(talk, &said, 8)?;
    let megabytes = if talk.is_changed { 48 } else { 64 };
    expect(heard.clone(), "STORED\nSTORED\nVALUE drill 0 5\nhello\nEND")?;
    expect(heard, &format!("STAT maxbytes {}", megabytes * 1024 * 1024))?;
    memcached_lines(
        talk,
        &format!("set auth 0 0 {}\r\n{login}\r\nversion\r\n", login.len()),
        2,
    )
}

/// That many lines of the answer, joined.
fn memcached_lines(talk: &Talk<'_>, said: &str, count: usize) -> Answer {
    let address = format!("{}:{}", talk.published("host")?, talk.published("port")?);
    let failed = |error: std::io::Error| format!("{address}: {error}");
    let mut stream = TcpStream::connect(&address).map_err(failed)?;
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).map_err(failed)?;
    stream.write_all(said.as_bytes()).map_err(failed)?;
    let lines = BufReader::new(stream).lines().take(count);
    let lines: Result<Vec<String>, _> = lines.collect();
    Ok(lines.map_err(failed)?.join("\n"))
}

/// `psql` of this machine, and the release's own where there is none.
pub(super) fn postgresql(talk: &Talk<'_>) -> Answer {
    let program = match crate::command::has_program("psql") {
        true => PathBuf::from("psql"),
        false => talk.program("postgresql", "bin/psql")?,
    };
    let query = |sql: &str| {
        let mut command = Command::new(&program);
        command.args(["-X", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        answer(
            command
                .arg(talk.published("url")?)
                .env("PGCONNECT_TIMEOUT", "8"),
        )
    };
    let connections = if talk.is_changed { "40" } else { "100" };
    expect(query("SHOW max_connections")?, connections)?;
    if !talk.is_changed {
        query("CREATE TABLE drill (said text); INSERT INTO drill VALUES ('kept')")?;
    }
    expect(query("SELECT said FROM drill")?, "kept")?;
    expect(
        query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")?,
        "f",
    )?;
    query(
        "SELECT split_part(version(), ' on ', 1) || ', ' || current_user || '@' || current_database()",
    )
}

/// A retained message stays over the change; without the password nobody gets in.
pub(super) fn mosquitto(talk: &Talk<'_>) -> Answer {
    let url = talk.published("url")?;
    let login = format!("slapos:{}@", talk.published("password")?);
    let anonymous = format!("{}/drill/said", url.replace(&login, ""));
    if publish(talk, &anonymous, &["-m", "x"]).is_ok() {
        return Err("it takes messages without a password".to_owned());
    }
    let topic = format!("{url}/drill/said");
    if !talk.is_changed {
        publish(talk, &topic, &["-r", "-m", "hello from the drill"])?;
    }
    // The change is a smaller largest message: one that is larger is not taken.
    let (long, large) = ("x".repeat(2000), format!("{url}/drill/large"));
    drop(publish(talk, &large, &["-r", "-m", &long]));
    let came = subscribe(talk, &large, "2");
    // An empty one takes it away, so that the next look finds nothing of this one.
    publish(talk, &large, &["-r", "-n"])?;
    if came.is_ok_and(|text| text == long) == talk.is_changed {
        return Err("the largest message is not what was asked for".to_owned());
    }
    expect(subscribe(talk, &topic, "10")?, "hello from the drill")
}

fn publish(talk: &Talk<'_>, topic: &str, words: &[&str]) -> Answer {
    let program = talk.program("mosquitto", "bin/mosquitto_pub")?;
    answer(Command::new(program).args(["-L", topic]).args(words))
}

/// The next message, waited for that many seconds.
fn subscribe(talk: &Talk<'_>, topic: &str, seconds: &str) -> Answer {
    let program = talk.program("mosquitto", "bin/mosquitto_sub")?;
    answer(Command::new(program).args(["-L", topic, "-C", "1", "-W", seconds]))
}

/// Who has the key gets a shell in the partition; after the change it is another key.
pub(super) fn dropbear(talk: &Talk<'_>) -> Answer {
    let (right, wrong) = match talk.is_changed {
        true => ("second", "first"),
        false => ("first", "second"),
    };
    let login = |key: &str| {
        let known = talk.ground.path().join("known_hosts");
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ]);
        // The first time the server's key is learnt, after that it must be the same.
        ssh.args([
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            "IdentityAgent=none",
        ]);
        ssh.arg("-o")
            .arg(format!("UserKnownHostsFile={}", known.display()));
        ssh.arg("-i").arg(talk.ground.key(key));
        answer(
            ssh.arg(talk.published("url")?)
                .arg("echo $(id -un) in $(pwd)"),
        )
    };
    let said = login(right)?;
    if login(wrong).is_ok() {
        return Err(format!("the key {wrong} is not listed and gets in"));
    }
    let partition = talk.view.partition.as_deref().unwrap_or_default();
    expect(said, &format!("/instance/{partition}"))
}
