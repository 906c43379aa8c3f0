//! Flows as they are wanted: between places that a kind of policy can hold and name, and open as
//! they are. What is not so is told with its reason.

use super::ends::{Ends, Found, Place};
use super::lines::{End, Flow, Observed, Seen};
use super::members::{self, Mesh};
use super::need::passes;
use super::requests::{Request, Requests};
use super::tunnel::{self, HBONE, Wire};
use super::waypoints::{self, Through};
use seawall_model::Str;
use seawall_network::{Call, EndpointId, Network, Peer, Protocol, Verdict};
use std::collections::BTreeSet;

/// A flow between places that policies can name.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Who sends: a mesh may know pods of one workload by several accounts.
    pub(super) from: BTreeSet<Place>,
    pub(super) to: Place,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    /// What was asked, where that is looked at.
    pub(super) requests: Option<Requests>,
    /// What was asked and is refused as it is.
    pub(super) refused: Vec<String>,
    /// The waypoints that it goes through.
    pub(super) through: Vec<Through>,
    /// How the cluster's network sees it.
    pub(super) wires: BTreeSet<Wire>,
    /// The ends that were meant; places may hold others, too.
    pub(super) meant: Vec<(Peer, Peer)>,
    pub(super) sender: String,
    pub(super) seen: Seen,
}

/// What answers behind a host's name, said in a namespace, at a port.
pub(super) type Hosts<'h> = dyn Fn(&str, &str, u16) -> Vec<(EndpointId, Protocol, u16)> + 'h;

/// What a flow goes to: a port of a workload.
type Target<'e, 's> = (Found<'e, 's>, Protocol, u16);

/// Understands flows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a, 'w, 's> {
    pub(super) network: &'a Network<'w, 's>,
    pub(super) ends: &'a Ends<'w, 's>,
    /// Whether routes change paths.
    pub(super) has_rewrites: bool,
}

impl<'a, 's> Reader<'a, '_, 's> {
    /// The places that a flow is between, if policies can name both and it is open as it is.
    pub(super) fn resolve(
        &self,
        flow: &'a Flow,
        about: &Seen,
        seen: &'a Observed,
        behind: &Hosts<'_>,
    ) -> Vec<Result<(String, Wanted), String>> {
        let from = match self.ends.find(&flow.from, seen) {
            Ok(from) => from,
            Err(reason) => return vec![Err(reason)],
        };
        let targets = match &flow.to {
            End::Service(space, name) => self.behind(
                space,
                name,
                &behind(&format!("{name}.{space}"), space, flow.port),
            ),
            end => self
                .ends
                .find(end, seen)
                .map(|found| vec![(found, flow.protocol, flow.port)]),
        };
        match targets {
            Ok(targets) => {
                let hops = targets
                    .into_iter()
                    .flat_map(|target| self.hops(from, target));
                hops.map(|hop| hop.and_then(|(from, target)| self.wanted(from, target, about)))
                    .collect()
            }
            Err(reason) => vec![Err(reason)],
        }
    }

    /// The connections that a flow is to the cluster's network: where a waypoint stands between,
    /// one to it and one from it.
    fn hops(
        &self,
        from: Found<'a, 's>,
        target: Target<'a, 's>,
    ) -> Vec<Result<(Found<'a, 's>, Target<'a, 's>), String>> {
        let (to, _, port) = target;
        let (senders, targets) = (self.ends.meant(from), self.ends.meant(to));
        let pairs = senders
            .iter()
            .flat_map(|from| targets.iter().map(|to| (*from, *to)));
        let between = |(from, to)| {
            let istio = self.ends.ambient.as_ref();
            istio.map_or_else(Vec::new, |istio| {
                waypoints::between(istio, self.ends.world, from, to, port)
            })
        };
        let waypoints: BTreeSet<(Str, Str)> =
            pairs.flat_map(between).map(|one| one.gateway).collect();
        if waypoints.is_empty() {
            return vec![Ok((from, target))];
        }
        let mut hops = Vec::new();
        for waypoint in &waypoints {
            match self.ends.waypoint(waypoint) {
                Ok(group) => {
                    let waypoint = Found::Group(group);
                    let tunnel = (waypoint, Protocol::Tcp, HBONE);
                    hops.extend([Ok((from, tunnel)), Ok((waypoint, target))]);
                }
                Err(reason) => hops.push(Err(reason)),
            }
        }
        hops
    }

    /// The workloads behind a Service.
    fn behind(
        &self,
        space: &str,
        name: &str,
        answers: &[(EndpointId, Protocol, u16)],
    ) -> Result<Vec<Target<'a, 's>>, String> {
        let mut targets: Vec<Target<'a, 's>> = Vec::new();
        for (id, protocol, port) in answers {
            let Some(group) = self.ends.group_of(*id) else {
                continue;
            };
            let is_known = |(found, p, number): &Target<'_, '_>| {
                matches!(found, Found::Group(known) if std::ptr::eq(*known, group))
                    && (p, number) == (protocol, port)
            };
            if !targets.iter().any(is_known) {
                targets.push((Found::Group(group), *protocol, *port));
            }
        }
        if targets.is_empty() {
            return Err(format!(
                "no Service {space}/{name} with this port leads to pods of the picture"
            ));
        }
        Ok(targets)
    }

    fn wanted(
        &self,
        from: Found<'a, 's>,
        (to, protocol, port): Target<'a, 's>,
        about: &Seen,
    ) -> Result<(String, Wanted), String> {
        if matches!((from, to), (Found::Internet, Found::Internet)) {
            return Err("both ends are outside of the cluster".to_owned());
        }
        self.holds(to, protocol, port)?;
        let (senders, targets) = (self.ends.meant(from), self.ends.meant(to));
        let meant: Vec<(Peer, Peer)> = senders
            .iter()
            .flat_map(|from| targets.iter().map(|to| (*from, *to)))
            .collect();
        let through = self.through(&meant, port);
        let wires = meant
            .iter()
            .flat_map(|pair| self.wires(*pair, protocol, port));
        let mut wires: BTreeSet<Wire> = wires.collect();
        if wires.is_empty() {
            wires.insert(Wire::Plain);
        }
        let word = protocol.name().to_ascii_lowercase();
        let text = format!("{from} -> {to} {word}/{port}");
        let mut refused = Vec::new();
        let requests = self.requests(&meant, &through, port, &about.asked, &mut refused)?;
        let wanted = Wanted {
            from: self.senders(from, &meant, port)?,
            to: self.ends.place(to)?,
            protocol,
            port,
            requests,
            refused,
            through,
            wires,
            meant,
            sender: from.to_string(),
            seen: about.clone(),
        };
        let mut pairs = wanted.meant.iter();
        // What answers DNS may not be in the picture.
        if wanted.meant.is_empty() || pairs.any(|(from, to)| self.is_open(*from, *to, &wanted)) {
            return Ok((text, wanted));
        }
        Err(match self.closing(&wanted) {
            Some(policy) => format!("{policy} closes it; it stays closed"),
            None => "what is in the picture closes it; it stays closed".to_owned(),
        })
    }

    /// Fails where a policy of this kind would do nothing about what comes in.
    fn holds(&self, to: Found<'_, '_>, protocol: Protocol, port: u16) -> Result<(), String> {
        if !self.ends.kind.is_mesh() {
            return Ok(());
        }
        let Found::Group(group) = to else {
            return Err("a mesh holds what comes in to its own pods".to_owned());
        };
        if let Some(why) = group.outside {
            return Err(format!("a policy would do nothing at {to}: {why}"));
        }
        if protocol != Protocol::Tcp {
            return Err("a mesh holds TCP only".to_owned());
        }
        let mut ports = group.endpoints.iter();
        let unheld = ports.find_map(|id| self.ends.mesh.unheld_port(self.ends.world, *id, port));
        match unheld {
            Some(why) => Err(format!("a policy would do nothing there: {why}")),
            None => Ok(()),
        }
    }

    /// Who sends, as rules name it.
    fn senders(
        &self,
        from: Found<'_, 's>,
        meant: &[(Peer, Peer)],
        port: u16,
    ) -> Result<BTreeSet<Place>, String> {
        if !self.ends.kind.is_mesh() {
            return Ok(BTreeSet::from([self.ends.place(from)?]));
        }
        Ok(meant
            .iter()
            .map(|(from, to)| self.sender(*from, *to, port))
            .collect())
    }

    /// What a mesh knows a peer by.
    fn sender(&self, from: Peer, to: Peer, port: u16) -> Place {
        let world = self.ends.world;
        let (id, target) = match (from, to) {
            (Peer::Endpoint(id), Peer::Endpoint(target)) => (Some(id), target),
            (_, Peer::Endpoint(target)) => (None, target),
            _ => return Place::Anybody,
        };
        let account = id.and_then(|id| self.ends.mesh.account(world, id));
        let account = account.map(|(space, name)| Place::Account(space.into(), name.into()));
        match &self.ends.mesh {
            Mesh::Istio(istio) => {
                let hears = |id| members::hears_of(istio, world, id, target, port);
                let known = account.filter(|_| id.is_some_and(hears));
                // At a gateway TLS of its own may prove something that is no account.
                known.unwrap_or(if members::is_gateway(istio, target) {
                    Place::Anybody
                } else {
                    Place::Nobody
                })
            }
            _ => account.unwrap_or(if from == Peer::Internet {
                Place::Internet
            } else {
                Place::Anybody
            }),
        }
    }

    /// The waypoints that stand between the ends.
    fn through(&self, meant: &[(Peer, Peer)], port: u16) -> Vec<Through> {
        let Mesh::Istio(istio) = &self.ends.mesh else {
            return Vec::new();
        };
        let pairs = meant.iter();
        let all: BTreeSet<Through> = pairs
            .flat_map(|(from, to)| waypoints::between(istio, self.ends.world, *from, *to, port))
            .collect();
        all.into_iter().collect()
    }

    /// What was asked, where a proxy looks at it.
    fn requests(
        &self,
        meant: &[(Peer, Peer)],
        through: &[Through],
        port: u16,
        asked: &Requests,
        refused: &mut Vec<String>,
    ) -> Result<Option<Requests>, String> {
        let Some(known) = asked.known() else {
            return Ok(None);
        };
        let Mesh::Istio(istio) = &self.ends.mesh else {
            let mut pairs = meant.iter();
            if !pairs.all(|(_, to)| self.ends.reads(*to, port, known)) {
                return Ok(None);
            }
            let passes = |request: &Request| {
                let mut pairs = meant.iter();
                pairs.any(|pair| passes(self.network, *pair, port, request))
            };
            return self.kept(asked, refused, &passes).map(Some);
        };
        let world = self.ends.world;
        let understands = |(_, to): &(Peer, Peer)| matches!(to, Peer::Endpoint(id) if members::understands(istio, world, *id, port));
        let has_reader = |(from, to): &(Peer, Peer)| {
            waypoints::understands(istio, world, *to, port)
                && !waypoints::between(istio, world, *from, *to, port).is_empty()
        };
        if !meant
            .iter()
            .all(|pair| understands(pair) || has_reader(pair))
        {
            return Ok(None);
        }
        let passes = |request: &Request| {
            meant.iter().any(|(from, to)| match (through, to) {
                ([], Peer::Endpoint(id)) => {
                    members::passes(istio, world, *from, *id, port, request)
                }
                ([], _) => false,
                (through, to) => through.iter().any(|one| {
                    waypoints::passes(istio, world, (*from, *to), port, one, Some(request))
                }),
            })
        };
        self.kept(asked, refused, &passes).map(Some)
    }

    /// What of it passes as it is.
    fn kept(
        &self,
        asked: &Requests,
        refused: &mut Vec<String>,
        passes: &dyn Fn(&Request) -> bool,
    ) -> Result<Requests, String> {
        if asked.is_empty() {
            return Err("all that was asked there the application does not have".to_owned());
        }
        let mut kept = asked.clone();
        if self.has_rewrites {
            kept.forget_sent_paths();
        }
        kept.retain(|request| {
            let passes = passes(request);
            if !passes {
                refused.push(request.to_string());
            }
            passes
        });
        if kept.is_empty() {
            return Err("what was asked there is refused as it is; it stays refused".to_owned());
        }
        Ok(kept)
    }

    fn is_open(&self, from: Peer, to: Peer, wanted: &Wanted) -> bool {
        let (protocol, port) = (wanted.protocol, wanted.port);
        let mut wires = self.wires((from, to), protocol, port).into_iter();
        wires.any(|wire| wire.passes(self.network, (from, to), protocol, port))
    }

    fn wires(&self, pair: (Peer, Peer), protocol: Protocol, port: u16) -> Vec<Wire> {
        let istio = self.ends.ambient.as_ref();
        tunnel::wires(istio, self.ends.world, pair, protocol, port)
    }

    /// The policy that closes a flow.
    fn closing(&self, wanted: &Wanted) -> Option<String> {
        let pairs = wanted.meant.iter();
        let mut calls = pairs.flat_map(|(from, to)| {
            let wires = self.wires((*from, *to), wanted.protocol, wanted.port);
            let ports = wires.into_iter().map(|wire| wire.port(wanted.port));
            ports.map(|port| Call::new(*from, *to, wanted.protocol, port))
        });
        calls.find_map(|call| {
            let why = self.network.why(&call);
            let mut steps = why.steps.iter();
            let step = steps.find(|step| step.verdict == Verdict::Closed);
            let mut layers = why.layers.iter();
            let layer = layers.find(|told| told.verdict == Verdict::Closed);
            let cites = step
                .map(|step| &step.cites)
                .or(layer.map(|told| &told.cites))?;
            Some(cites.first()?.object.reference.to_string())
        })
    }
}

impl Wanted {
    /// Takes in the same flow as other lines have it.
    pub(super) fn join(&mut self, other: Wanted) {
        self.seen.join(&other.seen);
        self.from.extend(other.from);
        let meant = std::mem::take(&mut self.meant);
        let all: BTreeSet<(Peer, Peer)> = meant.into_iter().chain(other.meant).collect();
        self.meant = all.into_iter().collect();
        self.wires.extend(other.wires);
        self.requests = match (self.requests.take(), other.requests) {
            (Some(mut known), Some(more)) => {
                known.join(&more);
                Some(known)
            }
            _ => None,
        };
    }
}
