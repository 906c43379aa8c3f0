//! G. Admission, extensions of the API, and the cluster's own settings.

use super::{Rights, Row, covers};
use crate::acts::Act;
use crate::graph::{Because, Ease, Needs};
use crate::look::picks;
use crate::picture::Picture;
use crate::spot::{Able, Effect, NameId, NamespaceId, Scope, SecretId, Spot, WorkloadId};
use crate::techniques::Id;
use seawall_model::{Fact, Str};
use seawall_snapshot::pod::VolumeKind;
use seawall_snapshot::{Container, Object};
use seawall_yaml::Node;
use std::collections::{BTreeMap, BTreeSet};

ascent::ascent! {
    /// What rights over admission and extensions lead to.
    struct Extension;
    relation version(u16);
    relation may(Act, Scope, NameId);
    relation is_in(NamespaceId, Scope);
    relation step(Id, Needs, Spot, Ease, Because);

    // WEBHOOK_MUTATE, WEBHOOK_VALIDATE: every object that is written passes through them.
    relation leads(Act, Id, Spot, Ease);
    leads(Act::CreateMutatingWebhooks, Id::WEBHOOK_MUTATE, Spot::Admin(Scope::All), Ease::Skilled);
    leads(Act::UpdateMutatingWebhooks, Id::WEBHOOK_MUTATE, Spot::Admin(Scope::All), Ease::Skilled);
    leads(Act::PatchMutatingWebhooks, Id::WEBHOOK_MUTATE, Spot::Admin(Scope::All), Ease::Skilled);
    leads(Act::CreateValidatingWebhooks, Id::WEBHOOK_VALIDATE, Spot::Secrets(Scope::All), Ease::Lucky);
    leads(Act::UpdateValidatingWebhooks, Id::WEBHOOK_VALIDATE, Spot::Secrets(Scope::All), Ease::Lucky);
    leads(Act::PatchValidatingWebhooks, Id::WEBHOOK_VALIDATE, Spot::Secrets(Scope::All), Ease::Lucky);
    // APISERVICE_HIJACK, CRD_CONVERSION: what is asked of a group, or stored of a kind.
    leads(Act::CreateApiServices, Id::APISERVICE_HIJACK, Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled);
    leads(Act::UpdateApiServices, Id::APISERVICE_HIJACK, Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled);
    leads(Act::PatchApiServices, Id::APISERVICE_HIJACK, Spot::Effect(Effect::Traffic, Scope::All), Ease::Skilled);
    leads(Act::UpdateDefinitions, Id::CRD_CONVERSION, Spot::Effect(Effect::Data, Scope::All), Ease::Skilled);
    leads(Act::PatchDefinitions, Id::CRD_CONVERSION, Spot::Effect(Effect::Data, Scope::All), Ease::Skilled);
    step(*id, Needs::one(Spot::May(*act, *scope, *name)), *gives, *ease, Because::Nature) <--
        leads(act, id, gives, ease),
        may(act, scope, name);

    // WEBHOOK_ENDPOINT_TAMPER: who is in a webhook's pod, or has its key and its address.
    relation webhook(WorkloadId, Spot, Because);
    relation webhook_key(SecretId, NamespaceId, Spot, Because);
    step(Id::WEBHOOK_ENDPOINT_TAMPER, Needs::one(Spot::Workload(*backend)), *gives, Ease::Skilled, *because) <--
        webhook(backend, gives, because);
    step(Id::WEBHOOK_ENDPOINT_TAMPER, Needs::two(Spot::Secret(*key), Spot::Able(Able::RedirectServices, *scope)), *gives, Ease::Skilled, *because) <--
        webhook_key(key, space, gives, because),
        is_in(space, scope);

    // MAP_MUTATE: the policy and its binding, or what a policy in force reads.
    step(Id::MAP_MUTATE, Needs::two(Spot::Able(Able::WriteMutations, Scope::All), Spot::Able(Able::BindMutations, Scope::All)), Spot::Admin(Scope::All), Ease::Skilled, Because::Nature) <--
        version(v), if *v >= 36;
    relation parameter(NameId, NamespaceId, Because);
    relation writes_config(Act);
    writes_config(Act::UpdateConfigMaps);
    writes_config(Act::PatchConfigMaps);
    step(Id::MAP_MUTATE, Needs::one(Spot::May(*act, *scope, *name)), Spot::Pods(Scope::All), Ease::Lucky, *because) <--
        version(v), if *v >= 36,
        parameter(object, space, because),
        writes_config(act),
        may(act, scope, name), if covers(*name, *object),
        is_in(space, scope);

    // POLICY_REMOVE: where a policy or a webhook, and not a Pod Security label, stands before
    // the node.
    relation guarded(NamespaceId, Able, Ease);
    step(Id::POLICY_REMOVE, Needs::two(Spot::Able(*able, Scope::All), Spot::Able(Able::StartPods, Scope::In(*space))), Spot::Nodes, *ease, Because::Nature) <--
        guarded(space, able, ease);

    // NS_CREATE_FRESH: who makes a namespace says what it lets in.
    relation fresh(Ease);
    step(Id::NS_CREATE_FRESH, Needs::two(Spot::Able(Able::MakeNamespaces, Scope::All), Spot::Able(Able::StartPods, Scope::All)), Spot::Nodes, *ease, Because::Nature) <--
        fresh(ease);

    // NS_LABEL_NETPOL: labels say which namespaces are let in.
    relation selects_namespaces(Because);
    step(Id::NS_LABEL_NETPOL, Needs::one(Spot::Able(Able::LabelNamespace, *scope)), Spot::Effect(Effect::Evasion, *scope), Ease::Easy, *because) <--
        selects_namespaces(because),
        may(act, scope, name), if matches!(act, Act::UpdateNamespaces | Act::PatchNamespaces) && *name == NameId::ANY;
    step(Id::NS_LABEL_NETPOL, Needs::one(Spot::Able(Able::LabelNamespace, Scope::In(*space))), Spot::Effect(Effect::Evasion, Scope::In(*space)), Ease::Easy, *because) <--
        selects_namespaces(because),
        namespace_name(space, name),
        may(act, _, name), if matches!(act, Act::UpdateNamespaces | Act::PatchNamespaces);
    relation namespace_name(NamespaceId, NameId);

    // REQHEADER_CM, COREDNS_CM, KUBEADM_CM, AWS_AUTH_CM: settings of known names.
    relation setting(Id, NamespaceId, NameId, Spot, Ease);
    step(*id, Needs::one(Spot::May(*act, *scope, *name)), *gives, *ease, Because::Nature) <--
        setting(id, space, object, gives, ease),
        writes_config(act),
        may(act, scope, name), if covers(*name, *object),
        is_in(space, scope);

    // CM_TAINT: a script that a pod runs.
    relation script(NameId, NamespaceId, WorkloadId, Ease, Because);
    step(Id::CM_TAINT, Needs::one(Spot::May(*act, *scope, *name)), Spot::Workload(*workload), *ease, *because) <--
        script(object, space, workload, ease, because),
        writes_config(act),
        may(act, scope, name), if covers(*name, *object),
        is_in(space, scope);

    // LEASE_HIJACK, EVENT_DELETE.
    relation system(NamespaceId);
    step(Id::LEASE_HIJACK, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(Effect::Disruption, Scope::All), Ease::Skilled, Because::Nature) <--
        system(space),
        is_in(space, scope),
        may(act, scope, name), if matches!(act, Act::UpdateLeases | Act::PatchLeases);
    step(Id::EVENT_DELETE, Needs::one(Spot::May(*act, *scope, *name)), Spot::Effect(Effect::Evasion, *scope), Ease::Easy, Because::Nature) <--
        may(act, scope, name), if matches!(act, Act::DeleteEvents | Act::DeleteAllEvents) && *name == NameId::ANY;

    // DRA_ADMIN: where the namespace's label lets in claims to devices in use.
    relation opens_devices(NamespaceId, Because);
    step(Id::DRA_ADMIN, Needs::one(Spot::May(Act::CreateResourceClaims, *scope, *any)), Spot::Effect(Effect::Data, Scope::All), Ease::Skilled, *because) <--
        version(v), if *v >= 34,
        opens_devices(space, because),
        is_in(space, scope),
        may(act, scope, any), if *act == Act::CreateResourceClaims;
    step(Id::DRA_ADMIN, Needs::two(Spot::May(Act::CreateResourceClaims, *scope, *any), Spot::Able(Able::LabelNamespace, *scope)), Spot::Effect(Effect::Data, Scope::All), Ease::Skilled, Because::Nature) <--
        version(v), if *v >= 34,
        may(act, scope, any), if *act == Act::CreateResourceClaims;
}

const ADMISSION: &str = "admissionregistration.k8s.io";

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights) -> Vec<Row> {
    let system = picture.namespace("kube-system");
    let mut rules = Extension {
        version: vec![(picture.version,)],
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        guarded: guarded(picture),
        fresh: vec![(fresh(picture),)],
        setting: settings(picture),
        script: scripts(picture),
        parameter: parameters(picture),
        selects_namespaces: namespace_selectors(picture),
        opens_devices: opens_devices(picture),
        system: vec![(system,)],
        ..Extension::default()
    };
    let named = picture.namespaces.iter().filter_map(|(number, name)| {
        let name = picture.names.find(name)?;
        Some((NamespaceId(number), NameId(name)))
    });
    rules.namespace_name = named.collect();
    for (backend, keys, gives, because) in webhooks(picture) {
        let namespace = picture.workloads.get(backend.index());
        if let Some(namespace) = namespace.map(|workload| workload.namespace) {
            let keys = keys.into_iter();
            let keys = keys.map(|key| (key, namespace, gives, because));
            rules.webhook_key.extend(keys);
        }
        rules.webhook.push((backend, gives, because));
    }
    rules.run();
    rules.step
}

/// The workloads that mutating webhooks are served by, with their keys, and what they change.
fn webhooks(picture: &mut Picture<'_>) -> Vec<(WorkloadId, Vec<SecretId>, Spot, Because)> {
    let snapshot = picture.snapshot;
    let mut all = Vec::new();
    for (_, object) in snapshot.of_kind(ADMISSION, "MutatingWebhookConfiguration") {
        for webhook in object.items(&["webhooks"]) {
            let service = webhook.at(&["clientConfig", "service"]);
            let text = |key| service.and_then(|one| one.get(key)?.as_str());
            let (Some(namespace), Some(name)) = (text("namespace"), text("name")) else {
                continue;
            };
            let rules = webhook.get("rules").and_then(Node::as_seq);
            let changes_pods = rules.unwrap_or_default().iter().any(is_about_new_pods);
            if !changes_pods {
                continue;
            }
            let scopes = match webhook.get("namespaceSelector") {
                Some(selector) if !is_empty(selector) => picked(picture, selector),
                _ => vec![Scope::All],
            };
            let note = format!("{} changes pods that are made", object.reference);
            let place = picture.place(Picture::noted(object, note));
            for backend in picture.behind(namespace, name) {
                let keys = keys_of(picture, backend);
                for scope in &scopes {
                    let gives = Spot::Pods(*scope);
                    all.push((backend, keys.clone(), gives, Because::Place(place)));
                }
            }
        }
    }
    all
}

fn is_empty(node: &Node) -> bool {
    node.as_map().is_some_and(seawall_yaml::Map::is_empty)
}

fn picked(picture: &Picture<'_>, selector: &Node) -> Vec<Scope> {
    let namespaces = picture.namespaces.iter();
    let ids = namespaces.map(|(number, _)| NamespaceId(number));
    ids.filter(|id| {
        let labels = picture.labels_of(*id);
        labels.is_some_and(|labels| picks(Some(selector), labels))
    })
    .map(Scope::In)
    .collect()
}

fn is_about_new_pods(rule: &Node) -> bool {
    let has = |field: &str, wanted: &[&str]| {
        let list = rule.get(field).and_then(Node::as_seq).unwrap_or_default();
        let mut words = list.iter().filter_map(Node::as_str);
        words.any(|word| wanted.contains(&word))
    };
    has("apiGroups", &["", "*"])
        && has("resources", &["pods", "*", "*/*"])
        && has("operations", &["CREATE", "*"])
}

/// The Secrets that a webhook's pods mount: its key is one of them.
fn keys_of(picture: &mut Picture<'_>, backend: WorkloadId) -> Vec<SecretId> {
    let Some(workload) = picture.workloads.get(backend.index()) else {
        return Vec::new();
    };
    let (namespace, template) = (workload.namespace, workload.template);
    let secrets = template
        .volumes
        .iter()
        .filter_map(|volume| match &volume.kind {
            VolumeKind::Secret(name) => Some(name.clone()),
            _ => None,
        });
    let secrets: Vec<Str> = secrets.collect();
    let secrets = secrets.iter();
    secrets
        .map(|name| picture.secret(namespace, name))
        .collect()
}

/// Namespaces where something other than a Pod Security label refuses a pod that is as good as
/// its node, or may refuse it.
fn guarded(picture: &Picture<'_>) -> Vec<(NamespaceId, Able, Ease)> {
    let has_policies = picture.has(ADMISSION, "ValidatingAdmissionPolicyBinding");
    let has_webhooks = picture.has(ADMISSION, "ValidatingWebhookConfiguration");
    let mut admitted: BTreeMap<&str, bool> = BTreeMap::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for fact in picture.facts {
        if let Fact::Admits {
            namespace,
            shape,
            is_certain,
        } = fact
        {
            known.insert(namespace);
            if super::workloads::AS_GOOD_AS_THE_NODE.contains(shape) {
                *admitted.entry(namespace).or_default() |= is_certain;
            }
        }
    }
    let mut all = Vec::new();
    for (number, name) in picture.namespaces.iter() {
        let id = NamespaceId(number);
        let Some(labels) = picture.labels_of(id) else {
            continue;
        };
        let mut levels = labels
            .iter()
            .filter(|(key, _)| &**key == super::workloads::ENFORCE);
        let is_labelled = levels.any(|(_, level)| &**level != "privileged");
        if is_labelled {
            continue;
        }
        match admitted.get(&**name) {
            // Pods are refused, and not by the label.
            None if has_policies && known.contains(&**name) => {
                all.push((id, Able::RemovePolicies, Ease::Easy));
            }
            Some(false) if has_webhooks => all.push((id, Able::RemoveWebhooks, Ease::Easy)),
            _ => {}
        }
    }
    all
}

/// How easy it is to have a pod as good as its node in a namespace of one's own: policies may
/// be about that one, too.
fn fresh(picture: &Picture<'_>) -> Ease {
    let kinds = [
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    ];
    if kinds.iter().any(|kind| picture.has(ADMISSION, kind)) {
        Ease::Lucky
    } else {
        Ease::Easy
    }
}

/// Settings of the cluster in ConfigMaps, and what writing them gives.
fn settings(picture: &mut Picture<'_>) -> Vec<(Id, NamespaceId, NameId, Spot, Ease)> {
    const SYSTEM: &str = "kube-system";
    let traffic = Spot::Effect(Effect::Traffic, Scope::All);
    let stay = Spot::Effect(Effect::Persistence, Scope::All);
    let masquerade = Spot::Effect(Effect::Data, Scope::All);
    let mut table = vec![
        (
            Id::REQHEADER_CM,
            SYSTEM,
            "extension-apiserver-authentication",
            masquerade,
            Ease::Skilled,
        ),
        (Id::COREDNS_CM, SYSTEM, "coredns", traffic, Ease::Easy),
        (
            Id::COREDNS_CM,
            SYSTEM,
            "coredns-custom",
            traffic,
            Ease::Easy,
        ),
        (
            Id::KUBEADM_CM,
            SYSTEM,
            "kubeadm-config",
            stay,
            Ease::Skilled,
        ),
        (
            Id::KUBEADM_CM,
            SYSTEM,
            "kubelet-config",
            stay,
            Ease::Skilled,
        ),
        (Id::KUBEADM_CM, SYSTEM, "kube-proxy", stay, Ease::Skilled),
        (
            Id::KUBEADM_CM,
            "kube-public",
            "cluster-info",
            stay,
            Ease::Skilled,
        ),
    ];
    let config_maps = picture.snapshot.of_kind("", "ConfigMap");
    let mut config_maps = config_maps.map(|(_, object)| &object.reference);
    // Elsewhere it means nothing.
    if config_maps.any(|one| &*one.name == "aws-auth" && one.namespace.as_deref() == Some(SYSTEM)) {
        let admin = Spot::Admin(Scope::All);
        table.push((Id::AWS_AUTH_CM, SYSTEM, "aws-auth", admin, Ease::Easy));
    }
    let rows = table.into_iter().map(|(id, namespace, name, gives, ease)| {
        let name = picture.names.find(&Str::from(name)).unwrap_or(0);
        (id, picture.namespace(namespace), NameId(name), gives, ease)
    });
    rows.collect()
}

/// ConfigMaps whose content pods run.
fn scripts(picture: &mut Picture<'_>) -> Vec<(NameId, NamespaceId, WorkloadId, Ease, Because)> {
    let snapshot = picture.snapshot;
    let mut config_maps: BTreeMap<(&str, &str), &Object> = BTreeMap::new();
    for (_, object) in snapshot.of_kind("", "ConfigMap") {
        config_maps.insert((object.namespace(), &object.reference.name), object);
    }
    let mut found = Vec::new();
    for (id, workload) in picture.workload_ids() {
        let template = workload.template;
        for volume in &template.volumes {
            let VolumeKind::ConfigMap(name) = &volume.kind else {
                continue;
            };
            let object = config_maps.get(&(workload.object.namespace(), &**name));
            if object.is_some_and(|object| is_immutable(object)) {
                continue;
            }
            let runs = template.containers.iter().any(|container| {
                let mut mounts = container.mounts.iter();
                let mount = mounts.find(|mount| mount.name == volume.name);
                mount.is_some_and(|mount| is_run(container, &mount.path))
            });
            let ease = match (runs, object.is_some_and(|object| has_script(object))) {
                (true, _) => Ease::Skilled,
                (false, true) => Ease::Lucky,
                (false, false) => continue,
            };
            let note = format!("{} mounts ConfigMap {name} and runs it", workload.owner);
            let mut place = Picture::noted(workload.object, note);
            place.span = volume.span;
            found.push((id, workload.namespace, name.clone(), ease, place));
        }
    }
    let rows = found.into_iter().map(|(id, space, name, ease, place)| {
        let name = NameId(picture.names.find(&name).unwrap_or(0));
        let place = picture.place(place);
        (name, space, id, ease, Because::Place(place))
    });
    rows.collect()
}

/// Whether a container runs what lies at a path: as its program, or by a shell. A setting that
/// an argument names is no program.
fn is_run(container: &Container, path: &str) -> bool {
    const SHELLS: [&str; 8] = [
        "sh", "bash", "ash", "python", "python3", "node", "perl", "ruby",
    ];
    let mut words = container.command.iter().chain(&container.args);
    let first = words.next().map_or("", |word| &*word.value);
    let is_shell = SHELLS.contains(&first.rsplit('/').next().unwrap_or(""));
    first.starts_with(path) || (is_shell && words.any(|word| word.value.contains(path)))
}

fn is_immutable(object: &Object) -> bool {
    let immutable = object.body().and_then(|body| body.get("immutable"));
    immutable.and_then(Node::as_bool) == Some(true)
}

fn has_script(object: &Object) -> bool {
    const SCRIPTS: [&str; 7] = [".sh", ".py", ".pl", ".rb", ".lua", ".js", ".groovy"];
    let data = object.body().and_then(|body| body.get("data")?.as_map());
    data.is_some_and(|data| {
        let mut keys = data.iter();
        keys.any(|entry| SCRIPTS.iter().any(|ending| entry.key.ends_with(ending)))
    })
}

/// ConfigMaps that mutating admission policies in force read.
fn parameters(picture: &mut Picture<'_>) -> Vec<(NameId, NamespaceId, Because)> {
    let snapshot = picture.snapshot;
    let mut all = Vec::new();
    for (_, binding) in snapshot.of_kind(ADMISSION, "MutatingAdmissionPolicyBinding") {
        let text = |path: &[&str]| binding.body().and_then(|body| body.at(path)?.as_str());
        let policies = snapshot.of_kind(ADMISSION, "MutatingAdmissionPolicy");
        let reads = policies.map(|(_, policy)| policy).any(|policy| {
            let kind = policy
                .body()
                .and_then(|body| body.at(&["spec", "paramKind", "kind"]));
            text(&["spec", "policyName"]) == Some(&*policy.reference.name)
                && kind.and_then(Node::as_str) == Some("ConfigMap")
        });
        let parameter = |key| text(&["spec", "paramRef", key]);
        let (Some(name), Some(namespace)) = (parameter("name"), parameter("namespace")) else {
            continue;
        };
        if reads {
            let note = format!("{} reads ConfigMap {namespace}/{name}", binding.reference);
            let place = picture.place(Picture::noted(binding, note));
            let name = NameId(picture.names.find(&Str::from(name)).unwrap_or(0));
            all.push((name, picture.namespace(namespace), Because::Place(place)));
        }
    }
    all
}

/// A network policy that lets in namespaces by their labels, if there is one.
fn namespace_selectors(picture: &mut Picture<'_>) -> Vec<(Because,)> {
    let snapshot = picture.snapshot;
    let mut policies = snapshot.of_kind("networking.k8s.io", "NetworkPolicy");
    let by_labels = |object: &Object| {
        let rules = object.items(&["spec", "ingress"]).iter();
        let peers = rules.filter_map(|rule| rule.get("from")?.as_seq());
        let mut selectors = peers
            .flatten()
            .filter_map(|peer| peer.get("namespaceSelector"));
        selectors.any(|selector| !is_empty(selector))
    };
    let found = policies.find(|(_, object)| by_labels(object));
    let places = found.map(|(_, object)| {
        let note = format!("{} lets namespaces in by their labels", object.reference);
        Because::Place(picture.place(Picture::noted(object, note)))
    });
    places.map(|because| (because,)).into_iter().collect()
}

fn opens_devices(picture: &mut Picture<'_>) -> Vec<(NamespaceId, Because)> {
    const LABEL: &str = "resource.kubernetes.io/admin-access";
    let mut all = Vec::new();
    for (_, object) in picture.snapshot.of_kind("", "Namespace") {
        if object.label(LABEL) == Some("true") {
            let id = picture.namespace(&object.reference.name);
            let note = format!("namespace {} has the label {LABEL}", object.reference.name);
            let place = picture.place(Picture::noted(object, note));
            all.push((id, Because::Place(place)));
        }
    }
    all
}
