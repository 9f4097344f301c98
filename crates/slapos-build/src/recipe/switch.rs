//! `slapos.cookbook:switch-softwaretype`: the profile of the instance's software type, installed inside of this one.
//!
//! It is evaluated and installed at every run, with a record of its own beside that of the partition. What it
//! publishes is published. `[slap-configuration]` is handed over with its types, through the recipe `.noop`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use slapos_buildout::{Override, PartOptions, RecipeError, Typed, Value};

use super::{Construction, Installed, Part, World, options};
use crate::engine::{self, Place, Saving};
use crate::evaluate::evaluate;
use crate::instance::{InstanceInstall, overrides};
use crate::jobserver::JobserverWhenNeeded;
use crate::record::Records;
use crate::work::{PartFailure, Site, Work, failing, safe_name};
use crate::{BuildError, own};

/// The option through which values keep their types on their way into the inner profile.
const HANDED_OVER: &str = "-switch-softwaretype.noop";
const CONFIGURATION: &str = "slap-configuration";

struct Switch {
    profile: String,
    install: InstanceInstall,
    overrides: Vec<Override>,
    /// Those of the outer profile.
    ports: BTreeSet<u16>,
    connection: Mutex<BTreeMap<String, String>>,
}

pub(super) fn construct(
    construction: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let world = construction.world;
    let Some(install) = world.instance else {
        return Err("a software's profile has no software type; use it in the instance's".into());
    };
    if options::text(part, "override")?.is_some() {
        return Err("the option `override` is not supported yet".into());
    }
    let wanted = part.other(CONFIGURATION, "slap-software-type")?.into_text();
    let target = target(part, &wanted)?;
    let (section, option) = target.split_once(':').ok_or_else(|| {
        format!("`{target}` is not `section:option`, such as `instance-profile:output`")
    })?;
    let profile = part.other(section, option)?.into_text();
    let configuration = part.other_section(CONFIGURATION)?;
    let pairs = configuration
        .into_iter()
        .filter(|(name, _)| name != "recipe");
    let pairs = pairs.map(|(name, value)| {
        let typed = match value {
            Value::Text(text) => Typed::Str(text),
            Value::Typed(typed) => typed,
        };
        (Typed::Str(name), typed)
    });
    let marker = Typed::Dict(pairs.collect())
        .to_marker()
        .map_err(|error| error.to_string())?;
    let mut overrides = overrides(install);
    overrides.push(Override::new(
        CONFIGURATION,
        "recipe",
        "slapos.cookbook:switch-softwaretype.noop",
    ));
    overrides.push(Override::new(CONFIGURATION, HANDED_OVER, &marker));
    for option in ["eggs-directory", "develop-eggs-directory", "newest"] {
        let value = part.other("buildout", option)?.into_text();
        overrides.push(Override::new("buildout", option, &value));
    }
    Ok(Box::new(Switch {
        profile,
        install: install.clone(),
        overrides,
        ports: world.ports.borrow().clone(),
        connection: Mutex::default(),
    }))
}

/// Which option of which section names the profile of a software type.
fn target(part: &mut PartOptions<'_, '_>, wanted: &str) -> Result<String, RecipeError> {
    if let Some(target) = options::text(part, wanted)? {
        return Ok(target);
    }
    // What instances without a type had in the beginning.
    if wanted == "RootSoftwareInstance"
        && let Some(target) = options::text(part, "default")?
    {
        return Ok(target);
    }
    let known: Vec<String> = part
        .keys()
        .into_iter()
        .filter(|name| name != "recipe" && name != "override" && !name.starts_with('_'))
        .collect();
    Err(format!(
        "there is no software type `{wanted}`; there are {}",
        known.join(", ")
    )
    .into())
}

impl Part for Switch {
    fn connection(&self) -> BTreeMap<String, String> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn updates(&self) -> bool {
        true
    }

    fn install(&self, work: &mut Work<'_>) -> Result<Installed, PartFailure> {
        let own = own::folder(&self.install.partition_dir);
        let name = safe_name(work.name);
        let path = own.join(format!("installed-{name}.json"));
        let records =
            Records::load(&path).map_err(failing("reading what is installed in", &path))?;
        let kept = records
            .parts
            .values()
            .filter_map(|record| record.kept.get("port")?.parse().ok());
        let world = World {
            directory: self.install.partition_dir.clone(),
            shared: None,
            path: &self.install.path,
            cache: None,
            instance: Some(&self.install),
            records: &records,
            ports: RefCell::new(self.ports.iter().copied().chain(kept).collect()),
            cancel: work.site.cancel.clone(),
        };
        let wanted =
            evaluate(&self.profile, self.overrides.clone(), world, (None, None)).map_err(inner)?;
        let place = Place {
            site: Site {
                jobs: 1,
                jobserver: JobserverWhenNeeded::default(),
                network: crate::network::NetworkCut::default(),
                ..*work.site
            },
            records: path,
            logs: own.join("log"),
            saving: Saving::Once,
        };
        let tell = work.tell;
        engine::run(&wanted, &place, records.clone(), &mut |news| tell(news))
            .whole()
            .map_err(inner)?;
        let parts = wanted
            .order
            .iter()
            .filter_map(|name| wanted.parts.get(name));
        let connection = parts.flat_map(|one| one.part.connection()).collect();
        *self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = connection;
        Ok(Installed::default())
    }
}

fn inner(error: BuildError) -> PartFailure {
    match error {
        BuildError::Cancelled => PartFailure::Cancelled,
        BuildError::MissingTool(text) => PartFailure::MissingTool(text),
        other => PartFailure::Failed(other.to_string()),
    }
}

/// What was handed over, as options again.
struct HandedOver;

pub(super) fn construct_noop(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let Some(Value::Typed(Typed::Dict(pairs))) = part.remove(HANDED_OVER)? else {
        return Err("nothing was handed over; only `switch-softwaretype` uses this recipe".into());
    };
    for (name, value) in pairs {
        match (name, Value::from(value)) {
            (Typed::Str(name), Value::Text(text)) => part.set(&name, options::literal(&text))?,
            (Typed::Str(name), typed) => part.set(&name, typed)?,
            (other, _) => return Err(format!("{} is no name of an option", other.repr()).into()),
        }
    }
    Ok(Box::new(HandedOver))
}

impl Part for HandedOver {
    fn is_only_options(&self) -> bool {
        true
    }

    fn install(&self, _: &mut Work<'_>) -> Result<Installed, PartFailure> {
        Ok(Installed::default())
    }
}
