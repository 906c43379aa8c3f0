//! I. Operators: who writes their resources has part of their rights.
//!
//! What a resource gives stands in a table or in its definition ([`crate::operators`]); here it
//! meets those who may write it, where, and what admission says of such a resource.

use super::{Rights, Row};
use crate::Facts;
use crate::acts::{Act, Write};
use crate::graph::{Because, Ease, Needs};
use crate::look::{flag, image, picks};
use crate::operators::{Gift, Operator, Source};
use crate::picture::{Picture, Workload};
use crate::spot::{Able, BeyondId, NameId, NamespaceId, PlaceId, Scope, SecretId, Spot};
use crate::techniques::Id;
use seawall_model::access::{Identity, PermissionSetId};
use seawall_model::{ResourceRef, Span, Str};
use seawall_snapshot::{Embeds, Object};
use seawall_yaml::Node;
use std::collections::BTreeSet;

ascent::ascent! {
    /// What writing custom resources leads to.
    struct Operators;
    relation may(Act, Scope, NameId);
    relation is_in(NamespaceId, Scope);
    /// Writing it anywhere gives this.
    relation anywhere(u16, Id, Spot, Ease, Because);
    /// Writing it in a namespace gives this.
    relation there(u16, NamespaceId, Id, Spot, Ease, Because);
    relation step(Id, Needs, Spot, Ease, Because);

    step(*id, Needs::one(Spot::May(*act, *scope, *name)), *gives, *ease, *because) <--
        may(act, scope, name),
        if let Act::Custom(_, number) = act,
        anywhere(number, id, gives, ease, because);
    step(*id, Needs::one(Spot::May(*act, *scope, *name)), *gives, *ease, *because) <--
        may(act, scope, name),
        if let Act::Custom(_, number) = act,
        there(number, space, id, gives, ease, because),
        is_in(space, scope);

    // OP_PROMETHEUS: it sends the token of its account wherever a monitor says.
    relation prometheus(u16, NamespaceId, Spot, Because);
    step(Id::OP_PROMETHEUS, Needs::one(Spot::May(*act, *scope, *name)), *account, Ease::Skilled, *because) <--
        may(act, scope, name),
        if let Act::Custom(_, number) = act,
        prometheus(number, space, account, because),
        is_in(space, scope);

    // OP_SEALEDSECRETS: its keys open what is in the repository.
    relation sealing_key(SecretId, Spot, Because);
    step(Id::OP_SEALEDSECRETS, Needs::one(Spot::Secret(*secret)), *beyond, Ease::Easy, *because) <--
        sealing_key(secret, beyond, because);
}

/// The steps of this group.
pub(super) fn rows(picture: &mut Picture<'_>, rights: &Rights, facts: &Facts<'_>) -> Vec<Row> {
    let mut rules = Operators {
        may: rights.may.clone(),
        is_in: rights.is_in.clone(),
        sealing_key: sealing_keys(picture),
        ..Operators::default()
    };
    let spaces: Vec<NamespaceId> = picture
        .namespaces
        .iter()
        .map(|(number, _)| NamespaceId(number))
        .collect();
    for (number, custom) in (0u16..).zip(picture.customs.clone()) {
        match &custom.source {
            Source::Known(operator) => known(picture, number, operator, &spaces, &mut rules),
            Source::Found {
                embeds,
                is_sure,
                definition,
                span,
            } => {
                let found = Found {
                    embeds: *embeds,
                    is_sure: *is_sure && has_controller(picture, facts, &custom.asked("watch")),
                    definition: definition.clone(),
                    span: *span,
                };
                let guards = guards(picture, custom.group(), &custom.plural);
                found.give(picture, number, &spaces, &guards, &mut rules);
            }
        }
    }
    rules.run();
    rules.step
}

/// What an operator of the table gives.
fn known(
    picture: &mut Picture<'_>,
    number: u16,
    operator: &'static Operator,
    spaces: &[NamespaceId],
    rules: &mut Operators,
) {
    let id = operator.technique;
    if id == Id::OP_PROMETHEUS {
        rules.prometheus.extend(
            prometheus(picture, spaces)
                .into_iter()
                .map(|(space, account, because)| (number, space, account, because)),
        );
        return;
    }
    let controller = controller(picture, operator);
    let account = controller.as_ref().map(|(account, ..)| *account);
    let home = controller.as_ref().map(|(_, home, ..)| *home);
    let is_held = controller.as_ref().is_some_and(|(_, _, held, _)| *held);
    let place = controller.map(|(.., place)| place);
    let because = place.map_or(Because::Nature, Because::Place);
    let gives = if is_held {
        Gift::Accounts
    } else {
        operator.gives
    };
    let in_each = |gives: &dyn Fn(Scope) -> Spot, ease: Ease, rules: &mut Operators| {
        let each = spaces.iter().map(|space| {
            let gives = gives(Scope::In(*space));
            (number, *space, id, gives, ease, because)
        });
        rules.there.extend(each);
    };
    let whole = match gives {
        Gift::Pods => {
            let pods = |scope| Spot::Able(Able::StartPods, scope);
            return in_each(&pods, Ease::Easy, rules);
        }
        Gift::Accounts => return in_each(&Spot::Accounts, Ease::Easy, rules),
        Gift::Secrets => return in_each(&Spot::Secrets, Ease::Skilled, rules),
        Gift::Effect(effect) if picture.is_namespaced(Act::Custom(Write::Create, number)) => {
            return in_each(&|scope| Spot::Effect(effect, scope), Ease::Skilled, rules);
        }
        Gift::Effect(effect) => (Spot::Effect(effect, Scope::All), Ease::Skilled),
        // As they are installed such controllers administer the cluster; this one was not seen.
        Gift::Controller => account.map_or((Spot::Admin(Scope::All), Ease::Lucky), |account| {
            (account, Ease::Easy)
        }),
        Gift::Cluster => (Spot::Admin(Scope::All), Ease::Easy),
        Gift::AnyPods => (Spot::Pods(Scope::All), Ease::Skilled),
        Gift::Nodes => (Spot::Nodes, Ease::Skilled),
        Gift::Beyond(what) => {
            let what = BeyondId(picture.beyond.number(&Str::from(what)));
            (Spot::Beyond(what), Ease::Skilled)
        }
    };
    let (spot, ease) = whole;
    match home.filter(|_| operator.is_at_home) {
        Some(home) => rules.there.push((number, home, id, spot, ease, because)),
        None => rules.anywhere.push((number, id, spot, ease, because)),
    }
}

/// The controller of an operator: its account, its namespace, whether it is held to accounts of
/// the resource's namespace, and where it stands.
fn controller(
    picture: &mut Picture<'_>,
    operator: &Operator,
) -> Option<(Spot, NamespaceId, bool, PlaceId)> {
    let (wanted, word) = operator.controller;
    let (account, home, is_held, place) = picture
        .workload_ids()
        .map(|(_, workload)| workload)
        .find(|workload| !wanted.is_empty() && runs(workload, wanted, word))
        .map(|workload| {
            let held = operator.held_by;
            let is_held = !held.is_empty() && flag(workload, held).is_some();
            let note = format!("{} acts on such resources", workload.owner);
            let place = Picture::noted(workload.object, note);
            (workload.account, workload.namespace, is_held, place)
        })?;
    let place = picture.place(place);
    Some((Spot::Identity(account), home, is_held, place))
}

fn runs(workload: &Workload<'_>, wanted: &str, word: &str) -> bool {
    workload.template.containers.iter().any(|container| {
        let name = container.image.as_ref();
        let is_image = name.is_some_and(|name| image(&name.value).0 == wanted);
        let mut said = container.command.iter().chain(&container.args);
        let says = workload.owner.name.contains(word) || said.any(|said| said.value.contains(word));
        is_image && says
    })
}

/// What a definition of the input shows.
struct Found {
    embeds: Embeds,
    is_sure: bool,
    definition: ResourceRef,
    span: Span,
}

impl Found {
    fn give(
        &self,
        picture: &mut Picture<'_>,
        number: u16,
        spaces: &[NamespaceId],
        guards: &[Guard],
        rules: &mut Operators,
    ) {
        let said = match self.embeds {
            Embeds::Pod => "says which containers its controller starts",
            Embeds::MaybePod => "may say which containers its controller starts",
            Embeds::Account => "names the service account that its controller acts as",
        };
        let place = picture.place(crate::graph::Place {
            note: format!("a resource of {} {said}", self.definition.name).into(),
            object: self.definition.clone(),
            span: self.span,
            mend: None,
        });
        for space in spaces {
            let scope = Scope::In(*space);
            let gives = match self.embeds {
                Embeds::Account => Spot::Accounts(scope),
                Embeds::Pod | Embeds::MaybePod => Spot::Able(Able::StartPods, scope),
            };
            let guard = guards.iter().find(|guard| guard.covers(picture, *space));
            let ease = match guard {
                None if self.is_sure => Ease::Easy,
                _ => Ease::Lucky,
            };
            let because = guard.map_or(Because::Place(place), |guard| {
                Because::Places(place, guard.place)
            });
            let id = Id::OP_SPARK_ETC;
            rules.there.push((number, *space, id, gives, ease, because));
        }
    }
}

/// Whether some service account follows a resource and starts pods: its controller.
fn has_controller(
    picture: &Picture<'_>,
    facts: &Facts<'_>,
    watch: &seawall_model::access::Action<'_>,
) -> bool {
    let follow = facts.permissions.granted(watch);
    let follow: BTreeSet<PermissionSetId> = follow.iter().map(|granted| granted.set).collect();
    let start = picture
        .grants
        .iter()
        .filter(|(act, _)| STARTS.contains(act));
    let start: BTreeSet<PermissionSetId> = start.map(|(_, granted)| granted.set).collect();
    let accounts = |sets: &BTreeSet<PermissionSetId>| -> BTreeSet<&Identity> {
        let bindings = picture.bindings.iter();
        let of_sets = bindings.filter(|bound| sets.contains(&bound.set));
        let subjects = of_sets.map(|bound| &bound.subject);
        subjects
            .filter(|subject| matches!(subject, Identity::ServiceAccount { namespace, .. } if &**namespace != "kube-system"))
            .collect()
    };
    let (follow, start) = (accounts(&follow), accounts(&start));
    follow.intersection(&start).next().is_some()
}

/// Rights that controllers start pods with.
const STARTS: [Act; 5] = [
    Act::CreatePods,
    Act::CreateJobs,
    Act::CreateDeployments,
    Act::CreateStatefulSets,
    Act::CreateReplicaSets,
];

/// An admission policy in force on a custom resource: it may refuse what an attacker writes.
struct Guard {
    selectors: Vec<Option<Node>>,
    place: PlaceId,
}

impl Guard {
    fn covers(&self, picture: &Picture<'_>, space: NamespaceId) -> bool {
        // Nobody knows what a namespace is called that was not seen.
        let Some(labels) = picture.labels_of(space) else {
            return true;
        };
        let mut labels = labels.to_vec();
        if let Some(name) = picture.namespaces.get(space.0) {
            labels.push(("kubernetes.io/metadata.name".into(), name.clone()));
        }
        labels.sort_unstable();
        labels.dedup_by(|one, other| one.0 == other.0);
        let mut selectors = self.selectors.iter();
        selectors.all(|selector| picks(selector.as_ref(), &labels))
    }
}

const ADMISSION: &str = "admissionregistration.k8s.io";

fn guards(picture: &mut Picture<'_>, group: &str, plural: &str) -> Vec<Guard> {
    let snapshot = picture.snapshot;
    let mut guards = Vec::new();
    for (_, policy) in snapshot.of_kind(ADMISSION, "ValidatingAdmissionPolicy") {
        let rules = policy.items(&["spec", "matchConstraints", "resourceRules"]);
        if !rules.iter().any(|rule| is_about(rule, group, plural)) {
            continue;
        }
        for (_, binding) in snapshot.of_kind(ADMISSION, "ValidatingAdmissionPolicyBinding") {
            if !binds(binding, &policy.reference.name) {
                continue;
            }
            let note = format!("{} may refuse such a resource", policy.reference);
            let place = picture.place(Picture::noted(binding, note));
            let selector = |object: &Object, path: &[&str]| {
                let body = object.body().and_then(|body| body.at(path));
                body.cloned()
            };
            let selectors = vec![
                selector(policy, &["spec", "matchConstraints", "namespaceSelector"]),
                selector(binding, &["spec", "matchResources", "namespaceSelector"]),
            ];
            guards.push(Guard { selectors, place });
        }
    }
    guards
}

fn is_about(rule: &Node, group: &str, plural: &str) -> bool {
    let has = |field: &str, wanted: &str| {
        let list = rule.get(field).and_then(Node::as_seq).unwrap_or_default();
        let mut words = list.iter().filter_map(Node::as_str);
        words.any(|word| word == wanted || word == "*" || word == "*/*")
    };
    has("apiGroups", group) && has("resources", plural)
}

fn binds(binding: &Object, policy: &str) -> bool {
    let name = binding
        .body()
        .and_then(|body| body.at(&["spec", "policyName"]));
    let actions = binding.items(&["spec", "validationActions"]);
    name.and_then(Node::as_str) == Some(policy)
        && actions.iter().any(|action| action.as_str() == Some("Deny"))
}

/// The accounts that Prometheus servers run as, unless their owner keeps them from reading
/// files for others.
fn prometheus(
    picture: &mut Picture<'_>,
    spaces: &[NamespaceId],
) -> Vec<(NamespaceId, Spot, Because)> {
    let snapshot = picture.snapshot;
    let mut all = Vec::new();
    for (_, object) in snapshot.of_kind("monitoring.coreos.com", "Prometheus") {
        let Some(body) = object.body() else {
            continue;
        };
        let deny = body.at(&["spec", "arbitraryFSAccessThroughSMs", "deny"]);
        let name = body.at(&["spec", "serviceAccountName"]);
        let Some(name) = name.and_then(Node::as_str) else {
            continue;
        };
        if deny.and_then(Node::as_bool) == Some(true) {
            continue;
        }
        let account = picture.account(object.namespace(), name.into());
        let own = picture.namespace(object.namespace());
        // With a selector of namespaces it takes monitors of others, too.
        let selectors = [
            "serviceMonitorNamespaceSelector",
            "podMonitorNamespaceSelector",
        ];
        let mut selectors = selectors.iter().map(|key| body.at(&["spec", key]));
        let takes_all = selectors.any(|selector| selector.is_some_and(|node| !node.is_null()));
        let note = format!("{} sends its token where a monitor says", object.reference);
        let place = picture.place(Picture::noted(object, note));
        for space in spaces.iter().filter(|space| takes_all || **space == own) {
            all.push((*space, Spot::Identity(account), Because::Place(place)));
        }
    }
    all
}

fn sealing_keys(picture: &mut Picture<'_>) -> Vec<(SecretId, Spot, Because)> {
    let snapshot = picture.snapshot;
    let mut all = Vec::new();
    for (_, object) in snapshot.of_kind("", "Secret") {
        if object
            .label("sealedsecrets.bitnami.com/sealed-secrets-key")
            .is_none()
        {
            continue;
        }
        let space = picture.namespace(object.namespace());
        let secret = picture.secret(space, &object.reference.name);
        let note = "it is a key of Sealed Secrets";
        let place = picture.place(Picture::noted(object, note));
        let what = Str::from("what Sealed Secrets keep");
        let what = BeyondId(picture.beyond.number(&what));
        all.push((secret, Spot::Beyond(what), Because::Place(place)));
    }
    all
}
