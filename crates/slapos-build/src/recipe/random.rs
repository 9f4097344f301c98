//! `slapos.cookbook:random.integer`, `random.time` and `generate.mac`: chosen once, kept from then on.
//!
//! The original chooses anew at every run unless something publishes the choice; here the record keeps it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::file;
use crate::work::{PartFailure, Work};

/// What was chosen.
struct Chosen {
    value: String,
    /// Where it is kept besides the record.
    storage: Option<PathBuf>,
}

const KEPT: &str = "value";

pub(super) fn construct_integer(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let bound = |part: &mut PartOptions<'_, '_>, option: &str| {
        options::needed(part, option)?;
        options::number(part, option, 0_i64)
    };
    let (minimum, maximum) = (bound(part, "minimum")?, bound(part, "maximum")?);
    if minimum > maximum {
        return Err(format!("no number is from {minimum} to {maximum}").into());
    }
    let fits = |text: &str| {
        text.parse()
            .is_ok_and(|n: i64| (minimum..=maximum).contains(&n))
    };
    let choose = || {
        let count = u64::try_from(i128::from(maximum) - i128::from(minimum)).unwrap_or(u64::MAX);
        let n = below(count)?;
        Ok((i128::from(minimum) + i128::from(n)).to_string())
    };
    chosen(construction, part, "value", &fits, &choose)
}

pub(super) fn construct_time(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let choose = || {
        let minutes = below(24 * 60 - 1)?;
        Ok(format!("{}:{:02}", minutes / 60, minutes % 60))
    };
    chosen(construction, part, "time", &|_| true, &choose)
}

pub(super) fn construct_mac(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let storage = PathBuf::from(options::needed(part, "storage-path")?);
    let storage = construction.world.directory.join(storage);
    let stored = match file::read_text(&storage) {
        Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(format!("reading the stored address: {error}").into()),
    };
    let value = match (options::text(part, "mac-address")?, stored) {
        (Some(value), _) | (None, Some(value)) => value,
        (None, None) => {
            let mut bytes = [0; 5];
            getrandom::fill(&mut bytes).map_err(|e| format!("choosing an address: {e}"))?;
            // The first byte says that it is an address that nobody sold.
            bytes.iter().fold("fe".to_owned(), |mut text, byte| {
                // Writing to a string cannot fail.
                let _ = write!(text, ":{byte:02x}");
                text
            })
        }
    };
    part.set("mac-address", value.clone())?;
    Ok(Box::new(Chosen {
        value,
        storage: Some(storage),
    }))
}

fn chosen(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
    option: &str,
    how: &dyn Fn(&str) -> bool,
    choose: &dyn Fn() -> Result<String, RecipeError>,
) -> Result<Box<dyn Part>, RecipeError> {
    let kept = construction.world.records.parts.get(&construction.name);
    let kept = kept
        .and_then(|record| record.kept.get(KEPT).cloned())
        .filter(|text| how(text));
    let value = match (options::text(part, option)?, kept) {
        (Some(value), _) | (None, Some(value)) => value,
        (None, None) => choose()?,
    };
    part.set(option, value.clone())?;
    Ok(Box::new(Chosen {
        value,
        storage: None,
    }))
}

/// A number from 0 to `maximum`.
fn below(maximum: u64) -> Result<u64, RecipeError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| format!("choosing a number: {e}"))?;
    // With 128 bits the remainder favours no number that anybody could notice.
    let n = u128::from_le_bytes(bytes) % (u128::from(maximum) + 1);
    Ok(u64::try_from(n).unwrap_or(maximum))
}

impl Part for Chosen {
    fn is_only_options(&self) -> bool {
        true
    }

    fn kept(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(KEPT.to_owned(), self.value.clone())])
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let Some(storage) = &self.storage else {
            return Ok(Installed::default());
        };
        work.write(storage, self.value.as_bytes(), 0o644)?;
        Ok(Installed {
            shared: vec![storage.clone()],
            ..Installed::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let seen: std::collections::BTreeSet<u64> = (0..200).map(|_| below(2).unwrap()).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(below(0).unwrap(), 0);
        below(u64::MAX).unwrap();
    }
}
