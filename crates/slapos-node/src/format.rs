//! Format: the users, groups and folders of the partitions, and what the machine offers.
//!
//! [`plan_format`] is pure and says what is missing; [`format_node`] does it. One partition that
//! cannot be made never holds up the others. Nothing is ever removed here. As root each partition
//! gets a system user of its own; without root everything runs as the one current user.

mod facts;

use crate::config::Settings;
use crate::layout::Layout;
use crate::system::{Account, FolderAsk, FolderFacts, NewAccount, System};
pub use facts::{closed_parents, probe_facts};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// What format made.
#[derive(Debug, Clone, Default)]
pub struct Formatted {
    /// The user that builds; `None` when everything runs as one user.
    pub software: Option<Account>,
    /// Partitions by name.
    pub partitions: BTreeMap<String, FormattedPartition>,
    /// What was changed.
    pub actions: Vec<String>,
}

impl Formatted {
    /// For who only looks: all partitions of the settings, as if made for one user.
    #[must_use]
    pub fn assumed(settings: &Settings) -> Self {
        let names = (0..settings.partitions).map(|index| partition_name(settings, index));
        Self {
            partitions: names
                .map(|name| (name, FormattedPartition::default()))
                .collect(),
            ..Self::default()
        }
    }
}

/// One partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormattedPartition {
    /// Its user; `None` when everything runs as one user.
    pub account: Option<Account>,
    /// Why it cannot be used.
    pub error: Option<String>,
}

/// One thing to be made or corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatAction {
    /// A user.
    Account(NewAccount),
    /// A folder.
    Folder(FolderWish),
}

/// A folder as it should be; its owner may not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderWish {
    /// Where.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// Name of the user that it belongs to; the agent's own when left out.
    pub owner: Option<String>,
}

/// What is there already.
#[derive(Debug, Clone, Default)]
pub struct FormatObserved {
    /// Users by name, of those that are wanted.
    pub accounts: BTreeMap<String, Account>,
    /// Folders of those that are wanted.
    pub folders: BTreeMap<PathBuf, FolderFacts>,
}

impl fmt::Display for FormatAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "make user {}", account.name),
            Self::Folder(folder) => {
                write!(
                    f,
                    "make folder {} (mode {:04o}",
                    folder.path.display(),
                    folder.mode
                )?;
                match &folder.owner {
                    Some(owner) => write!(f, ", owner {owner})"),
                    None => f.write_str(")"),
                }
            }
        }
    }
}

/// Name of a partition.
#[must_use]
pub fn partition_name(settings: &Settings, index: u32) -> String {
    format!("{}{index}", settings.partition_base_name)
}

fn user_name(settings: &Settings, index: u32) -> String {
    format!("{}{index}", settings.user_base_name)
}

/// All that should be there: users, then folders from the outside in.
#[must_use]
pub fn wish(settings: &Settings, layout: &Layout, is_root: bool) -> Vec<FormatAction> {
    let mut wanted = Vec::new();
    let builder = is_root.then(|| settings.software_user.clone());
    if let Some(name) = &builder {
        wanted.push(FormatAction::Account(NewAccount {
            name: name.clone(),
            home: layout.software_root(),
            group: None,
        }));
    }
    let mut folder = |path: PathBuf, mode: u32, owner: Option<&String>| {
        wanted.push(FormatAction::Folder(FolderWish {
            path,
            mode,
            owner: owner.cloned(),
        }));
    };
    let var = layout.root().join("var");
    folder(var.clone(), 0o755, None);
    folder(layout.state(), 0o700, None);
    folder(layout.cache(), 0o755, None);
    folder(layout.cache().join("release"), 0o755, None);
    folder(layout.sources(), 0o755, builder.as_ref());
    folder(var.join("log"), 0o755, None);
    folder(layout.instance_log(), 0o700, None);
    folder(var.join("log/build"), 0o755, builder.as_ref());
    folder(layout.software_root(), 0o755, builder.as_ref());
    folder(layout.shared(), 0o755, builder.as_ref());
    folder(layout.instance_root(), 0o755, None);
    for index in 0..settings.partitions {
        let path = layout.partition(&partition_name(settings, index));
        let owner = is_root.then(|| user_name(settings, index));
        if let Some(name) = &owner {
            wanted.push(FormatAction::Account(NewAccount {
                name: name.clone(),
                home: path.clone(),
                group: builder.clone(),
            }));
        }
        wanted.push(FormatAction::Folder(FolderWish {
            path,
            mode: 0o750,
            owner,
        }));
    }
    wanted
}

/// What of `wanted` is missing or different. Empty for a formatted node.
#[must_use]
pub fn plan_format(wanted: &[FormatAction], observed: &FormatObserved) -> Vec<FormatAction> {
    let is_missing = |action: &&FormatAction| match action {
        FormatAction::Account(ask) => match (observed.accounts.get(&ask.name), &ask.group) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(account), Some(group)) => observed
                .accounts
                .get(group)
                .is_none_or(|group| !account.groups.contains(&group.gid)),
        },
        FormatAction::Folder(ask) => match observed.folders.get(&ask.path) {
            None => true,
            Some(facts) if facts.mode != ask.mode => true,
            Some(facts) => ask.owner.as_ref().is_some_and(|owner| {
                let account = observed.accounts.get(owner);
                account.is_none_or(|account| account.uid != facts.uid)
            }),
        },
    };
    wanted.iter().filter(is_missing).cloned().collect()
}

/// Looks at what is there of `wanted`. What cannot be looked at counts as missing; making it will
/// say why.
pub fn observe_format(system: &dyn System, wanted: &[FormatAction]) -> FormatObserved {
    let mut observed = FormatObserved::default();
    for action in wanted {
        match action {
            FormatAction::Account(ask) => {
                if let Ok(Some(account)) = system.find_account(&ask.name) {
                    observed.accounts.insert(ask.name.clone(), account);
                }
            }
            FormatAction::Folder(ask) => {
                if let Ok(Some(facts)) = system.look_at_folder(&ask.path) {
                    observed.folders.insert(ask.path.clone(), facts);
                }
            }
        }
    }
    observed
}

/// Makes what is missing.
///
/// # Errors
/// When something that all partitions need cannot be made. What one partition needs is noted there.
pub fn format_node(
    system: &dyn System,
    settings: &Settings,
    layout: &Layout,
) -> Result<Formatted, String> {
    let wanted = wish(settings, layout, system.is_root());
    let observed = observe_format(system, &wanted);
    let mut accounts = observed.accounts.clone();
    let mut formatted = Formatted::default();
    let mut faults: BTreeMap<String, String> = BTreeMap::new();
    let names = partitions_by_path(settings, layout);
    for action in plan_format(&wanted, &observed) {
        let partition = match &action {
            FormatAction::Account(ask) => names.get(&ask.home),
            FormatAction::Folder(ask) => names.get(&ask.path),
        };
        let check = |facts: Option<&FolderFacts>| check_owner(system, facts);
        let done = match &action {
            FormatAction::Folder(ask) if partition.is_some() => {
                check(observed.folders.get(&ask.path))
            }
            _ => Ok(()),
        }
        .and_then(|()| perform(system, &action, &mut accounts));
        match (done, partition) {
            (Ok(()), _) => formatted.actions.push(action.to_string()),
            (Err(error), Some(partition)) => {
                faults.entry(partition.clone()).or_insert(error);
            }
            (Err(error), None) => return Err(error),
        }
    }
    formatted.software = accounts
        .get(&settings.software_user)
        .filter(|_| system.is_root())
        .cloned();
    for index in 0..settings.partitions {
        let name = partition_name(settings, index);
        let account = system
            .is_root()
            .then(|| accounts.get(&user_name(settings, index)).cloned());
        let made = FormattedPartition {
            account: account.flatten(),
            error: faults.remove(&name),
        };
        formatted.partitions.insert(name, made);
    }
    Ok(formatted)
}

fn partitions_by_path(settings: &Settings, layout: &Layout) -> BTreeMap<PathBuf, String> {
    (0..settings.partitions)
        .map(|index| partition_name(settings, index))
        .map(|name| (layout.partition(&name), name))
        .collect()
}

/// A folder of somebody else is never taken: what is in it is his.
fn check_owner(system: &dyn System, facts: Option<&FolderFacts>) -> Result<(), String> {
    let own = nix::unistd::geteuid().as_raw();
    match facts {
        Some(facts) if facts.uid != own && !system.is_root() => Err(format!(
            "its folder belongs to user {}; give it to the user of the agent, or move it away",
            facts.uid
        )),
        _ => Ok(()),
    }
}

fn perform(
    system: &dyn System,
    action: &FormatAction,
    accounts: &mut BTreeMap<String, Account>,
) -> Result<(), String> {
    match action {
        FormatAction::Account(ask) => {
            let account = system
                .ensure_account(ask)
                .map_err(|error| error.to_string())?;
            accounts.insert(ask.name.clone(), account);
            Ok(())
        }
        FormatAction::Folder(ask) => {
            let owner = match &ask.owner {
                None => None,
                Some(name) => {
                    let account = accounts.get(name);
                    let account = account.ok_or_else(|| format!("user {name} is missing"))?;
                    Some((account.uid, account.gid))
                }
            };
            let made = FolderAsk {
                path: ask.path.clone(),
                mode: ask.mode,
                owner,
            };
            system
                .ensure_folder(&made)
                .map_err(|error| error.to_string())
        }
    }
}

/// Makes the root itself; an existing one keeps its mode.
///
/// # Errors
/// When it cannot be made.
pub fn ensure_root(root: &Path) -> std::io::Result<()> {
    crate::atomic_file::make_folders(root, 0o755)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::real::Host;

    fn settings() -> Settings {
        Settings {
            partitions: 2,
            ..Settings::default()
        }
    }

    fn lines(actions: &[FormatAction]) -> Vec<String> {
        actions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn wish_without_root_has_no_users() {
        let layout = Layout::new(Path::new("/r"));
        let lines = lines(&wish(&settings(), &layout, false));
        assert!(lines.contains(&"make folder /r/instance/slappart1 (mode 0750)".to_owned()));
        assert!(
            !lines
                .iter()
                .any(|line| line.contains("user") || line.contains("owner"))
        );
    }

    #[test]
    fn wish_of_root_gives_each_partition_a_user() {
        let layout = Layout::new(Path::new("/r"));
        let lines = lines(&wish(&settings(), &layout, true));
        assert!(lines.contains(&"make user slapsoft".to_owned()));
        assert!(lines.contains(&"make user slapuser1".to_owned()));
        let folder = "make folder /r/instance/slappart1 (mode 0750, owner slapuser1)";
        assert!(lines.contains(&folder.to_owned()));
    }

    #[test]
    fn plan_format_of_a_formatted_node_is_empty() {
        let layout = Layout::new(Path::new("/r"));
        let wanted = wish(&settings(), &layout, true);
        let mut observed = FormatObserved::default();
        let account = |name: &str, uid: u32| Account {
            name: name.to_owned(),
            uid,
            gid: uid,
            groups: vec![900],
            home: "/".into(),
        };
        for (name, uid) in [("slapsoft", 900), ("slapuser0", 901), ("slapuser1", 902)] {
            observed
                .accounts
                .insert(name.to_owned(), account(name, uid));
        }
        for action in &wanted {
            if let FormatAction::Folder(ask) = action {
                let uid = ask
                    .owner
                    .as_ref()
                    .map_or(0, |owner| observed.accounts[owner].uid);
                let facts = FolderFacts {
                    uid,
                    gid: uid,
                    mode: ask.mode,
                };
                observed.folders.insert(ask.path.clone(), facts);
            }
        }
        assert_eq!(
            lines(&plan_format(&wanted, &observed)),
            Vec::<String>::new()
        );
        let path = layout.partition("slappart1");
        observed.folders.get_mut(&path).unwrap().mode = 0o777;
        assert_eq!(plan_format(&wanted, &observed).len(), 1);
    }

    #[test]
    fn format_twice_changes_nothing_the_second_time() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        let host = OneUser(Host::new(Path::new("/nowhere"), Path::new("/nowhere")));
        let first = format_node(&host, &settings(), &layout).unwrap();
        assert!(!first.actions.is_empty());
        let second = format_node(&host, &settings(), &layout).unwrap();
        assert_eq!(second.actions, Vec::<String>::new());
        assert_eq!(second.partitions.len(), 2);
        assert!(second.partitions.values().all(|made| made.error.is_none()));
    }

    #[test]
    fn format_one_bad_partition_leaves_the_others() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        fs_err::create_dir_all(layout.instance_root()).unwrap();
        std::os::unix::fs::symlink("/etc", layout.partition("slappart0")).unwrap();
        let host = OneUser(Host::new(Path::new("/nowhere"), Path::new("/nowhere")));
        let made = format_node(&host, &settings(), &layout).unwrap();
        assert!(made.partitions["slappart0"].error.is_some());
        assert_eq!(made.partitions["slappart1"].error, None);
    }

    /// The real machine as seen without root, whoever runs the tests.
    struct OneUser(Host);

    impl System for OneUser {
        fn is_root(&self) -> bool {
            false
        }
        fn find_account(&self, name: &str) -> std::io::Result<Option<Account>> {
            self.0.find_account(name)
        }
        fn ensure_account(&self, _: &NewAccount) -> std::io::Result<Account> {
            panic!("no user may be made")
        }
        fn look_at_folder(&self, path: &Path) -> std::io::Result<Option<FolderFacts>> {
            self.0.look_at_folder(path)
        }
        fn ensure_folder(&self, ask: &FolderAsk) -> std::io::Result<()> {
            self.0.ensure_folder(ask)
        }
        fn run_job(
            &self,
            _: &crate::system::JobAsk<'_>,
            _: &mut dyn FnMut(crate::job::JobProgress),
        ) -> crate::job::JobOutcome {
            panic!("no job here")
        }
        fn run_child(
            &self,
            _: &crate::system::ChildAsk<'_>,
        ) -> std::io::Result<crate::system::ChildEnd> {
            panic!("no child here")
        }
        fn apply_group(&self, _: &slapos_supervise::GroupSpec) -> std::io::Result<()> {
            panic!("no supervisor here")
        }
        fn remove_group(&self, _: &str) -> std::io::Result<()> {
            panic!("no supervisor here")
        }
        fn list_groups(&self) -> std::io::Result<Vec<slapos_supervise::GroupStatus>> {
            panic!("no supervisor here")
        }
        fn end_processes_of(&self, _: &Account) -> std::io::Result<()> {
            panic!("no process may be ended")
        }
        fn remove_content(&self, _: &Path) -> std::io::Result<u64> {
            panic!("nothing may be removed")
        }
    }
}
