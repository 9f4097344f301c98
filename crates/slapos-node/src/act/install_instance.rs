//! Configures an instance in its partition.

use crate::desire::WantedInstance;
use crate::job::{InstanceJob, Job, JobOutcome, JobProgress};
use crate::node::Node;
use crate::record::{FailureRecord, InstanceRecord};
use crate::system::{Cancel, JobAsk};
use slapos_build::InstanceInstall;
use std::net::IpAddr;
use std::time::Duration;

/// Installs `wanted`; what came of it is in the record that is kept and returned. What was
/// installed before stays as it is when this fails.
///
/// # Errors
/// When the record cannot be kept: nothing was begun then.
pub fn install_instance(
    node: &Node,
    wanted: (&WantedInstance, &str),
    cancel: &Cancel,
    progress: &mut dyn FnMut(JobProgress),
) -> std::io::Result<InstanceRecord> {
    let (wanted, digest) = wanted;
    let partition = &wanted.ask.partition;
    let (mut known, _) = node.records.list_instance(partition)?;
    let known = known
        .take()
        .filter(|record| record.id == wanted.ask.id && !record.is_removed);
    let is_new = known.is_none();
    let mut record = known.unwrap_or_else(|| fresh(wanted));
    record.generation = wanted.ask.generation;
    record.software.clone_from(&wanted.ask.software);
    if is_new {
        // From here on everything in the partition is ours to remove.
        node.records.claim_instance(partition, &record)?;
    }
    match run(node, wanted, cancel, progress) {
        Ok(JobOutcome::Installed(installed)) => {
            record.was_up &= record
                .installed
                .as_ref()
                .is_some_and(|before| before.programs == installed.programs);
            record.installed = Some(installed);
            digest.clone_into(&mut record.digest);
            record.failure = None;
        }
        // It will be judged again; a cancelled job is no failure of the instance.
        Ok(JobOutcome::Cancelled) => return Ok(record),
        Ok(JobOutcome::Failed(message)) | Err(message) => {
            let count = record.failure.as_ref().map_or(0, |failure| failure.count);
            record.failure = Some(FailureRecord {
                digest: digest.to_owned(),
                message,
                count: count.saturating_add(1),
            });
        }
        Ok(JobOutcome::Built) => {
            record.failure = Some(FailureRecord {
                digest: digest.to_owned(),
                message: "the job said something that was not asked".to_owned(),
                count: 1,
            });
        }
    }
    Ok(record)
}

fn fresh(wanted: &WantedInstance) -> InstanceRecord {
    InstanceRecord {
        id: wanted.ask.id.clone(),
        name: wanted.ask.name.clone(),
        software: wanted.ask.software.clone(),
        generation: wanted.ask.generation,
        digest: String::new(),
        is_removed: false,
        was_up: false,
        failure: None,
        installed: None,
    }
}

fn run(
    node: &Node,
    wanted: &WantedInstance,
    cancel: &Cancel,
    progress: &mut dyn FnMut(JobProgress),
) -> Result<JobOutcome, String> {
    let account = node.account(&wanted.ask.partition)?;
    let job = Job::Instance(Box::new(InstanceJob {
        install: install_request(node, wanted),
    }));
    let minutes = u64::from(node.settings.instance_timeout_min);
    let ask = JobAsk {
        job: &job,
        account,
        timeout: Duration::from_secs(minutes * 60),
        cancel,
    };
    Ok(node.system.run_job(&ask, progress))
}

fn install_request(node: &Node, wanted: &WantedInstance) -> InstanceInstall {
    let ask = &wanted.ask;
    let addresses = node.settings.addresses.iter();
    let of_kind = |is_v4: bool| {
        let addresses = addresses.clone();
        addresses
            .filter(|address| {
                address
                    .parse::<IpAddr>()
                    .is_ok_and(|ip| ip.is_ipv4() == is_v4)
            })
            .cloned()
            .collect()
    };
    InstanceInstall {
        software_dir: node.layout.software(&ask.software),
        partition_dir: node.layout.partition(&ask.partition),
        template: None,
        computer_id: node.settings.name.clone(),
        partition_id: ask.partition.clone(),
        software_release_url: ask.software.clone(),
        server_url: String::new(),
        ipv4: of_kind(true),
        ipv6: of_kind(false),
        parameters: ask.parameters.clone(),
        software_type: ask.software_type.clone(),
        requested_state: ask.state.clone(),
        instance_title: ask.name.clone(),
        root_instance_title: ask.root_name.clone(),
        instance_guid: ask.id.clone(),
        path: crate::limits::PATH.to_owned(),
    }
}

#[cfg(test)]
pub(crate) fn install_request_for_tests(parameters: &str) -> InstanceInstall {
    serde_json::from_str(&format!(
        r#"{{"software_dir": "/s", "partition_dir": "/", "computer_id": "local",
        "partition_id": "slappart0", "software_release_url": "/x", "requested_state": "started",
        "instance_title": "my_db", "parameters": {parameters}}}"#
    ))
    .unwrap()
}
