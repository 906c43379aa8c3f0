//! Waypoints: the proxies of ambient that understand requests, and who uses them.
//!
//! A pod, a Service or a namespace names the waypoint that its traffic goes through. Where
//! that one does not exist, traffic goes straight to the pod, and what the waypoint would
//! have enforced is not.

use super::GATEWAY_API;
use crate::world::World;
use seawall_model::Str;
use seawall_snapshot::Object;
use seawall_yaml::Node;

/// The label that names a waypoint.
pub(crate) const USE_WAYPOINT: &str = "istio.io/use-waypoint";
/// The label that names the waypoint's namespace.
pub(crate) const USE_WAYPOINT_NAMESPACE: &str = "istio.io/use-waypoint-namespace";
/// The label that names a second waypoint for a share of the traffic.
pub(crate) const CANARY: &str = "istio.io/use-waypoint-canary";
/// The label that names the second waypoint's namespace.
pub(crate) const CANARY_NAMESPACE: &str = "istio.io/use-waypoint-canary-namespace";
/// The annotation with the second waypoint's share.
pub(crate) const CANARY_WEIGHT: &str = "istio.io/use-waypoint-canary-weight";
/// The label that says for what traffic a waypoint is.
pub(crate) const WAYPOINT_FOR: &str = "istio.io/waypoint-for";
/// The label that makes gateways go through the waypoint, too.
pub(crate) const INGRESS_USE_WAYPOINT: &str = "istio.io/ingress-use-waypoint";
/// The classes whose gateways are waypoints.
const CLASSES: [&str; 2] = ["istio-waypoint", "istio-east-west"];

/// A waypoint.
#[derive(Debug)]
pub struct Waypoint<'s> {
    /// The gateway.
    pub object: &'s Object,
    /// Traffic to Services goes through it.
    pub for_services: bool,
    /// Traffic to pods' own addresses goes through it.
    pub for_workloads: bool,
    /// Whether every namespace may use it: `None` where only some may, and who is not known.
    pub from_all: Option<bool>,
}

/// All waypoints.
#[derive(Debug)]
pub struct Ambient<'s> {
    /// In the order of the picture.
    pub waypoints: Vec<Waypoint<'s>>,
}

/// What an object says about its waypoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// Nothing: what its namespace says holds.
    Inherit,
    /// None.
    Without,
    /// This one.
    Of {
        /// Its namespace.
        namespace: Str,
        /// Its name.
        name: Str,
    },
}

impl Use {
    /// Reads labels of an object that lives in (or is) a namespace.
    pub fn read<'a>(label: impl Fn(&str) -> Option<&'a str>, namespace: &str) -> Self {
        match label(USE_WAYPOINT) {
            None | Some("") => Use::Inherit,
            Some("none") => Use::Without,
            Some(name) => Use::Of {
                namespace: label(USE_WAYPOINT_NAMESPACE).unwrap_or(namespace).into(),
                name: name.into(),
            },
        }
    }
}

impl<'s> Ambient<'s> {
    /// Reads the waypoints off a world.
    pub fn new(world: &World<'s>) -> Self {
        let gateways = world.of_kind(GATEWAY_API, "Gateway").iter();
        Self {
            waypoints: gateways.filter_map(|object| waypoint(object)).collect(),
        }
    }

    /// A waypoint by name.
    pub fn find(&self, namespace: &str, name: &str) -> Option<&Waypoint<'s>> {
        let mut all = self.waypoints.iter();
        all.find(|one| one.object.namespace() == namespace && &*one.object.reference.name == name)
    }
}

fn waypoint(object: &Object) -> Option<Waypoint<'_>> {
    let body = object.body()?;
    let class = body.at(&["spec", "gatewayClassName"])?.as_str()?;
    if !CLASSES.contains(&class) {
        return None;
    }
    let what = object.label(WAYPOINT_FOR).unwrap_or("service");
    let listeners = body.at(&["spec", "listeners"]).and_then(Node::as_seq);
    let mut from = listeners.into_iter().flatten().map(|listener| {
        let from = listener.at(&["allowedRoutes", "namespaces", "from"]);
        match from.and_then(Node::as_str) {
            Some("All") => Some(true),
            Some("Selector") => None,
            _ => Some(false),
        }
    });
    let first = from.next().unwrap_or(Some(false));
    let from_all = from.fold(
        first,
        |all, one| if all == Some(true) { all } else { one.or(all) },
    );
    Some(Waypoint {
        object,
        for_services: matches!(what, "service" | "all"),
        for_workloads: matches!(what, "workload" | "all"),
        from_all,
    })
}
