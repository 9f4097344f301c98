//! `slapos.cookbook:userinfo`: who runs this, as options.

use nix::unistd::{Group, User, getegid, geteuid};
use slapos_buildout::{PartOptions, RecipeError};

use super::{Construction, Installed, Part, options};
use crate::work::{PartFailure, Work};

struct UserInfo;

pub(super) fn construct(
    _: &Construction<'_>,
    part: &mut PartOptions<'_, '_>,
) -> Result<Box<dyn Part>, RecipeError> {
    let (uid, gid) = (geteuid(), getegid());
    part.set("uid", uid.to_string())?;
    part.set("gid", gid.to_string())?;
    // A user without a name, as in a container, is no fault.
    let user = User::from_uid(uid).ok().flatten();
    let group = Group::from_gid(gid).ok().flatten();
    let name = user
        .as_ref()
        .map_or_else(|| uid.to_string(), |user| user.name.clone());
    part.set("pw-name", options::literal(&name))?;
    part.set(
        "gr-name",
        group.map_or_else(|| gid.to_string(), |group| group.name),
    )?;
    if let Some(user) = user {
        part.set("dir", options::literal(&user.dir.to_string_lossy()))?;
        part.set("shell", options::literal(&user.shell.to_string_lossy()))?;
    }
    Ok(Box::new(UserInfo))
}

impl Part for UserInfo {
    fn is_only_options(&self) -> bool {
        true
    }

    fn install(&self, _: &mut Work<'_>) -> Result<Installed, PartFailure> {
        Ok(Installed::default())
    }
}
