//! Everything that is given to somebody, and the answers about it.
//!
//! Bindings of one role in one place share one set of permissions. Rules are found by the
//! resource that they name, so a question costs what its answer is long, not what the cluster
//! is large.

use crate::aggregate::Aggregation;
use crate::binding::Binding;
use crate::gaps::Gaps;
use crate::index::{RoleIx, Roles, RuleIx};
use crate::read::{accounts, read, role_of};
use crate::request::Request;
use crate::resources;
use crate::right::{Breadth, Dangling, Right};
use crate::role::{Role, Rule};
use seawall_model::access::{Bound, Identity, PermissionSet, PermissionSetId};
use seawall_model::{Gap, GapKind, KubernetesVersion, Span, Str};
use seawall_snapshot::{ScopeId, Snapshot};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Who can do what in a picture.
#[derive(Debug)]
pub struct Access {
    version: KubernetesVersion,
    is_complete: bool,
    pub(crate) roles: Roles,
    bindings: Vec<Binding>,
    /// The rules of each role that is bound, as the renderings see it that bind it.
    views: Vec<View>,
    pub(crate) sets: Vec<PermissionSet>,
    /// The view behind each set.
    view_of_set: Vec<usize>,
    pub(crate) bounds: Vec<Bound>,
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
    pub(crate) fn rules_about(&self, resource: &str, subresource: &str) -> Vec<RuleIx> {
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
    pub(crate) fn sets_by(
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

    pub(crate) fn is_unlimited(&self, ix: RuleIx) -> bool {
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

    /// Of rules with one effect the one for all names, if there is one.
    pub(crate) fn widest(&self, rules: Vec<RuleIx>) -> Vec<RuleIx> {
        let whole = rules.iter().find(|ix| self.is_unlimited(**ix)).copied();
        whole.map_or(rules, |ix| vec![ix])
    }
}
