//! CMP-03, 04, 07, 14 and 15: holes of the mesh that somebody gets through. Each says who, by name:
//! the network policies and the mesh are asked about that caller.

use super::super::{Report, place};
use super::ambient::{of_service, unguarded};
use super::coverage::{attached, point};
use super::{Scene, Subject, control_plane};
use crate::checks::outward::is_system;
use crate::istio::ambient::Use;
use crate::istio::authorization::{Action, Call, Check, Key, Policy, Rule, Word};
use crate::istio::membership::Place;
use crate::istio::ports::Protocol as Spoken;
use crate::meshes::HBONE;
use crate::network::Network;
use crate::places::Peer;
use crate::reach::Protocol;
use crate::rules::Id;
use crate::sink::Draft;
use crate::ways::Entry;
use crate::world::EndpointId;
use seawall_model::{Locus, Proof, Span};
use std::cell::Cell;

pub(super) fn check(scene: &Scene<'_, '_>, network: &Network<'_, '_>, report: &mut Report) {
    let asking = Asking {
        scene,
        network,
        asked: Cell::new(0),
    };
    for subject in scene.meshed() {
        asking.exempt(subject, report);
    }
    for policy in &scene.istio.policies.all {
        if policy.is_dry_run {
            asking.pretended(policy, report);
        } else if !policy.targets.is_empty() {
            asking.around(policy, report);
        } else if policy.action == Action::Deny {
            asking.nameless(policy, report);
        }
    }
    asking.believed(report);
    if asking.asked.get() > MAX_ASKED {
        report.gap(
            "Istio",
            Span::NONE,
            "there are too many policies and exceptions to look for a caller by name for each",
            "look at the first findings, and scan again",
        );
    }
}

/// How many callers are asked about for one pod, and how many pods for one policy: one that
/// gets in is enough.
const MAX_CALLERS: usize = 64;
const MAX_PODS: usize = 4;
/// How often the mesh is asked about a caller in all.
const MAX_ASKED: usize = 20_000;

/// Asks for single callers what all layers say.
struct Asking<'a, 'w, 's, 'n, 'm> {
    scene: &'a Scene<'w, 's>,
    network: &'a Network<'n, 'm>,
    asked: Cell<usize>,
}

impl<'a, 'w, 's> Asking<'a, 'w, 's, '_, '_> {
    /// Pods that may call a pod: those of other namespaces first, which have the least to do
    /// with it.
    fn callers(&self, to: &Subject<'_, '_>) -> impl Iterator<Item = &'a Subject<'w, 's>> {
        let (id, home) = (to.id, to.namespace.to_owned());
        let root = &*self.scene.istio.mesh.root_namespace;
        let all = self.scene.subjects.iter().filter(move |s| {
            s.id != id
                && s.place != Place::Gateway
                && s.namespace != root
                && !is_system(s.namespace)
        });
        let near = home.clone();
        let far = all.clone().filter(move |s| s.namespace != home);
        far.chain(all.filter(move |s| s.namespace == near))
            .take(MAX_CALLERS)
    }

    fn name(&self, id: EndpointId) -> String {
        self.network.name(Peer::Endpoint(id))
    }

    /// How a caller gets to a port below the mesh: directly, and through ambient's tunnel.
    fn below(&self, from: &Subject<'_, '_>, to: &Subject<'_, '_>, port: u16) -> (bool, bool) {
        let (source, target) = (Peer::Endpoint(from.id), Peer::Endpoint(to.id));
        let open = self.network.below_layers(source, target).any();
        let both = from.place == Place::Ambient && to.place == Place::Ambient;
        let tunnel = both && open.has(Protocol::Tcp, HBONE);
        (open.has(Protocol::Tcp, port), tunnel)
    }

    /// Whether a caller gets in at a port of a pod, past everything that decides there.
    fn gets_in(&self, from: &Subject<'_, '_>, to: &Subject<'_, '_>, port: u16) -> bool {
        let (direct, tunnel) = self.below(from, to, port);
        if !direct && !tunnel {
            return false;
        }
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() > MAX_ASKED {
            return false;
        }
        let (istio, world) = (self.scene.istio, self.scene.world);
        let identity = istio.identity_of(world, from.id);
        let Some(door) = istio.door(world, to.id, port, identity.as_ref()) else {
            return false;
        };
        let passes = |verdict: &Option<_>| {
            let verdict: Option<&crate::istio::authorization::Verdict<'_>> = verdict.as_ref();
            verdict.is_some_and(|verdict| !verdict.is_denied())
        };
        passes(&door.as_itself) || direct && passes(&door.as_nobody)
    }

    /// CMP-03: a pod without an identity that gets past a refusal by identity. One of a
    /// namespace that the policy names is the best example.
    fn nameless(&self, policy: &Policy<'_>, report: &mut Report) {
        let mut checks = policy.rules.iter().flat_map(Rule::checks);
        let names = |check: &&Check| check.key.is_identity() && !check.values.is_empty();
        let Some(word) = checks.find(names).and_then(Check::first_word) else {
            return;
        };
        report.assess(&[Id::CMP_03], 1);
        let lax = attached(self.scene, policy).into_iter();
        let lax: Vec<_> = lax.filter(|s| !s.lax.is_empty()).take(MAX_PODS).collect();
        let is_named = |s: &Subject<'_, '_>| {
            let mut words = policy.rules.iter().flat_map(Rule::checks);
            words.any(|check| {
                let is_it = |word: &Word| *word.text == *s.namespace;
                check.key == Key::Namespaces && check.values.iter().any(is_it)
            })
        };
        let found = lax.iter().find_map(|subject| {
            let outside = self.callers(subject).filter(|s| s.place == Place::Outside);
            let mut outside: Vec<_> = outside.collect();
            outside.sort_by_key(|s| !is_named(s));
            outside.into_iter().find_map(|from| {
                let mut ports = subject.lax.iter().filter(|port| **port > 0);
                let port = ports.find(|port| self.gets_in(from, subject, **port))?;
                Some((*subject, from, *port))
            })
        });
        let Some((subject, from, port)) = found else {
            return;
        };
        let message = format!(
            "{}, outside the mesh, reaches port {port} of {} past the refusal of {}: in plaintext \
             it has no identity",
            self.name(from.id),
            subject.endpoint.workload.owner.name,
            word.text
        );
        let fix = "Set mutual TLS to STRICT for these workloads; until then refuse who has no \
                   identity (notPrincipals: [\"*\"])"
            .to_owned();
        let locus = place(policy.object, &word.pointer, Some(word.span));
        let draft = Draft::new(Id::CMP_03, locus, message, fix)
            .evidence(
                "the caller stands here",
                Proof::Source(from.endpoint.object.name_span),
            )
            .affects(lax.iter().map(|subject| subject.asset()));
        report.add(policy.object, draft);
    }

    /// CMP-04: a port that is exempt from STRICT, and a pod outside the mesh that uses that.
    fn exempt(&self, subject: &Subject<'_, '_>, report: &mut Report) {
        let Some(exempt) = exempt_ports(self.scene, subject) else {
            return;
        };
        report.assess(&[Id::CMP_04], 1);
        let strangers = self.callers(subject);
        let strangers =
            strangers.filter(|s| s.place == Place::Outside && s.namespace != subject.namespace);
        let found = strangers
            .flat_map(|from| exempt.ports.iter().map(move |port| (from, *port)))
            .find(|(from, port)| self.gets_in(from, subject, *port));
        let Some((from, port)) = found else { return };
        let message = format!(
            "{}, outside the mesh, reaches port {port} in plaintext: it is exempt from STRICT, and \
             no network policy stops it",
            self.name(from.id)
        );
        let fix = format!(
            "Let only the clients that need it in to port {port}, by a network policy, or remove \
             the exception"
        );
        let draft = Draft::new(Id::CMP_04, exempt.locus, message, fix)
            .evidence(
                "the caller stands here",
                Proof::Source(from.endpoint.object.name_span),
            )
            .maybe(exempt.by.map(|(note, span)| (note, Proof::Source(span))));
        report.add_to(subject.asset(), draft);
    }

    /// CMP-07: a caller whom a waypoint refuses, and who gets to the pods past it.
    fn around(&self, policy: &Policy<'_>, report: &mut Report) {
        report.assess(&[Id::CMP_07], 1);
        let open = unguarded(self.scene, policy);
        let found = open.iter().take(MAX_PODS).find_map(|subject| {
            let (from, port) = self.refused_there(policy, subject)?;
            Some((*subject, from, port))
        });
        let (Some((subject, from, port)), Some(target)) = (found, policy.targets.first()) else {
            return;
        };
        let message = format!(
            "{} is refused by the waypoint and reaches port {port} of {} without it, at the pod's \
             own address",
            self.name(from.id),
            subject.endpoint.workload.owner.name
        );
        let fix = "Add an ALLOW policy with a selector for these pods that names only the \
                   waypoint's service account"
            .to_owned();
        let locus = place(policy.object, "/spec/targetRefs/0", Some(target.span));
        let draft = Draft::new(Id::CMP_07, locus, message, fix)
            .evidence(
                "the caller stands here",
                Proof::Source(from.endpoint.object.name_span),
            )
            .affects(open.iter().map(|subject| subject.asset()));
        report.add(policy.object, draft);
    }

    fn refused_there(
        &self,
        policy: &Policy<'_>,
        subject: &Subject<'_, 's>,
    ) -> Option<(&'a Subject<'w, 's>, u16)> {
        let (istio, world) = (self.scene.istio, self.scene.world);
        let is_meant = |service: &&&seawall_snapshot::Object| {
            policy.targets.iter().any(|target| match &*target.kind {
                "Service" => target.name == service.reference.name,
                _ => {
                    of_service(self.scene, service)
                        == Use::Of {
                            namespace: policy.namespace().into(),
                            name: target.name.clone(),
                        }
                }
            })
        };
        let service = subject.services.iter().find(is_meant)?;
        let mut callers = self.callers(subject);
        callers.find_map(|from| {
            let identity = istio.identity_of(world, from.id);
            let port = subject.ports.iter().find(|port| {
                if self.below(from, subject, port.number) == (false, false) {
                    return false;
                }
                let call = Call {
                    identity: identity.as_ref(),
                    port: port.number,
                    protocol: Spoken::Http,
                };
                let there = istio.at_waypoint(world, service, &call);
                there.is_some_and(|verdict| verdict.is_denied())
                    && self.gets_in(from, subject, port.number)
            })?;
            Some((from, port.number))
        })
    }

    /// CMP-15: a caller whom only a policy that pretends would refuse.
    fn pretended(&self, policy: &Policy<'_>, report: &mut Report) {
        let is_tried = matches!(policy.action, Action::Allow | Action::Deny);
        if !is_tried || !policy.targets.is_empty() {
            return;
        }
        report.assess(&[Id::CMP_15], 1);
        let subjects = attached(self.scene, policy);
        let found = subjects.iter().take(MAX_PODS).find_map(|subject| {
            let mut callers = self.callers(subject);
            callers.find_map(|from| {
                let mut ports = subject.ports.iter();
                let port = ports.find(|port| self.is_held_only_by(policy, from, subject, port))?;
                Some((*subject, from, port.number))
            })
        });
        let Some((subject, from, port)) = found else {
            return;
        };
        let message = format!(
            "{} reaches port {port} of {}: only this policy would refuse it, and it pretends",
            self.name(from.id),
            subject.endpoint.workload.owner.name
        );
        let fix = "Remove the annotation istio.io/dry-run".to_owned();
        let written = policy.object.annotation("istio.io/dry-run");
        let pointer = "/metadata/annotations/istio.io~1dry-run";
        let locus = place(policy.object, pointer, written.map(|field| field.span));
        let draft = Draft::new(Id::CMP_15, locus, message, fix)
            .evidence(
                "the caller stands here",
                Proof::Source(from.endpoint.object.name_span),
            )
            .affects(subjects.iter().map(|subject| subject.asset()));
        report.add(policy.object, draft);
    }

    fn is_held_only_by(
        &self,
        policy: &Policy<'_>,
        from: &Subject<'_, '_>,
        to: &Subject<'_, '_>,
        port: &crate::istio::ports::MeshPort<'_>,
    ) -> bool {
        if !self.gets_in(from, to, port.number) {
            return false;
        }
        let istio = self.scene.istio;
        let identity = istio.identity_of(self.scene.world, from.id);
        let refused = |identity| {
            let call = Call {
                identity,
                port: port.number,
                protocol: port.protocol,
            };
            let tried = Some(policy);
            let verdict = istio.policies.authorize_trying(point(to), &call, tried);
            verdict.is_denied()
        };
        // Where plaintext is taken, a caller may come as nobody as well.
        let as_nobody = to.lax.contains(&port.number) && !refused(None);
        let as_itself = identity.is_some() && !refused(identity.as_ref());
        !as_nobody && !as_itself
    }

    /// CMP-14: a gateway that believes what callers write, and a policy that rests on it.
    fn believed(&self, report: &mut Report) {
        let scene = self.scene;
        for gateway in scene.subjects.iter().filter(|s| s.place == Place::Gateway) {
            report.assess(&[Id::CMP_14], 1);
            let Some(trust) = trusts(scene, self.network, gateway) else {
                continue;
            };
            let behind = |id: EndpointId| {
                let mut ways = self.network.exposure().iter();
                let through = Some(Peer::Endpoint(gateway.id));
                id == gateway.id || ways.any(|way| way.endpoint == id && way.through == through)
            };
            let policies = scene.istio.policies.all.iter();
            for policy in policies.filter(|policy| !policy.is_dry_run) {
                let mut checks = policy.rules.iter().flat_map(Rule::checks);
                let Some(word) = checks.find_map(|check| {
                    let rests = match &check.key {
                        Key::Header(name) => trust.of_certificates && &**name == XFCC,
                        Key::RemoteIpBlocks => trust.of_addresses,
                        _ => false,
                    };
                    check.first_word().filter(|_| rests)
                }) else {
                    continue;
                };
                let held = attached(scene, policy);
                let held: Vec<_> = held.into_iter().filter(|s| behind(s.id)).collect();
                if held.is_empty() {
                    continue;
                }
                let message = format!(
                    "the rule rests on what gateway {} passes on as callers write it ({})",
                    gateway.endpoint.workload.owner.name, trust.said
                );
                let fix = "Ask for identities or tokens instead, and correct gatewayTopology";
                let locus = place(policy.object, &word.pointer, Some(word.span));
                let draft = Draft::new(Id::CMP_14, locus, message, fix.to_owned())
                    .evidence(
                        "the gateway's setting stands here",
                        Proof::Source(trust.span),
                    )
                    .affects(held.iter().map(|subject| subject.asset()));
                report.add(policy.object, draft);
            }
        }
    }
}

/// The header with the certificate of who called.
const XFCC: &str = "x-forwarded-client-cert";

/// What a gateway believes its callers.
struct Trust {
    of_certificates: bool,
    of_addresses: bool,
    said: String,
    span: Span,
}

/// A gateway's belief, if it is exposed: the header about certificates as it comes, or that of
/// addresses though nothing stands before the gateway that would write it.
fn trusts(
    scene: &Scene<'_, '_>,
    network: &Network<'_, '_>,
    gateway: &Subject<'_, '_>,
) -> Option<Trust> {
    let doors = network
        .exposure()
        .iter()
        .filter(|way| way.endpoint == gateway.id && way.through.is_none() && way.is_open());
    let doors: Vec<_> = doors.collect();
    if doors.is_empty() {
        return None;
    }
    let own = gateway.endpoint.annotation("proxy.istio.io/config");
    let own = own.map(|field| {
        (
            crate::istio::mesh::nested(&field.value, field.span),
            field.span,
        )
    });
    let own_node = |key| {
        own.as_ref()
            .and_then(|(tree, _)| tree.at(&["gatewayTopology", key]))
    };
    let of_mesh = |key| {
        let mut configs = scene.istio.mesh.configs.iter();
        configs.find_map(|config| config.get(&["defaultConfig", "gatewayTopology", key]))
    };
    let said = |key| own_node(key).or_else(|| of_mesh(key));
    if let Some(node) = said("forwardClientCertDetails") {
        let value = node.as_str().unwrap_or_default();
        let mut passes_on = false;
        control_plane::forwarded(value, |_, _| passes_on = true);
        if passes_on {
            return Some(Trust {
                of_certificates: true,
                of_addresses: false,
                said: format!("forwardClientCertDetails: {value}"),
                span: node.span,
            });
        }
    }
    let node = said("numTrustedProxies")?;
    let number = node.as_i64().filter(|number| *number > 0)?;
    // A node's port has no proxy before it.
    let is_bare = |entry| {
        matches!(
            entry,
            Entry::NodePort | Entry::HostPort | Entry::HostNetwork
        )
    };
    doors.iter().any(|way| is_bare(way.entry)).then(|| Trust {
        of_certificates: false,
        of_addresses: true,
        said: format!("numTrustedProxies: {number}, though a node's port leads straight to it"),
        span: node.span,
    })
}

/// Ports that are exempt where the others of a pod are STRICT.
struct Exempt {
    ports: Vec<u16>,
    locus: Locus,
    by: Option<(String, Span)>,
}

fn exempt_ports(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>) -> Option<Exempt> {
    // A port that nothing speaks about shows what holds for the rest.
    if !scene.is_strict(subject, 0) {
        return None;
    }
    let inbound = &scene.istio.membership(subject.id)?.inbound;
    let all = subject.ports.iter().map(|port| port.number);
    let unseen: Vec<u16> = all.clone().filter(|port| !inbound.sees(*port)).collect();
    let endpoint = subject.endpoint;
    let whole = place(endpoint.object, "", None);
    if !unseen.is_empty() {
        return Some(Exempt {
            ports: unseen,
            locus: super::capture::excluding(subject).unwrap_or(whole),
            by: Some((
                "the proxy does not see the port".to_owned(),
                endpoint.object.name_span,
            )),
        });
    }
    let lax: Vec<u16> = all.filter(|port| subject.lax.contains(port)).collect();
    let first = *lax.first()?;
    let labels = &endpoint.template.labels;
    let peers = &scene.istio.peer_authentications;
    let mode = peers.for_labels(subject.namespace, labels, subject.place, first);
    let (_, decision) = mode.worst();
    let by = decision.map(|decision| {
        let name = &decision.object.reference.name;
        (
            format!("PeerAuthentication {name} exempts it"),
            decision.span,
        )
    });
    Some(Exempt {
        ports: lax,
        locus: whole,
        by,
    })
}
