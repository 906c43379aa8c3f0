//! W01–W04, W08, W20, W21, W23, W24, W28, W41, W45: the wall between pod and node.

use super::agent::excuse;
use super::{Subject, is_privileged, who};
use crate::rules::Id;
use crate::sink::{Draft, Sink};
use crate::words::list;
use seawall_model::{Proof, Severity, pod_security};
use seawall_snapshot::{Container, Field};

const PER_POD: &[Id] = &[
    Id::W02,
    Id::W03,
    Id::W04,
    Id::W21,
    Id::W23,
    Id::W28,
    Id::W41,
    Id::W45,
];
const PER_CONTAINER: &[Id] = &[Id::W01, Id::W08, Id::W20, Id::W24];

pub(super) fn check(s: &Subject<'_>, sink: &mut Sink) {
    sink.assess_all(PER_POD);
    host_namespaces(s, sink);
    for sysctl in &s.template.security_context.sysctls {
        unsafe_sysctl(s, sysctl, sink);
    }
    if let Some(field) = on(s.template.security_context.windows_host_process.as_ref()) {
        let locus = s.at(
            "securityContext/windowsOptions/hostProcess",
            Some(field.span),
        );
        let message = "the pod's containers run as processes of the Windows node".to_owned();
        let fix = "Remove securityContext.windowsOptions.hostProcess from the pod".to_owned();
        sink.add(s.asset, Draft::new(Id::W23, locus, message, fix));
    }
    if let Some(field) = on(s.template.share_process_namespace.as_ref()) {
        let containers = s.template.containers.len();
        // With one container there is nobody to share with.
        if containers > 1 {
            let locus = s.at("shareProcessNamespace", Some(field.span));
            let message = format!(
                "the {containers} containers of the pod see each other's processes and files"
            );
            let fix = "Remove shareProcessNamespace".to_owned();
            sink.add(s.asset, Draft::new(Id::W28, locus, message, fix));
        }
    }
    if let Some(span) = s.template.host_aliases {
        let locus = s.at("hostAliases", Some(span));
        let message = "the pod overrides DNS with entries in /etc/hosts".to_owned();
        let fix = "Replace hostAliases by a Service of type ExternalName or a DNS record";
        sink.add(s.asset, Draft::new(Id::W41, locus, message, fix.to_owned()));
    }
    control_plane_nodes(s, sink);
    for c in &s.template.containers {
        sink.assess_all(PER_CONTAINER);
        container(s, c, sink);
    }
}

/// The field, if it is set to true.
fn on(field: Option<&Field<bool>>) -> Option<&Field<bool>> {
    field.filter(|field| field.value)
}

fn host_namespaces(s: &Subject<'_>, sink: &mut Sink) {
    let privileged = s.template.containers.iter().find(|c| is_privileged(c));
    if let Some(field) = on(s.template.host_pid.as_ref()) {
        let locus = s.at("hostPID", Some(field.span));
        let message = "the pod sees and can signal every process of the node".to_owned();
        let draft = Draft::new(Id::W02, locus, message, "Remove hostPID: true".to_owned());
        sink.add(s.asset, excuse(draft, Severity::High, s.agent));
    }
    if let Some(field) = on(s.template.host_ipc.as_ref()) {
        let locus = s.at("hostIPC", Some(field.span));
        let message = "the pod shares memory and message queues with the node".to_owned();
        let draft = Draft::new(Id::W03, locus, message, "Remove hostIPC: true".to_owned());
        sink.add(s.asset, excuse(draft, Severity::High, s.agent));
    }
    if let Some(field) = on(s.template.host_network.as_ref()) {
        let locus = s.at("hostNetwork", Some(field.span));
        let message = "the pod uses the node's network: it reaches loopback services and the \
                       cloud metadata service, and no NetworkPolicy holds it"
            .to_owned();
        let fix = "Remove hostNetwork: true and publish ports through a Service".to_owned();
        // Next to a privileged container the network is the smaller half.
        let severity = if privileged.is_some() {
            Severity::Medium
        } else {
            Severity::High
        };
        let draft = Draft::new(Id::W04, locus, message, fix);
        sink.add(s.asset, excuse(draft, severity, s.agent));
    }
}

fn container(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    let context = &c.security_context;
    if let Some(field) = on(context.privileged.as_ref()) {
        let locus = s.in_container(c, "securityContext/privileged", Some(field.span));
        let fix = format!(
            "Set privileged to false on {} and add only the capabilities it needs",
            who(c)
        );
        let contained = s.in_user_namespace();
        let message = if contained {
            format!(
                "{} runs privileged; only its user namespace holds it",
                who(c)
            )
        } else {
            format!("{} runs privileged: it can take over the node", who(c))
        };
        let base = if contained {
            Severity::High
        } else {
            Severity::Critical
        };
        let mut draft = Draft::new(Id::W01, locus, message, fix);
        if let Some(pid) = on(s.template.host_pid.as_ref()) {
            draft = draft.evidence(
                "hostPID puts the node's first process within reach, so nsenter gives a shell on \
                 the node",
                Proof::Source(pid.span),
            );
        }
        sink.add(s.asset, excuse(draft, base, s.agent));
    }
    if let Some(field) = on(context.windows_host_process.as_ref()) {
        let locus = s.in_container(
            c,
            "securityContext/windowsOptions/hostProcess",
            Some(field.span),
        );
        let message = format!("{} runs as a process of the Windows node", who(c));
        let fix = "Remove securityContext.windowsOptions.hostProcess".to_owned();
        sink.add(s.asset, Draft::new(Id::W23, locus, message, fix));
    }
    if let Some(field) = context
        .proc_mount
        .as_ref()
        .filter(|f| &*f.value == "Unmasked")
    {
        unmasked_proc(s, c, field.span, sink);
    }
    if !s.on_host_network() {
        host_ports(s, c, sink);
    }
    for hook in &c.hooks {
        let Some((action, host)) = &hook.host else {
            continue;
        };
        let loopback = matches!(&*host.value, "127.0.0.1" | "localhost" | "::1");
        // On the node's network the pod's own loopback is the node's: asking it is how
        // control-plane pods probe themselves.
        if loopback && s.on_host_network() {
            continue;
        }
        let parent = if hook.name.ends_with("Probe") {
            ""
        } else {
            "lifecycle/"
        };
        let rest = format!("{parent}{}/{action}/host", hook.name);
        let locus = s.in_container(c, &rest, Some(host.span));
        let message = format!(
            "the {} of {} makes the kubelet ask `{}` from the node's network",
            hook.name,
            who(c),
            host.value
        );
        let fix = format!("Remove host from {}.{action}", hook.name);
        sink.add(s.asset, Draft::new(Id::W24, locus, message, fix));
    }
}

fn unmasked_proc(s: &Subject<'_>, c: &Container, span: seawall_model::Span, sink: &mut Sink) {
    // From v1.35 baseline allows it in a user namespace: root there is nobody on the node.
    if s.template.has_user_namespace() && s.version() >= pod_security::USER_NAMESPACES_SINCE {
        return;
    }
    let locus = s.in_container(c, "securityContext/procMount", Some(span));
    let message = format!("{} sees /proc without the runtime's masks", who(c));
    let fix = "Remove procMount, or set hostUsers to false on the pod".to_owned();
    let severity = if s.in_user_namespace() {
        Id::W20.severity().lowered()
    } else {
        Id::W20.severity()
    };
    sink.add(
        s.asset,
        Draft::new(Id::W20, locus, message, fix).severity(severity),
    );
}

fn host_ports(s: &Subject<'_>, c: &Container, sink: &mut Sink) {
    for port in &c.ports {
        let Some(host) = port.host_port.as_ref().filter(|port| port.value != 0) else {
            continue;
        };
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let index = c
            .ports
            .iter()
            .position(|other| std::ptr::eq(other, port))
            .unwrap_or(0);
        let mut locus = s.in_container(c, &format!("ports/{index}/hostPort"), Some(host.span));
        locus.path = locus.path.replace(
            &format!("ports/{index}/"),
            &format!("ports[{}/{protocol}]/", host.value),
        );
        let message = format!(
            "{} takes {protocol} port {} of every node it runs on",
            who(c),
            host.value
        );
        let fix = format!(
            "Remove hostPort {} and publish the port through a Service",
            host.value
        );
        let draft = Draft::new(Id::W08, locus, message, fix);
        sink.add(s.asset, excuse(draft, Id::W08.severity(), s.agent));
    }
}

fn unsafe_sysctl(s: &Subject<'_>, sysctl: &Field<seawall_model::Str>, sink: &mut Sink) {
    let name = &*sysctl.value;
    if pod_security::is_safe_sysctl(name, s.version()) {
        return;
    }
    let mut locus = s.at("securityContext/sysctls", Some(sysctl.span));
    locus.path = format!("{}[{name}]", locus.path);
    let message = format!("the pod sets the kernel setting `{name}`, which is not isolated safely");
    let fix = format!("Remove the sysctl `{name}`, or set it on the nodes that need it");
    // Network settings have a namespace of their own; the others reach the whole node.
    let severity = if name.starts_with("net.") {
        Severity::Medium
    } else {
        Severity::High
    };
    sink.add(
        s.asset,
        Draft::new(Id::W21, locus, message, fix).severity(severity),
    );
}

fn control_plane_nodes(s: &Subject<'_>, sink: &mut Sink) {
    // Agents of every node, and what belongs to the cluster itself, have to be there.
    let belongs = s.agent.is_some()
        || s.namespace() == Some("kube-system")
        || s.template
            .priority_class_name
            .as_ref()
            .is_some_and(|name| name.value.starts_with("system-"));
    if belongs {
        return;
    }
    let names: Vec<&str> = s
        .template
        .node_selector
        .iter()
        .filter(|(key, _)| super::CONTROL_PLANE.contains(&&**key))
        .map(|(key, _)| &**key)
        .collect();
    if let Some((_, value)) = s
        .template
        .node_selector
        .iter()
        .find(|(key, _)| super::CONTROL_PLANE.contains(&&**key))
    {
        let locus = s.at("nodeSelector", Some(value.span));
        let message = format!("the pod asks for control-plane nodes ({})", list(&names));
        let fix = "Remove the node selector, unless the pod has to run there".to_owned();
        sink.add(s.asset, Draft::new(Id::W45, locus, message, fix));
        return;
    }
    let daemon = &*s.workload.owner.kind == "DaemonSet";
    // A DaemonSet that tolerates everything says "every node", not "the control plane".
    let found = s
        .template
        .tolerations
        .iter()
        .find(|t| super::tolerates_control_plane(t))
        .or_else(|| {
            let mut tolerations = s.template.tolerations.iter();
            tolerations
                .find(|t| super::tolerates_everything(t))
                .filter(|_| !daemon)
        });
    let Some(toleration) = found else { return };
    let mut locus = s.at("tolerations", Some(toleration.span));
    let key = toleration.key.as_deref().unwrap_or("*");
    locus.path = format!("{}[{key}]", locus.path);
    let message = match &toleration.key {
        Some(key) => format!("the pod tolerates `{key}` and so may run next to etcd"),
        None => "the pod tolerates every taint, also that of control-plane nodes".to_owned(),
    };
    let fix = "Remove the toleration, unless the pod has to run there".to_owned();
    let severity = if daemon {
        Severity::Low
    } else {
        Severity::Medium
    };
    sink.add(
        s.asset,
        Draft::new(Id::W45, locus, message, fix).severity(severity),
    );
}
