//! Look-ups that rules about one object need from the others: one pass over the snapshot.

use seawall_model::Str;
use seawall_snapshot::selector::Operator;
use seawall_snapshot::{LabelSelector, Object, ScopeId, Snapshot, Workload};
use seawall_yaml::Node;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A namespace of one rendering. `None` is the namespace that `kubectl -n` or
/// `helm install -n` decides.
pub(crate) type SpaceKey<'s> = (ScopeId, Option<&'s str>);

/// The labels of a pod template, sorted by key.
type Labels<'s> = &'s [(Str, Str)];

/// What lives in a namespace.
#[derive(Debug, Default)]
pub(crate) struct Space<'s> {
    pub(crate) workloads: Vec<&'s Workload>,
    pub(crate) accounts: BTreeMap<&'s str, &'s Object>,
    pub(crate) services: Vec<&'s Object>,
    pub(crate) policies: Vec<&'s Object>,
    pub(crate) quotas: Vec<&'s Object>,
    pub(crate) limit_ranges: Vec<&'s Object>,
    /// Whether a network policy of another system (Cilium, Calico, a mesh) is here.
    pub(crate) foreign_policies: bool,
    /// Whether a custom resource is here, whose operator may make pods and services.
    pub(crate) custom_resources: bool,
    /// Labels of pods by each of their labels, so that a selector looks at few.
    by_label: HashMap<(&'s str, &'s str), Vec<Labels<'s>>>,
}

impl Space<'_> {
    /// Whether a selector matches a pod of the namespace.
    pub(crate) fn has_pod(&self, selector: &LabelSelector) -> bool {
        // The rarest label that the selector asks for leaves the fewest pods to look at.
        let rarest = selector
            .requirements
            .iter()
            .filter_map(|requirement| match &requirement.operator {
                Operator::In(values) => match values.as_slice() {
                    [value] => Some((&*requirement.key, &**value)),
                    _ => None,
                },
                _ => None,
            })
            .map(|label| self.by_label.get(&label).map_or(&[][..], Vec::as_slice))
            .min_by_key(|pods| pods.len());
        match rarest {
            Some(pods) => pods.iter().any(|labels| selector.matches(labels)),
            None => self
                .by_label
                .values()
                .flatten()
                .any(|labels| selector.matches(labels)),
        }
    }
}

/// A binding of roles to a service account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding<'s> {
    pub(crate) object: &'s Object,
    /// Namespace of the account, as the subject names it.
    pub(crate) namespace: Option<&'s str>,
}

/// The look-ups.
#[derive(Debug)]
pub(crate) struct Index<'s> {
    pub(crate) snapshot: &'s Snapshot,
    spaces: BTreeMap<SpaceKey<'s>, Space<'s>>,
    bindings: HashMap<&'s str, Vec<Binding<'s>>>,
    /// Whether a binding names all service accounts at once.
    all_bound: bool,
    /// Whether anything selects pods by label.
    selects: bool,
    /// Renderings with a policy for the whole cluster (Cilium, Calico, admin policies).
    cluster_policies: HashSet<ScopeId>,
}

impl<'s> Index<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot) -> Self {
        let mut index = Self {
            snapshot,
            spaces: BTreeMap::new(),
            bindings: HashMap::new(),
            all_bound: false,
            selects: false,
            cluster_policies: HashSet::new(),
        };
        for (_, object) in snapshot.objects() {
            index.add(object);
        }
        let selects = index.selects;
        for workload in snapshot.workloads() {
            let key = (workload.scope, workload.owner.namespace.as_deref());
            let space = index.spaces.entry(key).or_default();
            space.workloads.push(workload);
            if !selects {
                continue;
            }
            for (_, template) in snapshot.templates(workload) {
                for (key, value) in &template.labels {
                    let label = (&**key, &**value);
                    space
                        .by_label
                        .entry(label)
                        .or_default()
                        .push(&template.labels);
                }
            }
        }
        index
    }

    fn add(&mut self, object: &'s Object) {
        let key = (object.scope, object.reference.namespace.as_deref());
        let group = &*object.reference.group;
        match (group, &*object.reference.kind) {
            ("policy", "PodDisruptionBudget") => self.selects = true,
            ("", "ServiceAccount") => {
                self.space(key)
                    .accounts
                    .entry(&object.reference.name)
                    .or_insert(object);
            }
            ("", "Service") => {
                self.selects = true;
                self.space(key).services.push(object);
            }
            ("", "ResourceQuota") => self.space(key).quotas.push(object),
            ("", "LimitRange") => self.space(key).limit_ranges.push(object),
            ("networking.k8s.io" | "extensions", "NetworkPolicy") => {
                self.selects = true;
                self.space(key).policies.push(object);
            }
            (
                _,
                "AdminNetworkPolicy"
                | "BaselineAdminNetworkPolicy"
                | "ClusterNetworkPolicy"
                | "CiliumClusterwideNetworkPolicy"
                | "GlobalNetworkPolicy"
                | "AntreaClusterNetworkPolicy",
            ) => {
                self.cluster_policies.insert(object.scope);
            }
            ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
                self.bind(object);
            }
            (group, kind) if group.contains('.') && !group.ends_with(".k8s.io") => {
                let space = self.space(key);
                space.custom_resources = true;
                if kind.ends_with("NetworkPolicy") || kind == "AuthorizationPolicy" {
                    space.foreign_policies = true;
                }
            }
            _ => {}
        }
    }

    fn space(&mut self, key: SpaceKey<'s>) -> &mut Space<'s> {
        self.spaces.entry(key).or_default()
    }

    fn bind(&mut self, object: &'s Object) {
        let Some(subjects) = object
            .body()
            .and_then(|b| b.get("subjects"))
            .and_then(Node::as_seq)
        else {
            return;
        };
        for subject in subjects {
            let text = |key| subject.get(key).and_then(Node::as_str);
            let (Some(kind), Some(name)) = (text("kind"), text("name")) else {
                continue;
            };
            match kind {
                "ServiceAccount" => {
                    let namespace = text("namespace");
                    self.bindings
                        .entry(name)
                        .or_default()
                        .push(Binding { object, namespace });
                }
                "User" => {
                    if let Some((namespace, name)) = name
                        .strip_prefix("system:serviceaccount:")
                        .and_then(|account| account.split_once(':'))
                    {
                        let binding = Binding {
                            object,
                            namespace: Some(namespace),
                        };
                        self.bindings.entry(name).or_default().push(binding);
                    }
                }
                // Every cluster lets all service accounts ask who issues their tokens.
                "Group"
                    if name.starts_with("system:serviceaccounts")
                        && object.label("kubernetes.io/bootstrapping").is_none() =>
                {
                    self.all_bound = true;
                }
                _ => {}
            }
        }
    }

    /// All namespaces of all renderings.
    pub(crate) fn spaces(&self) -> impl Iterator<Item = (&SpaceKey<'s>, &Space<'s>)> {
        self.spaces.iter()
    }

    /// Whether a policy for the whole cluster may hold the pods of a rendering.
    pub(crate) fn has_cluster_policies(&self, scope: ScopeId) -> bool {
        self.cluster_policies.contains(&scope) || self.cluster_policies.contains(&ScopeId::PLAIN)
    }

    /// What lives in a namespace of a rendering.
    pub(crate) fn at<'a>(
        &'a self,
        scope: ScopeId,
        namespace: Option<&'a str>,
    ) -> Option<&'a Space<'s>> {
        self.spaces.get(&(scope, namespace))
    }

    /// A service account, as a pod of that rendering sees it.
    pub(crate) fn account(
        &self,
        scope: ScopeId,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<&'s Object> {
        let of = |scope| self.at(scope, namespace)?.accounts.get(name).copied();
        of(scope).or_else(|| of(ScopeId::PLAIN))
    }

    /// Whether a pod of this namespace may meet an account of this name.
    pub(crate) fn may_have_account(&self, namespace: Option<&str>, name: &str) -> bool {
        let mut spaces = self.spaces_met_by(namespace);
        spaces.any(|space| space.accounts.contains_key(name))
    }

    /// Whether a selector of this namespace may meet a pod.
    pub(crate) fn may_have_pod(&self, namespace: Option<&str>, selector: &LabelSelector) -> bool {
        let mut spaces = self.spaces_met_by(namespace);
        spaces.any(|space| space.has_pod(selector))
    }

    /// What is, or may come to be, in one namespace: in files the namespaces of bases and
    /// overlays are often decided elsewhere.
    fn spaces_met_by<'a>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Space<'s>> {
        let is_complete = self.snapshot.is_complete();
        let spaces = self.spaces.iter();
        let spaces = spaces.filter(move |((_, other), _)| !is_complete || *other == namespace);
        spaces.map(|(_, space)| space)
    }

    /// A binding that surely gives this account rights: the subject names its namespace.
    pub(crate) fn bound(
        &self,
        scope: ScopeId,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<&'s Object> {
        let bindings = self.bindings.get(name)?;
        let found = bindings.iter().find(|binding| {
            (binding.object.scope == scope || binding.object.scope == ScopeId::PLAIN)
                && namespace.is_some()
                && binding.namespace == namespace
        });
        found.map(|binding| binding.object)
    }

    /// Whether some binding of the input may give this account rights.
    pub(crate) fn may_be_bound(&self, namespace: Option<&str>, name: &str) -> bool {
        self.all_bound
            || self.bindings.get(name).is_some_and(|bindings| {
                bindings.iter().any(|binding| {
                    binding.namespace.is_none()
                        || namespace.is_none()
                        || binding.namespace == namespace
                })
            })
    }
}

/// `automountServiceAccountToken` of a service account.
pub(crate) fn account_automounts(account: &Object) -> Option<bool> {
    account
        .body()?
        .get("automountServiceAccountToken")?
        .as_bool()
}
