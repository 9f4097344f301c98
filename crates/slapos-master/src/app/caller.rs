//! Who asks, and what that allows. The default answer is no.
//!
//! A thing that the caller may not see is answered as one that does not exist.

use super::AppError;
use crate::store::instance::InstanceRow;
use crate::store::node::NodeRow;
use crate::store::{Tx, certificate, instance, node, subject};
use sha2::{Digest, Sha256};
use slapos_model::Role;

/// What came with a call to prove who it is from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Nothing.
    None,
    /// SHA-256 of the token that was sent, in hex: the secret itself goes no further.
    Token(String),
    /// SHA-256 of the public key whose holder made the TLS connection, in hex.
    Key(String),
}

impl Proof {
    /// Of a token as it was sent.
    #[must_use]
    pub fn of_token(secret: &str) -> Self {
        Self::Token(hash_hex(secret.as_bytes()))
    }
}

/// A proved subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A person, with the roles it has.
    Person {
        /// Reference of the subject.
        id: String,
        /// Its name.
        name: String,
        /// Its roles.
        roles: Vec<Membership>,
    },
    /// A node.
    Node {
        /// Reference of the node.
        id: String,
        /// Reference of the subject.
        subject_id: String,
        /// Its tenant.
        project_id: String,
    },
    /// An instance, by its own certificate or by the word of its node.
    Instance {
        /// Reference of the instance.
        id: String,
        /// Reference of the subject; the instance's own while it is none.
        subject_id: String,
        /// Its tenant.
        project_id: String,
        /// The root of its tree.
        root_id: String,
    },
}

/// What somebody does with an instance that is not their own request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// See it.
    Read,
    /// Let it be looked at again.
    Bang,
    /// Change what is asked of it.
    Change,
    /// Say how it is, publish for it, remove it.
    Run,
}

/// A role in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Reference of the project.
    pub project_id: String,
    /// Its name.
    pub project_name: String,
    /// The role.
    pub role: Role,
}

impl Caller {
    /// Who that is.
    ///
    /// # Errors
    /// When nothing is proved.
    pub fn identify(tx: &mut Tx<'_>, proof: &Proof) -> Result<Self, AppError> {
        match proof {
            Proof::None => Err(AppError::unauthenticated()),
            Proof::Token(hash) => {
                let found = subject::find_by_token(tx, hash)?;
                Self::of_person(tx, found.ok_or_else(AppError::unauthenticated)?)
            }
            Proof::Key(hash) => match node::find_by_key(tx, hash)? {
                Some(row) => Ok(Self::of_node(&row)),
                None => Self::of_certificate(tx, hash),
            },
        }
    }

    /// A person, with the roles it has now.
    ///
    /// # Errors
    /// The store's.
    pub fn of_person(tx: &mut Tx<'_>, person: subject::SubjectRow) -> Result<Self, AppError> {
        let memberships = subject::list_memberships(tx, &person.id)?.into_iter();
        let roles = memberships.filter_map(|row| {
            let role = row.role.parse().ok()?;
            let (project_id, project_name) = (row.project_id, row.project_name);
            Some(Membership {
                project_id,
                project_name,
                role,
            })
        });
        Ok(Self::Person {
            roles: roles.collect(),
            id: person.id,
            name: person.name,
        })
    }

    /// A node.
    #[must_use]
    pub fn of_node(row: &NodeRow) -> Self {
        Self::Node {
            id: row.id.clone(),
            subject_id: row.subject_id.clone(),
            project_id: row.project_id.clone(),
        }
    }

    /// An instance.
    #[must_use]
    pub fn of_instance(row: &InstanceRow) -> Self {
        Self::Instance {
            subject_id: row.subject_id.clone().unwrap_or_else(|| row.id.clone()),
            id: row.id.clone(),
            project_id: row.project_id.clone(),
            root_id: row.root_id.clone(),
        }
    }

    /// The person or living instance that a certificate is of.
    fn of_certificate(tx: &mut Tx<'_>, hash: &str) -> Result<Self, AppError> {
        let found = certificate::find_by_key(tx, hash)?;
        let kept = found.ok_or_else(AppError::unauthenticated)?;
        let Some(instance_id) = kept.instance_id else {
            let person = subject::find(tx, &kept.subject_id)?;
            return Self::of_person(tx, person.ok_or_else(AppError::unauthenticated)?);
        };
        instance::find(tx, &instance_id)?
            .filter(|row| row.partition_id.is_some())
            .map(|row| Self::of_instance(&row))
            .ok_or_else(AppError::unauthenticated)
    }

    /// Reference of the subject.
    #[must_use]
    pub fn subject_id(&self) -> &str {
        match self {
            Self::Person { id, .. } => id,
            Self::Node { subject_id, .. } | Self::Instance { subject_id, .. } => subject_id,
        }
    }

    /// That the caller may do that with an instance: a person by its role, a node with what runs
    /// on it, an instance with itself and, to see and bang, with its tree.
    ///
    /// # Errors
    /// Not found for what the caller may not know of, forbidden for too low a role.
    pub fn require_on(&self, row: &InstanceRow, act: Act) -> Result<(), AppError> {
        let missing = || AppError::not_found(format!("service `{}`", row.name));
        let is_own = match self {
            Self::Person { .. } => {
                let role = match act {
                    Act::Read => Role::Viewer,
                    Act::Bang | Act::Change => Role::Member,
                    Act::Run => {
                        self.require(&row.project_id, Role::Viewer, "such service")?;
                        return Err(AppError::forbidden(
                            "only the node or the instance itself may say this",
                        ));
                    }
                };
                return self.require(&row.project_id, role, &format!("service `{}`", row.name));
            }
            Self::Node { id, .. } => row.node_id.as_deref() == Some(id),
            Self::Instance { id, root_id, .. } => {
                *id == row.id || *root_id == row.root_id && matches!(act, Act::Read | Act::Bang)
            }
        };
        if is_own { Ok(()) } else { Err(missing()) }
    }

    /// The roles of a person; a node has none.
    #[must_use]
    pub fn roles(&self) -> &[Membership] {
        match self {
            Self::Person { roles, .. } => roles,
            Self::Node { .. } | Self::Instance { .. } => &[],
        }
    }

    /// The projects that the caller is in.
    pub fn projects(&self) -> impl Iterator<Item = &str> {
        let own = match self {
            Self::Person { .. } => None,
            Self::Node { project_id, .. } | Self::Instance { project_id, .. } => {
                Some(project_id.as_str())
            }
        };
        let held = self.roles().iter().map(|held| held.project_id.as_str());
        held.chain(own)
    }

    /// The node that calls.
    ///
    /// # Errors
    /// When it is somebody else.
    pub fn require_node(&self) -> Result<&str, AppError> {
        match self {
            Self::Node { id, .. } => Ok(id),
            Self::Person { .. } | Self::Instance { .. } => Err(AppError::forbidden(
                "only a node may call this, proved by its certificate",
            )),
        }
    }

    /// That the caller is a person.
    ///
    /// # Errors
    /// When it is a node.
    pub fn require_person(&self) -> Result<&str, AppError> {
        match self {
            Self::Person { id, .. } => Ok(id),
            Self::Node { .. } | Self::Instance { .. } => {
                Err(AppError::forbidden("only a person may call this"))
            }
        }
    }

    /// That the caller has at least that role in a project; `what` is named when it may not even
    /// know of it.
    ///
    /// # Errors
    /// Not found for a stranger, forbidden for too low a role.
    pub fn require(&self, project_id: &str, role: Role, what: &str) -> Result<(), AppError> {
        self.require_person()?;
        let held = self
            .roles()
            .iter()
            .find(|held| held.project_id == project_id);
        match held {
            None => Err(AppError::not_found(what)),
            Some(held) if held.role >= role => Ok(()),
            Some(held) => Err(AppError::forbidden(format!(
                "this needs the role {role} in project {}, yours is {}",
                held.project_name, held.role
            ))
            .hint("ask an owner of the project")),
        }
    }

    /// The project that is meant: the named one (by name or reference), else the only one.
    ///
    /// # Errors
    /// When there is none, several, or none of that name.
    pub fn choose_project(&self, named: Option<&str>) -> Result<&Membership, AppError> {
        self.require_person()?;
        let roles = self.roles();
        match named {
            Some(name) => roles
                .iter()
                .find(|held| held.project_name == name || held.project_id == name)
                .ok_or_else(|| AppError::not_found(format!("project `{name}`"))),
            None => match roles {
                [only] => Ok(only),
                [] => Err(AppError::forbidden("you are in no project")
                    .hint("ask an owner of a project to add you")),
                several => {
                    let names: Vec<_> = several
                        .iter()
                        .map(|held| held.project_name.as_str())
                        .collect();
                    Err(AppError::invalid(
                        "project",
                        format!(
                            "you are in several projects ({}); name one",
                            names.join(", ")
                        ),
                    ))
                }
            },
        }
    }
}

/// SHA-256 in hex.
#[must_use]
pub fn hash_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
