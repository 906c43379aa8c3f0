//! A small catalogue for the hand-made answer.

use seawall_model::{Area, Framework, Reference, Rule, RuleId, Severity};

const CONTROLS: &[Reference] = &[
    Reference {
        framework: Framework::Cis,
        control: "5.2.2",
    },
    Reference {
        framework: Framework::Pss,
        control: "baseline/privileged",
    },
    Reference {
        framework: Framework::Mitre,
        control: "T1611",
    },
];

pub fn rules() -> Vec<Rule> {
    let rule =
        |id, title: &'static str, severity, area, [why, fix]: [&'static str; 2], references| Rule {
            id: RuleId::new(id),
            title: title.into(),
            severity,
            area,
            why: why.into(),
            fix: fix.into(),
            references,
            aliases: (&["KSV-0017"]).into(),
            since: "0.1.0",
        };
    vec![
        rule(
            "W01",
            "privileged container",
            Severity::Critical,
            Area::Containers,
            [
                "A process in a privileged container is root on the node: it can load kernel modules, read every disk and take over every other pod there. Nothing of the container's isolation is left.",
                "Set `securityContext.privileged: false`; add single capabilities where they are needed.",
            ],
            CONTROLS.into(),
        ),
        rule(
            "W02",
            "host process namespace shared",
            Severity::High,
            Area::Runtime,
            [
                "The pod sees and can signal every process of the node, and reads their environment.",
                "Remove `hostPID`.",
            ],
            CONTROLS.into(),
        ),
        rule(
            "W06",
            "sensitive host path mounted",
            Severity::Critical,
            Area::Containers,
            [
                "Whoever controls the container can write to the node's own files, among them the kubelet's credentials and the static pods' directory, and owns the node a moment later.",
                "Use an `emptyDir` or a PersistentVolumeClaim.",
            ],
            (&[]).into(),
        ),
        rule(
            "W12",
            "privilege escalation is not switched off",
            Severity::Medium,
            Area::Runtime,
            [
                "A setuid program in the image makes a process root again.",
                "Set `allowPrivilegeEscalation: false`.",
            ],
            CONTROLS.into(),
        ),
        rule(
            "W14",
            "runs as root",
            Severity::Medium,
            Area::Runtime,
            [
                "Root in the container is one kernel bug away from root on the node.",
                "Set `runAsUser` to a number above 0.",
            ],
            (&[]).into(),
        ),
        rule(
            "W08",
            "host port",
            Severity::Medium,
            Area::Mesh,
            ["It bypasses network policies.", "Use a Service."],
            (&[]).into(),
        ),
        rule(
            "S01",
            "credential in an environment variable",
            Severity::High,
            Area::Secrets,
            [
                "Everybody who may read the Deployment reads the password, and so does every process in the container, its crash dumps and its logs.",
                "Put it in a Secret and refer to it with `secretKeyRef`, better still mount it as a file.",
            ],
            (&[]).into(),
        ),
        rule(
            "R01",
            "no memory limit",
            Severity::Low,
            Area::Containers,
            [
                "One pod can starve the node.",
                "Set `resources.limits.memory`.",
            ],
            (&[]).into(),
        ),
        rule(
            "I01",
            "image by a moving tag",
            Severity::Low,
            Area::Vulnerabilities,
            [
                "What runs tomorrow is not what was tested today.",
                "Refer to the image by digest.",
            ],
            (&[]).into(),
        ),
        rule(
            "C09",
            "kubelet allows anonymous requests",
            Severity::High,
            Area::Containers,
            [
                "Anybody who reaches the node's port 10250 runs commands in its pods.",
                "Set `authentication.anonymous.enabled: false`.",
            ],
            (&[]).into(),
        ),
    ]
}
