//! Intentions: who may call whom, and with what.

use super::super::{Report, get, place, texts};
use super::Scene;
use crate::rules::Id;
use crate::sink::Draft;
use seawall_model::{Asset, Locus, Proof, Severity};
use seawall_snapshot::Object;
use seawall_yaml::Node;

/// How many permissions of one source are compared with those behind them. Nobody writes more
/// wide ones, and each is compared with all.
const MAX_COMPARED: usize = 64;

pub(super) fn check(scene: &Scene<'_, '_>, report: &mut Report) {
    for object in scene.entries("ServiceIntentions") {
        report.assess_each(&[Id::CSL_04, Id::CSL_05, Id::CSL_17]);
        everybody(object, report);
        shadowed(object, report);
        unfinished(scene, object, report);
        wrong_protocol(scene, object, report);
    }
    no_denial(scene, report);
    spellings(scene, report);
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str)
}

fn sources(object: &Object) -> impl Iterator<Item = (usize, &Node)> {
    object.items(&["spec", "sources"]).iter().enumerate()
}

fn permissions(source: &Node) -> &[Node] {
    let list = source.get("permissions").and_then(Node::as_seq);
    list.unwrap_or_default()
}

fn permission_place(object: &Object, source: usize, index: usize, node: &Node) -> Locus {
    let pointer = format!("/spec/sources/{source}/permissions/{index}");
    place(object, &pointer, Some(node.span))
}

/// CSL-04.
fn everybody(object: &Object, report: &mut Report) {
    for (index, source) in sources(object) {
        if text(source, "name") != Some("*") || text(source, "action") != Some("allow") {
            continue;
        }
        let message = "every service may call it (source * is allowed)".to_owned();
        let fix = "Name the sources, and deny the rest".to_owned();
        let locus = place(object, &format!("/spec/sources/{index}"), Some(source.span));
        report.add(object, Draft::new(Id::CSL_04, locus, message, fix));
    }
}

/// The intention that denies what no other one speaks about.
pub(super) fn denial<'s>(scene: &Scene<'_, 's>) -> Option<&'s Object> {
    scene.entries("ServiceIntentions").find(|object| {
        let to = get(object, &["spec", "destination", "name"]).and_then(Node::as_str);
        let is_all = |source: &Node| {
            text(source, "name") == Some("*") && text(source, "action") == Some("deny")
        };
        to == Some("*") && sources(object).any(|(_, source)| is_all(source))
    })
}

/// CSL-03. Where the servers say what holds by default, other rules speak.
fn no_denial(scene: &Scene<'_, '_>, report: &mut Report) {
    let Some(first) = scene.entries("ServiceIntentions").next() else {
        return;
    };
    report.assess_each(&[Id::CSL_03]);
    if scene.allows_by_default().is_some() || denial(scene).is_some() {
        return;
    }
    let message = "no intention denies what the others do not name, and the input does not say \
                   that Consul does (acl.default_policy)"
        .to_owned();
    let fix = "Add ServiceIntentions for destination * that deny source *, and set the default \
               policy to deny"
        .to_owned();
    let locus = place(first, "/spec/destination", None);
    let services = scene.injected().map(|(_, pod)| super::asset(pod));
    let draft = Draft::new(Id::CSL_03, locus, message, fix).affects(services);
    report.add(first, draft);
}

/// Whether a permission fits requests by nothing that another one could not ask too.
fn is_plain(permission: &Node) -> bool {
    let has = |node: Option<&Node>| {
        node.is_some_and(|node| {
            node.as_seq()
                .map_or(!node.is_null(), |list| !list.is_empty())
        })
    };
    !has(permission.get("jwt")) && !has(permission.at(&["http", "header"]))
}

/// Whether everything that fits one permission fits another.
fn covers(outer: &Node, inner: &Node) -> bool {
    let own = |key: &str| outer.at(&["http", key]).and_then(Node::as_str);
    let other = |key: &str| inner.at(&["http", key]).and_then(Node::as_str);
    let methods = texts(outer.at(&["http", "methods"]));
    let others = texts(inner.at(&["http", "methods"]));
    let by_method = methods.is_empty()
        || (!others.is_empty() && others.iter().all(|method| methods.contains(method)));
    let by_path = if let Some(prefix) = own("pathPrefix") {
        let path = other("pathExact").or(other("pathPrefix"));
        prefix == "/" || path.is_some_and(|path| path.starts_with(prefix))
    } else if let Some(exact) = own("pathExact") {
        other("pathExact") == Some(exact)
    } else if let Some(regex) = own("pathRegex") {
        other("pathRegex") == Some(regex)
    } else {
        true
    };
    by_method && by_path
}

/// CSL-05: permissions that never decide, because another one fits first.
fn shadowed(object: &Object, report: &mut Report) {
    for (at, source) in sources(object) {
        let mut before: Vec<(usize, &Node)> = Vec::new();
        for (index, one) in permissions(source).iter().enumerate() {
            let action = text(one, "action");
            let first = before
                .iter()
                .find(|(_, earlier)| text(earlier, "action") != action && covers(earlier, one));
            if let Some((earlier, node)) = first {
                let message = format!(
                    "this never {}: permission {} fits the same requests first, and {} them",
                    if action == Some("deny") {
                        "denies"
                    } else {
                        "allows"
                    },
                    earlier + 1,
                    if action == Some("deny") {
                        "allows"
                    } else {
                        "denies"
                    },
                );
                let fix = "Put the narrower permission first".to_owned();
                let locus = permission_place(object, at, index, one);
                let severity = if action == Some("deny") {
                    Severity::Medium
                } else {
                    Severity::Low
                };
                let draft = Draft::new(Id::CSL_05, locus, message, fix)
                    .severity(severity)
                    .evidence("the first one stands here", Proof::Source(node.span));
                report.add(object, draft);
            }
            if is_plain(one) && before.len() < MAX_COMPARED {
                before.push((index, one));
            }
        }
    }
}

/// CSL-05: what no permission fits is left to the default.
fn unfinished(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let default = scene.allows_by_default();
    if default == Some(false) {
        return;
    }
    let everything = Node::null();
    let open = sources(object).find(|(_, source)| {
        let list = permissions(source);
        !list.is_empty()
            && !list
                .iter()
                .any(|one| is_plain(one) && covers(one, &everything))
    });
    let Some((index, source)) = open else { return };
    let (message, severity) = if default.is_some() {
        let message = "requests that no permission fits are allowed: that is the default here";
        (message, Severity::Medium)
    } else {
        let message = "requests that no permission fits are left to the default, which the input \
                       does not say";
        (message, Severity::Low)
    };
    let fix = "End the list with a permission that denies pathPrefix /".to_owned();
    let pointer = format!("/spec/sources/{index}/permissions");
    let span = source.get("permissions").map(|node| node.span);
    let draft = Draft::new(
        Id::CSL_05,
        place(object, &pointer, span),
        message.to_owned(),
        fix,
    );
    report.add(object, draft.severity(severity));
}

/// Whether a permission looks at the path.
fn asks_path(permission: &Node) -> bool {
    let keys = ["pathExact", "pathPrefix", "pathRegex"];
    keys.iter().any(|key| {
        let path = permission.at(&["http", key]).and_then(Node::as_str);
        path.is_some_and(|path| !path.is_empty() && path != "/")
    })
}

/// CSL-06.
fn spellings(scene: &Scene<'_, '_>, report: &mut Report) {
    let with = |action: Option<&str>| -> Vec<&Object> {
        let fits = |one: &Node| {
            asks_path(one) && action.is_none_or(|action| text(one, "action") == Some(action))
        };
        let has = |object: &&Object| {
            sources(object).any(|(_, source)| permissions(source).iter().any(fits))
        };
        scene.entries("ServiceIntentions").filter(has).collect()
    };
    let by_path = with(None);
    let Some(first) = by_path.first().copied() else {
        return;
    };
    report.assess_each(&[Id::CSL_06]);
    let refusing = with(Some("deny"));
    let mesh = scene.entries("Mesh").next();
    let base = ["spec", "http", "incoming", "requestNormalization"];
    let settings = mesh.and_then(|mesh| get(mesh, &base));
    let said = |key: &str| settings.and_then(|node| node.get(key));
    let off = said("insecureDisablePathNormalization");
    let merges = said("mergeSlashes").and_then(Node::as_bool) == Some(true);
    let escapes = said("pathWithEscapedSlashesAction").and_then(Node::as_str);
    let keeps = matches!(
        escapes,
        None | Some("" | "IMPLEMENTATION_SPECIFIC_DEFAULT" | "KEEP_UNCHANGED")
    );
    let (key, message, severity, affected) = if off.and_then(Node::as_bool) == Some(true) {
        let message = "paths are compared as they come: /public/../admin gets past what is said \
                       about /admin";
        let key = "insecureDisablePathNormalization";
        (key, message, Severity::High, &by_path)
    } else if !merges && !refusing.is_empty() {
        let message = "double slashes are compared as they come: //admin gets past what denies \
                       /admin";
        ("mergeSlashes", message, Severity::Medium, &refusing)
    } else if keeps && !refusing.is_empty() {
        let message =
            "encoded slashes are compared as they come: /a%2Fb gets past what denies /a/b";
        let key = "pathWithEscapedSlashesAction";
        (key, message, Severity::Medium, &refusing)
    } else {
        return;
    };
    let span = said(key).or(settings).map(|node| node.span);
    let pointer = format!("/{}/{key}", base.join("/"));
    let (object, locus) = mesh.map_or_else(
        || (first, place(first, "/spec/sources", None)),
        |mesh| (mesh, place(mesh, &pointer, span)),
    );
    let fix = "In requestNormalization of the Mesh set mergeSlashes to true and \
               pathWithEscapedSlashesAction to UNESCAPE_AND_FORWARD or REJECT_REQUEST, and leave \
               normalization on"
        .to_owned();
    let affected = affected.iter();
    let draft = Draft::new(Id::CSL_06, locus, message.to_owned(), fix)
        .severity(severity)
        .affects(affected.map(|object| Asset::Resource(object.reference.clone())));
    report.add(object, draft);
}

/// CSL-17: Consul takes an intention with permissions for a denial where it sees no requests.
fn wrong_protocol(scene: &Scene<'_, '_>, object: &Object, report: &mut Report) {
    let with = sources(object).find(|(_, source)| !permissions(source).is_empty());
    let Some((index, source)) = with else { return };
    let to = get(object, &["spec", "destination", "name"]).and_then(Node::as_str);
    let own = scene
        .entries("ServiceDefaults")
        .find(|one| Some(&*one.reference.name) == to);
    let for_all = scene
        .entries("ProxyDefaults")
        .find_map(|one| get(one, &["spec", "config", "protocol"]));
    let said = own
        .and_then(|own| get(own, &["spec", "protocol"]))
        .or(for_all);
    // Where nothing is said it is TCP; what is not in the input may say it, though.
    let protocol = match (said, own) {
        (Some(node), _) => node.as_str().unwrap_or("tcp"),
        (None, Some(_)) => "tcp",
        (None, None) => return,
    };
    if protocol != "tcp" {
        return;
    }
    let message =
        "the service speaks TCP as far as Consul knows: permissions about requests cannot \
                   hold, and all calls of the source are denied"
            .to_owned();
    let fix = "Set protocol of the ServiceDefaults to http, http2 or grpc".to_owned();
    let pointer = format!("/spec/sources/{index}/permissions");
    let span = source.get("permissions").map(|node| node.span);
    let draft =
        Draft::new(Id::CSL_17, place(object, &pointer, span), message, fix).maybe(own.map(|own| {
            let note = "the ServiceDefaults stand here".to_owned();
            (note, Proof::Source(own.name_span))
        }));
    report.add(object, draft.severity(Severity::Low));
}
