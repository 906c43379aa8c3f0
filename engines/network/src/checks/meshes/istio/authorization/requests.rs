//! Rules about what a policy asks of requests: stars that are none, lists of what is
//! forbidden, headers that anybody can send, addresses that anybody can claim.

use super::super::super::Report;
use super::super::coverage::has_policy;
use super::super::{Scene, Subject};
use super::Of;
use crate::istio::authorization::{Action, Check, Key, Policy, Rule, Word};
use crate::istio::membership::Place;
use crate::request::Condition;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::Severity;

pub(super) fn check<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    dead_stars(of, report);
    host_ports(of, report);
    deny_list(scene, of, report);
    negative_allow(of, report);
    exempt_suffix(of, report);
    client_addresses(scene, of, report);
    headers(scene, of, report);
}

fn draft(of: &Of<'_, '_, '_>, id: Id, word: &Word, message: String, fix: &str) -> Draft {
    Draft::new(id, of.at_word(word), message, fix.to_owned()).affects(of.assets())
}

/// IST-AZ-09: only a star at one edge is one.
fn dead_stars(of: &Of<'_, '_, '_>, report: &mut Report) {
    for check in of.policy.rules.iter().flat_map(Rule::checks) {
        let takes_stars = matches!(
            check.key,
            Key::Paths
                | Key::Principals
                | Key::Hosts
                | Key::Methods
                | Key::Header(_)
                | Key::Claim(_)
                | Key::RequestPrincipals
        );
        let values = check.values.iter().map(|word| (word, false));
        let both = values.chain(check.not_values.iter().map(|word| (word, true)));
        for (word, negated) in both.filter(|_| takes_stars) {
            let beside = if negated {
                &check.not_values
            } else {
                &check.values
            };
            if !has_inner_star(check, &word.text) || is_meant_beside(&word.text, beside) {
                continue;
            }
            let (severity, effect) = match (&of.policy.action, negated) {
                (Action::Allow, true) => (Severity::High, "what it should exclude gets in"),
                (Action::Allow, false) => (Severity::Medium, "it lets nobody in"),
                (_, false) => (Severity::High, "it refuses nobody"),
                (_, true) => (Severity::Medium, "what it should exempt is refused"),
            };
            let message = format!(
                "the inner star of {} stands for itself: {effect}",
                word.text
            );
            let fix = if check.key == Key::Paths {
                "Use a template, {*} for one part or {**} for several, or one star at one edge"
            } else {
                "Use one star at one edge, or write the values out"
            };
            let draft = draft(of, Id::IST_AZ_09, word, message, fix).severity(severity);
            report.add(of.policy.object, draft);
        }
    }
}

/// Whether what two stars at the end may mean stands in the list as well: `/a/*` with `/a/**`.
fn is_meant_beside(text: &str, words: &[Word]) -> bool {
    let short = text.strip_suffix("**").map(|begin| format!("{begin}*"));
    short.is_some_and(|short| words.iter().any(|word| *word.text == *short))
}

fn has_inner_star(check: &Check, text: &str) -> bool {
    let text = match check.key {
        Key::Paths => text.replace("{**}", "").replace("{*}", ""),
        _ => text.to_owned(),
    };
    let rest = text.strip_prefix('*').or_else(|| text.strip_suffix('*'));
    rest.unwrap_or(&text).contains('*')
}

/// A host that is named without the same one behind any port. Requests may name a port, and
/// routes take both for one.
fn lacks_ports<'a>(policy: &Policy<'_>, check: &'a Check) -> Option<&'a Word> {
    let words = match policy.action {
        Action::Deny => &check.values,
        Action::Allow => &check.not_values,
        Action::Custom(_) | Action::Audit => return None,
    };
    let is_covered = |host: &str| {
        let with_port = format!("{host}:");
        words.iter().any(|word| {
            let begin = word.text.strip_suffix('*');
            begin.is_some_and(|begin| with_port.starts_with(begin))
        })
    };
    let mut bare = words.iter().filter(|word| !word.text.contains(':'));
    bare.find(|word| check.key == Key::Hosts && !is_covered(&word.text))
}

/// IST-AZ-14.
fn host_ports(of: &Of<'_, '_, '_>, report: &mut Report) {
    for check in of.policy.rules.iter().flat_map(Rule::checks) {
        let Some(word) = lacks_ports(of.policy, check) else {
            continue;
        };
        let effect = match of.policy.action {
            Action::Allow => "is not excluded",
            _ => "is not refused",
        };
        let host = word.text.trim_start_matches('*').trim_start_matches('.');
        let message = format!(
            "{} {effect} when the request names a port, such as {host}:80",
            word.text
        );
        let fix = format!("Add {}:*", word.text);
        // Two stars are none: a suffix cannot have one behind its port.
        let fix = if word.text.starts_with('*') {
            "Name each host with and without ports, such as example.com and example.com:*"
                .to_owned()
        } else {
            fix
        };
        report.add(
            of.policy.object,
            draft(of, Id::IST_AZ_14, word, message, &fix),
        );
    }
}

/// IST-AZ-10: what is forbidden can often be written in another way.
fn deny_list<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    if of.policy.action != Action::Deny {
        return;
    }
    let is_place = |c: &&Check| matches!(c.key, Key::Paths | Key::Hosts);
    let only_positive = |rule: &&Rule| {
        let mut all = rule.checks().filter(is_place).peekable();
        all.peek().is_some() && all.all(|c| !c.values.is_empty() && c.not_values.is_empty())
    };
    let Some(rule) = of.policy.rules.iter().find(only_positive) else {
        return;
    };
    // Beside a list of what is allowed it is only a second line.
    let lists = move |other: &Policy<'_>| {
        let names = move |rule: &Rule| rule.checks().filter(is_place).any(|c| !c.values.is_empty());
        other.action == Action::Allow && !other.rules.is_empty() && other.rules.iter().all(names)
    };
    if !of.subjects.is_empty() && of.subjects.iter().all(|s| has_policy(scene, s, lists)) {
        return;
    }
    let Some(word) = rule
        .checks()
        .filter(is_place)
        .flat_map(|c| &c.values)
        .next()
    else {
        return;
    };
    // That a port gets past a host another rule says.
    if rule
        .checks()
        .any(|check| lacks_ports(of.policy, check).is_some())
    {
        return;
    }
    let hint = match word
        .text
        .strip_suffix("/*")
        .filter(|short| !short.is_empty())
    {
        Some(short) => format!(" ({short} itself is not refused, either)"),
        None => String::new(),
    };
    let message = format!(
        "the policy forbids {} and leaves the rest open: another spelling gets past{hint}",
        word.text
    );
    let fix = "Write down what is allowed: ALLOW with paths, or DENY with notPaths";
    report.add(
        of.policy.object,
        draft(of, Id::IST_AZ_10, word, message, fix),
    );
}

/// IST-AZ-11: everything but what is named gets in.
fn negative_allow(of: &Of<'_, '_, '_>, report: &mut Report) {
    if of.policy.action != Action::Allow {
        return;
    }
    for check in of.policy.rules.iter().flat_map(Rule::checks) {
        let is_place = matches!(check.key, Key::Paths | Key::Methods | Key::Hosts);
        let first = check.not_values.first();
        let Some(word) = first.filter(|_| is_place && check.values.is_empty()) else {
            continue;
        };
        if lacks_ports(of.policy, check).is_some() {
            continue;
        }
        let message = format!(
            "the rule lets in everything but {}: another spelling gets in",
            word.text
        );
        let fix = "Name what is allowed instead of what is not";
        report.add(
            of.policy.object,
            draft(of, Id::IST_AZ_11, word, message, fix),
        );
    }
}

/// IST-AZ-12: a path may end as its sender likes.
fn exempt_suffix(of: &Of<'_, '_, '_>, report: &mut Report) {
    if !matches!(of.policy.action, Action::Deny | Action::Custom(_)) {
        return;
    }
    for check in of.policy.rules.iter().flat_map(Rule::checks) {
        let is_suffix = |word: &&Word| {
            word.text.starts_with('*') && word.text.len() > 1 && !has_inner_star(check, &word.text)
        };
        let words = check.not_values.iter().filter(|_| check.key == Key::Paths);
        let suffixes: Vec<_> = words.filter(is_suffix).collect();
        let Some(word) = suffixes.first() else {
            continue;
        };
        let all: Vec<&str> = suffixes.iter().map(|w| &*w.text).collect();
        let end = word.text.trim_start_matches('*');
        let message = format!(
            "paths {} are exempt: any path that ends so is, such as /admin/x{end}",
            all.join(", ")
        );
        let fix = "Write the exempt paths out, from their first slash";
        report.add(
            of.policy.object,
            draft(of, Id::IST_AZ_12, word, message, fix),
        );
    }
}

/// IST-AZ-20: whose address that is depends on who is believed.
fn client_addresses<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    let mut checks = of.policy.rules.iter().flat_map(Rule::checks);
    let check = checks.find(|c| c.key == Key::RemoteIpBlocks && c.asks());
    let Some(word) = check.and_then(Check::first_word) else {
        return;
    };
    let configs = &scene.istio.mesh.configs;
    let says = |path: &[&str]| configs.iter().any(|config| config.get(path).is_some());
    let by_mesh = says(&["defaultConfig", "gatewayTopology", "numTrustedProxies"])
        || says(&["defaultConfig", "gatewayTopology", "proxyProtocol"]);
    let by_pod = |s: &&Subject<'_, '_>| {
        let config = s.endpoint.annotation("proxy.istio.io/config");
        config.is_some_and(|field| {
            field.value.contains("numTrustedProxies") || field.value.contains("proxyProtocol")
        })
    };
    if configs.is_empty() || by_mesh || of.subjects.iter().any(by_pod) {
        return;
    }
    let is_gateway = of.subjects.iter().any(|s| s.place == Place::Gateway);
    let (severity, effect) = if is_gateway {
        (
            Severity::Medium,
            "the gateway sees the address of whoever is in front of it",
        )
    } else {
        (Severity::High, "X-Forwarded-For is the caller's to write")
    };
    let message = format!("client addresses decide, but numTrustedProxies is 0: {effect}");
    let fix = "Set gatewayTopology.numTrustedProxies to the number of proxies in front, and ask \
               for identities inside the mesh";
    let draft = draft(of, Id::IST_AZ_20, word, message, fix).severity(severity);
    report.add(of.policy.object, draft);
}

/// IST-AZ-21: a header is what its sender makes it.
fn headers<'w, 's>(scene: &Scene<'w, 's>, of: &Of<'_, 'w, 's>, report: &mut Report) {
    if of.policy.action != Action::Allow || of.policy.is_dry_run {
        return;
    }
    let proves = |c: &Check| (c.key.is_identity() || c.key.is_token()) && !c.values.is_empty();
    let gets_in = |s: &Subject<'_, '_>| {
        let mut ports = s.ports.iter().map(|port| port.number);
        s.ports.is_empty() && *scene.strangers(s, 0) != Condition::Never
            || ports.any(|port| *scene.strangers(s, port) != Condition::Never)
    };
    for (index, rule) in of.policy.rules.iter().enumerate() {
        let mut sources = rule.from.iter();
        let by_source = !rule.from.is_empty() && sources.all(|s| s.checks.iter().any(proves));
        let mut when = rule.when.iter().flat_map(|clause| &clause.checks);
        if by_source || when.clone().any(proves) {
            continue;
        }
        let Some((check, name)) = when.find_map(|check| match &check.key {
            Key::Header(name) => Some((check, name)),
            _ => None,
        }) else {
            continue;
        };
        let Some(word) = check.first_word() else {
            continue;
        };
        if !of.subjects.is_empty() && !of.subjects.iter().any(|s| gets_in(s)) {
            continue;
        }
        let is_custom = |other: &Policy<'_>| matches!(other.action, Action::Custom(_));
        let is_checked =
            !of.subjects.is_empty() && of.subjects.iter().all(|s| has_policy(scene, s, is_custom));
        let severity = if is_checked {
            Severity::High.lowered()
        } else {
            Severity::High
        };
        let is_absence = check.not_values.iter().any(|word| &*word.text == "*");
        let how = match (check.values.is_empty(), is_absence) {
            (true, true) => format!("leaves out header {name}"),
            (true, false) => format!("sends another header {name}"),
            (false, _) => format!("sends header {name}"),
        };
        let number = index + 1;
        let message = format!("rule {number} lets in anyone who {how}: no identity is asked for");
        let fix = "Ask for the caller's principal as well, or verify a token";
        let draft = draft(of, Id::IST_AZ_21, word, message, fix).severity(severity);
        report.add(of.policy.object, draft);
    }
}
