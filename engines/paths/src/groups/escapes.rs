//! J. Out of a container onto its node.

use super::Row;
use crate::graph::{Because, Ease, Needs, Place};
use crate::picture::Picture;
use crate::spot::{NodeId, PlaceId, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::Operation;

ascent::ascent! {
    /// What lets a container's process out.
    struct Escapes;
    /// A workload, and a node that its pods are on.
    relation on(WorkloadId, NodeId);
    /// Its pods share the kernel with the node, users and all.
    relation bare(WorkloadId);
    relation privileged(WorkloadId, PlaceId);
    relation host_pid(WorkloadId, PlaceId);
    relation step(Id, Needs, Spot, Ease, Because);

    // CE_PRIV_MOUNT
    step(Id::CE_PRIV_MOUNT, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Easy, Because::Place(*place)) <--
        bare(w),
        privileged(w, place),
        on(w, node);

    // CE_PRIV_NSENTER
    step(Id::CE_PRIV_NSENTER, Needs::one(Spot::Workload(*w)), Spot::Node(*node), Ease::Easy, Because::Places(*place, *pid)) <--
        bare(w),
        privileged(w, place),
        host_pid(w, pid),
        on(w, node);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>) -> Vec<Row> {
    let mut rules = Escapes {
        on: picture.on_nodes(),
        ..Escapes::default()
    };
    let mut found: Vec<(WorkloadId, bool, Place)> = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let template = workload.template;
        if !is_sandboxed(workload) {
            rules.bare.push((id,));
        }
        for container in &template.containers {
            let context = &container.security_context;
            let Some(field) = context.privileged.as_ref().filter(|field| field.value) else {
                continue;
            };
            let pointer = template.container_locus(container, "securityContext/privileged", None);
            found.push((
                id,
                true,
                Place {
                    note: format!("container {} is privileged", container.name).into(),
                    object: workload.object.reference.clone(),
                    span: field.span,
                    mend: Some((
                        vec![Operation::remove(pointer.pointer)],
                        "check what the container does with the node's devices",
                    )),
                },
            ));
        }
        if let Some(field) = template.host_pid.as_ref().filter(|field| field.value) {
            found.push((
                id,
                false,
                Place {
                    note: "the pod sees the node's processes".into(),
                    object: workload.object.reference.clone(),
                    span: field.span,
                    mend: Some((
                        vec![Operation::remove(format!(
                            "{}/hostPID",
                            template.spec_pointer()
                        ))],
                        "check whether the container looks at the node's processes",
                    )),
                },
            ));
        }
    }
    for (id, is_privileged, place) in found {
        let place = picture.place(place);
        if is_privileged {
            rules.privileged.push((id, place));
        } else {
            rules.host_pid.push((id, place));
        }
    }
    rules.run();
    rules.step
}

/// Whether something other than the kernel's usual walls stands between pod and node: a user
/// namespace, or a runtime that brings its own kernel.
fn is_sandboxed(workload: &crate::picture::Workload<'_>) -> bool {
    let runtime = workload.template.runtime_class_name.as_ref();
    let is_sandbox = runtime.is_some_and(|name| {
        let name = name.value.to_ascii_lowercase();
        ["gvisor", "runsc", "kata", "firecracker"]
            .iter()
            .any(|known| name.contains(known))
    });
    is_sandbox || workload.template.has_user_namespace()
}
