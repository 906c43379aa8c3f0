//! CIL-14, CIL-15 and CIL-25: settings of Cilium's agents that open what policies seem to close.

use super::super::{Report, Scene, place, plugin};
use crate::istio::Istio;
use crate::istio::membership::Place;
use crate::istio::mesh::Part;
use crate::policy::At;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};
use seawall_snapshot::Object;

/// Cilium's settings in the picture.
struct Settings<'n, 's> {
    scene: &'n Scene<'n, 's>,
    object: &'n Object,
    data: At<'n>,
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let world = scene.network.world();
    let Some((object, data)) = plugin::settings_object(world) else {
        return;
    };
    report.assess_each(&[Id::CIL_14, Id::CIL_15, Id::CIL_25]);
    let settings = Settings {
        scene,
        object,
        data,
    };
    settings.nodes(report);
    settings.neighbours(report);
    settings.mesh(report);
}

impl Settings<'_, '_> {
    fn is(&self, key: &str, value: &str) -> bool {
        self.data.text(key).ok().flatten() == Some(value)
    }

    fn draft(&self, id: Id, key: &str, message: String, fix: &str) -> Draft {
        let at = self.data.get(key).unwrap_or_else(|| self.data.clone());
        let mut locus = place(&at.pointer, at.span());
        locus.path = format!("data/{key}");
        Draft::new(id, locus, message, fix.to_owned())
    }

    /// CIL-14: the host firewall, and policies for nodes.
    fn nodes(&self, report: &mut Report) {
        const KEY: &str = "enable-host-firewall";
        let is_on = self.is(KEY, "true");
        let world = self.scene.network.world();
        let wide = world.of_kind("cilium.io", "CiliumClusterwideNetworkPolicy");
        let for_nodes: Vec<&Object> = wide
            .iter()
            .copied()
            .filter(|one| is_for_nodes(one))
            .collect();
        let draft = match (is_on, for_nodes.first()) {
            (true, Some(_)) => return,
            (true, None) => {
                let message = "the host firewall is on, and no policy is for nodes: they are open";
                let fix = "Write a CiliumClusterwideNetworkPolicy with a nodeSelector";
                self.draft(Id::CIL_14, KEY, message.to_owned(), fix)
            }
            (false, None) => {
                let message = "nodes are open: the host firewall is off, and no policy is for them";
                let fix =
                    "Set hostFirewall.enabled to true, and write policies with a nodeSelector";
                self.draft(Id::CIL_14, KEY, message.to_owned(), fix)
            }
            (false, Some(first)) => {
                let message = format!(
                    "the host firewall is off: {} for nodes {} nothing",
                    match for_nodes.len() {
                        1 => "1 policy".to_owned(),
                        many => format!("{many} policies"),
                    },
                    if for_nodes.len() == 1 { "does" } else { "do" }
                );
                let fix = "Set hostFirewall.enabled to true";
                let proof = Proof::Object(first.reference.clone());
                self.draft(Id::CIL_14, KEY, message, fix)
                    .severity(Severity::Medium)
                    .evidence("a policy for nodes", proof)
            }
        };
        report.add(self.object, draft);
    }

    /// CIL-15: pods in the node's network count as the node, which is always let in.
    fn neighbours(&self, report: &mut Report) {
        const KEY: &str = "allow-localhost";
        if self.is(KEY, "policy") {
            return;
        }
        let network = self.scene.network;
        let world = network.world();
        let is_held = network.policies.all.iter().any(|policy| policy.isolates);
        let is_own = |space: &str| space.starts_with("kube-") || space.contains("cilium");
        let neighbours: Vec<usize> = world
            .endpoints
            .iter()
            .enumerate()
            .filter(|(_, endpoint)| {
                let space = world.namespace_at(endpoint.namespace);
                endpoint.is_host_network() && space.is_some_and(|space| !is_own(space.name))
            })
            .map(|(index, _)| index)
            .collect();
        if !is_held || neighbours.is_empty() {
            return;
        }
        let message = format!(
            "policies do not stop what comes from a pod's own node, and {} counts as one",
            self.scene.names(&neighbours)
        );
        let fix = "Set allow-localhost to policy and allow the entity host where the kubelet \
                   probes, or take the pods out of the node's network";
        let draft = self.draft(Id::CIL_15, KEY, message, fix);
        report.add(self.object, draft.affects(self.scene.assets(&neighbours)));
    }

    /// CIL-25: what keeps connections from Istio's proxies.
    fn mesh(&self, report: &mut Report) {
        let Some(istio) = Istio::new(self.scene.network.world()) else {
            return;
        };
        let meshed: Vec<usize> = istio
            .memberships
            .iter()
            .enumerate()
            .filter(|(_, one)| matches!(one.place, Place::Sidecar | Place::Ambient))
            .map(|(index, _)| index)
            .collect();
        if meshed.is_empty() {
            return;
        }
        let replaces = |value| self.is("kube-proxy-replacement", value);
        let at_sockets = replaces("true") || replaces("strict") || self.is("bpf-lb-sock", "true");
        if at_sockets && !self.is("bpf-lb-sock-hostns-only", "true") {
            let message = format!(
                "connections are balanced in the pods' own sockets, before the mesh's proxy: {} \
                 speaks past it",
                self.scene.names(&meshed)
            );
            let fix = "Set socketLB.hostNamespaceOnly to true";
            let draft = self.draft(Id::CIL_25, "bpf-lb-sock-hostns-only", message, fix);
            report.add(self.object, draft.affects(self.scene.assets(&meshed)));
        }
        let by_plugin = istio
            .mesh
            .components
            .iter()
            .any(|one| one.part == Part::Cni);
        if by_plugin && self.is("cni-exclusive", "true") {
            let message = "Cilium removes the mesh's network plugin from the nodes: pods start \
                           outside the mesh"
                .to_owned();
            let fix = "Set cni.exclusive to false";
            let draft = self.draft(Id::CIL_25, "cni-exclusive", message, fix);
            report.add(self.object, draft.affects(self.scene.assets(&meshed)));
        }
    }
}

/// Whether a policy for the cluster holds nodes.
fn is_for_nodes(policy: &Object) -> bool {
    let Some(body) = policy.body() else {
        return false;
    };
    let one = body
        .get("spec")
        .is_some_and(|spec| spec.get("nodeSelector").is_some());
    let specs = policy.items(&["specs"]).iter();
    one || specs
        .into_iter()
        .any(|spec| spec.get("nodeSelector").is_some())
}
