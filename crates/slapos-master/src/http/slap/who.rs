//! Who calls, on this wire: by certificate on a master, by what it says on a loopback proxy.
//!
//! A header alone proves nothing on a master: that a call is a partition's is believed of the
//! partition itself and of the node that it is on.

use super::answer::Refusal;
use super::form::Form;
use super::{Dialect, Face};
use crate::app::{AppError, Caller, Proof};
use crate::http::auth::is_same_origin;
use crate::store::instance::{self, InstanceRow};
use crate::store::node::{self, NodeRow, PartitionRow};
use crate::store::subject::find_first_person;
use crate::store::{Tx, tree};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// A partition as a client names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Seat {
    /// The node.
    pub(in crate::http) computer: String,
    /// The partition on it.
    pub(in crate::http) partition: String,
}

impl Seat {
    /// As a form names it, if it does.
    pub(super) fn of_form(form: &Form) -> Option<Self> {
        Some(Self {
            computer: form.find("computer_id")?.to_owned(),
            partition: form.find("computer_partition_id")?.to_owned(),
        })
    }

    /// As a form has to name it.
    pub(super) fn require(form: &Form) -> Result<Self, Refusal> {
        Ok(Self {
            computer: form.require("computer_id")?.to_owned(),
            partition: form.require("computer_partition_id")?.to_owned(),
        })
    }

    /// As the header `Authorization: X-SlapPartition computer_id=…, computer_partition_id=…` does.
    pub(in crate::http) fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let pairs = text.strip_prefix("X-SlapPartition")?;
        let find = |wanted: &str| {
            let mut parts = pairs
                .split(',')
                .filter_map(|pair| pair.trim().split_once('='));
            let found = parts.find(|(name, _)| name.trim() == wanted);
            found.map(|(_, value)| value.trim().to_owned())
        };
        Some(Self {
            computer: find("computer_id")?,
            partition: find("computer_partition_id")?,
        })
    }
}

/// A partition with what is in it, and who asks about it.
pub(in crate::http) struct Seated {
    pub(in crate::http) caller: Caller,
    pub(in crate::http) node: NodeRow,
    pub(in crate::http) partition: PartitionRow,
    pub(in crate::http) instance: Option<InstanceRow>,
}

impl Seated {
    /// What is in the partition.
    pub(in crate::http) fn busy(self) -> Result<(Caller, InstanceRow), AppError> {
        let missing = AppError::not_found(format!("instance in partition {}", self.partition.name));
        Ok((self.caller, self.instance.ok_or(missing)?))
    }
}

impl Dialect {
    /// Whoever the connection proves; on a proxy its only person.
    pub(in crate::http) fn caller(
        &self,
        tx: &mut Tx<'_>,
        proof: &Proof,
    ) -> Result<Caller, AppError> {
        match self {
            Self::Master => Caller::identify(tx, proof),
            Self::Proxy(_) => {
                let owner = find_first_person(tx)?.ok_or_else(AppError::unauthenticated)?;
                Caller::of_person(tx, owner)
            }
        }
    }

    /// A node that the caller may know of, and the caller; on a proxy that is the node itself.
    pub(in crate::http) fn on_node(
        &self,
        tx: &mut Tx<'_>,
        proof: &Proof,
        computer: &str,
    ) -> Result<(Caller, NodeRow), AppError> {
        let caller = self.caller(tx, proof)?;
        self.on_node_as(tx, caller, computer)
    }

    /// The same for a caller that is known already.
    pub(in crate::http) fn on_node_as(
        &self,
        tx: &mut Tx<'_>,
        caller: Caller,
        computer: &str,
    ) -> Result<(Caller, NodeRow), AppError> {
        let missing = || AppError::not_found(format!("computer `{computer}`"));
        let row = match &caller {
            Caller::Node { id, .. } => node::find(tx, id)?,
            Caller::Instance { id, .. } => {
                let own = instance::find(tx, id)?;
                match own.and_then(|row| row.node_id) {
                    Some(node_id) => node::find(tx, &node_id)?,
                    None => None,
                }
            }
            Caller::Person { roles, .. } => {
                let mut found = None;
                for held in roles {
                    found = match found {
                        Some(row) => Some(row),
                        None => node::find_in_project(tx, &held.project_id, computer)?,
                    };
                }
                found
            }
        };
        let row = row
            .filter(|row| row.id == computer || row.name == computer)
            .ok_or_else(missing)?;
        match self {
            Self::Master => Ok((caller, row)),
            Self::Proxy(_) => Ok((Caller::of_node(&row), row)),
        }
    }

    /// A partition that the caller may know of, and what is in it.
    pub(in crate::http) fn on_partition(
        &self,
        tx: &mut Tx<'_>,
        proof: &Proof,
        seat: &Seat,
    ) -> Result<Seated, AppError> {
        let caller = self.caller(tx, proof)?;
        self.on_partition_as(tx, caller, seat)
    }

    fn on_partition_as(
        &self,
        tx: &mut Tx<'_>,
        caller: Caller,
        seat: &Seat,
    ) -> Result<Seated, AppError> {
        let (caller, node) = self.on_node_as(tx, caller, &seat.computer)?;
        let missing = || {
            let (partition, computer) = (&seat.partition, &seat.computer);
            AppError::not_found(format!("partition `{partition}` on `{computer}`"))
        };
        let partition = node::find_partition(tx, &node.id, &seat.partition)?;
        let partition = partition
            .filter(|row| row.is_enabled || row.instance_id.is_some())
            .ok_or_else(missing)?;
        let instance = tree::find_on_partition(tx, &node.id, &seat.partition)?;
        Ok(Seated {
            caller,
            node,
            partition,
            instance,
        })
    }

    /// On whose behalf a request is made: the partition that is named, else whoever calls.
    pub(in crate::http) fn requester(
        &self,
        tx: &mut Tx<'_>,
        proof: &Proof,
        seat: Option<(&Seat, bool)>,
    ) -> Result<Caller, Refusal> {
        let caller = self.caller(tx, proof)?;
        let Some((seat, is_header)) = seat else {
            return match caller {
                Caller::Node { .. } => Err(AppError::forbidden(
                    "a node asks on behalf of a partition of its own, which has to be named",
                )
                .into()),
                other => Ok(other),
            };
        };
        let seated = match self.on_partition_as(tx, caller.clone(), seat) {
            Ok(seated) => seated,
            Err(error) if is_header && error.code == slapos_api::ErrorCode::NotFound => {
                return Err(Refusal::bad(format!(
                    "No partition matching the authorization header: ({} / {})",
                    seat.computer, seat.partition
                )));
            }
            Err(error) => return Err(error.into()),
        };
        match (self, caller, seated.instance) {
            // A free partition of a proxy asks as its user, as with the original.
            (Self::Proxy(_), caller, None) => Ok(caller),
            (Self::Proxy(_), _, Some(row)) => Ok(Caller::of_instance(&row)),
            (Self::Master, Caller::Node { .. }, Some(row)) => Ok(Caller::of_instance(&row)),
            (Self::Master, own @ Caller::Instance { .. }, Some(row))
                if own == Caller::of_instance(&row) =>
            {
                Ok(own)
            }
            (Self::Master, Caller::Person { .. }, _) => Err(AppError::forbidden(
                "only the partition itself or its node may ask on its behalf",
            )
            .into()),
            _ => Err(AppError::not_found(format!(
                "instance of yours in partition `{}` on `{}`",
                seat.partition, seat.computer
            ))
            .into()),
        }
    }
}

/// A proxy believes whoever reaches it, so no page of another site may reach it through a browser.
pub(super) async fn refuse_other_sites(
    State(face): State<Face>,
    request: Request,
    next: Next,
) -> Response {
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let refused =
        |text: &str| Refusal::Status(StatusCode::FORBIDDEN, text.to_owned()).into_response();
    if face.dialect.proxy().is_none() {
        return next.run(request).await;
    }
    if !is_local_host(request.headers()) {
        return refused("a proxy is reached by an address or as localhost, not by another name");
    }
    if !is_reading && !is_same_origin(request.headers()) {
        return refused("this call was made by a page of another site");
    }
    next.run(request).await
}

/// A page of another site can have its own name lead to this machine; the name it then sends gives
/// it away.
fn is_local_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        return true;
    };
    let host = host.to_str().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_host_is_an_address_or_localhost() {
        for (host, is_local) in [
            ("127.0.0.1:5000", true),
            ("[::1]:5000", true),
            ("localhost", true),
            ("LocalHost:1", true),
            ("evil.example:5000", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(is_local_host(&headers), is_local, "{host}");
        }
        assert!(is_local_host(&HeaderMap::new()));
    }

    #[test]
    fn i14_header_is_read_with_and_without_a_space() {
        for text in [
            "X-SlapPartition computer_id=C,computer_partition_id=p",
            "X-SlapPartition computer_id=C, computer_partition_id=p",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, text.parse().unwrap());
            let seat = Seat::of_headers(&headers).unwrap();
            assert_eq!(
                (seat.computer.as_str(), seat.partition.as_str()),
                ("C", "p")
            );
        }
        assert_eq!(Seat::of_headers(&HeaderMap::new()), None);
    }
}
