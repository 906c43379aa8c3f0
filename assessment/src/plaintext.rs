//! Who still speaks plaintext to the mesh, and would be refused where mutual TLS is required.
//!
//! STRICT is the repair of every finding about a PeerAuthentication, and it stops whoever is
//! outside of the mesh. Of those the manifests show three kinds: workloads that are told of a
//! port of the mesh (variables, arguments, ConfigMaps), ways in from the internet that pass no
//! proxy of the mesh, and a Prometheus outside that scrapes what annotations or monitors say. Such
//! a port of a workload with a policy of its own stays PERMISSIVE; a policy for a namespace or the
//! mesh cannot say ports, so that the caution names the workloads that need one of their own.
//!
//! Probes need nothing: Istio has the kubelet's answered by the proxy, or lets them pass.

use crate::least::dependencies;
use seawall_model::fix::below;
use seawall_model::{Asset, Data, Finding, Operation, Repair, Str};
use seawall_network::istio::Istio;
use seawall_network::istio::membership::Place;
use seawall_network::istio::peer_authentication::{Level, PeerAuthentication};
use seawall_network::{
    Call, Config, Endpoint, EndpointId, Model, Network, Peer, Protocol, Verdict, World,
};
use seawall_snapshot::{LabelSelector, Object, Snapshot};
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Rules whose repair is STRICT.
const RULES: [&str; 4] = ["IST-TLS-02", "IST-TLS-03", "IST-TLS-04", "IST-TLS-05"];
/// Ports that are named in a caution at most.
const MOST_TOLD: usize = 4;
/// The group of the monitors of Prometheus' operator.
const MONITORING: &str = "monitoring.coreos.com";

/// Ports of workloads, each with who needs it in plaintext.
type Needed = BTreeMap<(EndpointId, u16), BTreeSet<String>>;

/// A repair that requires mutual TLS, with the exceptions that traffic needs.
pub(crate) fn excepting(repair: Repair, finding: &Finding, snapshot: &Snapshot) -> Repair {
    let Repair::Mechanical(mut mend) = repair else {
        return repair;
    };
    let world = World::new(snapshot);
    let istio = Istio::new(&world).filter(|_| RULES.contains(&finding.rule.as_str()));
    let Some((istio, policy)) = istio
        .as_ref()
        .and_then(|one| Some((one, of(one, finding)?)))
    else {
        return Repair::Mechanical(mend);
    };
    let network = Network::new(&world, &Config::default());
    let scene = Scene {
        world: &world,
        istio,
        network: &network,
    };
    let mut needed = scene.needed();
    needed.retain(|(id, port), _| scene.is_by(policy, *id, *port));
    let single = finding.locus.pointer.strip_prefix("/spec/portLevelMtls/");
    if let Some(port) = single.and_then(|rest| rest.split('/').next()?.parse::<u16>().ok()) {
        needed.retain(|(_, known), _| *known == port);
    }
    let Some(told) = scene.told(&needed) else {
        return Repair::Mechanical(mend);
    };
    let is_own = policy.level == Level::Workload && single.is_none();
    let note = if is_own {
        let ports: BTreeSet<u16> = needed.keys().map(|(_, port)| *port).collect();
        mend.operations.extend(exceptions(policy, &ports));
        format!("in plaintext stays open what needs it: {told}")
    } else if single.is_some() {
        format!("this is refused then: {told}")
    } else {
        format!(
            "this is refused then: {told}; give these workloads a PeerAuthentication of their own \
             first, with portLevelMtls PERMISSIVE for the port"
        )
    };
    let before = mend.caution.take();
    mend.caution = Some(before.map_or(note.clone(), |before| format!("{note}; {before}")));
    Repair::Mechanical(mend)
}

/// What leaves ports of a policy as they are.
fn exceptions(policy: &PeerAuthentication<'_>, ports: &BTreeSet<u16>) -> Vec<Operation> {
    let modes = "/spec/portLevelMtls";
    let mode = || Data::entry("mode", Data::text("PERMISSIVE"));
    let entries = ports.iter().map(|port| (port.to_string(), mode()));
    let body = policy.object.body();
    let is_there = body.is_some_and(|body| body.at(&["spec", "portLevelMtls"]).is_some());
    if is_there {
        let set = entries.map(|(port, mode)| Operation::set(below(modes, &port), mode));
        return set.collect();
    }
    let entries = entries.map(|(port, mode)| (Str::from(port), mode));
    vec![Operation::set(modes, Data::Map(entries.collect()))]
}

/// The policy that a finding is about.
fn of<'i, 's>(istio: &'i Istio<'s>, finding: &Finding) -> Option<&'i PeerAuthentication<'s>> {
    let Asset::Resource(resource) = &finding.asset else {
        return None;
    };
    let mut all = istio.peer_authentications.all.iter();
    all.find(|policy| policy.object.reference.lasting() == resource.lasting())
}

struct Scene<'a, 'w, 's> {
    world: &'a World<'s>,
    istio: &'a Istio<'s>,
    network: &'a Network<'w, 's>,
}

impl Scene<'_, '_, '_> {
    fn place(&self, id: EndpointId) -> Option<Place> {
        self.istio.membership(id).map(|one| one.place)
    }

    fn is_outside(&self, id: EndpointId) -> bool {
        self.place(id) == Some(Place::Outside)
    }

    /// Whether a policy decides that a port takes plaintext.
    fn is_by(&self, policy: &PeerAuthentication<'_>, id: EndpointId, port: u16) -> bool {
        let (Some(endpoint), Some(place)) = (self.world.endpoint_at(id), self.place(id)) else {
            return false;
        };
        let space = self.world.namespace_at(endpoint.namespace);
        let modes = self.istio.peer_authentications.effective(
            space.map_or("", |space| space.name),
            endpoint,
            place,
            port,
        );
        let mut deciding = modes.modes.iter().filter_map(|(_, by)| by.as_ref());
        deciding.any(|by| std::ptr::eq(by.object, policy.object))
    }

    /// The ports that somebody outside of the mesh needs and reaches in plaintext.
    fn needed(&self) -> Needed {
        let mut needed = Needed::new();
        for (from, to, protocol, port) in dependencies(self.network) {
            if self.is_outside(from) {
                let from = Peer::Endpoint(from);
                self.add(
                    &mut needed,
                    from,
                    (to, protocol, port),
                    self.network.name(from),
                );
            }
        }
        for way in self.network.exposure().iter().filter(|way| way.is_open()) {
            let to = (way.endpoint, way.protocol, way.port);
            match way.through {
                None => self.add(&mut needed, Peer::Internet, to, "the internet".to_owned()),
                Some(Peer::Endpoint(id)) if self.is_outside(id) => {
                    let from = Peer::Endpoint(id);
                    self.add(&mut needed, from, to, self.network.name(from));
                }
                Some(_) => {}
            }
        }
        let scrapers: Vec<EndpointId> = self.scrapers().collect();
        for (to, port) in self.scraped() {
            for scraper in &scrapers {
                let from = Peer::Endpoint(*scraper);
                let name = self.network.name(from);
                self.add(&mut needed, from, (to, Protocol::Tcp, port), name);
            }
        }
        needed
    }

    /// Takes a connection in where a proxy of the mesh lets it pass in plaintext today.
    fn add(
        &self,
        needed: &mut Needed,
        from: Peer,
        (to, protocol, port): (EndpointId, Protocol, u16),
        name: String,
    ) {
        let member = self.istio.membership(to);
        let is_held = member.is_some_and(|one| one.enforces(port) && one.place != Place::Gateway);
        if protocol != Protocol::Tcp || !is_held {
            return;
        }
        let model = Model::Nobody;
        let call = Call {
            model,
            ..Call::new(from, Peer::Endpoint(to), protocol, port)
        };
        if self.network.verdict(&call) != Verdict::Closed {
            needed.entry((to, port)).or_default().insert(name);
        }
    }

    /// Pods of Prometheus that are in no mesh.
    fn scrapers(&self) -> impl Iterator<Item = EndpointId> {
        let is_prometheus = |endpoint: &Endpoint<'_>| {
            let image = |image: &str| {
                let name = image.rsplit('/').next().unwrap_or_default();
                let name = name.split(['@', ':']).next();
                name == Some("prometheus")
            };
            let mut containers = endpoint.template.containers.iter();
            containers.any(|one| one.image.as_ref().is_some_and(|field| image(&field.value)))
        };
        let all = self.world.endpoint_ids();
        let all = all.filter(move |(id, endpoint)| self.is_outside(*id) && is_prometheus(endpoint));
        all.map(|(id, _)| id)
    }

    /// Ports of pods that say that they are scraped, or that monitors say it of.
    fn scraped(&self) -> BTreeSet<(EndpointId, u16)> {
        let mut found = BTreeSet::new();
        for (id, endpoint) in self.world.endpoint_ids() {
            let said = |key: &str| endpoint.annotation(key).map(|field| &*field.value);
            let port = said("prometheus.io/port").and_then(|port| port.parse().ok());
            let asks = said("prometheus.io/scrape") == Some("true");
            // Istio has the proxy's agent scrape the application and show its own port instead.
            let is_merged =
                self.place(id) == Some(Place::Sidecar) && self.istio.merges_metrics(endpoint);
            found.extend(port.filter(|_| asks && !is_merged).map(|port| (id, port)));
        }
        let answers = self.network.hosts();
        for monitor in self.world.of_kind(MONITORING, "ServiceMonitor") {
            for service in self.world.of_kind("", "Service") {
                if !chooses(monitor, service.namespace(), &service.labels) {
                    continue;
                }
                let host = format!("{}.{}", service.reference.name, service.namespace());
                for port in service.items(&["spec", "ports"]) {
                    let number = port.get("port").and_then(Node::as_i64);
                    let number = number.and_then(|number| u16::try_from(number).ok());
                    let name = port.get("name").and_then(Node::as_str);
                    if number.is_some() && names(monitor, "endpoints", name, port.get("targetPort"))
                    {
                        let behind = answers(&host, service.namespace(), number);
                        found.extend(behind.into_iter().map(|(id, _, port)| (id, port)));
                    }
                }
            }
        }
        for monitor in self.world.of_kind(MONITORING, "PodMonitor") {
            for (id, endpoint) in self.world.endpoint_ids() {
                let space = self.world.namespace_at(endpoint.namespace);
                let space = space.map_or("", |space| space.name);
                if !chooses(monitor, space, &endpoint.template.labels) {
                    continue;
                }
                let ports = endpoint
                    .template
                    .containers
                    .iter()
                    .flat_map(|one| &one.ports);
                let named = ports.filter(|port| {
                    names(monitor, "podMetricsEndpoints", port.name.as_deref(), None)
                });
                let numbers = named.filter_map(|port| port.container_port.as_ref());
                let numbers = numbers.filter_map(|field| u16::try_from(field.value).ok());
                found.extend(numbers.map(|number| (id, number)));
            }
        }
        found
    }

    /// `plain/batch to shop/cart on 8080, …`; `None` where nobody needs anything.
    fn told(&self, needed: &Needed) -> Option<String> {
        let mut lines: BTreeSet<String> = BTreeSet::new();
        for ((to, port), callers) in needed {
            let to = self.network.name(Peer::Endpoint(*to));
            lines.extend(
                callers
                    .iter()
                    .map(|from| format!("{from} to {to} on {port}")),
            );
        }
        let shown: Vec<&str> = lines.iter().take(MOST_TOLD).map(String::as_str).collect();
        let mut text = shown.join(", ");
        if lines.len() > MOST_TOLD {
            let _ = write!(text, " and {} more", lines.len() - MOST_TOLD);
        }
        (!lines.is_empty()).then_some(text)
    }
}

/// Whether a monitor is for an object of a namespace with these labels.
fn chooses(monitor: &Object, namespace: &str, labels: &[(Str, Str)]) -> bool {
    let Some(spec) = monitor.body().and_then(|body| body.get("spec")) else {
        return false;
    };
    let spaces = spec.get("namespaceSelector");
    let is_any = spaces
        .and_then(|one| one.get("any"))
        .and_then(Node::as_bool)
        == Some(true);
    let listed = spaces.and_then(|one| one.get("matchNames"));
    let listed = listed.and_then(Node::as_seq).unwrap_or_default();
    let is_near = match listed {
        [] => monitor.namespace() == namespace,
        listed => listed.iter().any(|name| name.as_str() == Some(namespace)),
    };
    let selector = spec.get("selector").and_then(LabelSelector::read);
    (is_any || is_near) && selector.is_some_and(|selector| selector.matches(labels))
}

/// Whether a monitor scrapes a port in plaintext. With a client's certificate it may well be the
/// mesh's.
fn names(monitor: &Object, list: &str, name: Option<&str>, target: Option<&Node>) -> bool {
    monitor.items(&["spec", list]).iter().any(|one| {
        let has_certificate = ["cert", "certFile"].iter().any(|key| {
            let tls = one.get("tlsConfig").and_then(|tls| tls.get(key));
            tls.is_some_and(|node| !node.is_null())
        });
        let by_name = name.is_some() && one.get("port").and_then(Node::as_str) == name;
        let same = |wanted: &Node| {
            target.is_some_and(|is| {
                (is.as_i64().is_some() && is.as_i64() == wanted.as_i64())
                    || (is.as_str().is_some() && is.as_str() == wanted.as_str())
            })
        };
        !has_certificate && (by_name || one.get("targetPort").is_some_and(same))
    })
}
