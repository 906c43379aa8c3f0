//! Kuma once more, as simply as can be, pair by pair and sharing no code with the engine. On
//! generated clusters both must say the same about every pair, port and model.

#![allow(clippy::indexing_slicing, clippy::expect_used)] // helpers of tests may fail loudly

mod support;

use proptest::prelude::*;
use seawall_network::{Config, Model, Network, Peer, Protocol, Verdict, World};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use support::Loader;

const PORTS: [u16; 3] = [8080, 9090, 7070];
/// Name and namespace.
const PODS: [(&str, &str); 3] = [("web", "front"), ("batch", "front"), ("api", "shop")];

#[derive(Debug, Clone)]
struct Pod {
    injection: Option<bool>,
    mesh: Option<&'static str>,
    service: bool,
    excluded: Option<(u16, u16)>,
    gateway: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    None,
    Mesh,
    Gateways,
    Subset(&'static str),
    Service(&'static str),
    Dataplane(Option<&'static str>, Option<&'static str>),
}

#[derive(Debug, Clone)]
struct Id {
    exact: bool,
    value: &'static str,
}

#[derive(Debug, Clone)]
enum What {
    From(Vec<(Target, &'static str)>),
    Rules {
        allow: Vec<Id>,
        shadow: Vec<Id>,
        deny: Vec<Id>,
    },
}

#[derive(Debug, Clone)]
struct Permission {
    name: &'static str,
    system: bool,
    mesh: &'static str,
    target: Target,
    what: What,
}

#[derive(Debug, Clone)]
struct Tls {
    name: &'static str,
    system: bool,
    target: Target,
    from: bool,
    permissive: bool,
}

#[derive(Debug, Clone)]
struct Old {
    source: &'static str,
    destination: &'static str,
}

#[derive(Debug, Clone)]
struct Cluster {
    version: Option<(u16, u16)>,
    spaces: [bool; 2],
    pods: [Pod; 3],
    /// The backend of the mesh `default`: whether it is permissive.
    backend: Option<bool>,
    /// What the MeshIdentity selects: an app, or all by no name.
    identity: Option<&'static str>,
    permissions: Vec<Permission>,
    tls: Vec<Tls>,
    old: Option<Old>,
}

const IDS: [&str; 5] = [
    "spiffe://",
    "spiffe://default.east.mesh.local/ns/front/",
    "spiffe://default.east.mesh.local/ns/front/sa/web",
    "spiffe://default.east.mesh.local/ns/front/sa/bat",
    "spiffe://default/web_front_svc_80",
];

/// An item of `from`: the tag that it asks for, and whether it allows.
type Asked<'t> = (Option<(&'t str, String)>, bool);

/// What Kuma makes of items, step by step: the largest sets of items that all intersect, of each
/// the tags, of these all combinations with negations, of each the last item that holds it.
fn cliques(items: &[Asked<'_>], own: impl Fn(&str, &str) -> bool) -> bool {
    let meet = |one: usize, other: usize| match (&items[one].0, &items[other].0) {
        (Some((key, value)), Some((k, v))) => key != k || value == v,
        _ => true,
    };
    let sets = 1_usize..1 << items.len();
    let inside = |set: usize| (0..items.len()).filter(move |index| set & (1 << index) != 0);
    let is_clique = |set: usize| inside(set).all(|a| inside(set).all(|b| meet(a, b)));
    let is_maximal = |set: &usize| {
        let mut others = (0..items.len()).filter(|index| set & (1 << index) == 0);
        is_clique(*set) && !others.any(|index| is_clique(set | (1 << index)))
    };
    sets.filter(is_maximal).any(|set| {
        let tags: BTreeSet<&(&str, String)> = inside(set)
            .filter_map(|index| items[index].0.as_ref())
            .collect();
        let tags: Vec<_> = tags.into_iter().collect();
        (0..1_usize << tags.len()).any(|signs| {
            let is_positive = |tag: usize| signs & (1 << tag) != 0;
            let mut all = 0..tags.len();
            let fits = all.all(|tag| own(tags[tag].0, &tags[tag].1) == is_positive(tag));
            let holds = |asked: &&Asked<'_>| {
                let named = asked.0.as_ref();
                named.is_none_or(|tag| (0..tags.len()).any(|i| tags[i] == tag && is_positive(i)))
            };
            fits && items
                .iter()
                .rev()
                .find(holds)
                .is_some_and(|(_, is_allow)| *is_allow)
        })
    })
}

impl Cluster {
    fn is_in(&self, pod: usize) -> bool {
        let space = self.spaces[usize::from(PODS[pod].1 == "shop")];
        self.pods[pod].injection.unwrap_or(space)
    }

    fn mesh(&self, pod: usize) -> &'static str {
        self.pods[pod].mesh.unwrap_or("default")
    }

    fn has_identity(&self, pod: usize) -> bool {
        let is_selected = |app: &str| app.is_empty() || app == PODS[pod].0;
        self.identity.is_some_and(is_selected) && self.mesh(pod) == "default"
    }

    fn has_backend(&self, pod: usize) -> bool {
        self.backend.is_some() && self.mesh(pod) == "default"
    }

    fn service(&self, pod: usize) -> String {
        let (name, space) = PODS[pod];
        if self.pods[pod].service {
            format!("{name}_{space}_svc_80")
        } else {
            format!("{name}_{space}_svc")
        }
    }

    /// Whether a target is the pod's inbound at 8080.
    fn chooses(&self, target: Target, pod: usize, three: bool) -> bool {
        match target {
            Target::None | Target::Mesh => true,
            Target::Gateways => false,
            Target::Subset(app) => !three && app == PODS[pod].0,
            Target::Service(service) => !three && service == self.service(pod),
            Target::Dataplane(app, section) => {
                app.is_none_or(|app| app == PODS[pod].0)
                    && section.is_none_or(|section| section == "main" || section == "8080")
            }
        }
    }

    /// The order of policies: what counts more comes later.
    fn order(target: Target, system: bool, name: &str) -> (u8, bool, Vec<u8>) {
        let kind = match target {
            Target::None | Target::Mesh | Target::Gateways => 0,
            Target::Dataplane(None, None) => 1,
            Target::Dataplane(Some(_), None) => 2,
            Target::Dataplane(_, Some(_)) => 3,
            Target::Subset(_) => 4,
            Target::Service(_) => 5,
        };
        (kind, !system, name.bytes().map(|byte| 255 - byte).collect())
    }

    fn chosen(&self, pod: usize, three: bool) -> Vec<&Permission> {
        let mut all: Vec<&Permission> = self
            .permissions
            .iter()
            .filter(|one| one.mesh == self.mesh(pod))
            .filter(|one| one.system || PODS[pod].1 == "shop")
            .filter(|one| self.chooses(one.target, pod, three))
            .collect();
        all.sort_by_key(|one| Self::order(one.target, one.system, one.name));
        all
    }

    fn permissive(&self, pod: usize, three: bool) -> Option<bool> {
        let mut all: Vec<&Tls> = self
            .tls
            .iter()
            .filter(|one| self.mesh(pod) == "default" && (one.system || PODS[pod].1 == "shop"))
            .filter(|one| self.chooses(one.target, pod, three) && !(three && one.from))
            .collect();
        all.sort_by_key(|one| Self::order(one.target, one.system, one.name));
        all.last().map(|one| one.permissive)
    }

    fn ids(&self, pod: usize) -> Vec<String> {
        let (name, space) = PODS[pod];
        if self.has_identity(pod) {
            vec![format!(
                "spiffe://default.east.mesh.local/ns/{space}/sa/{name}"
            )]
        } else {
            vec![format!("spiffe://{}/{}", self.mesh(pod), self.service(pod))]
        }
    }

    fn by_rules(&self, from: usize, to: usize, three: bool) -> bool {
        let ids = self.ids(from);
        let fits = |one: &Id| {
            ids.iter().any(|id| {
                if one.exact {
                    id == one.value
                } else {
                    id.starts_with(one.value)
                }
            })
        };
        let mut allowed = false;
        for permission in self.chosen(to, three) {
            if let What::Rules {
                allow,
                shadow,
                deny,
            } = &permission.what
            {
                if deny.iter().any(fits) {
                    return false;
                }
                allowed |= allow.iter().chain(shadow).any(fits);
            }
        }
        allowed
    }

    fn by_tags(&self, from: usize, to: usize) -> bool {
        let chosen = self.chosen(to, false);
        if chosen
            .iter()
            .any(|one| matches!(one.what, What::Rules { .. }))
        {
            return self.by_rules(from, to, false);
        }
        // Who has an id of a MeshIdentity has no tags.
        let has_tags = !self.has_identity(from);
        if chosen.is_empty() {
            let Some(old) = &self.old else { return false };
            let is = |pattern: &str, pod| pattern == "*" || pattern == self.service(pod);
            let is_of_mesh = self.mesh(to) == "default";
            return is_of_mesh && has_tags && is(old.destination, to) && is(old.source, from);
        }
        let mut items: Vec<(Option<(&str, String)>, bool)> = Vec::new();
        for permission in chosen {
            let What::From(from) = &permission.what else {
                continue;
            };
            for (caller, action) in from {
                let tag = match caller {
                    Target::Subset(app) => Some(("app", (*app).to_owned())),
                    Target::Service(service) => Some(("kuma.io/service", (*service).to_owned())),
                    _ => None,
                };
                items.push((tag, *action != "Deny"));
            }
        }
        let own = |key: &str, value: &str| {
            has_tags
                && match key {
                    "app" => value == PODS[from].0,
                    _ => value == self.service(from),
                }
        };
        cliques(&items, own)
    }

    fn passes(&self, from: usize, to: usize, port: u16, model: Model<'_>) -> bool {
        let three = match self.version {
            Some((major, _)) => vec![major == 3],
            None => vec![false, true],
        };
        three
            .into_iter()
            .any(|three| self.passes_as(from, to, port, model, three))
    }

    fn passes_as(&self, from: usize, to: usize, port: u16, model: Model<'_>, three: bool) -> bool {
        let pod = &self.pods[to];
        let is_excluded = pod
            .excluded
            .is_some_and(|(first, last)| (first..=last).contains(&port));
        if !self.is_in(to) || is_excluded || pod.gateway {
            return true;
        }
        let backend = self.backend.filter(|_| !three && self.has_backend(to));
        if !self.has_identity(to) && backend.is_none() {
            return true;
        }
        let is_permissive = if pod.service {
            let base = !self.has_identity(to) && backend == Some(true);
            self.permissive(to, three).unwrap_or(base)
        } else {
            !self.has_identity(to) && backend == Some(true)
        };
        if !pod.service || port != 8080 {
            let is_new = self.version.is_some_and(|version| version >= (2, 13));
            return !is_new || is_permissive;
        }
        let proves =
            self.is_in(from) && (self.has_identity(from) || (!three && self.has_backend(from)));
        let counts = proves && self.mesh(from) == self.mesh(to);
        if counts {
            let allowed = if three || self.has_identity(to) {
                self.by_rules(from, to, three)
            } else {
                self.by_tags(from, to)
            };
            if allowed {
                return true;
            }
            if model == Model::Configured {
                return false;
            }
        }
        is_permissive
    }
}

fn written(target: Target) -> String {
    match target {
        Target::None => String::new(),
        Target::Mesh => "{kind: Mesh}".to_owned(),
        Target::Gateways => "{kind: Mesh, proxyTypes: [Gateway]}".to_owned(),
        Target::Subset(app) => format!("{{kind: MeshSubset, tags: {{app: {app}}}}}"),
        Target::Service(service) => format!("{{kind: MeshService, name: {service}}}"),
        Target::Dataplane(app, section) => {
            let app = app.map_or(String::new(), |app| format!(", labels: {{app: {app}}}"));
            let section = section.map_or(String::new(), |section| {
                format!(", sectionName: \"{section}\"")
            });
            format!("{{kind: Dataplane{app}{section}}}")
        }
    }
}

fn manifests(cluster: &Cluster) -> String {
    let mut all = Vec::new();
    for (index, space) in ["front", "shop"].into_iter().enumerate() {
        let word = if cluster.spaces[index] {
            "enabled"
        } else {
            "disabled"
        };
        all.push(format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {space}, labels: {{kuma.io/sidecar-injection: {word}}}}}\n"
        ));
    }
    for (pod, (name, space)) in cluster.pods.iter().zip(PODS) {
        let mut labels = format!("app: {name}");
        if let Some(is) = pod.injection {
            let word = if is { "enabled" } else { "disabled" };
            write!(labels, ", kuma.io/sidecar-injection: {word}").expect("a string");
        }
        if let Some(mesh) = pod.mesh {
            write!(labels, ", kuma.io/mesh: {mesh}").expect("a string");
        }
        let mut notes = "note: a".to_owned();
        if let Some((first, last)) = pod.excluded {
            write!(
                notes,
                ", traffic.kuma.io/exclude-inbound-ports: \"{first}-{last}\""
            )
            .expect("a string");
        }
        if pod.gateway {
            notes.push_str(", kuma.io/gateway: enabled");
        }
        all.push(format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {space}}}\nspec:\n  template:\n    \
             metadata: {{labels: {{{labels}}}, annotations: {{{notes}}}}}\n    spec:\n      serviceAccountName: {name}\n      \
             containers: [{{name: c, image: i, ports: [{{containerPort: 8080, name: main}}, {{containerPort: 9090}}]}}]\n"
        ));
        if pod.service {
            all.push(format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {space}}}\n\
                 spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: main}}]}}\n"
            ));
        }
    }
    let image = cluster
        .version
        .map_or("kuma-cp:latest".to_owned(), |(major, minor)| {
            format!("kuma-cp:{major}.{minor}.0")
        });
    all.push(format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cp, namespace: kuma-system}}\nspec:\n  template:\n    \
         metadata: {{labels: {{app: cp}}}}\n    spec:\n      containers: [{{name: c, image: \"kumahq/{image}\", \
         env: [{{name: KUMA_MULTIZONE_ZONE_NAME, value: east}}]}}]\n"
    ));
    let backend = cluster.backend.map_or(String::new(), |permissive| {
        let mode = if permissive { ", mode: PERMISSIVE" } else { "" };
        format!("mtls: {{enabledBackend: a, backends: [{{name: a, type: builtin{mode}}}]}}")
    });
    all.push(format!(
        "apiVersion: kuma.io/v1alpha1\nkind: Mesh\nmetadata: {{name: default}}\nspec: {{{backend}}}\n"
    ));
    let object = |kind: &str, name: &str, system: bool, mesh: &str, spec: &str| {
        let space = if system { "kuma-system" } else { "shop" };
        format!(
            "apiVersion: kuma.io/v1alpha1\nkind: {kind}\n\
             metadata: {{name: {name}, namespace: {space}, labels: {{kuma.io/mesh: {mesh}}}}}\nspec: {{{spec}}}\n"
        )
    };
    if let Some(app) = cluster.identity {
        let labels = if app.is_empty() {
            String::new()
        } else {
            format!("app: {app}")
        };
        let spec = format!(
            "selector: {{dataplane: {{matchLabels: {{{labels}}}}}}}, provider: {{type: Bundled}}"
        );
        all.push(object("MeshIdentity", "identity", true, "default", &spec));
    }
    let reference = |target: Target| match target {
        Target::None => String::new(),
        other => format!("targetRef: {}, ", written(other)),
    };
    for one in &cluster.permissions {
        let what = match &one.what {
            What::From(items) => {
                let each: Vec<String> = items
                    .iter()
                    .map(|(caller, action)| {
                        format!(
                            "{{targetRef: {}, default: {{action: {action}}}}}",
                            written(*caller)
                        )
                    })
                    .collect();
                format!("from: [{}]", each.join(", "))
            }
            What::Rules {
                allow,
                shadow,
                deny,
            } => {
                let list = |name: &str, ids: &[Id]| {
                    let each: Vec<String> = ids
                        .iter()
                        .map(|id| {
                            let kind = if id.exact { "Exact" } else { "Prefix" };
                            format!("{{spiffeID: {{type: {kind}, value: \"{}\"}}}}", id.value)
                        })
                        .collect();
                    format!("{name}: [{}]", each.join(", "))
                };
                format!(
                    "rules: [{{default: {{{}, {}, {}}}}}]",
                    list("allow", allow),
                    list("allowWithShadowDeny", shadow),
                    list("deny", deny)
                )
            }
        };
        let spec = format!("{}{what}", reference(one.target));
        all.push(object(
            "MeshTrafficPermission",
            one.name,
            one.system,
            one.mesh,
            &spec,
        ));
    }
    for one in &cluster.tls {
        let mode = if one.permissive {
            "Permissive"
        } else {
            "Strict"
        };
        let what = if one.from {
            format!("from: [{{targetRef: {{kind: Mesh}}, default: {{mode: {mode}}}}}]")
        } else {
            format!("rules: [{{default: {{mode: {mode}}}}}]")
        };
        let spec = format!("{}{what}", reference(one.target));
        all.push(object("MeshTLS", one.name, one.system, "default", &spec));
    }
    if let Some(old) = &cluster.old {
        all.push(format!(
            "apiVersion: kuma.io/v1alpha1\nkind: TrafficPermission\nmesh: default\nmetadata: {{name: old}}\n\
             spec: {{sources: [{{match: {{kuma.io/service: '{}'}}}}], destinations: [{{match: {{kuma.io/service: '{}'}}}}]}}\n",
            old.source, old.destination
        ));
    }
    all.join("---\n")
}

fn target() -> impl Strategy<Value = Target> {
    let app = || prop::sample::select(&["web", "api"][..]);
    prop_oneof![
        1 => Just(Target::None),
        2 => Just(Target::Mesh),
        1 => Just(Target::Gateways),
        2 => app().prop_map(Target::Subset),
        2 => prop::sample::select(&["api_shop_svc_80", "web_front_svc_80"][..]).prop_map(Target::Service),
        2 => (prop::option::of(app()), prop::option::of(prop::sample::select(&["main", "8080", "9090"][..])))
            .prop_map(|(app, section)| Target::Dataplane(app, section)),
    ]
}

fn caller() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Mesh),
        prop::sample::select(&["web", "batch"][..]).prop_map(Target::Subset),
        prop::sample::select(&["web_front_svc_80", "batch_front_svc_80"][..])
            .prop_map(Target::Service),
    ]
}

fn ids() -> impl Strategy<Value = Vec<Id>> {
    let id = (any::<bool>(), prop::sample::select(&IDS[..]))
        .prop_map(|(exact, value)| Id { exact, value });
    prop::collection::vec(id, 0..2)
}

fn permission(name: &'static str) -> impl Strategy<Value = Option<Permission>> {
    let action = prop::sample::select(&["Allow", "Deny", "AllowWithShadowDeny"][..]);
    let from = prop::collection::vec((caller(), action), 1..4).prop_map(What::From);
    let rules = (ids(), ids(), ids()).prop_map(|(allow, shadow, deny)| What::Rules {
        allow,
        shadow,
        deny,
    });
    let one = (
        prop::bool::weighted(0.7),
        prop_oneof![5 => Just("default"), 1 => Just("other")],
        target(),
        prop_oneof![2 => from, 1 => rules],
    )
        .prop_map(move |(system, mesh, target, what)| Permission {
            name,
            system,
            mesh,
            target,
            what,
        });
    prop::option::weighted(0.6, one)
}

fn tls(name: &'static str) -> impl Strategy<Value = Option<Tls>> {
    let one = (any::<bool>(), target(), any::<bool>(), any::<bool>()).prop_map(
        move |(system, target, from, permissive)| Tls {
            name,
            system,
            target,
            from,
            permissive,
        },
    );
    prop::option::weighted(0.3, one)
}

fn pod() -> impl Strategy<Value = Pod> {
    (
        prop::option::weighted(0.2, any::<bool>()),
        prop::option::weighted(0.2, Just("other")),
        prop::bool::weighted(0.8),
        prop::option::weighted(
            0.2,
            prop::sample::select(&[(8080, 8080), (7000, 9000), (1, 100)][..]),
        ),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(injection, mesh, service, excluded, gateway)| Pod {
            injection,
            mesh,
            service,
            excluded,
            gateway,
        })
}

fn cluster() -> impl Strategy<Value = Cluster> {
    let service = || prop::sample::select(&["*", "web_front_svc_80", "api_shop_svc_80"][..]);
    let old = (service(), service()).prop_map(|(source, destination)| Old {
        source,
        destination,
    });
    (
        prop::option::weighted(0.8, prop::sample::select(&[(2, 12), (2, 13), (3, 0)][..])),
        [prop::bool::weighted(0.8), prop::bool::weighted(0.8)],
        [pod(), pod(), pod()],
        prop::option::weighted(0.8, prop::bool::weighted(0.3)),
        prop::option::weighted(0.4, prop::sample::select(&["", "", "web", "api"][..])),
        [permission("a"), permission("b"), permission("c")],
        [tls("a"), tls("b")],
        prop::option::weighted(0.3, old),
    )
        .prop_map(
            |(version, spaces, pods, backend, identity, permissions, tls, old)| Cluster {
                version,
                spaces,
                pods,
                backend,
                identity,
                permissions: permissions.into_iter().flatten().collect(),
                tls: tls.into_iter().flatten().collect(),
                old,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_and_the_naive_evaluator_agree(cluster in cluster()) {
        let text = manifests(&cluster);
        let mut loader = Loader::new();
        loader.add(Path::new("a.yaml"), &text);
        prop_assert_eq!(loader.problems, 0, "{}", text);
        prop_assert!(loader.gaps.is_empty(), "{:?}\n{}", loader.gaps, text);
        let (snapshot, _) = loader.build();
        let world = World::new(&snapshot);
        let network = Network::new(&world, &Config::default());
        let ids = PODS.map(|(name, _)| {
            let mut all = world.endpoint_ids();
            all.find(|(_, one)| &*one.workload.owner.name == name).expect("pods").0
        });
        for (from, source) in ids.iter().enumerate() {
            for (to, target) in ids.iter().enumerate() {
                for model in [Model::Configured, Model::Adversarial] {
                    let (source, target) = (Peer::Endpoint(*source), Peer::Endpoint(*target));
                    let reach = network.reach_as(source, target, model);
                    for port in PORTS {
                        let wanted = if cluster.passes(from, to, port, model) {
                            Verdict::Open
                        } else {
                            Verdict::Closed
                        };
                        prop_assert_eq!(
                            reach.verdict(Protocol::Tcp, port),
                            wanted,
                            "{} to {} at {} {:?}\n{}",
                            PODS[from].0, PODS[to].0, port, model, text
                        );
                    }
                }
            }
        }
    }
}
