//! What Pod Security labels mean, as a table.

use seawall_admission::namespace::{
    Label, LevelVersion, NamespacePolicy, Policy, PolicyVersion, ProblemKind,
};
use seawall_model::fact::PodSecurityLevel;
use seawall_model::{KubernetesVersion, Span};

fn label(name: &str, value: &str) -> Label {
    Label {
        name: name.into(),
        value: value.into(),
        span: Span::NONE,
        is_annotation: false,
    }
}

fn read(labels: &[(&str, &str)], defaults: &Policy) -> (String, usize) {
    let labels = labels
        .iter()
        .map(|(name, value)| label(name, value))
        .collect();
    let NamespacePolicy {
        policy, problems, ..
    } = NamespacePolicy::from_labels(labels, defaults);
    let Policy {
        enforce,
        audit,
        warn,
    } = policy;
    (format!("{enforce} {audit} {warn}"), problems.len())
}

const NOTHING: &str = "privileged:latest";

/// Labels, then enforce, audit and warn as the API server has them, then how many labels
/// are wrong. After upstream's `TestPolicyToEvaluate`.
type Row = (
    &'static [(&'static str, &'static str)],
    [&'static str; 3],
    usize,
);
const TABLE: &[Row] = &[
    (&[], [NOTHING, NOTHING, NOTHING], 0),
    (
        &[("enforce", "baseline")],
        ["baseline:latest", NOTHING, "baseline:latest"],
        0,
    ),
    // warn follows enforce with its version, unless it has one or a level of its own
    (
        &[("enforce", "restricted"), ("enforce-version", "v1.22")],
        ["restricted:v1.22", NOTHING, "restricted:v1.22"],
        0,
    ),
    (
        &[
            ("enforce", "restricted"),
            ("enforce-version", "v1.22"),
            ("warn-version", "v1.30"),
        ],
        ["restricted:v1.22", NOTHING, "restricted:v1.30"],
        0,
    ),
    (
        &[("enforce", "restricted"), ("warn", "privileged")],
        ["restricted:latest", NOTHING, NOTHING],
        0,
    ),
    (
        &[
            ("enforce", "baseline"),
            ("warn", "restricted"),
            ("audit", "restricted"),
        ],
        ["baseline:latest", "restricted:latest", "restricted:latest"],
        0,
    ),
    // a warn level that does not parse is off, and enforce is not followed
    (
        &[("enforce", "baseline"), ("warn", "restrict")],
        ["baseline:latest", NOTHING, NOTHING],
        1,
    ),
    // an enforce level that does not parse is the strictest, and warn does not follow it
    (
        &[("enforce", "Baseline")],
        ["restricted:latest", NOTHING, NOTHING],
        1,
    ),
    (
        &[("enforce", "")],
        ["restricted:latest", NOTHING, NOTHING],
        1,
    ),
    (&[("audit", "strict")], [NOTHING, NOTHING, NOTHING], 1),
    // a version that does not parse is the latest
    (
        &[("enforce", "baseline"), ("enforce-version", "1.22")],
        ["baseline:latest", NOTHING, "baseline:latest"],
        1,
    ),
    (
        &[("audit", "baseline"), ("audit-version", "v1.022")],
        [NOTHING, "baseline:latest", NOTHING],
        1,
    ),
    (
        &[("audit", "baseline"), ("audit-version", "v2.0")],
        [NOTHING, "baseline:latest", NOTHING],
        1,
    ),
    // a version without a level changes nothing that counts
    (
        &[("enforce-version", "v1.5")],
        ["privileged:v1.5", NOTHING, NOTHING],
        0,
    ),
    // other keys mean nothing
    (&[("enforced", "baseline")], [NOTHING, NOTHING, NOTHING], 1),
];

#[test]
fn labels_mean_what_they_mean_upstream() {
    for (labels, want, problems) in TABLE {
        let got = read(labels, &Policy::default());
        assert_eq!(got, (want.join(" "), *problems), "{labels:?}");
    }
}

#[test]
fn defaults_stand_where_no_label_does() {
    let baseline = LevelVersion {
        level: PodSecurityLevel::Baseline,
        version: PolicyVersion::Pinned(KubernetesVersion::new(29)),
    };
    let defaults = Policy {
        enforce: baseline,
        audit: baseline,
        warn: baseline,
    };
    let want = "baseline:v1.29 baseline:v1.29 baseline:v1.29".to_owned();
    assert_eq!(read(&[], &defaults), (want, 0));
    // stricter: warn follows; laxer: it stays
    let want = "restricted:v1.29 baseline:v1.29 restricted:v1.29".to_owned();
    assert_eq!(read(&[("enforce", "restricted")], &defaults), (want, 0));
    let want = "privileged:v1.29 baseline:v1.29 baseline:v1.29".to_owned();
    assert_eq!(read(&[("enforce", "privileged")], &defaults), (want, 0));
}

#[test]
fn versions_are_capped_by_the_cluster() {
    let cluster = KubernetesVersion::new(30);
    let at = |text| PolicyVersion::parse(text).map(|version| version.at(cluster).minor);
    let table = [
        ("latest", Some(30)),
        ("v1.29", Some(29)),
        ("v1.0", Some(0)),
        ("v1.30", Some(30)),
        ("v1.99", Some(30)),
        ("v1.99999999", Some(30)),
        ("v1.99999999999999999999", None),
        ("v1.", None),
        ("v1.01", None),
        ("v1.2.3", None),
        ("V1.2", None),
        ("Latest", None),
        (" v1.2", None),
        ("", None),
    ];
    for (text, want) in table {
        assert_eq!(at(text), want, "{text}");
    }
}

#[test]
fn annotations_are_not_labels() {
    let label = Label {
        is_annotation: true,
        ..label("enforce", "restricted")
    };
    let read = NamespacePolicy::from_labels(vec![label], &Policy::default());
    assert_eq!(read.policy, Policy::default());
    assert_eq!(read.problems.len(), 1);
    assert_eq!(read.problems[0].kind, ProblemKind::Annotation);
}
