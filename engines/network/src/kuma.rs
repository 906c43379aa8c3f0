//! Kuma: which pods are in a mesh, who proves what, and whom a port lets in.
//!
//! A port has a listener of its own where a Service leads to it; only there does mutual TLS
//! stand before the application, and only behind mutual TLS do permissions hold: in plaintext
//! nothing is asked. Ports without a Service are passed through, unless the sidecar refuses
//! them (from 2.13 on, where mutual TLS is strict).
//!
//! The same objects mean different things in 2.x and 3.0. The version is the control plane's,
//! by its image; where that is not in the picture both are computed, and what lets more pass
//! counts.

pub mod identity;
pub mod membership;
pub mod policies;

use crate::istio::mesh::Version;
use crate::places::Peer;
use crate::why::Cite;
use crate::world::{EndpointId, World};
use identity::{Id, Identities};
use membership::{Inbound, Member, Tags};
use policies::{Mode, Policies};
use seawall_model::{Span, Str};
use seawall_snapshot::Object;
use seawall_snapshot::pod::EnvSource;
use seawall_yaml::Node;

/// The API group of Kuma's objects.
pub(crate) const GROUP: &str = "kuma.io";

/// A line of Kuma whose objects mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Edition {
    /// 2.x.
    Two,
    /// 3.0 and what follows.
    Three,
}

/// What is known of the control plane.
#[derive(Debug)]
pub struct ControlPlane {
    /// Its version, by its image.
    pub version: Option<(u16, u16)>,
    /// Its namespaces: policies there are for all pods of a mesh.
    pub namespaces: Vec<Str>,
    /// Its zone.
    pub zone: Option<Str>,
    /// Ports that it keeps from all sidecars.
    pub excluded: Vec<(u16, u16)>,
}

/// A Mesh.
#[derive(Debug)]
pub struct Mesh<'s> {
    /// The object.
    pub object: &'s Object,
    /// The backend of 2.x that makes certificates: its mode, and where it is switched on.
    pub mtls: Option<(Mode, Span)>,
}

/// Everything of Kuma that is in force.
#[derive(Debug)]
pub struct Kuma<'s> {
    /// What is known of the control plane.
    pub control_plane: ControlPlane,
    /// The meshes.
    pub meshes: Vec<Mesh<'s>>,
    /// How each endpoint stands to a mesh; `None` outside of all.
    pub members: Vec<Option<Member<'s>>>,
    /// Who gets which identity.
    pub identities: Identities<'s>,
    /// Who may call whom, and where plaintext is accepted.
    pub policies: Policies<'s>,
}

/// What a caller proves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// Its mesh.
    pub mesh: Str,
    /// Its SPIFFE ids.
    pub ids: Vec<Id>,
    /// Its tags, as certificates of 2.x have them.
    pub tags: Tags,
}

/// What a port lets in, in one edition.
#[derive(Debug)]
pub struct Door<'s> {
    /// The edition.
    pub edition: Edition,
    /// Why plaintext gets in; `None` where it does not.
    pub as_nobody: Option<&'static str>,
    /// Whether the caller gets in under its identity; `None` where it has none, or none is
    /// asked for.
    pub as_itself: Option<bool>,
    /// What decides.
    pub because: Vec<Cite<'s>>,
}

impl<'s> Kuma<'s> {
    /// Reads what is in force off a world; `None` where no pod is in a mesh.
    pub fn new(world: &World<'s>) -> Option<Self> {
        let control_plane = ControlPlane::new(world);
        let members = membership::all(world, &control_plane);
        if members.iter().all(Option::is_none) {
            return None;
        }
        let objects = world.of_kind(GROUP, "Mesh").iter();
        Some(Self {
            meshes: objects.map(|object| Mesh::read(object)).collect(),
            identities: Identities::new(world),
            policies: Policies::new(world, &control_plane),
            members,
            control_plane,
        })
    }

    /// How an endpoint stands to a mesh.
    pub fn member(&self, id: EndpointId) -> Option<&Member<'s>> {
        self.members.get(id.0 as usize)?.as_ref()
    }

    /// The editions that this may be.
    pub fn editions(&self) -> &'static [Edition] {
        match self.control_plane.version {
            Some((0..=2, _)) => &[Edition::Two],
            Some(_) => &[Edition::Three],
            None => &[Edition::Two, Edition::Three],
        }
    }

    fn mesh(&self, name: &str) -> Option<&Mesh<'s>> {
        let mut all = self.meshes.iter();
        all.find(|mesh| &*mesh.object.reference.name == name)
    }

    /// What an endpoint proves in an edition; `None` where it has no certificate.
    pub fn caller(&self, peer: Peer, edition: Edition) -> Option<Caller> {
        let Peer::Endpoint(id) = peer else {
            return None;
        };
        let member = self.member(id)?;
        let zone = self.control_plane.zone.as_deref();
        let mut caller = Caller {
            mesh: member.mesh.clone(),
            ids: Vec::new(),
            tags: Tags::new(),
        };
        if let Some(identity) = self.identities.of(member) {
            caller.ids.push(identity.id(member, zone));
            return Some(caller);
        }
        let has_backend = self
            .mesh(&member.mesh)
            .is_some_and(|mesh| mesh.mtls.is_some());
        if edition == Edition::Three || !has_backend {
            return None;
        }
        let services = member.tags.get(membership::SERVICE).into_iter().flatten();
        caller.ids = services
            .map(|service| Id::known(&format!("spiffe://{}/{service}", member.mesh)))
            .collect();
        caller.tags = self.policies.named(&member.tags);
        Some(caller)
    }

    /// What a port of an endpoint lets in; `None` where no proxy stands before it.
    pub fn door(
        &self,
        id: EndpointId,
        port: u16,
        caller: Option<&Caller>,
        edition: Edition,
    ) -> Option<Door<'s>> {
        let member = self.member(id)?;
        let open = |why, because: Vec<Cite<'s>>| Door {
            edition,
            as_nobody: Some(why),
            as_itself: None,
            because,
        };
        if member.is_excluded(port, &self.control_plane) {
            let why = "the port is kept from the sidecar";
            return Some(open(
                why,
                member.excluded_by().cloned().into_iter().collect(),
            ));
        }
        if let Some(cite) = &member.gateway {
            let why = "it is a gateway, which takes in whoever comes";
            return Some(open(why, vec![cite.clone()]));
        }
        let Some(security) = self.security(member, edition) else {
            let because = self.without_security(member, edition);
            let why = match (edition, self.mesh(&member.mesh)) {
                (Edition::Three, _) => {
                    "no MeshIdentity is for the pods, so that there is no mutual TLS"
                }
                (_, Some(_)) => "the mesh has no mutual TLS",
                (_, None) => "the Mesh is not in the input, nor any mutual TLS of it",
            };
            return Some(open(why, because));
        };
        let Some(inbound) = member.inbounds.iter().find(|one| one.port == port) else {
            if self.refuses_others(member, &security, edition) {
                return Some(Door {
                    edition,
                    as_nobody: None,
                    as_itself: caller.map(|_| false),
                    because: Vec::new(),
                });
            }
            let why = "no Service leads to the port, and the sidecar passes it through";
            return Some(open(why, Vec::new()));
        };
        let (mode, mode_cite) = self.mode(member, inbound, &security, edition);
        let is_permissive = mode == Mode::Permissive;
        let mut because: Vec<Cite<'s>> = mode_cite.into_iter().collect();
        let caller = caller.filter(|caller| self.trusts(member, caller));
        let as_itself = caller.map(|caller| {
            let decision = if security.has_identity || edition == Edition::Three {
                self.policies.by_rules(member, inbound, caller, edition)
            } else {
                self.policies.by_tags(member, inbound, caller)
            };
            because.extend(decision.because);
            decision.is_allowed
        });
        Some(Door {
            edition,
            as_nobody: is_permissive.then_some("plaintext is accepted, and no permission holds it"),
            as_itself,
            because,
        })
    }

    /// Whether a destination takes a caller's certificate for one: it is of the same mesh, or
    /// of a domain that the mesh trusts.
    fn trusts(&self, member: &Member<'_>, caller: &Caller) -> bool {
        caller.mesh == member.mesh || self.identities.is_trusted(&member.mesh, caller)
    }

    fn security(&self, member: &Member<'s>, edition: Edition) -> Option<Security> {
        if self.identities.of(member).is_some() {
            return Some(Security {
                has_identity: true,
                mode: None,
            });
        }
        let mesh = self
            .mesh(&member.mesh)
            .filter(|_| edition == Edition::Two)?;
        let (mode, span) = mesh.mtls?;
        Some(Security {
            has_identity: false,
            mode: Some((mode, span)),
        })
    }

    /// What shows that there is no mutual TLS.
    fn without_security(&self, member: &Member<'s>, edition: Edition) -> Vec<Cite<'s>> {
        let mesh = self.mesh(&member.mesh);
        let cite = mesh.map(|mesh| {
            // 3.0 ignores what 2.x goes by.
            let mtls = mesh.mtls.filter(|_| edition == Edition::Three);
            match mtls {
                Some((_, span)) => cite(mesh.object, "/spec/mtls", span),
                None => cite(mesh.object, "", mesh.object.name_span),
            }
        });
        cite.into_iter().collect()
    }

    /// The mode of an inbound, with what sets it.
    fn mode(
        &self,
        member: &Member<'s>,
        inbound: &Inbound,
        security: &Security,
        edition: Edition,
    ) -> (Mode, Option<Cite<'s>>) {
        if let Some((mode, cite)) = self.policies.mode(member, inbound, edition) {
            return (mode, Some(cite));
        }
        let mesh = self.mesh(&member.mesh);
        match security.mode.zip(mesh) {
            Some(((mode, span), mesh)) => (mode, Some(cite(mesh.object, "/spec/mtls", span))),
            None => (Mode::Strict, None),
        }
    }

    /// Whether a sidecar refuses ports that no Service leads to.
    fn refuses_others(&self, member: &Member<'s>, security: &Security, edition: Edition) -> bool {
        let is_new = self
            .control_plane
            .version
            .is_some_and(|version| version >= (2, 13));
        let is_strict =
            |inbound: &Inbound| self.mode(member, inbound, security, edition).0 == Mode::Strict;
        let backend = security.mode.is_none_or(|(mode, _)| mode == Mode::Strict);
        let all = if member.inbounds.is_empty() {
            backend
        } else {
            member.inbounds.iter().all(is_strict)
        };
        is_new && all && !member.is_lax
    }
}

/// How pods get certificates.
struct Security {
    /// From a MeshIdentity.
    has_identity: bool,
    /// From the mesh's backend, with its mode.
    mode: Option<(Mode, Span)>,
}

/// A piece of an object.
pub(crate) fn cite<'s>(object: &'s Object, pointer: &str, span: Span) -> Cite<'s> {
    Cite {
        object,
        pointer: pointer.to_owned(),
        span,
        condition: None,
        is_assumed: false,
    }
}

impl<'s> Mesh<'s> {
    fn read(object: &'s Object) -> Self {
        let mtls = object.body().and_then(|body| body.at(&["spec", "mtls"]));
        let enabled = mtls.and_then(|mtls| mtls.get("enabledBackend"));
        let backends = object.items(&["spec", "mtls", "backends"]).iter();
        let text = |node: &'s Node, key: &str| node.get(key).and_then(Node::as_str);
        let found = enabled.and_then(|node| {
            let name = node.as_str().filter(|name| !name.is_empty())?;
            let backend = backends
                .clone()
                .find(|one| text(one, "name") == Some(name))?;
            let mode = match text(backend, "mode") {
                Some("PERMISSIVE") => Mode::Permissive,
                _ => Mode::Strict,
            };
            let at = backend.get("mode").map_or(node.span, |mode| mode.span);
            Some((mode, at))
        });
        Self {
            object,
            mtls: found,
        }
    }
}

impl ControlPlane {
    fn new(world: &World<'_>) -> Self {
        let mut known = Self {
            version: None,
            namespaces: Vec::new(),
            zone: None,
            excluded: Vec::new(),
        };
        for endpoint in &world.endpoints {
            for container in &endpoint.template.containers {
                let image = container.image.as_ref().map(|image| &*image.value);
                let name = image.and_then(|image| image.split('@').next()?.rsplit('/').next());
                let Some((_, tag)) = name.and_then(|name| name.split_once(':')) else {
                    continue;
                };
                if !name.is_some_and(|name| name.starts_with("kuma-cp:")) {
                    continue;
                }
                // Of several control planes the older one lets more pass.
                let version = Version::from_tag(tag).filter(|one| one.major > 0);
                let version = version.map(|one| (one.major, one.minor));
                let is_first = known.namespaces.is_empty();
                known.version = if is_first {
                    version
                } else {
                    known.version.min(version)
                };
                let home = world.namespace_at(endpoint.namespace);
                known
                    .namespaces
                    .extend(home.map(|home| Str::from(home.name)));
                for variable in &container.env {
                    let EnvSource::Literal(value) = &variable.source else {
                        continue;
                    };
                    match &*variable.name {
                        "KUMA_MULTIZONE_ZONE_NAME" => known.zone = Some(value.value.clone()),
                        EXCLUDE => known.excluded.extend(membership::ranges(&value.value)),
                        _ => {}
                    }
                }
            }
        }
        if known.namespaces.is_empty() {
            known.namespaces = vec!["kuma-system".into(), "kong-mesh-system".into()];
        }
        known
    }
}

/// The control plane's setting about ports that are kept from all sidecars.
const EXCLUDE: &str = "KUMA_RUNTIME_KUBERNETES_SIDECAR_TRAFFIC_EXCLUDE_INBOUND_PORTS";
