//! Who asks, and what that allows. The default answer is no.
//!
//! A thing that the caller may not see is answered as one that does not exist.

use super::AppError;
use crate::store::{Tx, node, subject};
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
                let person = found.ok_or_else(AppError::unauthenticated)?;
                let roles = subject::list_memberships(tx, &person.id)?
                    .into_iter()
                    .filter_map(|row| {
                        let role = row.role.parse().ok()?;
                        let (project_id, project_name) = (row.project_id, row.project_name);
                        Some(Membership {
                            project_id,
                            project_name,
                            role,
                        })
                    })
                    .collect();
                Ok(Self::Person {
                    id: person.id,
                    name: person.name,
                    roles,
                })
            }
            Proof::Key(hash) => {
                let found = node::find_by_key(tx, hash)?;
                let row = found.ok_or_else(AppError::unauthenticated)?;
                let (subject_id, project_id) = (row.subject_id, row.project_id);
                Ok(Self::Node {
                    id: row.id,
                    subject_id,
                    project_id,
                })
            }
        }
    }

    /// Reference of the subject.
    #[must_use]
    pub fn subject_id(&self) -> &str {
        match self {
            Self::Person { id, .. } => id,
            Self::Node { subject_id, .. } => subject_id,
        }
    }

    /// The roles of a person; a node has none.
    #[must_use]
    pub fn roles(&self) -> &[Membership] {
        match self {
            Self::Person { roles, .. } => roles,
            Self::Node { .. } => &[],
        }
    }

    /// The node that calls.
    ///
    /// # Errors
    /// When it is somebody else.
    pub fn require_node(&self) -> Result<&str, AppError> {
        match self {
            Self::Node { id, .. } => Ok(id),
            Self::Person { .. } => Err(AppError::forbidden(
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
            Self::Node { .. } => Err(AppError::forbidden("only a person may call this")),
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
