//! W09–W12, W16, W18, W19: settings that weaken a container on purpose. What is merely
//! absent is in [`super::gaps`].

use super::agent::excuse;
use super::{Subject, is_privileged, who};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::{counted, list};
use seawall_model::{Proof, Severity, Span, Str, pod_security};
use seawall_snapshot::pod::SecurityContext;
use seawall_snapshot::{Container, Field};

const PER_CONTAINER: &[Id] = &[Id::W09, Id::W11, Id::W16, Id::W18, Id::W19];

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    pod_profiles(s, sink);
    for c in &s.template.containers {
        // Privileged means all capabilities and no profile whatever else is written.
        if is_privileged(c) {
            continue;
        }
        sink.assess_all(PER_CONTAINER);
        capabilities(s, c, sink);
        if let Some(field) = c
            .security_context
            .allow_privilege_escalation
            .as_ref()
            .filter(|field| field.value)
        {
            escalation(s, c, field.span, sink);
        }
        profiles(s, c, sink);
    }
}

/// What a capability outside the default set is good for.
fn power(name: &str) -> (Severity, &'static str) {
    let name = name.strip_prefix("CAP_").unwrap_or(name);
    match name {
        "ALL" => (Severity::Critical, "all of root's powers"),
        "SYS_ADMIN" => (
            Severity::High,
            "mounts and namespaces, close to being root on the node",
        ),
        "SYS_MODULE" => (Severity::Critical, "loading code into the node's kernel"),
        "SYS_RAWIO" => (Severity::High, "raw access to memory and disks"),
        "SYS_PTRACE" => (Severity::High, "reading and steering other processes"),
        "DAC_READ_SEARCH" => (Severity::High, "opening any file of the node by handle"),
        "BPF" => (Severity::High, "loading programs into the node's kernel"),
        "PERFMON" => (Severity::Medium, "watching what other processes do"),
        "SYS_BOOT" => (Severity::High, "restarting the node"),
        "MAC_ADMIN" | "MAC_OVERRIDE" => (Severity::High, "switching off AppArmor or SELinux"),
        "SYSLOG" => (Severity::Medium, "kernel addresses that exploits need"),
        "NET_ADMIN" => (Severity::Medium, "rewiring routes and firewall rules"),
        "LINUX_IMMUTABLE" | "SYS_TIME" | "WAKE_ALARM" | "AUDIT_CONTROL" | "AUDIT_READ" => {
            (Severity::Medium, "settings of the whole node")
        }
        "IPC_LOCK" | "SYS_NICE" | "SYS_RESOURCE" | "BLOCK_SUSPEND" | "LEASE" => {
            (Severity::Low, "a larger share of the node than others get")
        }
        _ => (Severity::Medium, "more than containers get"),
    }
}

fn capabilities(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    let context = &c.security_context;
    let outside = |field: &&Field<Str>| {
        !pod_security::BASELINE_CAPABILITIES.contains(&&*field.value.to_ascii_uppercase())
    };
    let is_raw = |field: &&Field<Str>| {
        matches!(
            &*field.value.to_ascii_uppercase(),
            "NET_RAW" | "CAP_NET_RAW"
        )
    };
    let mut dangerous: Vec<(&Field<Str>, Severity, &'static str)> = context
        .capabilities_add
        .iter()
        .filter(outside)
        .filter(|field| !is_raw(field))
        .map(|field| {
            let (severity, what) = power(&field.value.to_ascii_uppercase());
            (field, severity, what)
        })
        .collect();
    dangerous.sort_by_key(|(_, severity, _)| std::cmp::Reverse(*severity));
    if let Some((worst, severity, what)) = dangerous.first() {
        let names: Vec<&str> = dangerous.iter().map(|(field, ..)| &*field.value).collect();
        let locus = s.in_container(c, "securityContext/capabilities/add", Some(worst.span));
        let noun = if names.len() == 1 {
            "the capability"
        } else {
            "the capabilities"
        };
        let message = format!("{} adds {noun} {}: {what}", who(c), list(&names));
        let fix = format!(
            "Remove {} from capabilities.add of {}",
            list(&names),
            who(c)
        );
        let mut draft = Draft::new(Id::W09, locus, message, fix);
        let mut severity = *severity;
        // Tracing the node's processes needs both the right and the view.
        if names.iter().any(|name| name.ends_with("SYS_PTRACE"))
            && let Some(pid) = s.template.host_pid.as_ref().filter(|field| field.value)
        {
            severity = Severity::Critical;
            draft = draft.evidence(
                "hostPID puts every process of the node within reach",
                Proof::Source(pid.span),
            );
        }
        if s.in_user_namespace() {
            severity = severity.lowered();
        }
        sink.add(s.asset, excuse(draft, severity, s.agent));
    } else if let Some(raw) = context.capabilities_add.iter().find(is_raw) {
        let locus = s.in_container(c, "securityContext/capabilities/add", Some(raw.span));
        let message = format!("{} may forge network packets (NET_RAW)", who(c));
        let fix = format!(
            "Remove NET_RAW from capabilities.add of {} and drop ALL",
            who(c)
        );
        let draft = Draft::new(Id::W11, locus, message, fix);
        sink.add(s.asset, excuse(draft, Id::W11.severity(), s.agent));
    } else {
        modest_capabilities(s, c, sink);
    }
}

/// Default capabilities that are added by name: allowed by baseline, more than restricted.
fn modest_capabilities(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    let added: Vec<&Field<Str>> = c
        .security_context
        .capabilities_add
        .iter()
        .filter(|field| {
            !field
                .value
                .eq_ignore_ascii_case(pod_security::RESTRICTED_CAPABILITY)
        })
        .collect();
    let Some(first) = added.first() else { return };
    // Where nothing is dropped they are there anyway, and that is what the gap says.
    if !super::gaps::drops_all(&c.security_context) {
        return;
    }
    let names: Vec<&str> = added.iter().map(|field| &*field.value).collect();
    let locus = s.in_container(c, "securityContext/capabilities/add", Some(first.span));
    let message = format!("{} drops ALL but adds {} back", who(c), list(&names));
    let fix = "Check whether the program works without them".to_owned();
    sink.add(
        s.asset,
        Draft::new(Id::W10, locus, message, fix).severity(Severity::Info),
    );
}

fn escalation(s: &Subject<'_>, c: &Container, span: Span, sink: &mut Sink) {
    // SYS_ADMIN implies it, and the API refuses to set it to false next to that.
    let admin = c
        .security_context
        .capabilities_add
        .iter()
        .any(|field| matches!(&*field.value, "SYS_ADMIN" | "CAP_SYS_ADMIN" | "ALL"));
    if admin || s.is_windows() {
        return;
    }
    let locus = s.in_container(c, "securityContext/allowPrivilegeEscalation", Some(span));
    let message = format!("{} explicitly allows privilege escalation", who(c));
    let fix = format!("Set allowPrivilegeEscalation to false on {}", who(c));
    sink.add(s.asset, Draft::new(Id::W12, locus, message, fix));
}

/// Names of the containers that take a setting from the pod.
fn inheriting<'a>(s: &Subject<'a>, own: impl Fn(&SecurityContext) -> bool) -> Vec<&'a str> {
    s.template
        .containers
        .iter()
        .filter(|c| !is_privileged(c) && !own(&c.security_context))
        .map(|c| &*c.name)
        .collect()
}

fn pod_profiles(s: &Subject<'_>, sink: &mut Sink) {
    let pod = &s.template.security_context;
    if let Some(field) = unconfined(pod.seccomp_type.as_ref()) {
        let names = inheriting(s, |own| own.seccomp_type.is_some());
        if !names.is_empty() {
            let locus = s.at("securityContext/seccompProfile/type", Some(field.span));
            let message = format!("no seccomp filter holds {}", counted("container", &names));
            let fix = "Set seccompProfile.type to RuntimeDefault on the pod".to_owned();
            let draft = Draft::new(Id::W16, locus, message, fix);
            sink.add(s.asset, excuse(draft, Id::W16.severity(), s.agent));
        }
    }
    if let Some(field) = unconfined(pod.app_armor_type.as_ref()) {
        let names = inheriting(s, |own| own.app_armor_type.is_some());
        if !names.is_empty() {
            let locus = s.at("securityContext/appArmorProfile/type", Some(field.span));
            let message = format!("no AppArmor profile holds {}", counted("container", &names));
            let fix = "Remove appArmorProfile, or set its type to RuntimeDefault".to_owned();
            let draft = Draft::new(Id::W18, locus, message, fix);
            sink.add(s.asset, excuse(draft, Id::W18.severity(), s.agent));
        }
    }
    if let Some((what, span)) = selinux(s, pod) {
        let locus = s.at("securityContext/seLinuxOptions", Some(span));
        let message = format!("the pod sets {what}");
        let fix = "Remove seLinuxOptions.type, user and role from the pod".to_owned();
        let draft = Draft::new(Id::W19, locus, message, fix);
        sink.add(s.asset, excuse(draft, Id::W19.severity(), s.agent));
    }
}

fn unconfined(field: Option<&Field<Str>>) -> Option<&Field<Str>> {
    field.filter(|field| &*field.value == "Unconfined")
}

fn profiles(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    let context = &c.security_context;
    if let Some(field) = unconfined(context.seccomp_type.as_ref()) {
        let locus = s.in_container(c, "securityContext/seccompProfile/type", Some(field.span));
        let message = format!("no seccomp filter holds {}", who(c));
        let fix = format!("Set seccompProfile.type to RuntimeDefault on {}", who(c));
        let draft = Draft::new(Id::W16, locus, message, fix);
        sink.add(s.asset, excuse(draft, Id::W16.severity(), s.agent));
    }
    if let Some(field) = unconfined(context.app_armor_type.as_ref()) {
        let locus = s.in_container(c, "securityContext/appArmorProfile/type", Some(field.span));
        app_armor(s, c, locus, sink);
    } else if context.app_armor_type.is_none()
        && let Some((key, value)) = app_armor_annotation(s, c)
        && &*value.value == "unconfined"
    {
        let mut locus = s.in_container(c, "", Some(value.span));
        let key = key.replace('~', "~0").replace('/', "~1");
        locus.pointer = format!("{}/metadata/annotations/{key}", s.template.pointer);
        locus.path = format!("{}/annotations[{key}]", locus.path);
        app_armor(s, c, locus, sink);
    }
    if let Some((what, span)) = selinux(s, context) {
        let locus = s.in_container(c, "securityContext/seLinuxOptions", Some(span));
        let message = format!("{} sets {what}", who(c));
        let fix = "Remove seLinuxOptions.type, user and role".to_owned();
        let draft = Draft::new(Id::W19, locus, message, fix);
        sink.add(s.asset, excuse(draft, Id::W19.severity(), s.agent));
    }
}

fn app_armor(s: &Subject<'_>, c: &Container, locus: seawall_model::Locus, sink: &mut Sink) {
    let message = format!("no AppArmor profile holds {}", who(c));
    let fix = format!("Let {} run under the profile RuntimeDefault", who(c));
    let draft = Draft::new(Id::W18, locus, message, fix);
    sink.add(s.asset, excuse(draft, Id::W18.severity(), s.agent));
}

fn app_armor_annotation<'a>(s: &Subject<'a>, c: &Container) -> Option<&'a (Str, Field<Str>)> {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    s.template.annotations.iter().find(|(key, _)| {
        key.strip_prefix(PREFIX)
            .is_some_and(|name| name == &*c.name)
    })
}

/// What a context sets in SELinux that baseline does not allow.
fn selinux(s: &Subject<'_>, context: &SecurityContext) -> Option<(String, Span)> {
    let kind = context
        .selinux_type
        .as_ref()
        .filter(|field| !pod_security::is_allowed_selinux_type(&field.value, s.version()));
    let of = |what: &str, field: &Field<Str>| {
        (format!("the SELinux {what} `{}`", field.value), field.span)
    };
    if let Some(field) = kind {
        return Some(of("type", field));
    }
    let set = |field: &'_ &Field<Str>| !field.value.is_empty();
    if let Some(field) = context.selinux_user.as_ref().filter(set) {
        return Some(of("user", field));
    }
    context
        .selinux_role
        .as_ref()
        .filter(set)
        .map(|field| of("role", field))
}
