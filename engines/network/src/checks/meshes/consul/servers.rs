//! Consul's servers: files of JSON in ConfigMaps, the command that starts them, the jobs and
//! webhooks around them.

use super::super::settings::{flag, injectors, runs};
use super::super::{Report, place};
use super::{Scene, asset, intentions};
use crate::istio::mesh::nested;
use crate::rules::Id;
use crate::sink::Draft;
use crate::world::{Endpoint, World};
use seawall_model::{Locus, Proof, Severity, Span};
use seawall_snapshot::Object;
use seawall_yaml::Node;

/// The settings of one set of servers.
pub(super) struct Servers<'s> {
    /// The ConfigMap with the main file.
    pub(super) object: &'s Object,
    /// All files, those that users add last, as Consul reads them.
    files: Vec<File<'s>>,
    /// What the servers are called.
    name: String,
}

struct File<'s> {
    object: &'s Object,
    key: &'s str,
    span: Span,
    tree: Node,
}

impl File<'_> {
    fn locus(&self, path: &str) -> Locus {
        let slash = if path.is_empty() { "" } else { "/" };
        let pointer = format!("/data/{}{slash}{path}", self.key);
        place(self.object, &pointer, Some(self.span))
    }
}

impl<'s> Servers<'s> {
    /// All sets of servers whose settings are there.
    pub(super) fn all(world: &World<'s>) -> Vec<Self> {
        let maps = || world.of_kind("", "ConfigMap").iter().copied();
        maps()
            .filter_map(|object| {
                let mut own = files(object);
                if !own.iter().any(|file| is_server(&file.tree)) {
                    return None;
                }
                let name = object.reference.name.trim_end_matches("-config").to_owned();
                let extra = maps().filter(|other| {
                    let rest = other.reference.name.strip_prefix(&*name);
                    other.namespace() == object.namespace()
                        && matches!(rest, Some("-tmp-extra-config" | "-extra-config"))
                });
                own.extend(extra.flat_map(files));
                Some(Self {
                    object,
                    files: own,
                    name,
                })
            })
            .collect()
    }

    /// What was said last about a setting.
    fn said(&self, path: &[&str]) -> Option<(&File<'s>, &Node)> {
        let files = self.files.iter().rev();
        let mut said = files.filter_map(|file| Some((file, file.tree.at(path)?)));
        said.find(|(_, node)| !node.is_null())
    }

    fn text(&self, path: &[&str]) -> &str {
        let said = self.said(path).and_then(|(_, node)| node.as_str());
        said.unwrap_or_default()
    }

    pub(super) fn is_true(&self, path: &[&str]) -> bool {
        let said = self.said(path).and_then(|(_, node)| node.as_bool());
        said == Some(true)
    }

    /// Where a setting was said that says something, with the object that it is in.
    pub(super) fn place_of(&self, path: &[&str]) -> Option<(&'s Object, Locus)> {
        let (file, node) = self.said(path)?;
        let is_empty = node.as_str().is_some_and(str::is_empty);
        (!is_empty).then(|| (file.object, file.locus(&path.join("/"))))
    }

    /// Where something should be said that is not, with the object that it is in.
    pub(super) fn lack(&self, path: &str) -> (&'s Object, Locus) {
        let main = self.files.iter().find(|file| is_server(&file.tree));
        main.map_or_else(
            || (self.object, place(self.object, "/data", None)),
            |file| (file.object, file.locus(path)),
        )
    }

    fn has_access_control(&self) -> bool {
        self.is_true(&["acl", "enabled"])
    }

    /// Whether calls that no intention speaks about are allowed.
    pub(super) fn allows_by_default(&self) -> bool {
        match self.text(&["default_intention_policy"]) {
            "allow" => true,
            "deny" => false,
            _ => !self.has_access_control() || self.text(&["acl", "default_policy"]) != "deny",
        }
    }

    /// The pods of these servers.
    fn pods<'w>(&self, world: &'w World<'s>) -> Vec<&'w Endpoint<'s>> {
        let home = self.object.namespace();
        let pods = world.endpoints.iter();
        pods.filter(|endpoint| {
            let owner = &endpoint.workload.owner;
            owner.namespace.as_deref().unwrap_or("default") == home && *owner.name == self.name
        })
        .collect()
    }

    /// Whether the command that starts them has a text; nothing where it was not seen.
    fn starts_with(&self, world: &World<'s>, text: &str) -> Option<bool> {
        let pods = self.pods(world);
        let mut containers = pods.iter().flat_map(|pod| &pod.template.containers);
        (!pods.is_empty()).then(|| containers.any(|container| runs(container, text)))
    }
}

fn files(object: &Object) -> Vec<File<'_>> {
    let data = object.body().and_then(|body| body.get("data")?.as_map());
    let entries = data.into_iter().flat_map(|map| map.iter());
    let is_json = |key: &str| key.rsplit_once('.').is_some_and(|(_, end)| end == "json");
    entries
        .filter(|entry| is_json(&entry.key))
        .filter_map(|entry| {
            Some(File {
                object,
                key: &entry.key,
                span: entry.value.span,
                tree: nested(entry.value.as_str()?, entry.value.span),
            })
        })
        .collect()
}

fn is_server(tree: &Node) -> bool {
    tree.get("server").and_then(Node::as_bool) == Some(true)
        && (tree.get("bootstrap_expect").is_some() || tree.get("connect").is_some())
}

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    let ids = [Id::CSL_01, Id::CSL_02, Id::CSL_08, Id::CSL_16];
    report.assess(&ids, scene.servers.len());
    for servers in &scene.servers {
        if servers.has_access_control() {
            open_default(scene, servers, report);
        } else {
            no_access_control(servers, report);
        }
        encryption(scene, servers, report);
        gossip(scene, servers, report);
        old_tls(servers, report);
        open_to_internet(scene, servers, report);
    }
    binding_rules(scene, report);
    let is_injector =
        |name: &str| name.ends_with(".consul.hashicorp.com") && name.contains("connect-injector");
    let fix = "Set connectInject.failurePolicy to Fail";
    injectors(scene.world, Id::CSL_14, is_injector, fix, report);
}

/// CSL-01.
fn no_access_control(servers: &Servers<'_>, report: &mut Report) {
    let message = "access control is off: every service may call every other, and anybody may \
                   change that"
        .to_owned();
    let fix = "Set global.acls.manageSystemACLs to true".to_owned();
    let said = servers.said(&["acl"]);
    let (object, locus) = said.map_or_else(
        || servers.lack(""),
        |(file, _)| (file.object, file.locus("")),
    );
    report.add(object, Draft::new(Id::CSL_01, locus, message, fix));
}

/// CSL-02. Nothing said is allow, too.
fn open_default(scene: &Scene<'_, '_>, servers: &Servers<'_>, report: &mut Report) {
    if !servers.allows_by_default() {
        return;
    }
    let (what, path): (_, &[&str]) = if servers.text(&["default_intention_policy"]).is_empty() {
        ("acl.default_policy", &["acl", "default_policy"])
    } else {
        ("default_intention_policy", &["default_intention_policy"])
    };
    let said = servers.said(path);
    let (object, locus) = said.map_or_else(
        || servers.lack(what),
        |(file, _)| (file.object, file.locus(what)),
    );
    let how = if said.is_some() {
        "allow"
    } else {
        "allow when nothing is said"
    };
    let message = format!("what no intention speaks about is allowed ({what}: {how})");
    let fix = format!("Set {what} to deny, after writing intentions for what is needed");
    let draft = Draft::new(Id::CSL_02, locus, message, fix);
    // An intention for all services does the same, until somebody deletes it.
    let denial = intentions::denial(scene);
    let draft = match denial {
        Some(_) => draft.severity(Severity::Low),
        None => draft,
    };
    report.add(
        object,
        draft.maybe(denial.map(|object| {
            let note = "this intention denies the rest for now".to_owned();
            (note, Proof::Source(object.name_span))
        })),
    );
}

/// CSL-08: between agents and servers.
fn encryption(scene: &Scene<'_, '_>, servers: &Servers<'_>, report: &mut Report) {
    // Older charts say it in the command.
    let told = |text: &str| servers.starts_with(scene.world, text) == Some(true);
    let has_file = ["ca_file", "cert_file"].iter().any(|key| {
        servers.said(&["tls", "defaults", key]).is_some()
            || servers.said(&["tls", "internal_rpc", key]).is_some()
            || servers.said(&[key]).is_some()
            || told(key)
    });
    if !has_file {
        let message =
            "servers and their clients talk in plaintext: tokens and the settings of the \
                       mesh can be read and changed on the way"
                .to_owned();
        let fix = "Set global.tls.enabled to true".to_owned();
        let (object, locus) = servers.lack("tls");
        report.add(object, Draft::new(Id::CSL_08, locus, message, fix));
        return;
    }
    let asks = ["verify_incoming", "verify_incoming_rpc"]
        .iter()
        .any(|key| {
            servers.is_true(&["tls", "internal_rpc", key])
                || servers.is_true(&["tls", "defaults", key])
                || servers.is_true(&[key])
                || told(key)
        });
    if !asks {
        let message =
            "the servers ask nobody for a certificate: whoever reaches port 8300 may join \
                       as a client or a server"
                .to_owned();
        let fix = "Set global.tls.verify to true".to_owned();
        let (object, locus) = servers.lack("tls/internal_rpc/verify_incoming");
        report.add(object, Draft::new(Id::CSL_08, locus, message, fix));
    }
    let http = servers
        .said(&["ports", "http"])
        .and_then(|(_, node)| node.as_i64());
    if http != Some(-1) && !told("http = -1") && !told("http=-1") {
        let message = "the API answers in plaintext at port 8500, besides TLS: tokens can be read \
                       on the way"
            .to_owned();
        let fix = "Set global.tls.httpsOnly to true".to_owned();
        let (object, locus) = servers.lack("ports/http");
        let draft = Draft::new(Id::CSL_08, locus, message, fix);
        report.add(object, draft.severity(Severity::Medium));
    }
}

/// CSL-08: between the members of the cluster.
fn gossip(scene: &Scene<'_, '_>, servers: &Servers<'_>, report: &mut Report) {
    let in_file = servers.said(&["encrypt"]).is_some();
    let in_command = servers.starts_with(scene.world, "-encrypt");
    if in_file || in_command != Some(false) {
        return;
    }
    let message = "the members of the cluster gossip in plaintext: whoever reaches port 8301 may \
                   join, and say who else is there"
        .to_owned();
    let fix = "Set global.gossipEncryption.autoGenerate to true".to_owned();
    let (object, locus) = servers.lack("encrypt");
    let draft = Draft::new(Id::CSL_08, locus, message, fix);
    report.add(object, draft.severity(Severity::Medium));
}

/// CSL-12 for the servers themselves.
fn old_tls(servers: &Servers<'_>, report: &mut Report) {
    report.assess(&[Id::CSL_12], 1);
    let path = ["tls", "defaults", "tls_min_version"];
    let said = servers.said(&path).or(servers.said(&["tls_min_version"]));
    let old = said.filter(|(_, node)| node.as_str().is_some_and(is_old_version));
    let Some((file, node)) = old else { return };
    let version = node.as_str().unwrap_or_default();
    let message = format!("the servers talk {version}, which can be broken");
    let fix = "Set tls_min_version to TLSv1_2 or TLSv1_3".to_owned();
    let draft = Draft::new(Id::CSL_12, file.locus(&path.join("/")), message, fix);
    report.add(file.object, draft);
}

/// Whether a version of TLS is one that is broken, in the words of Consul.
pub(super) fn is_old_version(word: &str) -> bool {
    matches!(word, "TLSv1_0" | "TLSv1_1" | "tls10" | "tls11")
}

/// CSL-16: the interface and the API on the internet.
fn open_to_internet(scene: &Scene<'_, '_>, servers: &Servers<'_>, report: &mut Report) {
    let pods = servers.pods(scene.world);
    let ways = scene.network.exposure().iter();
    let mut ways = ways.filter(|way| {
        let endpoint = scene.world.endpoint_at(way.endpoint);
        let is_server = endpoint.is_some_and(|one| pods.iter().any(|pod| std::ptr::eq(*pod, one)));
        is_server && way.is_open() && matches!(way.port, 8500 | 8501)
    });
    let Some(way) = ways.next() else { return };
    let Some(endpoint) = scene.world.endpoint_at(way.endpoint) else {
        return;
    };
    let (also, severity) = if servers.has_access_control() {
        ("", Severity::High)
    } else {
        (", and access control is off", Severity::Critical)
    };
    let message = format!(
        "Consul's interface and API are open to the internet ({}){also}",
        way.entry.name()
    );
    let fix = "Make the Service of the interface a ClusterIP, and reach it by port-forward or \
               behind a proxy that asks who you are"
        .to_owned();
    let link = way.links.first().map(|link| {
        let note = format!("{} leads in", link.object.reference);
        (note, Proof::Source(link.span))
    });
    let locus = endpoint.template.locus("containers", None);
    let draft = Draft::new(Id::CSL_16, locus, message, fix)
        .severity(severity)
        .maybe(link);
    report.add_to(asset(endpoint), draft);
}

/// CSL-13: who gets the identity of a service.
fn binding_rules(scene: &Scene<'_, '_>, report: &mut Report) {
    for endpoint in &scene.world.endpoints {
        for container in &endpoint.template.containers {
            let selector = flag(container, "acl-binding-rule-selector");
            let Some((selector, span)) = selector.filter(|_| runs(container, "server-acl-init"))
            else {
                continue;
            };
            report.assess(&[Id::CSL_13], 1);
            let rest = selector.replace("serviceaccount.namespace", "");
            if rest.contains("serviceaccount.name") {
                continue;
            }
            let whom = if selector.is_empty() {
                "every service account may log in".to_owned()
            } else {
                format!("service accounts named default may log in ({selector})")
            };
            let message = format!(
                "{whom} as the service of its name: whoever runs a pod without an account of its \
                 own is a service of the mesh"
            );
            let fix = "Set connectInject.aclBindingRuleSelector to serviceaccount.name!=default, \
                       with what else it should ask for"
                .to_owned();
            let rest = if container.command.iter().any(|word| word.span == span) {
                "command"
            } else {
                "args"
            };
            let locus = endpoint
                .template
                .container_locus(container, rest, Some(span));
            let draft = Draft::new(Id::CSL_13, locus, message, fix);
            report.add_to(asset(endpoint), draft);
        }
    }
}
