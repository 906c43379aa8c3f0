//! N03, N19 and N20: the API server's admission configuration file.

use super::Document;
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::list;
use seawall_model::{Proof, Severity};
use seawall_yaml::Node;

/// Judges an AdmissionConfiguration by its plug-ins.
pub(super) fn check(d: &Document<'_>, sink: &mut Sink) {
    for (index, plugin) in d.items(&["plugins"]).iter().enumerate() {
        let Some(configuration) = plugin.get("configuration") else {
            continue;
        };
        let prefix = format!("{}/plugins/{index}/configuration", d.prefix);
        let inner = Document {
            body: configuration,
            prefix: &prefix,
            home: plugin.span,
            ..*d
        };
        match plugin.get("name").and_then(Node::as_str) {
            Some("PodSecurity") => pod_security(&inner, sink),
            Some("ImagePolicyWebhook") => image_policy(&inner, sink),
            _ => {}
        }
    }
}

fn image_policy(d: &Document<'_>, sink: &mut Sink) {
    sink.assess(Id::N03, 1);
    let Some(node) = d.get(&["imagePolicy", "defaultAllow"]) else {
        return;
    };
    if node.as_bool() == Some(true) {
        let locus = d.at("/imagePolicy/defaultAllow", Some(node.span));
        let message = "whoever keeps the image policy webhook from answering gets any image in";
        let fix = "Set defaultAllow to false".to_owned();
        d.report(sink, Draft::new(Id::N03, locus, message.to_owned(), fix));
    }
}

/// Judges a PodSecurityConfiguration: the defaults of namespaces without labels, and who is
/// exempt.
pub(super) fn pod_security(d: &Document<'_>, sink: &mut Sink) {
    sink.assess_all(&[Id::N19, Id::N20]);
    let enforce = d.get(&["defaults", "enforce"]);
    if matches!(
        enforce.and_then(Node::as_str),
        None | Some("privileged" | "")
    ) {
        let locus = d.at("/defaults/enforce", enforce.map(|node| node.span));
        let message = "namespaces without a label let in any pod".to_owned();
        let fix = "Set defaults.enforce to baseline or restricted".to_owned();
        let mut draft = Draft::new(Id::N19, locus, message, fix);
        if enforce.is_none() {
            draft = draft.evidence(
                "defaults.enforce is unset",
                Proof::ApiDefault("enforce: privileged"),
            );
        }
        d.report(sink, draft);
    }
    exemptions(d, sink);
}

fn texts<'a>(d: &Document<'a>, path: &[&str]) -> Vec<&'a str> {
    d.items(path).iter().filter_map(Node::as_str).collect()
}

fn exemptions(d: &Document<'_>, sink: &mut Sink) {
    let span = |key: &str| d.get(&["exemptions", key]).map(|node| node.span);
    let accounts: Vec<&str> = texts(d, &["exemptions", "usernames"])
        .into_iter()
        .filter(|user| user.starts_with("system:serviceaccount:"))
        .collect();
    if !accounts.is_empty() {
        let locus = d.at("/exemptions/usernames", span("usernames"));
        let message = format!(
            "whatever {} is made to create is exempt from Pod Security",
            list(&accounts)
        );
        let fix = "Remove service accounts from exemptions.usernames".to_owned();
        d.report(sink, Draft::new(Id::N20, locus, message, fix));
    }
    let spaces: Vec<&str> = texts(d, &["exemptions", "namespaces"])
        .into_iter()
        .filter(|name| !name.starts_with("kube-"))
        .collect();
    if !spaces.is_empty() {
        let locus = d.at("/exemptions/namespaces", span("namespaces"));
        let message = format!("namespaces {} are exempt from Pod Security", list(&spaces));
        let fix = "Label the namespaces with the level they need instead".to_owned();
        let severity = if spaces.contains(&"default") {
            Severity::Medium
        } else {
            Severity::Low
        };
        d.report(
            sink,
            Draft::new(Id::N20, locus, message, fix).severity(severity),
        );
    }
    let classes = texts(d, &["exemptions", "runtimeClasses"]);
    if !classes.is_empty() {
        let locus = d.at("/exemptions/runtimeClasses", span("runtimeClasses"));
        let message = format!(
            "whoever names the runtime class {} is exempt from Pod Security",
            list(&classes)
        );
        let fix = "Remove exemptions.runtimeClasses".to_owned();
        d.report(
            sink,
            Draft::new(Id::N20, locus, message, fix).severity(Severity::Low),
        );
    }
}
