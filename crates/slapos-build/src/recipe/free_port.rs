//! `slapos.cookbook:free_port`: a port chosen once and kept in the record.
//!
//! The search begins at a place that follows from the partition and the part, so that two partitions that are
//! installed at the same time do not look at the same port.

use std::collections::BTreeMap;
use std::net::{IpAddr, TcpListener};

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::file;
use crate::limits;
use crate::work::{PartFailure, Work};

struct FreePort {
    port: u16,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let minimum = options::number(part, "minimum", limits::PORT_MIN)?;
    let maximum = options::number(part, "maximum", limits::PORT_MAX)?;
    if minimum == 0 || minimum > maximum {
        return Err(format!("no port is from {minimum} to {maximum}").into());
    }
    let ip = options::text_or(part, "ip", "127.0.0.1")?;
    let ip: IpAddr = ip
        .trim_matches(['[', ']'])
        .parse()
        .map_err(|_| format!("`ip` is `{ip}`, no address"))?;
    let world = construction.world;
    let kept = world.records.parts.get(&construction.name);
    let kept = kept.and_then(|record| record.kept.get("port")?.parse().ok());
    let port = match kept.filter(|port| (minimum..=maximum).contains(port)) {
        Some(port) => port,
        None => {
            let seed = format!("{}\n{}", world.directory.display(), construction.name);
            let taken = world.ports.borrow();
            let is_free =
                |port: u16| !taken.contains(&port) && TcpListener::bind((ip, port)).is_ok();
            choose(&seed, (minimum, maximum), &is_free)
                .ok_or_else(|| format!("no free port from {minimum} to {maximum} at {ip}"))?
        }
    };
    world.ports.borrow_mut().insert(port);
    part.set("port", port.to_string())?;
    Ok(Box::new(FreePort { port }))
}

fn choose(
    seed: &str,
    (minimum, maximum): (u16, u16),
    is_free: &dyn Fn(u16) -> bool,
) -> Option<u16> {
    let count = u32::from(maximum - minimum) + 1;
    let digest = file::sha256(seed.as_bytes());
    // The digest is hex: its first digits are always a number.
    let start = u32::from_str_radix(&digest[..7], 16).unwrap_or(0) % count;
    (0..count.min(limits::PORTS_TRIED_MAX))
        .filter_map(|n| u16::try_from(u32::from(minimum) + (start + n) % count).ok())
        .find(|port| is_free(*port))
}

impl Part for FreePort {
    fn is_only_options(&self) -> bool {
        true
    }

    fn kept(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("port".to_owned(), self.port.to_string())])
    }

    fn install(&self, _: &mut Work<'_>) -> Result<Installed, PartFailure> {
        Ok(Installed::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choose_stays_in_its_range_and_goes_round() {
        for seed in 0..50 {
            let seed = seed.to_string();
            let port = choose(&seed, (10, 13), &|port| port == 11);
            assert_eq!(port, Some(11));
            assert_eq!(choose(&seed, (10, 13), &|_| false), None);
        }
        assert_eq!(choose("x", (65535, 65535), &|_| true), Some(65535));
    }

    #[test]
    fn choose_begins_elsewhere_for_another_seed() {
        let first = |seed| choose(seed, (1024, 32767), &|_| true);
        assert_ne!(first("/a\nport"), first("/b\nport"));
        assert_eq!(first("/a\nport"), first("/a\nport"));
    }
}
