//! IST-AZ: what AuthorizationPolicies let through that they should not, and what they keep
//! out by mistake.

mod identity;
mod meaning;
mod protocols;
mod requests;

use super::super::{Report, place};
use super::{Scene, Subject};
use crate::istio::authorization::{Call, Identity, Policy, Rule, Word};
use crate::istio::membership::Place;
use crate::istio::peer_authentication::Mode;
use crate::istio::ports::Protocol;
use crate::request::Condition;
use crate::rules::Id;
use seawall_model::{Asset, Locus};

const RULES: [Id; 23] = [
    Id::IST_AZ_03,
    Id::IST_AZ_04,
    Id::IST_AZ_05,
    Id::IST_AZ_06,
    Id::IST_AZ_07,
    Id::IST_AZ_08,
    Id::IST_AZ_09,
    Id::IST_AZ_10,
    Id::IST_AZ_11,
    Id::IST_AZ_12,
    Id::IST_AZ_14,
    Id::IST_AZ_16,
    Id::IST_AZ_17,
    Id::IST_AZ_18,
    Id::IST_AZ_19,
    Id::IST_AZ_20,
    Id::IST_AZ_21,
    Id::IST_AZ_23,
    Id::IST_AZ_29,
    Id::IST_AZ_30,
    Id::IST_AZ_33,
    Id::IST_AZ_35,
    Id::IST_AZ_37,
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    report.assess(&RULES, scene.istio.policies.all.len());
    let closed = protocols::Closed::default();
    for policy in &scene.istio.policies.all {
        let of = Of {
            policy,
            subjects: super::coverage::attached(scene, policy),
        };
        identity::check(scene, &of, report);
        requests::check(scene, &of, report);
        protocols::check(scene, &of, &closed, report);
        meaning::check(scene, &of, report);
    }
    protocols::unseen_ports(scene, report);
}

/// A policy with the pods that it is attached to.
struct Of<'a, 'w, 's> {
    policy: &'a Policy<'s>,
    subjects: Vec<&'a Subject<'w, 's>>,
}

impl<'w, 's> Of<'_, 'w, 's> {
    /// The workloads that it is for.
    fn assets(&self) -> impl Iterator<Item = Asset> {
        self.subjects.iter().map(|subject| subject.asset())
    }

    /// A place at a value.
    fn at_word(&self, word: &Word) -> Locus {
        place(self.policy.object, &word.pointer, Some(word.span))
    }

    /// A place at a rule.
    fn at_rule(&self, index: usize, rule: &Rule) -> Locus {
        place(
            self.policy.object,
            &format!("/spec/rules/{index}"),
            Some(rule.span),
        )
    }

    /// Whether it is only assumed that pods accept plaintext: nothing in the picture says so,
    /// and what would say it for the whole mesh is not in the picture.
    fn is_assumed(&self, scene: &Scene<'w, 's>) -> bool {
        let peers = &scene.istio.peer_authentications;
        let says = |subject: &&Subject<'_, '_>| {
            let labels = &subject.endpoint.template.labels;
            subject.lax.iter().any(|port| {
                let place = subject.place;
                let mode = peers.for_labels(subject.namespace, labels, place, *port);
                mode.worst().1.is_some()
            })
        };
        !scene.istio.mesh.has_control_plane() && !self.subjects.iter().any(says)
    }

    /// Attached pods that accept plaintext, each with the ports that do. A policy that is
    /// attached to nothing in the picture is judged by its namespace's mode: then there is
    /// nothing to name.
    fn lax<'a>(&'a self, scene: &Scene<'w, 's>) -> Option<Vec<(&'a Subject<'w, 's>, &'a [u16])>> {
        if self.subjects.is_empty() {
            let peers = &scene.istio.peer_authentications;
            let (mode, by) = peers.of_namespace(self.policy.namespace()).worst();
            let is_known = by.is_some() || scene.istio.mesh.has_control_plane();
            return (mode > Mode::Strict && is_known).then(Vec::new);
        }
        let all = self.subjects.iter().map(|s| (*s, s.lax.as_slice()));
        let lax: Vec<_> = all.filter(|(_, ports)| !ports.is_empty()).collect();
        (!lax.is_empty()).then_some(lax)
    }
}

/// Somebody whom no policy names: what lets this identity in lets in any of the mesh.
fn stranger(scene: &Scene<'_, '_>) -> Identity {
    Identity {
        trust_domain: scene.istio.mesh.trust_domain.clone(),
        namespace: "\u{1}nobody".into(),
        service_account: "\u{1}nobody".into(),
    }
}

/// A call by nobody at a port.
fn anonymous(subject: &Subject<'_, '_>, port: u16) -> Call<'static> {
    let known = subject.ports.iter().find(|known| known.number == port);
    Call {
        identity: None,
        port,
        protocol: known.map_or(Protocol::Either, |known| known.protocol),
    }
}

/// See [`Scene::strangers`].
pub(super) fn stranger_gets_in(
    scene: &Scene<'_, '_>,
    subject: &Subject<'_, '_>,
    port: u16,
) -> Condition {
    let stranger = stranger(scene);
    let mut call = anonymous(subject, port);
    if scene.is_strict(subject, port) && subject.place != Place::Gateway {
        call.identity = Some(&stranger);
    }
    let point = super::coverage::point(subject);
    scene.istio.policies.authorize(point, &call).condition
}
