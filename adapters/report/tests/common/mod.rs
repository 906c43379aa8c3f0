//! A hand-made answer over the files in `tests/sources`: one of everything that a report
//! can hold. Shared by the tests and by the example `gallery`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::items_after_statements,
    missing_docs,
    unreachable_pub,
    dead_code
)]

use seawall_assessment::{
    Assessment, ControlResult, ControlStatus, FailOn, FrameworkResult, Gate, Inventory, Suppressed,
    SuppressionNotice, Verdict,
};
use seawall_model::{
    Asset, Cause, CauseId, Coverage, FileId, Finding, Framework, Gap, GapKind, Locus, Proof,
    ResourceRef, Rule, RuleId, Severity, SourceFile, SourceKind, SourceMap, SourceText, Span,
};
mod rules;

pub use rules::rules;
use seawall_report::{Context, Display, Format, Header};
use std::collections::HashMap;
use std::path::Path;

pub struct Texts(HashMap<FileId, String>);

impl SourceText for Texts {
    fn text(&self, file: FileId) -> Option<String> {
        self.0.get(&file).cloned()
    }
}

pub struct Fixture {
    pub assessment: Assessment,
    pub map: SourceMap,
    pub texts: Texts,
    pub rules: Vec<Rule>,
    pub header: Header,
}

impl Fixture {
    pub fn empty() -> Self {
        Self {
            assessment: Assessment::default(),
            map: SourceMap::new(),
            texts: Texts(HashMap::new()),
            rules: rules(),
            header: Header {
                tool_version: "0.1.0".to_owned(),
                targets: vec!["deploy".to_owned(), "charts/pay".to_owned()],
                kubernetes_version: "v1.37".to_owned(),
                elapsed: Some(std::time::Duration::from_millis(41)),
                files: 12,
            },
        }
    }

    pub fn context<'a>(&'a self, display: &'a Display) -> Context<'a> {
        Context {
            assessment: &self.assessment,
            map: &self.map,
            text: &self.texts,
            rules: &self.rules,
            header: &self.header,
            display,
        }
    }

    pub fn render(&self, format: Format, display: &Display) -> String {
        let mut out = Vec::new();
        seawall_report::write(format, &self.context(display), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    pub fn file(&mut self, path: &str) -> FileId {
        let id = self.map.add_file(SourceFile {
            path: path.into(),
            kind: SourceKind::File,
        });
        let disk = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/sources")
            .join(path);
        if let Ok(text) = std::fs::read_to_string(disk) {
            self.texts.0.insert(id, text);
        }
        id
    }

    /// Makes a file that is on no disk.
    pub fn text(&mut self, path: &str, text: &str) -> FileId {
        let id = self.map.add_file(SourceFile {
            path: path.into(),
            kind: SourceKind::File,
        });
        self.texts.0.insert(id, text.to_owned());
        id
    }

    /// The span of a needle in a file.
    pub fn span(&mut self, path: &str, needle: &str) -> Span {
        let file = self.file(path);
        let text = &self.texts.0[&file];
        let start = text
            .find(needle)
            .unwrap_or_else(|| panic!("{needle} is not in {path}"));
        let head = &text[..start];
        let small = |n: usize| u32::try_from(n).unwrap();
        Span {
            file,
            start: small(start),
            end: small(start + needle.len()),
            line: small(head.matches('\n').count() + 1),
            column: small(head.rsplit('\n').next().unwrap().chars().count() + 1),
            cause: CauseId::NONE,
        }
    }

    pub fn caused(&self, mut span: Span, owner: &str, key: &str, by: Span) -> Span {
        span.cause = self.map.add_cause(Cause {
            owner: owner.into(),
            key: key.into(),
            span: by,
            direct: by.is_known(),
        });
        span
    }
}

pub fn object(kind: &str, namespace: &str, name: &str) -> ResourceRef {
    ResourceRef {
        group: if kind == "Deployment" {
            "apps".into()
        } else {
            "".into()
        },
        kind: kind.into(),
        namespace: (!namespace.is_empty()).then(|| namespace.into()),
        name: name.into(),
    }
}

pub fn deployment(namespace: &str, name: &str) -> Asset {
    Asset::Resource(object("Deployment", namespace, name))
}

pub fn finding(
    rule: &'static str,
    severity: Severity,
    asset: Asset,
    path: &str,
    span: Span,
    message: &str,
    fix: &str,
) -> Finding {
    let locus = Locus {
        pointer: path.replace("[app]", "/0"),
        path: path.to_owned(),
        span,
    };
    Finding::new(
        RuleId::new(rule),
        severity,
        asset,
        locus,
        message.to_owned(),
        fix.to_owned(),
    )
}

/// One of everything.
pub fn full() -> Fixture {
    let mut f = Fixture::empty();
    let api = "deploy/api.yaml";
    let pod = "/spec/template/spec";
    let app = "/spec/template/spec/containers[app]";
    let at = f.span(api, "privileged: yes");
    let privileged = Span {
        start: at.start + 12,
        column: at.column + 12,
        ..at
    };
    let pid = f.span(api, "hostPID: yes");
    let pid = Span {
        start: pid.start + 9,
        column: pid.column + 9,
        ..pid
    };
    let path = f.span(api, "hostPath:\n            path: /\n            type: Directory\n            # mounted for the log shipper,\n            # see the runbook\n");
    let password = f.span(api, "correct-horse-battery");
    let image = f.span(api, "registry.example.com/payments/api:latest");
    let container = f.span(api, "name: app");
    let template = f.span(
        "charts/pay/templates/deployment.yaml",
        "{{ .Values.worker.escalation }}",
    );
    let value = f.span("charts/pay/values.yaml", "on\n");
    let value = Span {
        end: value.end - 1,
        ..value
    };
    let escalation = f.caused(template, "pay", "worker.escalation", value);
    let uid = f.span(
        "charts/pay/templates/deployment.yaml",
        "{{ .Values.worker.uid }}",
    );
    let uid = f.caused(uid, "pay", "worker.uid", Span::NONE);
    let gone = f.file("deploy/gone.yaml");
    let gone = Span {
        file: gone,
        start: 40,
        end: 44,
        line: 3,
        column: 5,
        cause: CauseId::NONE,
    };
    let kubelet = Asset::File("etc/kubelet.yaml".into());
    let wide = f.span("deploy/名前.yaml", "こんにちは世界");
    let ignore = f.span(".seawallignore.yaml", "id: W08");
    let unused = f.span(".seawallignore.yaml", "id: W77");
    let broken = f.span("deploy/名前.yaml", "\tdata");

    let mut spread = finding(
        "W12",
        Severity::Medium,
        deployment("payments", "pay-worker"),
        &format!("{app}/securityContext/allowPrivilegeEscalation"),
        escalation,
        "container worker may gain privileges",
        "set `worker.escalation: false` in the values of chart pay",
    );
    spread.affected = (1..=7)
        .map(|n| deployment("payments", &format!("pay-worker-{n}")))
        .collect();

    let mut findings = vec![
        finding(
            "W01",
            Severity::Critical,
            deployment("payments", "api"),
            &format!("{app}/securityContext/privileged"),
            privileged,
            "container app runs privileged",
            "set `securityContext.privileged: false` in container app",
        ),
        finding(
            "W01",
            Severity::Critical,
            deployment("payments", "ghost"),
            &format!("{app}/securityContext/privileged"),
            gone,
            "container app runs privileged",
            "set `securityContext.privileged: false` in container app",
        ),
        finding(
            "W06",
            Severity::Critical,
            deployment("payments", "api"),
            &format!("{pod}/volumes[node]/hostPath"),
            path,
            "volume node mounts the node's whole file system `/`, writable",
            "mount only the directory that is needed, `readOnly: true`, or use an `emptyDir`",
        ),
        finding(
            "S01",
            Severity::High,
            deployment("payments", "api"),
            &format!("{app}/env[DB_PASSWORD]/value"),
            password,
            "variable DB_PASSWORD of container app holds a password",
            "move the value to a Secret and use `valueFrom.secretKeyRef`",
        ),
        finding(
            "W02",
            Severity::High,
            deployment("payments", "api"),
            &format!("{pod}/hostPID"),
            pid,
            "pod shares the node's process namespace",
            "remove `hostPID`",
        ),
        finding(
            "C09",
            Severity::High,
            kubelet,
            "/authentication/anonymous/enabled",
            Span::NONE,
            "kubelet lets anybody in",
            "set `authentication.anonymous.enabled: false`",
        )
        .with_evidence(
            "the field is unset",
            Proof::ApiDefault("authentication.anonymous.enabled = true"),
        ),
        spread,
        finding(
            "W14",
            Severity::Medium,
            deployment("payments", "pay-worker"),
            &format!("{app}/securityContext/runAsUser"),
            uid,
            "container worker runs as root",
            "set `worker.uid` to a number above 0",
        ),
        finding(
            "I01",
            Severity::Low,
            deployment("payments", "api"),
            &format!("{app}/image"),
            image,
            "image registry.example.com/payments/api:latest can change under its tag",
            "refer to it by digest",
        ),
        finding(
            "X99",
            Severity::Low,
            Asset::Resource(object("ConfigMap", "", "漢字")),
            "/data/説明",
            wide,
            "a rule from elsewhere",
            "",
        )
        .with_evidence(
            "the service is reachable",
            Proof::Object(object("Service", "payments", "api")),
        ),
        finding(
            "R01",
            Severity::Info,
            deployment("payments", "api"),
            &format!("{app}/resources/limits/memory"),
            container,
            "container app has no memory limit",
            "set `resources.limits.memory`",
        ),
    ];
    let accepted = finding(
        "W08",
        Severity::Medium,
        deployment("legacy", "old"),
        "/spec/template/spec/containers[app]/ports[http]/hostPort",
        gone,
        "container app takes port 80 of the node",
        "use a Service",
    );
    findings.truncate(11);
    let gap = |kind, subject: &str, span, reason: &str, hint: &str, units| Gap {
        kind,
        subject: subject.into(),
        span,
        reason: reason.to_owned(),
        hint: hint.to_owned(),
        units,
    };
    f.assessment = Assessment {
        comparison: None,
        rules: Vec::new(),
        findings,
        suppressed: vec![Suppressed {
            finding: accepted,
            reason: "moves to the new cluster in March".to_owned(),
            span: ignore,
        }],
        suppression_notices: vec![SuppressionNotice {
            message: "suppression of W77 matches nothing".to_owned(),
            span: unused,
        }],
        coverage: Coverage {
            looked_at: 38,
            gaps: vec![
                gap(
                    GapKind::Malformed,
                    "deploy/名前.yaml",
                    broken,
                    "a tab stands where only blanks may",
                    "replace the tab by blanks",
                    1,
                ),
                gap(
                    GapKind::NotRendered,
                    "charts/legacy",
                    Span::NONE,
                    "template function `genSignedCert` makes something new each time",
                    "",
                    3,
                ),
                gap(
                    GapKind::Remote,
                    "overlays/prod",
                    Span::NONE,
                    "remote base github.com/example/base was not fetched",
                    "check it out and point the overlay at it",
                    0,
                ),
            ],
        },
        facts: Vec::new(),
        assessed: [
            ("W01", 9_u64),
            ("W02", 9),
            ("W06", 9),
            ("W12", 14),
            ("W14", 14),
            ("W08", 14),
            ("S01", 14),
            ("R01", 14),
            ("I01", 14),
            ("C09", 1),
        ]
        .into_iter()
        .map(|(id, n)| (RuleId::new(id), n))
        .collect(),
        frameworks: vec![FrameworkResult {
            framework: Framework::Cis,
            controls: vec![
                ControlResult {
                    control: "5.1.1",
                    title: "cluster-admin only where needed",
                    status: ControlStatus::NotAssessed,
                    rules: vec![],
                    findings: 0,
                    subjects: 0,
                },
                ControlResult {
                    control: "5.2.2",
                    title: "no privileged containers",
                    status: ControlStatus::Fail,
                    rules: vec![RuleId::new("W01")],
                    findings: 2,
                    subjects: 9,
                },
                ControlResult {
                    control: "5.2.12",
                    title: "no host ports",
                    status: ControlStatus::Pass,
                    rules: vec![RuleId::new("W08")],
                    findings: 0,
                    subjects: 14,
                },
            ],
        }],
        gate: Gate {
            fail_on: FailOn {
                severity: Some(Severity::High),
                path: false,
            },
            min_coverage: None,
            failing: 6,
            demands: 0,
            broken: 0,
            paths: 0,
            verdict: Verdict::Findings,
        },
        ways: None,
        map: None,
        inventory: Inventory {
            objects: 38,
            workloads: 14,
            charts: 2,
            overlays: 1,
        },
    };
    f
}

/// Every string an attacker can choose, with everything a reader would obey.
pub fn hostile() -> Fixture {
    const EVIL: &str = "a\x1b[2J\x1b]8;;http://evil\x07|`<script>alert(1)</script>`\u{202e}\r\n=cmd()\u{9b}31m\0@team [x](http://evil) ]]>&\"'--><!--";
    let mut f = Fixture::empty();
    let file = f.text(
        &format!("dir/{EVIL}.yaml"),
        &format!("key: {}\n", EVIL.replace('\n', " ")),
    );
    let span = Span {
        file,
        start: 5,
        end: 60,
        line: 1,
        column: 6,
        cause: CauseId::NONE,
    };
    let span = f.caused(span, EVIL, EVIL, span);
    let mut one = finding(
        "W01",
        Severity::Critical,
        deployment(EVIL, EVIL),
        EVIL,
        span,
        EVIL,
        EVIL,
    )
    .with_evidence(EVIL, Proof::Object(object(EVIL, EVIL, EVIL)));
    one.affected = vec![
        deployment(EVIL, EVIL),
        Asset::File(EVIL.into()),
        Asset::ValuesKey {
            chart: EVIL.into(),
            key: EVIL.into(),
        },
    ];
    let mut other = one.clone();
    other.rule = RuleId(EVIL.to_owned().into());
    f.assessment = Assessment {
        findings: vec![one.clone(), other, one.clone()],
        suppressed: vec![Suppressed {
            finding: one,
            reason: EVIL.to_owned(),
            span,
        }],
        suppression_notices: vec![SuppressionNotice {
            message: EVIL.to_owned(),
            span,
        }],
        coverage: Coverage {
            looked_at: 1,
            gaps: vec![Gap {
                kind: GapKind::Malformed,
                subject: EVIL.into(),
                span,
                reason: EVIL.to_owned(),
                hint: EVIL.to_owned(),
                units: 1,
            }],
        },
        ..Assessment::default()
    };
    f.header.targets = vec![EVIL.to_owned()];
    EVIL.clone_into(&mut f.header.kubernetes_version);
    f
}
