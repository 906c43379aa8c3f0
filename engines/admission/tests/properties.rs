//! What holds for every pod, however odd.

#![allow(clippy::indexing_slicing, reason = "test code")]

mod common;

use proptest::prelude::*;
use seawall_admission::pod_security::{evaluate, history, meets, strictest};
use seawall_model::fact::PodSecurityLevel;
use seawall_model::{KubernetesVersion, Span, Str};
use seawall_snapshot::pod::{Hook, Port, SecurityContext, Volume, VolumeKind};
use seawall_snapshot::{Container, ContainerKind, Field, PodTemplate};
use std::sync::LazyLock;

fn field<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<Field<T>>> {
    proptest::option::of(value.prop_map(|value| Field {
        value,
        span: Span::NONE,
    }))
    .boxed()
}

fn word(words: &'static [&'static str]) -> BoxedStrategy<Str> {
    prop_oneof![
        8 => proptest::sample::select(words).prop_map(Str::from),
        1 => ".{0,6}".prop_map(Str::from),
    ]
    .boxed()
}

fn words(list: &'static [&'static str]) -> BoxedStrategy<Vec<Field<Str>>> {
    let item = word(list).prop_map(|value| Field {
        value,
        span: Span::NONE,
    });
    proptest::collection::vec(item, 0..3).boxed()
}

const PROFILES: &[&str] = &["RuntimeDefault", "Localhost", "Unconfined", ""];
const CAPABILITIES: &[&str] = &["ALL", "NET_BIND_SERVICE", "CHOWN", "SYS_ADMIN", "chown"];
const SELINUX: &[&str] = &["", "container_t", "container_engine_t", "spc_t"];
const SYSCTLS: &[&str] = &[
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_rmem",
    "kernel.msgmax",
];

fn context() -> BoxedStrategy<SecurityContext> {
    let truths = (
        field(any::<bool>()),
        field(any::<bool>()),
        field(any::<bool>()),
        field(any::<bool>()),
        field(-1_i64..3),
    );
    let texts = (
        field(word(PROFILES)),
        field(word(PROFILES)),
        field(word(SELINUX)),
        field(word(&["", "root"])),
        field(word(&["Default", "Unmasked", ""])),
    );
    let lists = (words(CAPABILITIES), words(CAPABILITIES), words(SYSCTLS));
    (truths, texts, lists)
        .prop_map(|(truths, texts, lists)| SecurityContext {
            privileged: truths.0,
            allow_privilege_escalation: truths.1,
            run_as_non_root: truths.2,
            windows_host_process: truths.3,
            run_as_user: truths.4,
            seccomp_type: texts.0,
            app_armor_type: texts.1,
            selinux_type: texts.2,
            selinux_user: texts.3,
            proc_mount: texts.4,
            capabilities_add: lists.0,
            capabilities_drop: lists.1,
            sysctls: lists.2,
            ..SecurityContext::default()
        })
        .boxed()
}

/// A container with nothing set.
fn bare() -> Container {
    static BARE: LazyLock<Container> = LazyLock::new(|| {
        let text =
            "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c}]}}";
        common::objects(text, "p")[0].templates()[0].containers[0].clone()
    });
    BARE.clone()
}

fn container() -> BoxedStrategy<Container> {
    const KINDS: [ContainerKind; 3] = [
        ContainerKind::Init,
        ContainerKind::Main,
        ContainerKind::Ephemeral,
    ];
    let port = (field(-1_i64..90), field(-1_i64..2)).prop_map(|(container_port, host_port)| Port {
        name: None,
        container_port,
        host_port,
        protocol: None,
    });
    let host = proptest::option::of(word(&["", "169.254.169.254"]));
    let name = proptest::sample::select(&["livenessProbe", "preStop"][..]);
    let hook = (name, host).prop_map(|(name, host)| Hook {
        name,
        host: host.map(|value| {
            (
                "httpGet",
                Field {
                    value,
                    span: Span::NONE,
                },
            )
        }),
        http: None,
        span: Span::NONE,
    });
    (
        proptest::sample::select(&KINDS[..]),
        word(&["app", "init", ""]),
        context(),
        proptest::collection::vec(port, 0..2),
        proptest::collection::vec(hook, 0..2),
    )
        .prop_map(|(kind, name, security_context, ports, hooks)| Container {
            kind,
            name,
            security_context,
            ports,
            hooks,
            ..bare()
        })
        .boxed()
}

fn volume() -> BoxedStrategy<Volume> {
    (
        word(&["a", "b"]),
        field(word(&["hostPath", "emptyDir", "nfs", "secret"])),
    )
        .prop_map(|(name, source)| Volume {
            name,
            index: 0,
            span: Span::NONE,
            source,
            kind: VolumeKind::Other,
        })
        .boxed()
}

fn annotation() -> BoxedStrategy<(Str, Field<Str>)> {
    let key = word(&[
        "seccomp.security.alpha.kubernetes.io/pod",
        "container.seccomp.security.alpha.kubernetes.io/app",
        "container.apparmor.security.beta.kubernetes.io/app",
    ]);
    let value = word(&["runtime/default", "unconfined", "localhost/a", ""]);
    (
        key,
        value.prop_map(|value| Field {
            value,
            span: Span::NONE,
        }),
    )
        .boxed()
}

fn pod() -> BoxedStrategy<PodTemplate> {
    let truths = (
        field(any::<bool>()),
        field(any::<bool>()),
        field(any::<bool>()),
        field(any::<bool>()),
    );
    (
        truths,
        field(word(&["linux", "windows"])),
        context(),
        proptest::collection::vec(container(), 0..4),
        proptest::collection::vec(volume(), 0..3),
        proptest::collection::vec(annotation(), 0..3),
    )
        .prop_map(
            |(truths, os_name, security_context, containers, volumes, annotations)| PodTemplate {
                host_network: truths.0,
                host_pid: truths.1,
                host_ipc: truths.2,
                host_users: truths.3,
                os_name,
                security_context,
                containers,
                volumes,
                annotations,
                ..PodTemplate::default()
            },
        )
        .boxed()
}

/// Baseline checks, the restricted ones in their place, and from which version on.
const OVERRIDES: [(&str, &str, u16); 4] = [
    ("hostPathVolumes", "restrictedVolumes", 0),
    ("seccompProfile_baseline", "seccompProfile_restricted", 19),
    ("capabilities_baseline", "capabilities_restricted", 22),
    ("procMount", "procMount_restricted", 35),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn restricted_refuses_what_baseline_does(pod in pod(), minor in 0_u16..45) {
        let version = KubernetesVersion::new(minor);
        let baseline = evaluate(&pod, PodSecurityLevel::Baseline, version);
        let restricted = evaluate(&pod, PodSecurityLevel::Restricted, version);
        for violation in &baseline {
            let overriding = OVERRIDES
                .iter()
                .find(|(id, _, since)| *id == violation.check && minor >= *since);
            if let Some((_, by, _)) = overriding {
                // Windows pods are spared by the overriding check, too.
                let is_spared = minor >= 25 && pod.is_windows()
                    && matches!(*by, "seccompProfile_restricted" | "capabilities_restricted");
                prop_assert!(is_spared || restricted.iter().any(|v| v.check == *by));
                prop_assert!(!restricted.iter().any(|v| v.check == violation.check));
            } else {
                prop_assert!(restricted.contains(violation), "{violation:?}");
            }
        }
    }

    #[test]
    fn the_answers_agree(pod in pod(), minor in 0_u16..45) {
        let version = KubernetesVersion::new(minor);
        let level = strictest(&pod, version);
        for asked in [
            PodSecurityLevel::Privileged,
            PodSecurityLevel::Baseline,
            PodSecurityLevel::Restricted,
        ] {
            let violations = evaluate(&pod, asked, version);
            prop_assert_eq!(violations.is_empty(), meets(&pod, asked, version));
            prop_assert!(asked > level || violations.is_empty());
            for violation in violations {
                let known = history().any(|(id, of, _)| id == violation.check && of <= asked);
                prop_assert!(known, "{}", violation.check);
            }
        }
    }

    /// One more wrong field never makes a pod better.
    #[test]
    fn worse_is_not_better(pod in pod(), minor in 0_u16..45) {
        let version = KubernetesVersion::new(minor);
        let mut worse = pod.clone();
        worse.host_pid = Some(Field { value: true, span: Span::NONE });
        prop_assert!(strictest(&worse, version) <= strictest(&pod, version));
        for level in [PodSecurityLevel::Baseline, PodSecurityLevel::Restricted] {
            let now = evaluate(&worse, level, version);
            for violation in evaluate(&pod, level, version) {
                prop_assert!(now.contains(&violation), "{violation:?}");
            }
        }
    }
}
