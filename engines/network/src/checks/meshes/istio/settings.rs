//! What istiod's environment turns off or opens: IST-TLS-17, 18, 21, 22, 24, 25, 26, IST-AZ-34,
//! IST-JWT-06, 07, IST-TC-09.
//!
//! The same variable stands in the container of istiod, or in the object of an operator that
//! makes it. What is only lacking is known of a container alone: an operator adds its own.

use super::super::{Report, get, place};
use super::Scene;
use super::coverage::{attached, names};
use crate::istio::SECURITY;
use crate::istio::authorization::Policy;
use crate::istio::membership::Place;
use crate::istio::mesh::{Component, Part};
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Locus, Severity};
use seawall_snapshot::Object;
use seawall_snapshot::pod::EnvSource;
use seawall_yaml::Node;

/// A variable of an environment, with its place.
struct Setting {
    asset: Asset,
    value: String,
    locus: Locus,
}

const RULES: [Id; 9] = [
    Id::IST_TLS_17,
    Id::IST_TLS_18,
    Id::IST_TLS_21,
    Id::IST_TLS_24,
    Id::IST_TLS_25,
    Id::IST_TLS_26,
    Id::IST_AZ_34,
    Id::IST_JWT_06,
    Id::IST_TC_09,
];

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    report.assess(&RULES, environments(scene));
    switches(scene, report);
    lifetimes(scene, report);
    node_accounts(scene, report);
    first_party(scene, report);
    unblocked_keys(scene, report);
    ignored_at_gateways(scene, report);
}

fn pilots<'a>(scene: &'a Scene<'_, '_>) -> impl Iterator<Item = &'a Component> {
    let all = scene.istio.mesh.components.iter();
    all.filter(|one| one.part == Part::Pilot)
}

/// Objects that operators make istiod from.
fn operators<'s>(scene: &Scene<'_, 's>) -> [Vec<&'s Object>; 2] {
    [
        ("install.istio.io", "IstioOperator"),
        ("sailoperator.io", "Istio"),
    ]
    .map(|(group, kind)| scene.world.of_kind(group, kind).to_vec())
}

/// How many environments of istiod there are.
fn environments(scene: &Scene<'_, '_>) -> usize {
    let operators = operators(scene).into_iter().flatten();
    pilots(scene).count() + operators.count()
}

/// A variable in every environment of istiod that sets it.
fn settings(scene: &Scene<'_, '_>, name: &str) -> Vec<Setting> {
    let mut found: Vec<Setting> = pilots(scene)
        .filter_map(|pilot| of_container(scene, pilot, name))
        .collect();
    for object in operators(scene).into_iter().flatten() {
        let path = ["spec", "values", "pilot", "env", name];
        let mut add = |node: &Node, pointer: &str| {
            let Some(value) = text_of(node) else { return };
            found.push(Setting {
                asset: Asset::Resource(object.reference.clone()),
                value,
                locus: place(object, pointer, Some(node.span)),
            });
        };
        if let Some(node) = get(object, &path) {
            add(node, &format!("/{}", path.join("/")));
        }
        let list = ["spec", "components", "pilot", "k8s", "env"];
        for (index, variable) in object.items(&list).iter().enumerate() {
            let is_it = variable.get("name").and_then(Node::as_str) == Some(name);
            if let Some(node) = variable.get("value").filter(|_| is_it) {
                add(node, &format!("/{}/{index}/value", list.join("/")));
            }
        }
    }
    found
}

fn of_container(scene: &Scene<'_, '_>, part: &Component, name: &str) -> Option<Setting> {
    let endpoint = scene.world.endpoint_at(part.endpoint)?;
    let container = endpoint.template.containers.get(part.container)?;
    let variable = container.env.iter().find(|one| &*one.name == name)?;
    let EnvSource::Literal(field) = &variable.source else {
        return None;
    };
    let rest = format!("env[{name}]");
    let template = &endpoint.template;
    Some(Setting {
        asset: Asset::Resource(endpoint.workload.owner.clone()),
        value: field.value.to_string(),
        locus: template.container_locus(container, &rest, Some(field.span)),
    })
}

fn text_of(node: &Node) -> Option<String> {
    match (node.as_str(), node.as_bool(), node.as_i64()) {
        (Some(text), ..) => Some(text.to_owned()),
        (_, Some(truth), _) => Some(truth.to_string()),
        (.., Some(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// What Go takes for true.
fn is_on(value: &str) -> bool {
    matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// What Go takes for false.
fn is_off(value: &str) -> bool {
    matches!(value, "0" | "f" | "F" | "false" | "FALSE" | "False")
}

/// A variable that no mesh should set so.
struct Switch {
    id: Id,
    name: &'static str,
    is_bad: fn(&str) -> bool,
    effect: &'static str,
    fix: &'static str,
}

const SWITCHES: [Switch; 8] = [
    Switch {
        id: Id::IST_TLS_17,
        name: "PILOT_SKIP_VALIDATE_TRUST_DOMAIN",
        is_bad: is_on,
        effect: "proxies take peers of every trust domain",
        fix: "Remove it, and list the trust domains that count in trustDomainAliases",
    },
    Switch {
        id: Id::IST_TLS_18,
        name: "ISTIO_MULTIROOT_MESH",
        is_bad: is_on,
        effect: "proxies trust certificates of several roots",
        fix: "Remove it once all workloads have certificates of one root",
    },
    Switch {
        id: Id::IST_TLS_21,
        name: "USE_CACERTS_FOR_SELF_SIGNED_CA",
        is_bad: is_on,
        effect: "the root that istiod makes for itself lies in Secret cacerts",
        fix: "Remove it, and put an intermediate CA into cacerts",
    },
    Switch {
        id: Id::IST_TLS_24,
        name: "PILOT_ENABLE_CA_CRL",
        is_bad: is_off,
        effect: "revocation lists of the CA do not reach proxies",
        fix: "Remove it",
    },
    Switch {
        id: Id::IST_TLS_26,
        name: "PILOT_ENABLE_XDS_IDENTITY_CHECK",
        is_bad: is_off,
        effect: "a proxy may ask for the configuration of any other",
        fix: "Remove it",
    },
    Switch {
        id: Id::IST_TLS_26,
        name: "TRUSTED_GATEWAY_CIDR",
        is_bad: |value| !value.trim().is_empty(),
        effect: "who connects from these addresses says in a header who it is",
        fix: "Remove it, and let gateways connect with certificates",
    },
    Switch {
        id: Id::IST_JWT_06,
        name: "JWKS_RESOLVER_INSECURE_SKIP_VERIFY",
        is_bad: is_on,
        effect: "whoever answers for an issuer names the keys of its tokens",
        fix: "Remove it; give istiod the CA of the issuer instead",
    },
    Switch {
        id: Id::IST_TC_09,
        name: "ISTIO_WORKLOAD_ENTRY_VALIDATE_IDENTITY",
        is_bad: is_off,
        effect: "a machine may register as a WorkloadEntry of any account",
        fix: "Remove it",
    },
];

fn switches(scene: &Scene<'_, '_>, report: &mut Report) {
    for switch in &SWITCHES {
        for setting in settings(scene, switch.name) {
            if !(switch.is_bad)(&setting.value) {
                continue;
            }
            let message = format!("{} ({}={})", switch.effect, switch.name, setting.value);
            let fix = switch.fix.to_owned();
            let draft = Draft::new(switch.id, setting.locus, message, fix);
            report.add_to(setting.asset, draft);
        }
    }
}

const HOUR: u64 = 3600;
/// How long a lifetime may be, by variable. Any workload may ask for the longest one, which is
/// 90 days unless something else is said.
const LIFETIMES: [(&str, u64); 2] = [
    ("DEFAULT_WORKLOAD_CERT_TTL", 24 * HOUR),
    ("MAX_WORKLOAD_CERT_TTL", 90 * 24 * HOUR),
];

/// IST-TLS-24: what istiod gives, and what proxies ask for.
fn lifetimes(scene: &Scene<'_, '_>, report: &mut Report) {
    let of_pilot = LIFETIMES.iter().flat_map(|(name, most)| {
        let all = settings(scene, name).into_iter();
        all.map(move |setting| (*name, *most, setting))
    });
    let path = ["defaultConfig", "proxyMetadata", "SECRET_TTL"];
    let of_mesh = scene.istio.mesh.configs.iter().filter_map(|config| {
        let node = config.get(&path)?;
        let pointer = format!("{}/{}", config.pointer, path.join("/"));
        let setting = Setting {
            asset: Asset::Resource(config.object.reference.clone()),
            value: text_of(node)?,
            locus: place(config.object, &pointer, Some(node.span)),
        };
        Some(("SECRET_TTL", 24 * HOUR, setting))
    });
    let proxies = scene.istio.mesh.components.iter();
    let proxies = proxies.filter(|one| one.part == Part::Proxy);
    let of_proxies = proxies.clone().filter_map(|one| {
        let setting = of_container(scene, one, "SECRET_TTL")?;
        Some(("SECRET_TTL", 24 * HOUR, setting))
    });
    let places = scene.istio.mesh.configs.len() + proxies.count();
    report.assess(&[Id::IST_TLS_24], places);
    for (name, most, setting) in of_pilot.chain(of_mesh).chain(of_proxies) {
        let seconds = duration(&setting.value);
        if seconds.is_none_or(|seconds| seconds <= most) {
            continue;
        }
        let message = format!("certificates may live for {} ({name})", setting.value);
        let fix = format!("Set {name} to 24h, or remove it");
        let draft = Draft::new(Id::IST_TLS_24, setting.locus, message, fix);
        report.add_to(setting.asset, draft);
    }
}

/// Seconds of a duration as Go writes it: `48h`, `24h0m0s`, `1.5h`. Parts of a unit are left
/// out.
fn duration(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut sum: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(end)?;
        let end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(end)?;
        let number: u64 = number.split('.').next()?.parse().ok()?;
        let seconds = match unit {
            "h" => HOUR,
            "m" => 60,
            "s" => 1,
            "ms" | "us" | "ns" => 0,
            _ => return None,
        };
        sum = sum.checked_add(number.checked_mul(seconds)?)?;
        rest = next;
    }
    Some(sum)
}

/// IST-TLS-25: who else than ztunnel speaks for others.
fn node_accounts(scene: &Scene<'_, '_>, report: &mut Report) {
    for setting in settings(scene, "CA_TRUSTED_NODE_ACCOUNTS") {
        let all = setting.value.split(',').map(str::trim);
        let is_other = |account: &&str| {
            let name = account.split_once('/').map(|(_, name)| name);
            name.is_some_and(|name| !name.is_empty() && name != "ztunnel")
        };
        let others: Vec<&str> = all.filter(is_other).collect();
        if others.is_empty() {
            continue;
        }
        let message = format!(
            "{} may ask for every identity that runs on its node (CA_TRUSTED_NODE_ACCOUNTS)",
            others.join(", ")
        );
        let fix = "List only the account of ztunnel".to_owned();
        let draft = Draft::new(Id::IST_TLS_25, setting.locus, message, fix);
        report.add_to(setting.asset, draft);
    }
}

const FIRST_PARTY: &str = "first-party-jwt";

/// IST-TLS-22. Since 1.22 the old policy is taken for the new one.
fn first_party(scene: &Scene<'_, '_>, report: &mut Report) {
    let mut versions = scene.istio.mesh.components.iter().filter_map(|c| c.version);
    let values = &scene.istio.mesh.injector_values;
    report.assess(&[Id::IST_TLS_22], values.len() + environments(scene));
    if let Some(first) = versions.next()
        && versions.fold(first.minor, |least, v| least.min(v.minor)) >= 22
    {
        return;
    }
    let fix = || "Set jwtPolicy to third-party-jwt, or remove it".to_owned();
    let message = || {
        "workloads prove themselves with tokens that do not end and are for anybody \
         (first-party-jwt)"
            .to_owned()
    };
    for config in values {
        let node = config.get(&["global", "jwtPolicy"]);
        if let Some(node) = node.filter(|node| node.as_str() == Some(FIRST_PARTY)) {
            let pointer = format!("{}/global/jwtPolicy", config.pointer);
            let locus = place(config.object, &pointer, Some(node.span));
            let draft = Draft::new(Id::IST_TLS_22, locus, message(), fix());
            report.add(config.object, draft);
        }
    }
    for setting in settings(scene, "JWT_POLICY") {
        if setting.value == FIRST_PARTY {
            let draft = Draft::new(Id::IST_TLS_22, setting.locus, message(), fix());
            report.add_to(setting.asset, draft);
        }
    }
}

/// IST-JWT-07: where keys may be fetched from.
fn unblocked_keys(scene: &Scene<'_, '_>, report: &mut Report) {
    const NAME: &str = "BLOCKED_CIDRS_IN_JWKS_URIS";
    let root = &*scene.istio.mesh.root_namespace;
    let fetches = |object: &Object| {
        let mut rules = object.items(&["spec", "jwtRules"]).iter();
        rules.any(|rule| {
            let keys = rule.get("jwks").and_then(Node::as_str);
            keys.is_none_or(str::is_empty)
        })
    };
    let all = scene.world.of_kind(SECURITY, "RequestAuthentication");
    let fetching: Vec<&Object> = all.iter().copied().filter(|one| fetches(one)).collect();
    let Some(first) = fetching.first() else {
        return;
    };
    report.assess(&[Id::IST_JWT_07], pilots(scene).count());
    for pilot in pilots(scene) {
        let Some(endpoint) = scene.world.endpoint_at(pilot.endpoint) else {
            continue;
        };
        let Some(container) = endpoint.template.containers.get(pilot.container) else {
            continue;
        };
        // A value from elsewhere is not known to be empty.
        let is_set = container.env.iter().any(|variable| {
            &*variable.name == NAME
                && match &variable.source {
                    EnvSource::Literal(field) => !field.value.trim().is_empty(),
                    _ => true,
                }
        });
        if is_set {
            continue;
        }
        // In the root namespace only administrators write.
        let by_others = fetching.iter().find(|object| object.namespace() != root);
        let severity = if by_others.is_some() {
            Severity::Medium
        } else {
            Severity::Low
        };
        let example = by_others.unwrap_or(first);
        let message = format!(
            "istiod fetches keys from any address that a RequestAuthentication names, such as \
             {}/{}",
            example.namespace(),
            example.reference.name
        );
        let fix = format!(
            "Set {NAME} to 169.254.0.0/16,127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16, \
             without the ranges that hold your own issuers"
        );
        let template = &endpoint.template;
        let locus = template.container_locus(container, &format!("env[{NAME}]"), None);
        let asset = Asset::Resource(endpoint.workload.owner.clone());
        let draft = Draft::new(Id::IST_JWT_07, locus, message, fix).severity(severity);
        report.add_to(asset, draft);
    }
}

/// IST-AZ-34: gateways that leave out policies with a selector.
fn ignored_at_gateways(scene: &Scene<'_, '_>, report: &mut Report) {
    const NAME: &str = "ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY";
    let all = settings(scene, NAME);
    if !all.iter().any(|setting| is_off(&setting.value)) {
        return;
    }
    let has_selector = |policy: &&Policy<'_>| {
        let selector = policy.selector.as_ref();
        policy.targets.is_empty() && selector.is_some_and(|one| !one.requirements.is_empty())
    };
    for policy in scene.istio.policies.all.iter().filter(has_selector) {
        let mut subjects = attached(scene, policy);
        subjects.retain(|s| {
            let name = s.endpoint.label("gateway.networking.k8s.io/gateway-name");
            s.place == Place::Gateway && name.is_some()
        });
        if subjects.is_empty() {
            continue;
        }
        let message = format!(
            "gateway {} leaves out policies with a selector ({NAME}=false): the {} policy does \
             not hold there",
            names(&subjects),
            policy.action.name()
        );
        let fix = "Replace selector by targetRefs to the Gateway".to_owned();
        let span = get(policy.object, &["spec", "selector"]).map(|node| node.span);
        let locus = place(policy.object, "/spec/selector", span);
        let draft = Draft::new(Id::IST_AZ_34, locus, message, fix)
            .affects(subjects.iter().map(|subject| subject.asset()));
        report.add(policy.object, draft);
    }
}
