//! IST-JWT and IST-AZ-18: tokens that nobody asks for, that nobody reads, or that anybody can
//! make.

mod issuers;
mod routes;

use super::super::{Report, place};
use super::coverage::{attached, has_policy, names};
use super::{Scene, Subject};
use crate::istio::SECURITY;
use crate::istio::authorization::{Action, Check, Point, Policy, Rule, Target, targets};
use crate::istio::membership::Place;
use crate::istio::mesh::nested;
use crate::request::{Condition, Field, Pattern, Possible};
use crate::rules::Id;
use crate::sink::Draft;
use routes::Ways;
use seawall_model::{Severity, Str};
use seawall_snapshot::selector::Operator;
use seawall_snapshot::{LabelSelector, Object};
use seawall_yaml::Node;

const RULES: [Id; 9] = [
    Id::IST_JWT_01,
    Id::IST_JWT_02,
    Id::IST_JWT_03,
    Id::IST_JWT_04,
    Id::IST_JWT_05,
    Id::IST_JWT_08,
    Id::IST_JWT_09,
    Id::IST_JWT_10,
    Id::IST_JWT_13,
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    report.assess(&[Id::IST_JWT_12], scene.istio.policies.all.len());
    let ways = Ways::new(scene, report);
    for policy in &scene.istio.policies.all {
        unread(scene, policy, report);
        ways.kept_at_gateway(policy, report);
    }
    ways.by_claims(report);
    let objects = scene.world.of_kind(SECURITY, "RequestAuthentication");
    report.assess(&RULES, objects.len());
    for object in objects.iter().copied() {
        optional(scene, object, report);
        routes::blind_in_ambient(scene, object, report);
        let rules = object.items(&["spec", "jwtRules"]);
        issuers::several(object, rules, beside(objects, object), report);
        for (index, rule) in rules.iter().enumerate() {
            let pointer = format!("/spec/jwtRules/{index}");
            issuers::discovery(object, rule, &pointer, report);
            issuers::parameters(object, rule, &pointer, report);
            ways.passed_on(object, rule, &pointer, report);
            audiences(object, rule, &pointer, report);
            sources(object, rule, &pointer, report);
            keys(object, rule, &pointer, report);
        }
    }
}

/// Rules of objects before this one that are for the same pods by the same words.
fn beside<'s>(objects: &[&'s Object], object: &Object) -> impl Iterator<Item = &'s Node> {
    let before = objects
        .iter()
        .take_while(|one| !std::ptr::eq(**one, object));
    let whom = |one: &Object| {
        let body = one.body()?;
        Some((selected(selector_of(body).as_ref()), targets(body)))
    };
    let here = whom(object);
    let near = before.filter(move |one| one.namespace() == object.namespace() && whom(one) == here);
    near.flat_map(|one| one.items(&["spec", "jwtRules"]))
}

/// Labels that a selector by equality asks for: what a pod of it has at least.
fn selected(selector: Option<&LabelSelector>) -> Vec<(Str, Str)> {
    let requirements = selector
        .map(|one| one.requirements.as_slice())
        .unwrap_or_default();
    let equal = |one: &seawall_snapshot::selector::Requirement| match &one.operator {
        Operator::In(values) => Some((one.key.clone(), values.first()?.clone())),
        _ => None,
    };
    let mut labels: Vec<(Str, Str)> = requirements.iter().filter_map(equal).collect();
    labels.sort_unstable();
    labels
}

fn selector_of(body: &Node) -> Option<LabelSelector> {
    let node = body.at(&["spec", "selector", "matchLabels"])?;
    LabelSelector::read_map(node)
}

/// IST-AZ-18: no token is read where no RequestAuthentication says how.
fn unread(scene: &Scene<'_, '_>, policy: &Policy<'_>, report: &mut Report) {
    let checks = policy.rules.iter().flat_map(Rule::checks);
    let tokens: Vec<&Check> = checks.filter(|c| c.key.is_token() && c.asks()).collect();
    let Some(word) = tokens.first().and_then(|check| check.first_word()) else {
        return;
    };
    let subjects = attached(scene, policy);
    let is_known = scene.istio.mesh.has_control_plane() || !subjects.is_empty();
    if !policy.targets.is_empty() || !is_known {
        return;
    }
    let mut all: Vec<Vec<(Str, Str)>> = subjects
        .iter()
        .map(|s| s.endpoint.template.labels.clone())
        .collect();
    if all.is_empty() {
        all.push(selected(policy.selector.as_ref()));
    }
    let root = &*scene.istio.mesh.root_namespace;
    let authentications = scene.world.of_kind(SECURITY, "RequestAuthentication");
    let is_read = |labels: &Vec<(Str, Str)>| {
        authentications.iter().any(|object| {
            let is_near = object.namespace() == policy.namespace() || object.namespace() == root;
            is_near && is_for(object, labels)
        })
    };
    if all.iter().all(is_read) {
        return;
    }
    let (severity, effect) = effect(policy, &tokens);
    let message =
        format!("tokens are asked for, but no RequestAuthentication reads them: {effect}");
    let fix = "Add a RequestAuthentication for the same workloads".to_owned();
    let locus = place(policy.object, &word.pointer, Some(word.span));
    let draft = Draft::new(Id::IST_AZ_18, locus, message, fix)
        .severity(severity)
        .affects(subjects.iter().map(|s| s.asset()));
    report.add(policy.object, draft);
}

/// What becomes of a rule that asks for tokens where there are none.
fn effect(policy: &Policy<'_>, tokens: &[&Check]) -> (Severity, &'static str) {
    match policy.action {
        Action::Allow if tokens.iter().any(|c| c.values.is_empty()) => {
            (Severity::High, "the rule lets everyone in")
        }
        Action::Allow => (Severity::Medium, "the rule lets nobody in"),
        _ if tokens.iter().any(|c| !c.values.is_empty()) => {
            (Severity::High, "the rule refuses nobody")
        }
        _ => (Severity::Medium, "the rule refuses everyone"),
    }
}

fn is_for(object: &Object, labels: &[(Str, Str)]) -> bool {
    let Some(body) = object.body() else {
        return false;
    };
    !targets(body).is_empty() || selector_of(body).unwrap_or_default().matches(labels)
}

/// IST-JWT-01: a request without a token is not refused by reading tokens.
fn optional(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let Some(body) = object.body() else { return };
    let rules = body
        .at(&["spec", "jwtRules"])
        .filter(|node| node.as_seq().is_some_and(|rules| !rules.is_empty()));
    let Some(rules) = rules else { return };
    let wanted = targets(body);
    let selector = selector_of(body);
    let covered = covered(scene, object, selector.as_ref());
    // In ambient it is not read at all, which another rule says.
    if wanted.is_empty() && covered.is_empty() && !routes::ambient(scene, object).is_empty() {
        return;
    }
    let open: Vec<&Subject<'_, '_>> = covered
        .iter()
        .copied()
        .filter(|subject| lets_in_without(scene, subject))
        .collect();
    let is_silent = if wanted.is_empty() && !covered.is_empty() {
        open.is_empty()
    } else {
        is_asked_by_name(scene, object, &wanted, selector.as_ref())
    };
    if is_silent {
        return;
    }
    // What is read for a namespace need not be asked for by all of it; what is open to the
    // outside should.
    let is_all = open.len() == covered.len() || selector.is_some();
    let severity = if is_all || open.iter().any(|subject| scene.gates.is_routed(subject)) {
        Severity::High
    } else {
        Severity::High.lowered()
    };
    let whom = if open.is_empty() {
        String::new()
    } else {
        format!(" to {}", names(&open))
    };
    let locus = place(object, "/spec/jwtRules", Some(rules.span));
    let message = format!(
        "tokens are read where they come, but nothing asks for one: a request without a token \
         gets in{whom}"
    );
    let fix = "Add an AuthorizationPolicy that refuses who has no token (DENY with \
               notRequestPrincipals: [\"*\"])"
        .to_owned();
    let draft = Draft::new(Id::IST_JWT_01, locus, message, fix)
        .severity(severity)
        .affects(open.iter().map(|subject| subject.asset()));
    report.add(object, draft);
}

/// The pods that a RequestAuthentication is for.
fn covered<'a, 'w, 's>(
    scene: &'a Scene<'w, 's>,
    object: &Object,
    selector: Option<&LabelSelector>,
) -> Vec<&'a Subject<'w, 's>> {
    let is_root = object.namespace() == &*scene.istio.mesh.root_namespace;
    let near = |s: &&Subject<'_, '_>| is_root || s.namespace == object.namespace();
    let fits = |s: &&Subject<'_, '_>| {
        let labels = &s.endpoint.template.labels;
        selector.is_none_or(|selector| selector.matches(labels))
    };
    let has_proxy = |s: &&Subject<'_, '_>| matches!(s.place, Place::Sidecar | Place::Gateway);
    scene
        .subjects
        .iter()
        .filter(near)
        .filter(fits)
        .filter(has_proxy)
        .collect()
}

/// Whether a policy asks for a token, or asks somebody who may.
fn asks_for_token(policy: &Policy<'_>) -> bool {
    match policy.action {
        Action::Custom(_) => true,
        Action::Audit => false,
        Action::Allow | Action::Deny => {
            let mut checks = policy.rules.iter().flat_map(Rule::checks);
            checks.any(|check| check.key.is_token())
        }
    }
}

/// Whether somebody whom no policy names gets in without a token.
fn lets_in_without(scene: &Scene<'_, '_>, subject: &Subject<'_, '_>) -> bool {
    // Where some policy asks, paths that it leaves out are its own matter.
    if has_policy(scene, subject, asks_for_token) {
        return false;
    }
    subject.ports.iter().any(|port| {
        let condition = Condition::clone(&scene.strangers(subject, port.number));
        let token = Condition::is(Field::Issuer, Pattern::any());
        Condition::all([condition, token.negated()]).possible() != Possible::No
    })
}

/// Whether a policy that is for the same asks for a token, where the pods are not in the
/// picture.
fn is_asked_by_name(
    scene: &Scene<'_, '_>,
    object: &Object,
    wanted: &[Target],
    selector: Option<&LabelSelector>,
) -> bool {
    let labels = selected(selector);
    let point = Point::Pods {
        namespace: object.namespace(),
        labels: &labels,
        place: Place::Sidecar,
    };
    let policies = &scene.istio.policies;
    let asking = policies
        .all
        .iter()
        .filter(|policy| !policy.is_dry_run && asks_for_token(policy));
    asking.into_iter().any(|policy| {
        let is_near = policy.namespace() == object.namespace();
        let mut targets = policy.targets.iter();
        let same = |target: &Target| {
            wanted
                .iter()
                .any(|one| (&one.kind, &one.name) == (&target.kind, &target.name))
        };
        (is_near && targets.any(same))
            || policies.is_attached(policy, point)
            // What is read for a whole namespace may be asked for by one of its workloads.
            || (selector.is_none() && is_near)
    })
}

/// IST-JWT-02: a token for another service is as good.
fn audiences(object: &Object, rule: &Node, pointer: &str, report: &mut Report) {
    let audiences = rule.get("audiences").and_then(Node::as_seq);
    if audiences.is_some_and(|all| !all.is_empty()) {
        return;
    }
    let issuer = rule
        .get("issuer")
        .and_then(Node::as_str)
        .unwrap_or("its issuer");
    let message = format!("any token of {issuer} counts, whomever it was made for");
    let fix = "Set audiences to what the issuer writes into tokens for this service".to_owned();
    let span = rule.get("issuer").map_or(rule.span, |node| node.span);
    let locus = place(object, &format!("{pointer}/audiences"), Some(span));
    report.add(object, Draft::new(Id::IST_JWT_02, locus, message, fix));
}

/// IST-JWT-03: keys that come in plaintext are the keys of whoever is in between.
fn sources(object: &Object, rule: &Node, pointer: &str, report: &mut Report) {
    let has_keys = rule
        .get("jwks")
        .and_then(Node::as_str)
        .is_some_and(|keys| !keys.is_empty());
    let uri = rule.get("jwksUri").filter(|node| !node.is_null());
    // Without an address the issuer's own is asked.
    let (field, node) = match (uri, rule.get("issuer")) {
        (Some(uri), _) => ("jwksUri", uri),
        (None, Some(issuer)) if !has_keys => ("issuer", issuer),
        _ => return,
    };
    let text = node.as_str().unwrap_or_default();
    let Some(rest) = text.strip_prefix("http://") else {
        return;
    };
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let is_inside = !host.contains('.')
        || host.contains(".svc")
        || host.split('.').next_back() == Some("local");
    let severity = if is_inside {
        Severity::High.lowered()
    } else {
        Severity::High
    };
    let message = format!("the keys that tokens are checked with come in plaintext from {host}");
    let fix = "Fetch the keys over https".to_owned();
    let locus = place(object, &format!("{pointer}/{field}"), Some(node.span));
    let draft = Draft::new(Id::IST_JWT_03, locus, message, fix).severity(severity);
    report.add(object, draft);
}

/// IST-JWT-05: who can read the policy can make tokens.
fn keys(object: &Object, rule: &Node, pointer: &str, report: &mut Report) {
    let Some(node) = rule.get("jwks") else { return };
    let Some(text) = node.as_str() else { return };
    let tree = nested(text, node.span);
    let keys = tree.get("keys").and_then(Node::as_seq).unwrap_or_default();
    let is_symmetric = |key: &Node| key.get("kty").and_then(Node::as_str) == Some("oct");
    let is_private = |key: &Node| ["d", "p", "q"].iter().any(|part| key.get(part).is_some());
    let what = if keys.iter().any(is_private) {
        "a private key stands in jwks"
    } else if keys.iter().any(is_symmetric) {
        "a symmetric key stands in jwks"
    } else {
        return;
    };
    let message = format!("{what}: whoever can read the object can make tokens");
    let fix = "Make new keys, and put only public ones into jwks".to_owned();
    let locus = place(object, &format!("{pointer}/jwks"), Some(node.span));
    report.add(object, Draft::new(Id::IST_JWT_05, locus, message, fix));
}
