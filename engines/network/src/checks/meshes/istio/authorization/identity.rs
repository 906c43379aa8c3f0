//! Rules about whom a policy names: everybody, nobody, too many, or somebody that plaintext
//! does not have to prove.

use super::super::super::{Report, place, weighed};
use super::super::coverage::{has_policy, names};
use super::super::{Scene, Subject, strongest};
use super::Of;
use crate::istio::authorization::{Action, Check, Key, Policy, Rule};
use crate::request::Condition;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Proof, Severity};

pub(super) fn check<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    match of.policy.action {
        Action::Allow => {
            everyone(scene, of, report);
            anonymous_by_negation(scene, of, report);
            any_identity(of, report);
            trust_domains(scene, of, report);
            wide_principals(of, report);
        }
        Action::Deny => plaintext_bypass(scene, of, report),
        Action::Custom(_) | Action::Audit => {}
    }
}

/// Whether a rule asks nothing about who calls.
fn has_no_source(rule: &Rule) -> bool {
    let asks_who = |check: &Check| {
        !matches!(
            check.key,
            Key::Hosts | Key::Methods | Key::Paths | Key::Ports | Key::DestinationIp
        )
    };
    !rule.checks().any(|check| asks_who(check) && check.asks())
}

/// IST-AZ-03 and, in the root namespace, IST-AZ-29.
fn everyone<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    let policy = of.policy;
    let rules = policy.rules.iter().enumerate();
    let open: Vec<_> = rules.filter(|(_, rule)| has_no_source(rule)).collect();
    let is_mesh_wide = policy.namespace() == &*scene.istio.mesh.root_namespace
        && policy.selector.is_none()
        && policy.targets.is_empty();
    if policy.is_dry_run || policy.rules.is_empty() {
        return;
    }
    if is_mesh_wide {
        mesh_wide(of, !open.is_empty(), report);
        return;
    }
    // One rule for everything makes the others pointless: it is the one to name.
    let first = open
        .iter()
        .find(|(_, rule)| rule.is_empty())
        .or(open.first());
    let Some((index, rule)) = first.copied() else {
        return;
    };
    let is_gate = |other: &Policy<'_>| match other.action {
        Action::Custom(_) => true,
        Action::Deny => other
            .rules
            .iter()
            .any(|rule| rule.checks().any(|c| c.key.is_token())),
        _ => false,
    };
    let mut severity = if rule.is_empty() {
        Severity::High
    } else {
        Severity::Medium
    };
    if !of.subjects.is_empty() && of.subjects.iter().all(|s| has_policy(scene, s, is_gate)) {
        severity = severity.lowered();
    }
    let outsiders = of.subjects.iter().map(|s| scene.outsider(s, &s.lax));
    let severity = weighed(severity, &strongest(outsiders));
    let number = index + 1;
    let message = match (rule.is_empty(), policy.rules.len() > 1) {
        (true, true) => format!(
            "rule {number} asks for nothing: it lets everyone in, whatever the other rules say"
        ),
        (true, false) => "the policy lets everyone in: its rule asks for nothing".to_owned(),
        (false, _) => format!("rule {number} names no source: it lets every caller in"),
    };
    let fix = "Name the callers in from, by principals or by namespaces".to_owned();
    let draft = Draft::new(Id::IST_AZ_03, of.at_rule(index, rule), message, fix)
        .severity(severity)
        .affects(of.assets());
    report.add(policy.object, draft);
}

fn mesh_wide(of: &Of<'_, '_, '_>, is_open: bool, report: &mut Report) {
    let policy = of.policy;
    let is_narrow = policy.rules.iter().all(|rule| {
        let mut checks = rule.checks();
        let names = |c: &Check| matches!(c.key, Key::Paths | Key::Ports | Key::Hosts);
        checks.any(|c| names(c) && !c.values.is_empty())
    });
    let severity = match (is_open, is_narrow) {
        (true, false) => Severity::Critical,
        (false, true) => Severity::Medium,
        _ => Severity::High,
    };
    let message = "an ALLOW policy of the whole mesh adds its callers to every workload, past \
                   the lists of their namespaces"
        .to_owned();
    let fix = "Leave the mesh's policy without rules, and move these to the workloads that need \
               them"
        .to_owned();
    let span = policy.rules.first().map(|rule| rule.span);
    let locus = place(policy.object, "/spec/rules", span);
    let draft = Draft::new(Id::IST_AZ_29, locus, message, fix)
        .severity(severity)
        .affects(of.assets());
    report.add(policy.object, draft);
}

/// IST-AZ-05: who has no identity is not the one that is excluded.
fn anonymous_by_negation<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    let Some(lax) = of.lax(scene) else { return };
    let is_positive = |c: &Check| c.key.is_identity() && !c.values.is_empty();
    let is_negative = |c: &&Check| c.key.is_identity() && !c.not_values.is_empty();
    for rule in &of.policy.rules {
        if rule
            .when
            .iter()
            .flat_map(|clause| &clause.checks)
            .any(is_positive)
        {
            continue;
        }
        let clauses = rule.from.iter().chain(&rule.when);
        let fitting = clauses.filter(|clause| !clause.checks.iter().any(is_positive));
        let found = fitting.flat_map(|clause| &clause.checks).find(is_negative);
        let Some(word) = found.and_then(|check| check.not_values.first()) else {
            continue;
        };
        let outsider = strongest(lax.iter().map(|(s, ports)| scene.outsider(s, ports)));
        let message = format!(
            "the rule lets in everyone but {}: in plaintext nobody is anybody, and gets in",
            word.text
        );
        let fix = "Name the callers that may come in, and set mutual TLS to STRICT".to_owned();
        let draft = Draft::new(Id::IST_AZ_05, of.at_word(word), message, fix)
            .severity(weighed(base(scene, of), &outsider))
            .maybe(lax_claim(&lax))
            .maybe(assumption(scene, of))
            .affects(lax.iter().map(|(s, _)| s.asset()));
        report.add(of.policy.object, draft);
    }
}

/// IST-AZ-04: a DENY by identity does not see who has none.
fn plaintext_bypass<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    if of.policy.is_dry_run {
        return;
    }
    let Some(lax) = of.lax(scene) else { return };
    let is_positive = |c: &&Check| c.key.is_identity() && !c.values.is_empty();
    let mut checks = of.policy.rules.iter().flat_map(Rule::checks);
    let Some(word) = checks
        .find(is_positive)
        .and_then(|check| check.values.first())
    else {
        return;
    };
    // Where nobody in plaintext gets past the other policies, there is nothing to bypass.
    let gets_past = |subject: &Subject<'_, '_>, ports: &[u16]| {
        ports
            .iter()
            .any(|port| *scene.strangers(subject, *port) != Condition::Never)
    };
    let open: Vec<_> = lax
        .into_iter()
        .filter(|(s, ports)| gets_past(s, ports))
        .collect();
    if open.is_empty() && !of.subjects.is_empty() {
        return;
    }
    let outsider = strongest(open.iter().map(|(s, ports)| scene.outsider(s, ports)));
    let message = format!(
        "the policy refuses {} by identity, but plaintext is accepted and has none: it gets past",
        word.text
    );
    let fix = "Set mutual TLS to STRICT for these workloads; until then refuse who has no \
               identity (notPrincipals: [\"*\"])"
        .to_owned();
    let draft = Draft::new(Id::IST_AZ_04, of.at_word(word), message, fix)
        .severity(weighed(base(scene, of), &outsider))
        .maybe(lax_claim(&open))
        .maybe(assumption(scene, of))
        .affects(open.iter().map(|(s, _)| s.asset()));
    report.add(of.policy.object, draft);
}

/// What nobody saw is not as bad as what was seen.
fn base<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>) -> Severity {
    let is_assumed = of.is_assumed(scene);
    if is_assumed {
        Severity::High.lowered()
    } else {
        Severity::High
    }
}

fn assumption<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>) -> Option<(String, Proof)> {
    let note = "the mode of the mesh is not in the input; this is its default".to_owned();
    let default = Proof::ApiDefault("mtls.mode: PERMISSIVE");
    of.is_assumed(scene).then_some((note, default))
}

fn lax_claim(lax: &[(&Subject<'_, '_>, &[u16])]) -> Option<(String, Proof)> {
    let (first, ports) = lax.first()?;
    let all: Vec<_> = lax.iter().map(|(subject, _)| *subject).collect();
    let port = ports.first().filter(|port| **port > 0);
    let at = port.map_or(String::new(), |port| format!(" at port {port}"));
    let verb = if all.len() == 1 { "accepts" } else { "accept" };
    let note = format!("{} {verb} plaintext{at}", names(&all));
    Some((note, Proof::Source(first.endpoint.object.name_span)))
}

/// IST-AZ-06: a star as the only source is everybody in the mesh.
fn any_identity(of: &Of<'_, '_, '_>, report: &mut Report) {
    for rule in of.policy.rules.iter().filter(|rule| rule.when.is_empty()) {
        for clause in &rule.from {
            let [check] = clause.checks.as_slice() else {
                continue; // something else narrows it
            };
            if !matches!(check.key, Key::Principals | Key::Namespaces) {
                continue;
            }
            let Some(word) = check.values.iter().find(|word| &*word.text == "*") else {
                continue;
            };
            if !check.not_values.is_empty() {
                continue;
            }
            let message = "the rule lets in every identity of the mesh".to_owned();
            let fix = "Name the callers, by principals or by namespaces".to_owned();
            let draft =
                Draft::new(Id::IST_AZ_06, of.at_word(word), message, fix).affects(of.assets());
            report.add(of.policy.object, draft);
        }
    }
}

/// IST-AZ-07: namespaces and accounts count in every trust domain.
fn trust_domains(scene: &Scene<'_, '_>, of: &Of<'_, '_, '_>, report: &mut Report) {
    let foreign = scene.istio.mesh.configs.iter().find_map(|config| {
        let several = |path: &[&str]| {
            let node = config.get(path)?;
            node.as_seq()
                .is_some_and(|all| !all.is_empty())
                .then_some(node.span)
        };
        several(&["trustDomainAliases"]).or_else(|| several(&["caCertificates"]))
    });
    let Some(span) = foreign else { return };
    let checks = || of.policy.rules.iter().flat_map(Rule::checks);
    if checks().any(|c| c.key == Key::TrustDomains) {
        return;
    }
    let by_name = |c: &&Check| matches!(c.key, Key::Namespaces | Key::ServiceAccounts);
    let mut named = checks().filter(by_name).flat_map(|c| &c.values);
    let Some(word) = named.next() else { return };
    let message = format!(
        "{} lets in callers of every trust domain with that name",
        word.text
    );
    let fix = "Use principals with the trust domain, or add trustDomains".to_owned();
    let draft = Draft::new(Id::IST_AZ_07, of.at_word(word), message, fix)
        .evidence("the mesh trusts other domains too", Proof::Source(span))
        .affects(of.assets());
    report.add(of.policy.object, draft);
}

/// IST-AZ-08: a star in a principal takes in more than was meant.
fn wide_principals(of: &Of<'_, '_, '_>, report: &mut Report) {
    let checks = of.policy.rules.iter().flat_map(Rule::checks);
    let words = checks
        .filter(|c| c.key == Key::Principals)
        .flat_map(|c| &c.values);
    for word in words {
        let Some((what, severity)) = width(&word.text) else {
            continue;
        };
        let message = format!("principal {} stands for {what}", word.text);
        let fix = "Write the principals out".to_owned();
        let draft = Draft::new(Id::IST_AZ_08, of.at_word(word), message, fix)
            .severity(severity)
            .affects(of.assets());
        report.add(of.policy.object, draft);
    }
}

/// For whom a principal with a star stands, if that is more than one account.
fn width(text: &str) -> Option<(&'static str, Severity)> {
    if let Some(end) = text.strip_prefix('*') {
        // Everybody, nobody, or one account of any trust domain: none of this rule's.
        let is_other = end.is_empty() || end.contains('*') || end.contains("/ns/");
        let what = "that account of every namespace and trust domain";
        return (!is_other).then_some((what, Severity::Medium));
    }
    let begin = text
        .strip_suffix('*')
        .filter(|begin| !begin.contains('*'))?;
    Some(match begin.split_once("/ns/") {
        Some((_, rest)) if rest.ends_with('/') => ("every account of the namespace", Severity::Low),
        Some(_) => ("every name that begins so", Severity::Medium),
        None => ("every identity of the trust domain", Severity::Medium),
    })
}
