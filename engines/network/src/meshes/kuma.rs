//! Kuma: mutual TLS and permissions at the destination's sidecar.

use super::{Identities, apart, within};
use crate::kuma::{Caller, Door, Edition, Kuma};
use crate::layer::{Layer, Model, Told, by_port};
use crate::places::Peer;
use crate::reach::Protocol;
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

    /// What a port lets in, by edition.
    fn doors(&self, from: Peer, id: EndpointId, port: u16) -> impl Iterator<Item = Door<'s>> {
        let callers = self.identities.of(from);
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

fn passes(door: &Door<'_>, model: Model) -> bool {
    // A client of the mesh shows who it is where that is asked for.
    let may_be_nobody = model == Model::Adversarial || door.as_itself.is_none();
    door.as_itself == Some(true) || (may_be_nobody && door.as_nobody.is_some())
}

fn verdict(passes: bool) -> Verdict {
    if passes {
        Verdict::Open
    } else {
        Verdict::Closed
    }
}

impl<'s> Layer<'s> for KumaLayer<'_, 's> {
    fn passes(&self, from: Peer, to: Peer, open: &Reach, model: Model) -> Reach {
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
            verdict(self.doors(from, id, port).any(|door| passes(&door, model)))
        })
    }

    fn holds(&self, to: Peer) -> bool {
        matches!(to, Peer::Endpoint(id) if self.kuma.member(id).is_some())
    }

    fn class(&self, from: Peer) -> usize {
        self.identities.number(from)
    }

    fn told(&self, from: Peer, to: Peer, protocol: Protocol, port: u16) -> Option<Told<'s>> {
        let Peer::Endpoint(id) = to else { return None };
        if protocol != Protocol::Tcp || !self.holds(to) {
            return None;
        }
        // Where the version is not known what lets more pass counts.
        let doors = self.doors(from, id, port);
        let door = doors.max_by_key(|door| passes(door, Model::Adversarial))?;
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
            verdict: verdict(passes(&door, Model::Adversarial)),
            cites: door.because,
        })
    }
}
