//! Custom resources that make a controller act with its own rights: who writes them has part of
//! those rights.
//!
//! What is known of common operators is a table ([`OPERATORS`]). Everything else is found out
//! from the definitions in the input: a schema that embeds containers or names a service
//! account, or custom resources in the input that do.
//!
//! An operator counts only where something shows that it is there: its definition, a resource
//! of its kind, or its controller.

use crate::acts::Write;
use crate::look::image;
use crate::spot::Effect;
use crate::techniques::Id;
use seawall_model::access::Action;
use seawall_model::{ResourceRef, Span, Str};
use seawall_snapshot::{Definition, Details, Embeds, Snapshot};
use std::collections::BTreeMap;

/// What writing a custom resource gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gift {
    /// Pods of any kind in its namespace.
    Pods,
    /// Any service account of its namespace.
    Accounts,
    /// The account of its controller; if that was not seen: of a namespace's or the cluster's
    /// administrator, as it is installed.
    Controller,
    /// The cluster's administration.
    Cluster,
    /// What any pod of the cluster runs.
    AnyPods,
    /// The Secrets of its namespace.
    Secrets,
    /// Root on nodes.
    Nodes,
    /// Something beyond the cluster.
    Beyond(&'static str),
    /// A gain that leads no further.
    Effect(Effect),
}

/// A known operator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator {
    pub(crate) technique: Id,
    group: &'static str,
    plurals: &'static [&'static str],
    is_namespaced: bool,
    pub(crate) gives: Gift,
    /// The last part of its controller's image, and a word of its name or command.
    pub(crate) controller: (&'static str, &'static str),
    /// Whether the controller looks at its own namespace only.
    pub(crate) is_at_home: bool,
    /// The flag of the controller that makes it act as an account of the resource's namespace.
    pub(crate) held_by: &'static str,
}

/// A custom resource that some controller acts on.
#[derive(Debug, Clone)]
pub(crate) struct Custom {
    group: Str,
    pub(crate) plural: Str,
    pub(crate) is_namespaced: bool,
    pub(crate) source: Source,
}

/// How it is known what writing it gives.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// From the table.
    Known(&'static Operator),
    /// From its definition: what it embeds, whether that is sure, and where it says so.
    Found {
        embeds: Embeds,
        is_sure: bool,
        definition: ResourceRef,
        span: Span,
    },
}

impl Custom {
    /// Writing it, as rules of roles say it.
    pub(crate) fn action(&self, write: Write) -> Action<'_> {
        self.asked(write.verb())
    }

    /// A verb on it.
    pub(crate) fn asked<'a>(&'a self, verb: &'a str) -> Action<'a> {
        Action {
            verb,
            group: &self.group,
            resource: &self.plural,
            subresource: "",
        }
    }

    /// Its API group.
    pub(crate) fn group(&self) -> &str {
        &self.group
    }
}

/// The custom resources of a snapshot that controllers act on, in the order of their names.
pub(crate) fn customs(snapshot: &Snapshot) -> Vec<Custom> {
    let mut all: BTreeMap<(Str, Str), Custom> = BTreeMap::new();
    let seen = Seen::new(snapshot);
    for operator in OPERATORS {
        let runs = seen.runs(operator.controller);
        for plural in operator.plurals {
            if runs || seen.has(operator.group, plural) {
                let custom = Custom {
                    group: operator.group.into(),
                    plural: (*plural).into(),
                    is_namespaced: operator.is_namespaced,
                    source: Source::Known(operator),
                };
                all.insert((custom.group.clone(), custom.plural.clone()), custom);
            }
        }
    }
    for (reference, definition) in &seen.definitions {
        let (group, plural) = (&definition.group, &definition.plural);
        let shows = seen
            .templates
            .contains(&(group.clone(), definition.kind.clone()));
        let (embeds, span) = match definition.embeds {
            Some((_, span)) if shows => (Embeds::Pod, span),
            Some(known) => known,
            None if shows => (Embeds::Pod, Span::NONE),
            None => continue,
        };
        let custom = Custom {
            group: group.clone(),
            plural: plural.clone(),
            is_namespaced: definition.is_namespaced,
            source: Source::Found {
                embeds,
                is_sure: embeds == Embeds::Pod,
                definition: (*reference).clone(),
                span,
            },
        };
        all.entry((group.clone(), plural.clone())).or_insert(custom);
    }
    all.into_values().take(usize::from(u16::MAX)).collect()
}

/// What of a snapshot shows that an operator is there.
struct Seen<'s> {
    definitions: Vec<(&'s ResourceRef, &'s Definition)>,
    /// Groups and lower-case kinds of all objects.
    kinds: std::collections::HashSet<(Str, String)>,
    /// Groups and kinds whose objects hold pod templates.
    templates: std::collections::HashSet<(Str, Str)>,
    /// Images of controllers by their last part, each with the name and words of its workload.
    images: Vec<(String, String)>,
}

impl<'s> Seen<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        let mut seen = Self {
            definitions: Vec::new(),
            kinds: std::collections::HashSet::new(),
            templates: std::collections::HashSet::new(),
            images: Vec::new(),
        };
        for (_, object) in snapshot.objects() {
            let reference = &object.reference;
            match &object.details {
                Details::Definition(definition) => seen.definitions.push((reference, definition)),
                Details::Workload { .. } if reference.group.contains('.') => {
                    let kind = (reference.group.clone(), reference.kind.clone());
                    seen.templates.insert(kind);
                }
                _ => {}
            }
            if reference.group.contains('.') {
                let kind = reference.kind.to_ascii_lowercase();
                seen.kinds.insert((reference.group.clone(), kind));
            }
            for template in object.templates() {
                for container in &template.containers {
                    let name = container.image.as_ref().map(|name| image(&name.value).0);
                    let mut known = OPERATORS.iter().map(|operator| operator.controller.0);
                    let Some(name) = name.filter(|name| known.any(|known| known == *name)) else {
                        continue;
                    };
                    let words = container.command.iter().chain(&container.args);
                    let said = words.map(|word| &*word.value).collect::<Vec<_>>().join(" ");
                    let said = format!("{} {said}", reference.name);
                    seen.images.push((name.to_owned(), said));
                }
            }
        }
        seen
    }

    fn has(&self, group: &str, plural: &str) -> bool {
        let mut definitions = self.definitions.iter();
        let is_defined = definitions.any(|(_, one)| &*one.group == group && &*one.plural == plural);
        let singular = [
            plural.strip_suffix('s').map(str::to_owned),
            plural.strip_suffix("ies").map(|stem| format!("{stem}y")),
            plural.strip_suffix("es").map(str::to_owned),
            Some(plural.to_owned()),
        ];
        let mut singular = singular.into_iter().flatten();
        is_defined || singular.any(|kind| self.kinds.contains(&(group.into(), kind)))
    }

    fn runs(&self, (image, word): (&str, &str)) -> bool {
        let mut images = self.images.iter();
        !image.is_empty() && images.any(|(name, said)| name == image && said.contains(word))
    }
}

/// A row of the table: by default the resources are in namespaces, and the controller looks at
/// all of them.
const fn row(
    technique: Id,
    group: &'static str,
    plurals: &'static [&'static str],
    gives: Gift,
    controller: (&'static str, &'static str),
) -> Operator {
    Operator {
        technique,
        group,
        plurals,
        is_namespaced: true,
        gives,
        controller,
        is_at_home: false,
        held_by: "",
    }
}

/// The same for resources that are in no namespace.
const fn wide(operator: Operator) -> Operator {
    Operator {
        is_namespaced: false,
        ..operator
    }
}

const fn home(operator: Operator) -> Operator {
    Operator {
        is_at_home: true,
        ..operator
    }
}

const fn held(operator: Operator, flag: &'static str) -> Operator {
    Operator {
        held_by: flag,
        ..operator
    }
}

const ARGO: &str = "argoproj.io";
const LOCKDOWN: &str = "default-service-account";

#[rustfmt::skip] // a table
const OPERATORS: &[Operator] = &[
    row(Id::OP_ARGO_WF, ARGO, &["workflows", "cronworkflows"], Gift::Pods, ("workflow-controller", "")),
    home(row(Id::OP_ARGOCD_APP, ARGO, &["applications", "applicationsets"], Gift::Controller, ("argocd", "application-controller"))),
    held(row(Id::OP_FLUX, "kustomize.toolkit.fluxcd.io", &["kustomizations"], Gift::Controller, ("kustomize-controller", "")), LOCKDOWN),
    held(row(Id::OP_FLUX, "helm.toolkit.fluxcd.io", &["helmreleases"], Gift::Controller, ("helm-controller", "")), LOCKDOWN),
    row(Id::OP_TEKTON, "tekton.dev", &["taskruns", "pipelineruns"], Gift::Pods, ("controller", "tekton-pipelines-controller")),
    row(Id::OP_HELM_K3S, "helm.cattle.io", &["helmcharts", "helmchartconfigs"], Gift::Cluster, ("", "")),
    row(Id::OP_HELM_K3S, "k3s.cattle.io", &["addons"], Gift::Cluster, ("", "")),
    row(Id::OP_OLM, "operators.coreos.com", &["subscriptions", "clusterserviceversions"], Gift::Cluster, ("olm", "olm-operator")),
    wide(row(Id::OP_CROSSPLANE, "pkg.crossplane.io", &["providers", "functions"], Gift::Controller, ("crossplane", ""))),
    wide(row(Id::OP_CROSSPLANE, "apiextensions.crossplane.io", &["compositions"], Gift::Controller, ("crossplane", ""))),
    wide(row(Id::OP_CROSSPLANE, "kubernetes.crossplane.io", &["objects"], Gift::Controller, ("provider-kubernetes", ""))),
    row(Id::OP_CAPI, "cluster.x-k8s.io", &["clusters", "machines", "machinedeployments"], Gift::Beyond("the clusters that Cluster API makes"), ("cluster-api-controller", "")),
    row(Id::OP_CAPI, "bootstrap.cluster.x-k8s.io", &["kubeadmconfigs", "kubeadmconfigtemplates"], Gift::Beyond("the clusters that Cluster API makes"), ("kubeadm-bootstrap-controller", "")),
    wide(row(Id::OP_KARPENTER, "karpenter.k8s.aws", &["ec2nodeclasses"], Gift::Nodes, ("", ""))),
    wide(row(Id::OP_KARPENTER, "karpenter.azure.com", &["aksnodeclasses"], Gift::Nodes, ("", ""))),
    row(Id::OP_KUBEVIRT, "kubevirt.io", &["virtualmachines", "virtualmachineinstances", "virtualmachineinstancereplicasets"], Gift::Accounts, ("virt-controller", "")),
    wide(row(Id::OP_KYVERNO, "kyverno.io", &["clusterpolicies"], Gift::AnyPods, ("kyverno", ""))),
    wide(row(Id::OP_KYVERNO, "policies.kyverno.io", &["mutatingpolicies", "generatingpolicies"], Gift::AnyPods, ("", ""))),
    row(Id::OP_KYVERNO, "kyverno.io", &["policyexceptions"], Gift::Effect(Effect::Evasion), ("kyverno", "")),
    wide(row(Id::OP_GATEKEEPER_MUT, "mutations.gatekeeper.sh", &["assign", "modifyset", "assignimage"], Gift::AnyPods, ("gatekeeper", ""))),
    row(Id::OP_ISTIO, "networking.istio.io", &["envoyfilters", "virtualservices", "destinationrules"], Gift::Effect(Effect::Traffic), ("pilot", "")),
    row(Id::OP_ISTIO, "extensions.istio.io", &["wasmplugins"], Gift::Effect(Effect::Traffic), ("pilot", "")),
    row(Id::OP_CERTMANAGER, "cert-manager.io", &["certificates", "certificaterequests", "issuers"], Gift::Effect(Effect::Traffic), ("cert-manager-controller", "")),
    row(Id::OP_ESO, "external-secrets.io", &["externalsecrets", "pushsecrets"], Gift::Beyond("what the stores of External Secrets may read"), ("external-secrets", "")),
    wide(row(Id::OP_ESO, "external-secrets.io", &["clusterexternalsecrets", "clustersecretstores"], Gift::Beyond("what the stores of External Secrets may read"), ("external-secrets", ""))),
    row(Id::OP_VSO_SPC, "secrets.hashicorp.com", &["vaultstaticsecrets", "vaultdynamicsecrets", "vaultpkisecrets"], Gift::Beyond("what the Vault Secrets Operator may read"), ("vault-secrets-operator", "")),
    home(row(Id::OP_VELERO, "velero.io", &["backups", "restores", "schedules"], Gift::Controller, ("velero", ""))),
    row(Id::OP_PROMETHEUS, "monitoring.coreos.com", &["servicemonitors", "podmonitors", "scrapeconfigs"], Gift::Effect(Effect::Data), ("prometheus-operator", "")),
    row(Id::OP_KEDA, "keda.sh", &["scaledjobs"], Gift::Pods, ("keda", "")),
    row(Id::OP_KEDA, "keda.sh", &["triggerauthentications"], Gift::Secrets, ("keda", "")),
    row(Id::OP_KNATIVE, "serving.knative.dev", &["services", "configurations"], Gift::Accounts, ("controller", "knative")),
    wide(row(Id::OP_RANCHER, "management.cattle.io", &["globalrolebindings"], Gift::Cluster, ("rancher", ""))),
    row(Id::OP_RANCHER, "management.cattle.io", &["clusterroletemplatebindings"], Gift::Cluster, ("rancher", "")),
];
