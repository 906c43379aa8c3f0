//! The least that a network has to let pass: policies made from what was seen.
//!
//! [`Observed`] takes lines of flows, [`generate`] makes policies of one [`Kind`] of them and
//! proves them with the engine before anybody sees them. What is printed is what was proved: the
//! text itself is read again and put into the picture. Then
//!
//! 1. every flow that was open is open, each of its requests where these are looked at, and
//!    nothing is open that was closed,
//! 2. each part of each rule is needed: without it a flow that was seen would be closed,
//! 3. each piece that closes the rest closes something.
//!
//! All kinds share the plan (`plan`: flows to rules) and the proof (`proof`); whom a kind can hold
//! and how it names who sends is in `members` and `ends`, its text in `write`.
//!
//! Policies only ever add to what others allow. So a flow that the policies of the picture allow
//! already gets no rule, and what they allow beyond what was seen is told, since nothing that is
//! generated can close it.
//!
//! What policies cannot say (pods in their node's network, nodes, addresses that move, pods
//! outside of a mesh) is not covered, and told with its line; it is never made up for by a wider
//! rule. One thing only a wider rule can say: who proves no identity to a mesh comes in together
//! with all who prove none, and that is told, too.

mod declared;
mod ends;
mod envoy;
mod hubble;
mod kind;
mod lines;
mod members;
mod need;
mod plan;
mod proof;
mod requests;
mod rules;
mod tunnel;
mod wanted;
mod waypoints;
mod write;

pub use declared::declared;
pub(crate) use declared::dependencies;
pub use kind::Kind;
pub use lines::{Line, Observed, Wrong};
pub use write::Generated;

use crate::reach::Citation;
use ends::{Ends, Place, Pods};
use plan::Plan;
use proof::{Picture, Trial};
use seawall_network::{Config, Network, Peer, World};
use seawall_snapshot::{Change, Snapshot};
use std::collections::BTreeSet;

/// Groups of objects that only a mesh has.
const MESHES: [&str; 4] = [
    "networking.istio.io",
    "security.istio.io",
    "policy.linkerd.io",
    "linkerd.io",
];

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The kind of policies.
    pub kind: Kind,
    /// Whether what workloads send is closed, too. A mesh holds what comes in.
    pub egress: bool,
}

impl Asked {
    /// Policies for what comes in.
    pub fn inward(kind: Kind) -> Self {
        let egress = false;
        Self { kind, egress }
    }
}

/// Policies with what they do.
#[derive(Debug, Default)]
pub struct Answer {
    /// The policies, by namespace and name.
    pub policies: Vec<Generated>,
    /// How many flows they are for.
    pub flows: usize,
    /// Flows that they do not cover.
    pub uncovered: Vec<Uncovered>,
    /// Pairs of workloads with a port open between them, before and after.
    pub pairs: (usize, usize),
    /// Of those after, pairs that had a port for whatever they asked and have it for some requests.
    pub narrowed_pairs: usize,
    /// Rules that were taken out again because what is there allows their flows already.
    pub needless: usize,
    /// Of those after, pairs with an end that no policy of the kind holds: in its node's network,
    /// or outside of the mesh.
    pub unheld_pairs: usize,
    /// Policies of the picture that keep pairs open that no flow uses, with how many.
    pub keepers: Vec<(Citation, usize)>,
    /// Pairs that stay open because their labels or accounts are those of workloads that are
    /// used.
    pub alike_pairs: usize,
    /// Ways in from the internet that are closed: workload and port.
    pub closed_ways: Vec<String>,
    /// Workloads that nothing was seen to reach: they are closed to all but who other policies
    /// let in.
    pub silent: Vec<String>,
    /// Namespaces that are left open.
    pub left_open: Vec<String>,
    /// Workloads that are not in the mesh, where a policy would do nothing, and why.
    pub outside: Vec<(String, &'static str)>,
    /// Who was seen to send without an identity: they come in with all who prove none.
    pub unproved: Vec<String>,
    /// Flows that go through a waypoint, which pairs do not count.
    pub through_waypoint: usize,
    /// Requests that pass only if something holds of them that is not known.
    pub unsettled: usize,
    /// Flows whose port the network does not see: they are in the tunnel of ambient.
    pub tunnelled: usize,
    /// Whether pods of ambient are closed where their probes do not come from a node's address.
    pub has_ambient_probes: bool,
    /// Waypoints that are not in the picture, so that pods stood in for them.
    pub waypoints_assumed: Vec<String>,
    /// Whether nothing in the input shows that what enforces the policies is there.
    pub is_enforcer_unseen: bool,
    /// Whether a rule is for addresses of the internet.
    pub has_internet: bool,
    /// Whether what answers DNS is not in the picture, so that a pod stood in for it.
    pub is_dns_assumed: bool,
    /// Whether what workloads send is closed where a mesh is: its proxies talk to its control
    /// plane.
    pub is_mesh_cut: bool,
}

/// A flow that the policies do not cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// Where it was read.
    pub line: Line,
    /// `shop/web -> data/db tcp/5432`.
    pub flow: String,
    /// Why.
    pub reason: String,
}

/// Why nothing was made.
#[derive(Debug)]
pub enum Failed {
    /// Nothing of the picture is in the mesh: the policies would do nothing.
    Nobody(Kind),
    /// Nothing to make policies from: no flow that policies can say.
    Nothing(Vec<Uncovered>),
    /// A flow would be closed.
    Closes(Uncovered),
    /// A pair would be opened.
    Opens(String),
    /// A policy could not be read again. That is a bug here.
    Unreadable(String),
}

/// Makes the policies for what was seen.
pub fn generate(snapshot: &Snapshot, seen: &Observed, asked: Asked) -> Result<Answer, Failed> {
    let Asked { kind, egress } = asked;
    let egress = egress && !kind.is_mesh();
    let mut answer = Answer::default();
    let world = World::new(snapshot);
    let ends = Ends::new(&world, kind);
    answer.left_open = ends.left_open();
    answer.is_dns_assumed = egress && ends.peers(&Place::Pods(Pods::dns())).is_empty();
    answer.is_mesh_cut = egress && MESHES.iter().any(|group| world.has_group(group));
    answer.has_ambient_probes = kind == Kind::Cnp && ends.ambient.is_some();
    answer.is_enforcer_unseen = kind == Kind::Cnp && !has_cilium(&world);
    if kind.is_mesh() {
        answer.outside = ends.outside();
        if ends.closed().next().is_none() {
            return Err(Failed::Nobody(kind));
        }
    }
    let mut stand_ins = Vec::new();
    if answer.is_dns_assumed {
        stand_ins.push(ends::stand_in(
            "kube-system",
            "dns",
            ("k8s-app", "kube-dns"),
        ));
    }
    for (space, name) in ends.waypoints_of_no_pods() {
        answer.waypoints_assumed.push(format!("{space}/{name}"));
        stand_ins.push(ends::stand_in(space, name, (tunnel::GATEWAY, name)));
    }
    if stand_ins.is_empty() {
        return make(snapshot, seen, asked, answer);
    }
    let mut changes = Vec::new();
    for text in stand_ins {
        changes.push(Change::Put(Box::new(proof::read(&text)?)));
    }
    make(&snapshot.clone().apply(changes), seen, asked, answer)
}

fn make(
    snapshot: &Snapshot,
    seen: &Observed,
    asked: Asked,
    mut answer: Answer,
) -> Result<Answer, Failed> {
    let world = World::new(snapshot);
    let network = Network::new(&world, &Config::default());
    let ends = Ends::new(&world, asked.kind);
    let mut plan = Plan::new(&network, &ends, asked.egress && !asked.kind.is_mesh());
    plan.read(seen);
    answer.uncovered = std::mem::take(&mut plan.uncovered);
    if plan.is_empty() {
        return Err(Failed::Nothing(answer.uncovered));
    }
    answer.flows = plan.flows();
    let before = Picture::of(&network, &ends);
    let (rules, needs) = plan.made();
    let trial = Trial::new(snapshot, &network, &ends, needs);
    let (rules, needless) = trial.pared(rules)?;
    trial.settle(&rules, &before, &mut answer)?;
    answer.needless = needless;
    answer.policies = write::written(&rules, &ends, &plan.headings());
    answer.has_internet = rules.atoms().any(|atom| atom.peer == Place::Internet);
    answer.unproved = plan.unproved();
    answer.through_waypoint = plan.through_waypoint();
    answer.tunnelled = plan.tunnelled();
    answer.silent = silent(&ends, &plan);
    answer.alike_pairs = plan.alike();
    Ok(answer)
}

/// Whether something shows that Cilium is the cluster's network.
fn has_cilium(world: &World<'_>) -> bool {
    let agents = world.of_kind("apps", "DaemonSet").iter();
    world.has_group("cilium.io") || agents.into_iter().any(|o| &*o.reference.name == "cilium")
}

fn silent(ends: &Ends<'_, '_>, plan: &Plan<'_, '_, '_>) -> Vec<String> {
    let reached: BTreeSet<Peer> = plan.reached();
    let held = ends.held();
    let mut names: Vec<String> = held
        .filter(|(_, peer)| !reached.contains(peer))
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
