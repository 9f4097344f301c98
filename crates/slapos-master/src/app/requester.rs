//! On whose behalf a service is asked for: a person, or an instance for its tree.
//!
//! All instances of a tree share one set of names, kept under the subject of the tree's root, so
//! that two of them that ask for the same name are given the same instance.

use super::caller::Membership;
use super::{AppError, Caller};
use crate::store::instance::{self, InstanceRow};
use crate::store::subject::{self, SubjectRow};
use crate::store::{Tx, tree};
use slapos_model::{Role, SubjectId};

/// Who asks.
#[derive(Debug, Clone)]
pub struct Requester {
    /// Under whose names.
    pub subject_id: String,
    /// In which tenant.
    pub project: Membership,
    /// The instance that asks, and the root of its tree.
    pub instance: Option<Asking>,
}

/// The instance that asks.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Itself.
    pub id: String,
    /// The root of its tree, which may be itself.
    pub root: InstanceRow,
}

impl Requester {
    /// Who that is, without making anything; none when it never asked before.
    ///
    /// # Errors
    /// When the caller may not ask for services there.
    pub fn find(
        tx: &mut Tx<'_>,
        caller: &Caller,
        project: Option<&str>,
    ) -> Result<Option<Self>, AppError> {
        let Caller::Instance { id, .. } = caller else {
            return Self::of_person(caller, project).map(Some);
        };
        let (project, root) = load_tree(tx, id)?;
        let id = id.clone();
        Ok(root.subject_id.clone().map(|subject_id| Self {
            subject_id,
            project,
            instance: Some(Asking { id, root }),
        }))
    }

    /// Who that is; the root of a tree becomes a subject with its first child.
    ///
    /// # Errors
    /// When the caller may not ask for services there.
    pub fn ensure(
        tx: &mut Tx<'_>,
        caller: &Caller,
        project: Option<&str>,
    ) -> Result<Self, AppError> {
        let Caller::Instance { id, .. } = caller else {
            return Self::of_person(caller, project);
        };
        let (project, mut root) = load_tree(tx, id)?;
        let subject_id = ensure_subject(tx, &mut root)?;
        let id = id.clone();
        Ok(Self {
            subject_id,
            project,
            instance: Some(Asking { id, root }),
        })
    }

    fn of_person(caller: &Caller, project: Option<&str>) -> Result<Self, AppError> {
        let project = caller.choose_project(project)?.clone();
        caller.require(&project.project_id, Role::Member, "such project")?;
        Ok(Self {
            subject_id: caller.subject_id().to_owned(),
            project,
            instance: None,
        })
    }

    /// The reference of the instance that asks.
    #[must_use]
    pub fn parent_id(&self) -> Option<&str> {
        self.instance.as_ref().map(|asking| asking.id.as_str())
    }
}

fn load_tree(tx: &mut Tx<'_>, id: &str) -> Result<(Membership, InstanceRow), AppError> {
    let row = instance::find(tx, id)?.ok_or_else(AppError::unauthenticated)?;
    let root = if row.root_id == row.id {
        row
    } else {
        instance::find(tx, &row.root_id)?.ok_or_else(AppError::unauthenticated)?
    };
    let project = Membership {
        project_id: root.project_id.clone(),
        project_name: root.project_name.clone(),
        role: Role::Member,
    };
    Ok((project, root))
}

/// The subject that an instance is, made when it is none yet.
///
/// # Errors
/// The store's.
pub fn ensure_subject(tx: &mut Tx<'_>, row: &mut InstanceRow) -> Result<String, AppError> {
    if let Some(known) = &row.subject_id {
        return Ok(known.clone());
    }
    let made = SubjectRow {
        id: SubjectId::fresh(tx.clock(), tx.random()).to_string(),
        kind: "instance".to_owned(),
        name: row.name.clone(),
    };
    subject::insert(tx, &made)?;
    tree::set_subject(tx, &row.id, &made.id)?;
    row.subject_id = Some(made.id.clone());
    Ok(made.id)
}
