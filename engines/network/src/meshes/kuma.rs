//! Kuma: mutual TLS and permissions at the destination's sidecar.

use super::{Identities, apart, within};
use crate::kuma::{Caller, Door, Edition, Kuma};
use crate::layer::{Alternative, Call, Layer, Model, Proven, Told, Tunnel, by_port};
use crate::places::Peer;
use crate::reach::Protocol;
use crate::request::Condition;
use crate::rows::Reach;
use crate::why::Verdict;
use crate::world::{EndpointId, World};

/// Kuma behind the policies.
#[derive(Debug)]
pub(crate) struct KumaLayer<'w, 's> {
    world: &'w World<'s>,
    kuma: Kuma<'s>,
    /// What pods prove, by edition.
    identities: Identities<Vec<(Edition, Caller)>>,
}

impl<'w, 's> KumaLayer<'w, 's> {
    /// Kuma as it is in force in a world, if it is there.
    pub(crate) fn new(world: &'w World<'s>) -> Option<Self> {
        let kuma = Kuma::new(world)?;
        let identities = Identities::new(world, |id| {
            let editions = kuma.editions().iter();
            let all = editions
                .filter_map(|edition| Some((*edition, kuma.caller(Peer::Endpoint(id), *edition)?)));
            let all: Vec<(Edition, Caller)> = all.collect();
            (!all.is_empty()).then_some(all)
        });
        Some(Self {
            world,
            kuma,
            identities,
        })
    }

    /// What the source proves, if it does. Whoever is asked about by an identity is one of the
    /// pods that prove it.
    fn callers(&self, from: Peer, model: Model<'_>) -> Option<&Vec<(Edition, Caller)>> {
        match model {
            Model::Nobody => None,
            Model::As(word) => {
                let mut all = self.world.endpoint_ids().map(|(id, _)| Peer::Endpoint(id));
                let from = all.find(|peer| self.proven(*peer).is_some_and(|one| one.is(word)))?;
                self.identities.of(from)
            }
            Model::Configured | Model::Adversarial => self.identities.of(from),
        }
    }

    fn proven(&self, from: Peer) -> Option<Proven> {
        let Peer::Endpoint(id) = from else {
            return None;
        };
        let (_, caller) = self.identities.of(from)?.first()?;
        let endpoint = self.world.endpoint_at(id)?;
        Some(Proven {
            name: caller.ids.first()?.to_string(),
            namespace: self.world.namespace_at(endpoint.namespace)?.name.into(),
            service_account: endpoint.template.service_account().into(),
        })
    }

    /// What a port lets in, by edition.
    fn doors(
        &self,
        from: Peer,
        model: Model<'_>,
        id: EndpointId,
        port: u16,
    ) -> impl Iterator<Item = Door<'s>> {
        let callers = self.callers(from, model);
        let editions = self.kuma.editions().iter();
        editions.filter_map(move |edition| {
            let mut callers = callers.into_iter().flatten();
            let caller = callers
                .find(|(of, _)| of == edition)
                .map(|(_, caller)| caller);
            self.kuma.door(id, port, caller, *edition)
        })
    }
}

fn passes(door: &Door<'_>, model: Model<'_>) -> bool {
    door.as_itself == Some(true) || may_be_nobody(door, model)
}

/// Whether something passes without an identity: a client of the mesh shows who it is where that
/// is asked for.
fn may_be_nobody(door: &Door<'_>, model: Model<'_>) -> bool {
    let wants = match model {
        Model::Adversarial | Model::Nobody => true,
        Model::Configured => door.as_itself.is_none(),
        Model::As(_) => false,
    };
    wants && door.as_nobody.is_some()
}

fn verdict(passes: bool) -> Verdict {
    if passes {
        Verdict::Open
    } else {
        Verdict::Closed
    }
}

impl<'s> Layer<'s> for KumaLayer<'_, 's> {
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model<'_>) -> Reach {
        let Peer::Endpoint(id) = to else {
            return open.clone();
        };
        let Some(member) = self.kuma.member(id) else {
            return open.clone();
        };
        let listening = member.inbounds.iter().map(|inbound| inbound.port);
        let excluded = [&*member.excluded, &*self.kuma.control_plane.excluded].concat();
        let apart = apart(self.world, id, listening);
        by_port(open, false, &apart, &within(&excluded), |port, _| {
            verdict(
                self.doors(from, model, id, port)
                    .any(|door| passes(&door, model)),
            )
        })
    }

    fn tunnel(&self) -> Tunnel {
        Tunnel::None
    }

    fn holds(&self, to: Peer) -> bool {
        matches!(to, Peer::Endpoint(id) if self.kuma.member(id).is_some())
    }

    fn class(&self, from: Peer, _to: Peer) -> Vec<usize> {
        vec![self.identities.number(from)]
    }

    fn told(&self, call: &Call<'_>) -> Option<Told<'s>> {
        let Peer::Endpoint(id) = call.to else {
            return None;
        };
        if call.protocol != Protocol::Tcp || !self.holds(call.to) {
            return None;
        }
        let (port, model) = (call.port, call.model);
        // Where the version is not known what lets more pass counts.
        let doors = self.doors(call.from, model, id, port);
        let door = doors.max_by_key(|door| passes(door, model))?;
        let mut said = vec![match door.as_nobody {
            Some(why) => format!("plaintext passes: {why}"),
            None => "plaintext is refused".to_owned(),
        }];
        said.push(match door.as_itself {
            Some(true) => "the permissions let this pass under the source's identity".to_owned(),
            Some(false) => "the permissions refuse the source's identity".to_owned(),
            None if door.as_nobody.is_some() => "no identity is asked for".to_owned(),
            None => "the source has no identity that counts".to_owned(),
        });
        if self.kuma.control_plane.version.is_none() {
            let version = match door.edition {
                Edition::Two => "2.x",
                Edition::Three => "3.0",
            };
            said.push(format!(
                "read as {version}: the version is not in the input"
            ));
        }
        Some(Told {
            said: format!("Kuma at port {port}: {}", said.join("; ")),
            verdict: verdict(passes(&door, model)),
            ways: self.ways(&door, call),
            cites: door.because,
        })
    }
}

impl KumaLayer<'_, '_> {
    /// The ways in that a door leaves a source.
    fn ways(&self, door: &Door<'_>, call: &Call<'_>) -> Vec<Alternative> {
        let way = |identity| Alternative {
            identity,
            condition: Condition::Always,
        };
        let proven = match call.model {
            Model::As(word) => Some(Proven {
                name: word.to_owned(),
                namespace: "".into(),
                service_account: "".into(),
            }),
            _ => self.proven(call.from),
        };
        let as_itself = proven.filter(|_| door.as_itself == Some(true));
        let as_nobody = may_be_nobody(door, call.model).then(|| way(None));
        as_itself
            .map(|one| way(Some(one)))
            .into_iter()
            .chain(as_nobody)
            .collect()
    }
}
