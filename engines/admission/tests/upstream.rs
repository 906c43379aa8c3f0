//! The fixtures of kubernetes/pod-security-admission: every level, every policy version.

mod common;

use seawall_admission::pod_security::{evaluate, meets};
use seawall_model::KubernetesVersion;
use seawall_model::fact::PodSecurityLevel;
use seawall_snapshot::Object;
use std::collections::HashMap;

/// Baseline checks (as the fixtures name them) and the restricted ones in their place.
const OVERRIDES: [(&str, &str); 4] = [
    ("capabilities_baseline", "capabilities_restricted"),
    ("hostpathvolumes", "restrictedvolumes"),
    ("procmount", "procmount_restricted"),
    ("seccompprofile_baseline", "seccompprofile_restricted"),
];

#[test]
fn every_fixture_has_upstreams_verdict() {
    let Some(folder) = common::shared("posture/pss") else {
        return;
    };
    let index = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
    let mut pods: HashMap<String, Object> = HashMap::new();
    let mut rows = 0;
    let mut wrong = Vec::new();
    for row in index.lines().skip(1).filter(|row| !row.is_empty()) {
        let [level, version, expected, name, file] =
            row.split('\t').collect::<Vec<_>>().try_into().unwrap();
        rows += 1;
        let pod = pods.entry(file.to_owned()).or_insert_with(|| {
            let text = std::fs::read_to_string(folder.join("fixtures").join(file)).unwrap();
            let mut objects = common::objects(&text, file);
            assert_eq!(objects.len(), 1, "{file}");
            objects.remove(0)
        });
        let template = &pod.templates()[0];
        let level = match level {
            "baseline" => PodSecurityLevel::Baseline,
            "restricted" => PodSecurityLevel::Restricted,
            other => panic!("{other}"),
        };
        let version: KubernetesVersion = version.parse().unwrap();
        let violations = evaluate(template, level, version);
        assert_eq!(violations.is_empty(), meets(template, level, version));
        let passes = match expected {
            "pass" => true,
            "fail" => false,
            other => panic!("{other}"),
        };
        // A fixture is made for one check: a refusal for another one would be luck.
        let check = name
            .trim_end_matches(".yaml")
            .trim_end_matches(|c: char| c.is_ascii_digit());
        let is_meant = violations.iter().any(|violation| {
            let id = violation.check.to_lowercase();
            id == check || OVERRIDES.contains(&(check, id.as_str()))
        });
        if passes != violations.is_empty() || (!passes && !is_meant) {
            wrong.push(format!("{row}: {violations:?}"));
        }
    }
    let right = rows - wrong.len();
    common::say(&format!(
        "{right} of {rows} upstream fixtures have upstream's verdict"
    ));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((rows, pods.len()), (4537, 380));
}
