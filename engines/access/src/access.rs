//! Everything that is given to somebody, and the answers about it.
//!
//! Bindings of one role in one place share one set of permissions. Rules are found by the
//! resource that they name, so a question costs what its answer is long, not what the cluster
//! is large.

use crate::aggregate::Aggregation;
use crate::binding::Binding;
use crate::defaults::Defaults;
use crate::gaps::Gaps;
use crate::index::{RoleIx, Roles, RuleIx};
use crate::request::Request;
use crate::resources;
use crate::role::{GROUP, Role, Rule};
use seawall_model::access::{
    Action, Bound, Granted, Identity, PermissionSet, PermissionSetId, Permissions,
};
use seawall_model::{Gap, GapKind, KubernetesVersion, ResourceRef, Span, Str};
use seawall_snapshot::{ScopeId, Snapshot};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Who can do what in a picture.
#[derive(Debug)]
pub struct Access {
    version: KubernetesVersion,
    is_complete: bool,
    roles: Roles,
    bindings: Vec<Binding>,
    /// The rules of each role that is bound, as the renderings see it that bind it.
    views: Vec<View>,
    sets: Vec<PermissionSet>,
    /// The view behind each set.
    view_of_set: Vec<usize>,
    bounds: Vec<Bound>,
    /// The binding behind each.
    binding_of_bound: Vec<usize>,
    bounds_of_set: Vec<Vec<usize>>,
    bounds_of_subject: HashMap<Identity, Vec<usize>>,
    rules: RuleIndex,
    dangling: Vec<Dangling>,
    accounts: BTreeSet<(Str, Str)>,
    gaps: Vec<Gap>,
}

/// A role with what is aggregated into it.
#[derive(Debug)]
struct View {
    rules: Vec<RuleIx>,
    sets: Vec<PermissionSetId>,
}

/// Rules that are given to somebody, by what they speak of.
#[derive(Debug, Default)]
struct RuleIndex {
    by_resource: HashMap<Str, Vec<RuleIx>>,
    of_paths: Vec<RuleIx>,
    /// The views that each rule is in, by the rule's place.
    views: Vec<Vec<usize>>,
}

/// A binding to a role that is not in the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The binding.
    pub binding: ResourceRef,
    /// The role that it names.
    pub role: ResourceRef,
    /// Where it names it.
    pub span: Span,
    /// Its place among [`Access::bindings`].
    pub at: usize,
}

/// A rule that allows a request, with how its subject comes to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whom the binding names.
    pub subject: Identity,
    /// The binding.
    pub binding: ResourceRef,
    /// Where it names the subject; nowhere in those that the API server makes.
    pub subject_span: Span,
    /// Whether the API server makes the binding for itself.
    pub is_default: bool,
    /// Where the right counts; `None` is everywhere.
    pub namespace: Option<Str>,
    /// The role that is bound.
    pub bound_role: ResourceRef,
    /// The role whose rule it is.
    pub role: ResourceRef,
    /// The rule, as a JSON pointer into that role.
    pub rule: String,
    /// Where the rule stands.
    pub rule_span: Option<Span>,
    /// The objects that it is limited to; empty for all.
    pub names: Arc<[Str]>,
}

/// What a question about everybody leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breadth {
    /// Where the request has no namespace: rights in any namespace, too.
    pub any_namespace: bool,
    /// Where it has no name: rights that are limited to some names, too.
    pub any_name: bool,
}

/// One right of somebody: a rule that a binding gives.
#[derive(Debug, Clone, Copy)]
pub struct Right<'a> {
    /// What the binding says.
    pub bound: &'a Bound,
    /// The binding itself.
    pub binding: &'a Binding,
    /// Which role it gives, and where.
    pub set: &'a PermissionSet,
    /// The role whose rule it is.
    pub role: &'a Role,
    /// The rule.
    pub rule: &'a Rule,
}

impl Right<'_> {
    /// What it says about how somebody comes to have it.
    pub fn grant(&self) -> Grant {
        Grant {
            subject: self.bound.subject.clone(),
            binding: self.bound.binding.clone(),
            subject_span: self.bound.span,
            is_default: self.binding.is_default,
            namespace: self.set.namespace.clone(),
            bound_role: self.set.role.clone(),
            role: self.role.reference.clone(),
            rule: self.rule.pointer(),
            rule_span: known(self.rule.span),
            names: self.rule.names.clone(),
        }
    }
}

impl Access {
    /// Reads a picture.
    pub fn of(snapshot: &Snapshot, version: KubernetesVersion) -> Self {
        let mut gaps = Gaps::default();
        let (roles, bindings) = read(snapshot, version, &mut gaps);
        let mut access = Self {
            version,
            is_complete: snapshot.is_complete(),
            roles,
            bindings,
            views: Vec::new(),
            sets: Vec::new(),
            view_of_set: Vec::new(),
            bounds: Vec::new(),
            binding_of_bound: Vec::new(),
            bounds_of_set: Vec::new(),
            bounds_of_subject: HashMap::new(),
            rules: RuleIndex::default(),
            dangling: Vec::new(),
            accounts: accounts(snapshot),
            gaps: Vec::new(),
        };
        access.bind(&mut gaps);
        access.index();
        access.gaps = gaps.finish();
        access
    }

    /// Follows every binding to its role.
    fn bind(&mut self, gaps: &mut Gaps) {
        let mut aggregation = Aggregation::new(&self.roles);
        let mut views: HashMap<(ScopeId, RoleIx), usize> = HashMap::new();
        let mut sets: HashMap<(usize, Option<Str>), PermissionSetId> = HashMap::new();
        for (at, binding) in self.bindings.iter().enumerate() {
            let namespace = binding
                .namespace
                .as_ref()
                .filter(|_| !binding.is_cluster_role);
            let found = self.roles.find(binding.scope, namespace, &binding.role);
            let Some((first, role)) = found
                .first()
                .and_then(|ix| Some((*ix, self.roles.role(*ix)?)))
            else {
                self.dangling.push(Dangling {
                    binding: binding.reference.clone(),
                    role: role_of(binding),
                    span: binding.role_span,
                    at,
                });
                continue;
            };
            // Only what is aggregated differs from rendering to rendering.
            let is_plain = found.iter().all(|ix| {
                let role = self.roles.role(*ix);
                role.is_none_or(|role| role.aggregates.is_empty())
            });
            let scope = if is_plain {
                ScopeId::PLAIN
            } else {
                binding.scope
            };
            let view = *views.entry((scope, first)).or_insert_with(|| {
                self.views.push(View {
                    rules: aggregation.rules(scope, found),
                    sets: Vec::new(),
                });
                self.views.len() - 1
            });
            let key = (view, binding.namespace.clone());
            let set = *sets.entry(key).or_insert_with(|| {
                let id = PermissionSetId(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
                self.sets.push(PermissionSet {
                    role: role.reference.clone(),
                    namespace: binding.namespace.clone(),
                });
                self.view_of_set.push(view);
                if let Some(view) = self.views.get_mut(view) {
                    view.sets.push(id);
                }
                id
            });
            for subject in &binding.subjects {
                self.bounds.push(Bound {
                    subject: subject.identity.clone(),
                    set,
                    binding: binding.reference.clone(),
                    span: if binding.is_default {
                        Span::NONE
                    } else {
                        subject.span
                    },
                });
                self.binding_of_bound.push(at);
            }
        }
        if aggregation.is_exhausted() {
            let why = "roles aggregate each other too often to be followed: rights may be missing";
            gaps.whole(GapKind::Unsupported, why.to_owned(), "");
        }
        for one in self.dangling.iter().take(200) {
            let why = format!(
                "{} binds {}, which is not in the input: what it gives is unknown",
                one.binding, one.role
            );
            gaps.unseen(&one.binding, one.span, why, "add the role to the input");
        }
    }

    fn index(&mut self) {
        self.bounds_of_set = vec![Vec::new(); self.sets.len()];
        for (at, bound) in self.bounds.iter().enumerate() {
            if let Some(of_set) = self.bounds_of_set.get_mut(bound.set.0 as usize) {
                of_set.push(at);
            }
            let of_subject = self.bounds_of_subject.entry(bound.subject.clone());
            of_subject.or_default().push(at);
        }
        let mut index = RuleIndex {
            views: vec![Vec::new(); self.roles.rule_count()],
            ..RuleIndex::default()
        };
        for (at, view) in self.views.iter().enumerate() {
            for ix in &view.rules {
                if let Some(views) = index.views.get_mut(ix.0 as usize) {
                    views.push(at);
                }
            }
        }
        for (at, views) in index.views.iter().enumerate() {
            let ix = RuleIx(u32::try_from(at).unwrap_or(u32::MAX));
            let Some((_, rule)) = self.roles.rule(ix).filter(|_| !views.is_empty()) else {
                continue;
            };
            let tokens: BTreeSet<&Str> = rule.resources.iter().collect();
            for token in tokens {
                index.by_resource.entry(token.clone()).or_default().push(ix);
            }
            if !rule.urls.is_empty() {
                index.of_paths.push(ix);
            }
        }
        self.rules = index;
    }

    /// The rules that may speak of a resource, in the order of roles.
    fn rules_about(&self, resource: &str, subresource: &str) -> Vec<RuleIx> {
        let mut tokens = vec!["*".to_owned()];
        if subresource.is_empty() {
            tokens.push(resource.to_owned());
        } else {
            tokens.push(format!("{resource}/{subresource}"));
            tokens.push(format!("*/{subresource}"));
        }
        let lists = tokens
            .iter()
            .filter_map(|t| self.rules.by_resource.get(&**t));
        let found: BTreeSet<RuleIx> = lists.flatten().copied().collect();
        found.into_iter().collect()
    }

    /// For each set the rules that fulfil a condition.
    fn sets_by(
        &self,
        candidates: &[RuleIx],
        fits: impl Fn(&Rule) -> bool,
    ) -> BTreeMap<PermissionSetId, Vec<RuleIx>> {
        let mut sets: BTreeMap<PermissionSetId, Vec<RuleIx>> = BTreeMap::new();
        for ix in candidates {
            if !self.roles.rule(*ix).is_some_and(|(_, rule)| fits(rule)) {
                continue;
            }
            let views = self.rules.views.get(ix.0 as usize).into_iter().flatten();
            for set in views
                .filter_map(|at| self.views.get(*at))
                .flat_map(|v| &v.sets)
            {
                sets.entry(*set).or_default().push(*ix);
            }
        }
        sets
    }

    /// The rights that allow a request to anybody, one for each subject of each binding.
    pub fn who_can(&self, request: &Request, breadth: Breadth) -> Vec<Right<'_>> {
        let candidates = match request {
            Request::Resource(of) => self.rules_about(&of.resource, &of.subresource),
            Request::Path { .. } => self.rules.of_paths.clone(),
        };
        let fits = |rule: &Rule| match request {
            Request::Resource(of) if breadth.any_name && of.name.is_empty() => {
                let can_be_named = resources::has_name(&of.verb, &of.subresource);
                rule.has_verb(&of.verb)
                    && rule.has_group(&of.group)
                    && (rule.names.is_empty() || can_be_named)
            }
            _ => rule.allows(request),
        };
        let mut rights = Vec::new();
        for (set, rules) in self.sets_by(&candidates, fits) {
            let is_somewhere = breadth.any_namespace && self.counts(set, request);
            if !is_somewhere && !self.counts_in(set, request) {
                continue;
            }
            let bounds = self.bounds_of_set.get(set.0 as usize).into_iter().flatten();
            let rules = self.widest(rules);
            for at in bounds {
                rights.extend(rules.iter().filter_map(|ix| self.right(*at, *ix)));
            }
        }
        rights
    }

    /// Whether what is given there counts for a request in some namespace.
    fn counts(&self, set: PermissionSetId, request: &Request) -> bool {
        let Request::Resource(of) = request else {
            return false;
        };
        let namespace = self
            .sets
            .get(set.0 as usize)
            .and_then(|set| set.namespace.as_ref());
        let reach = resources::in_namespace(
            &of.verb,
            &of.group,
            &of.resource,
            &of.subresource,
            namespace,
        );
        of.namespace.is_empty() && reach != resources::InNamespace::Nothing
    }

    fn is_unlimited(&self, ix: RuleIx) -> bool {
        self.roles
            .rule(ix)
            .is_some_and(|(_, rule)| rule.names.is_empty())
    }

    /// Whether what is given there counts for a request.
    fn counts_in(&self, set: PermissionSetId, request: &Request) -> bool {
        let set = self.sets.get(set.0 as usize);
        set.is_some_and(|set| match &set.namespace {
            None => true,
            Some(namespace) => &**namespace == request.namespace() && !namespace.is_empty(),
        })
    }

    /// The right that allows somebody a request, if there is one.
    pub fn allows(&self, user: &Identity, groups: &[Str], request: &Request) -> Option<Right<'_>> {
        let groups = groups.iter().map(|group| Identity::Group(group.clone()));
        let mut seen = BTreeSet::new();
        for identity in std::iter::once(user.clone()).chain(groups) {
            for at in self.bounds_of_subject.get(&identity).into_iter().flatten() {
                let Some(bound) = self.bounds.get(*at) else {
                    continue;
                };
                if !seen.insert(bound.set) || !self.counts_in(bound.set, request) {
                    continue;
                }
                let rules = self.rules_in(bound.set).iter();
                let mut rules = rules.filter(|ix| {
                    let rule = self.roles.rule(**ix);
                    rule.is_some_and(|(_, rule)| rule.allows(request))
                });
                if let Some(ix) = rules.next() {
                    return self.right(*at, *ix);
                }
            }
        }
        None
    }

    /// All rights of somebody by their own name and by these groups, binding by binding.
    pub fn rights(&self, user: &Identity, groups: &[Str]) -> Vec<Right<'_>> {
        let groups = groups.iter().map(|group| Identity::Group(group.clone()));
        let identities: BTreeSet<Identity> = std::iter::once(user.clone()).chain(groups).collect();
        let mut rights = Vec::new();
        for identity in identities {
            for at in self.bounds_of_subject.get(&identity).into_iter().flatten() {
                let Some(bound) = self.bounds.get(*at) else {
                    continue;
                };
                let rules = self.rules_in(bound.set).iter();
                rights.extend(rules.filter_map(|ix| self.right(*at, *ix)));
            }
        }
        rights
    }

    /// The rights that a binding gives to the first whom it names.
    pub fn rights_by(&self, binding: &Binding) -> Vec<Right<'_>> {
        let of = self
            .bindings
            .iter()
            .position(|one| std::ptr::eq(one, binding));
        // Bindings are followed in their order.
        let at = of.map(|of| self.binding_of_bound.partition_point(|other| *other < of));
        let Some(at) = at.filter(|at| self.binding_of_bound.get(*at) == of.as_ref()) else {
            return Vec::new();
        };
        let Some(bound) = self.bounds.get(at) else {
            return Vec::new();
        };
        let rules = self.rules_in(bound.set).iter();
        rules.filter_map(|ix| self.right(at, *ix)).collect()
    }

    /// The rights that a set of permissions is, as one of its bindings gives it.
    pub fn rights_of(&self, set: PermissionSetId) -> Vec<Right<'_>> {
        let bounds = self.bounds_of_set.get(set.0 as usize).into_iter().flatten();
        let first = bounds.copied().next();
        let rules = self.rules_in(set).iter();
        rules.filter_map(|ix| self.right(first?, *ix)).collect()
    }

    fn rules_in(&self, set: PermissionSetId) -> &[RuleIx] {
        let view = self.view_of_set.get(set.0 as usize);
        let view = view.and_then(|at| self.views.get(*at));
        view.map_or(&[], |view| &view.rules)
    }

    fn right(&self, bound: usize, rule: RuleIx) -> Option<Right<'_>> {
        let binding = *self.binding_of_bound.get(bound)?;
        let bound = self.bounds.get(bound)?;
        let (role, rule) = self.roles.rule(rule)?;
        Some(Right {
            bound,
            binding: self.bindings.get(binding)?,
            set: self.sets.get(bound.set.0 as usize)?,
            role,
            rule,
        })
    }

    /// The rules that a role gives which a name means in a namespace (a Role), or everywhere (a
    /// ClusterRole), to a rendering; `None` where there is no such role.
    pub fn rules_named(
        &self,
        scope: ScopeId,
        namespace: Option<&Str>,
        name: &Str,
    ) -> Option<Vec<&Rule>> {
        let found = self.roles.find(scope, namespace, name);
        if found.is_empty() {
            return None;
        }
        let rules = Aggregation::new(&self.roles).rules(scope, found);
        let rules = rules.into_iter().filter_map(|ix| self.roles.rule(ix));
        Some(rules.map(|(_, rule)| rule).collect())
    }

    /// All roles, those of the API server among them.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.all().map(|(_, role)| role)
    }

    /// The roles that a binding gives, as written: several where several sources define it.
    pub fn roles_of(&self, binding: &Binding) -> Vec<&Role> {
        let namespace = binding
            .namespace
            .as_ref()
            .filter(|_| !binding.is_cluster_role);
        let found = self
            .roles
            .find(binding.scope, namespace, &binding.role)
            .iter();
        found.filter_map(|ix| self.roles.role(*ix)).collect()
    }

    /// The bindings that give a rule of a role, by themselves or through aggregation.
    pub fn bindings_of<'a>(&'a self, role: &Role, rule: &Rule) -> Vec<&'a Binding> {
        let same = |ix: &RuleIx| {
            let found = self.roles.rule(*ix);
            found.is_some_and(|(other, one)| std::ptr::eq(other, role) && std::ptr::eq(one, rule))
        };
        let start = self.roles.first_rule_of(role);
        let ix = start
            .and_then(|start| start.0.checked_add(rule.index))
            .map(RuleIx);
        let Some(ix) = ix.filter(same) else {
            return Vec::new();
        };
        let views = self.rules.views.get(ix.0 as usize).into_iter().flatten();
        let sets = views
            .filter_map(|at| self.views.get(*at))
            .flat_map(|view| &view.sets);
        let bounds = sets
            .filter_map(|set| self.bounds_of_set.get(set.0 as usize))
            .flatten();
        let mut at: Vec<usize> = bounds
            .filter_map(|at| self.binding_of_bound.get(*at).copied())
            .collect();
        at.sort_unstable();
        at.dedup();
        at.into_iter()
            .filter_map(|at| self.bindings.get(at))
            .collect()
    }

    /// All bindings, those of the API server among them.
    pub fn all_bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// Bindings to roles that are not in the picture.
    pub fn dangling(&self) -> &[Dangling] {
        &self.dangling
    }

    /// The service accounts that are in the picture, by namespace and name.
    pub fn accounts(&self) -> &BTreeSet<(Str, Str)> {
        &self.accounts
    }

    /// Everybody whom a binding names.
    pub fn subjects(&self) -> impl Iterator<Item = &Identity> {
        self.bounds_of_subject.keys()
    }

    /// The version that answers are for.
    pub fn version(&self) -> KubernetesVersion {
        self.version
    }

    /// Whether the picture is a whole cluster.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// What could not be read, or was not seen.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }
}

impl Permissions for Access {
    fn sets(&self) -> &[PermissionSet] {
        &self.sets
    }

    fn bindings(&self) -> &[Bound] {
        &self.bounds
    }

    fn granted(&self, action: &Action) -> Vec<Granted> {
        let candidates = self.rules_about(action.resource, action.subresource);
        let has_name = resources::has_name(action.verb, action.subresource);
        let sets = self.sets_by(&candidates, |rule| {
            rule.has_verb(action.verb)
                && rule.has_group(action.group)
                && (rule.names.is_empty() || has_name)
        });
        let mut granted = Vec::new();
        for (set, rules) in sets {
            let namespace = self
                .sets
                .get(set.0 as usize)
                .and_then(|s| s.namespace.clone());
            let Action {
                verb,
                group,
                resource,
                subresource,
            } = *action;
            let reach =
                resources::in_namespace(verb, group, resource, subresource, namespace.as_ref());
            let mut known: BTreeSet<Arc<[Str]>> = BTreeSet::new();
            for ix in self.widest(rules) {
                let Some((role, rule)) = self.roles.rule(ix) else {
                    continue;
                };
                let names = match &reach {
                    resources::InNamespace::Everything => rule.names.clone(),
                    resources::InNamespace::Only(name) if rule.has_name(name) => {
                        Arc::from([name.clone()])
                    }
                    resources::InNamespace::Nothing | resources::InNamespace::Only(_) => continue,
                };
                if known.insert(names.clone()) {
                    granted.push(Granted {
                        set,
                        names,
                        role: role.reference.clone(),
                        rule: rule.pointer(),
                        span: known_span(role, rule),
                    });
                }
            }
        }
        granted
    }
}

impl Access {
    /// Of rules with one effect the one for all names, if there is one.
    fn widest(&self, rules: Vec<RuleIx>) -> Vec<RuleIx> {
        let whole = rules.iter().find(|ix| self.is_unlimited(**ix)).copied();
        whole.map_or(rules, |ix| vec![ix])
    }
}

fn known_span(role: &Role, rule: &Rule) -> Option<Span> {
    known(rule.span).filter(|_| !role.is_default)
}

fn known(span: Span) -> Option<Span> {
    span.is_known().then_some(span)
}

/// The role that a binding names.
fn role_of(binding: &Binding) -> ResourceRef {
    let is_cluster = binding.is_cluster_role;
    ResourceRef {
        group: GROUP.into(),
        kind: if is_cluster { "ClusterRole" } else { "Role" }.into(),
        namespace: binding.namespace.clone().filter(|_| !is_cluster),
        name: binding.role.clone(),
    }
}

fn accounts(snapshot: &Snapshot) -> BTreeSet<(Str, Str)> {
    let accounts = snapshot.of_kind("", "ServiceAccount").map(|(_, account)| {
        let name = account.reference.name.clone();
        (Str::from(account.namespace()), name)
    });
    accounts.collect()
}

/// The roles and bindings of a picture, and those that the API server makes.
fn read(snapshot: &Snapshot, version: KubernetesVersion, gaps: &mut Gaps) -> (Roles, Vec<Binding>) {
    let defaults = Defaults::of(version);
    let (mut roles, mut bindings) = (Roles::default(), Vec::new());
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let mut names: BTreeSet<&ResourceRef> = BTreeSet::new();
    for (_, object) in snapshot.objects() {
        let reference = &object.reference;
        if &*reference.group != GROUP {
            continue;
        }
        *seen.entry(&reference.kind).or_insert(0) += 1;
        names.insert(reference);
        if let Some(mut role) = Role::read(object, gaps) {
            role.is_known = defaults.has_role(&role);
            roles.add(role);
        } else if let Some(mut binding) = Binding::read(object, gaps) {
            binding.is_known = defaults.has_binding(&binding);
            bindings.push(binding);
        }
    }
    let is_whole = snapshot.is_complete();
    // A cluster always has some of each: where there is none, they could not be read.
    for kind in ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"] {
        if is_whole && !seen.contains_key(kind) {
            let why = format!("no {kind} could be read: who can do what is known only in part");
            let hint = "`seawall rbac` prints the rights that reading them takes";
            gaps.whole(GapKind::Forbidden, why, hint);
        }
    }
    let is_there = |reference: &ResourceRef| {
        names.contains(reference) || (is_whole && seen.contains_key(&*reference.kind))
    };
    for role in defaults.roles {
        if !is_there(&role.reference) {
            roles.add(role);
        }
    }
    let made = defaults.bindings.into_iter();
    bindings.extend(made.filter(|one| !is_there(&one.reference)));
    (roles, bindings)
}
