//! The Pod Security Standards, exactly as the API server judges them.
//!
//! Upstream (kubernetes/pod-security-admission, `policy/`) has one function per check and
//! policy version, and restricted checks that override baseline ones. Here each check is one
//! function that knows its versions; [`CHECKS`] says from which policy version on it exists,
//! when it changes and what it overrides. Upstream answers with one text per check; we answer
//! with one [`Violation`] per *place*, so that every container has its own line.
//!
//! **Invariant:** a pod violates a check here exactly when upstream refuses it for that check,
//! once the API server's defaults are applied. The upstream fixtures hold this for every
//! version (`tests/upstream.rs`).

mod baseline;
mod restricted;
mod subject;

use seawall_model::fact::PodSecurityLevel;
use seawall_model::{KubernetesVersion, Locus};
use seawall_snapshot::PodTemplate;

/// One place that a level refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Upstream's id of the check: `hostNamespaces`.
    pub check: &'static str,
    /// The place.
    pub locus: Locus,
    /// What is refused, without a full stop: `container "app" must not set …`.
    pub message: String,
}

/// Collects violations, or only counts them.
struct Found {
    check: &'static str,
    count: usize,
    list: Option<Vec<Violation>>,
}

impl Found {
    /// Notes a violation of the current check; the text is made only when it is wanted.
    fn add(&mut self, make: impl FnOnce() -> (Locus, String)) {
        self.count += 1;
        if let Some(list) = &mut self.list {
            let (locus, message) = make();
            list.push(Violation {
                check: self.check,
                locus,
                message,
            });
        }
    }
}

struct Check {
    id: &'static str,
    level: PodSecurityLevel,
    /// Policy versions (the minor number): the first has the check, the later change it.
    versions: &'static [u16],
    /// The baseline check that a restricted one takes the place of.
    overrides: Option<&'static str>,
    run: fn(&PodTemplate, KubernetesVersion, &mut Found),
}

const fn base(
    id: &'static str,
    versions: &'static [u16],
    run: fn(&PodTemplate, KubernetesVersion, &mut Found),
) -> Check {
    Check {
        id,
        level: PodSecurityLevel::Baseline,
        versions,
        overrides: None,
        run,
    }
}

const fn strict(
    id: &'static str,
    versions: &'static [u16],
    overrides: Option<&'static str>,
    run: fn(&PodTemplate, KubernetesVersion, &mut Found),
) -> Check {
    Check {
        id,
        level: PodSecurityLevel::Restricted,
        versions,
        overrides,
        run,
    }
}

/// All checks in the order in which the API server names them.
const CHECKS: [Check; 19] = [
    base("appArmorProfile", &[0], baseline::app_armor_profile),
    base("capabilities_baseline", &[0], baseline::capabilities),
    base("hostNamespaces", &[0], baseline::host_namespaces),
    base("hostPathVolumes", &[0], baseline::host_path_volumes),
    base("hostPorts", &[0], baseline::host_ports),
    base("hostProbesAndHostLifecycle", &[34], baseline::hook_hosts),
    base("privileged", &[0], baseline::privileged),
    base("procMount", &[0, 35], baseline::proc_mount),
    base("seLinuxOptions", &[0, 31], baseline::selinux_options),
    base(
        "seccompProfile_baseline",
        &[0, 19],
        baseline::seccomp_profile,
    ),
    base("sysctls", &[0, 27, 29, 32, 37], baseline::sysctls),
    base("windowsHostProcess", &[0], baseline::windows_host_process),
    strict(
        "allowPrivilegeEscalation",
        &[8, 25],
        None,
        restricted::privilege_escalation,
    ),
    strict(
        "capabilities_restricted",
        &[22, 25],
        Some("capabilities_baseline"),
        restricted::capabilities,
    ),
    strict(
        "procMount_restricted",
        &[35],
        Some("procMount"),
        restricted::proc_mount,
    ),
    strict(
        "restrictedVolumes",
        &[0],
        Some("hostPathVolumes"),
        restricted::volumes,
    ),
    strict("runAsNonRoot", &[0, 35], None, restricted::run_as_non_root),
    strict("runAsUser", &[23, 35], None, restricted::run_as_user),
    strict(
        "seccompProfile_restricted",
        &[19, 25],
        Some("seccompProfile_baseline"),
        restricted::seccomp_profile,
    ),
];

impl Check {
    fn exists_in(&self, version: KubernetesVersion) -> bool {
        self.versions
            .first()
            .is_some_and(|first| *first <= version.minor)
    }

    fn applies(&self, level: PodSecurityLevel, version: KubernetesVersion) -> bool {
        let overridden = || {
            level == PodSecurityLevel::Restricted
                && CHECKS
                    .iter()
                    .any(|check| check.overrides == Some(self.id) && check.exists_in(version))
        };
        self.level <= level && self.exists_in(version) && !overridden()
    }
}

fn run(
    template: &PodTemplate,
    level: PodSecurityLevel,
    version: KubernetesVersion,
    to: &mut Found,
) {
    let version = version.min(KubernetesVersion::NEWEST);
    for check in CHECKS.iter().filter(|check| check.applies(level, version)) {
        to.check = check.id;
        (check.run)(template, version, to);
    }
}

/// What a level of a policy version refuses about a pod, in the API server's order of checks.
/// A version newer than [`KubernetesVersion::NEWEST`] counts as that one, as it does in an
/// API server that does not know it.
pub fn evaluate(
    template: &PodTemplate,
    level: PodSecurityLevel,
    version: KubernetesVersion,
) -> Vec<Violation> {
    let mut found = Found {
        check: "",
        count: 0,
        list: Some(Vec::new()),
    };
    run(template, level, version, &mut found);
    found.list.unwrap_or_default()
}

/// Whether a level of a policy version lets a pod in.
pub fn meets(template: &PodTemplate, level: PodSecurityLevel, version: KubernetesVersion) -> bool {
    let mut found = Found {
        check: "",
        count: 0,
        list: None,
    };
    run(template, level, version, &mut found);
    found.count == 0
}

/// The strictest level that a pod meets together with all levels below it. (The API server
/// asks each level by itself; for a Windows pod with Linux-only fields, which it refuses as
/// invalid anyway, restricted can be content where baseline is not.)
pub fn strictest(template: &PodTemplate, version: KubernetesVersion) -> PodSecurityLevel {
    if !meets(template, PodSecurityLevel::Baseline, version) {
        PodSecurityLevel::Privileged
    } else if !meets(template, PodSecurityLevel::Restricted, version) {
        PodSecurityLevel::Baseline
    } else {
        PodSecurityLevel::Restricted
    }
}

/// Every check with its level and the policy versions at which it begins and changes.
pub fn history() -> impl Iterator<
    Item = (
        &'static str,
        PodSecurityLevel,
        impl Iterator<Item = KubernetesVersion>,
    ),
> {
    CHECKS.iter().map(|check| {
        let versions = check
            .versions
            .iter()
            .map(|minor| KubernetesVersion::new(*minor));
        (check.id, check.level, versions)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_upstreams_registry() {
        for level in [PodSecurityLevel::Baseline, PodSecurityLevel::Restricted] {
            let ids: Vec<_> = CHECKS
                .iter()
                .filter(|c| c.level == level)
                .map(|c| c.id)
                .collect();
            assert!(ids.is_sorted(), "{ids:?}");
        }
        for check in &CHECKS {
            assert!(
                !check.versions.is_empty() && check.versions.is_sorted(),
                "{}",
                check.id
            );
            if let Some(id) = check.overrides {
                assert_eq!(check.level, PodSecurityLevel::Restricted);
                let baseline = CHECKS.iter().find(|other| other.id == id).unwrap();
                assert_eq!(baseline.level, PodSecurityLevel::Baseline);
            }
        }
    }

    #[test]
    fn overrides_begin_with_their_check() {
        let ids = |minor| {
            let version = KubernetesVersion::new(minor);
            CHECKS
                .iter()
                .filter(|check| check.applies(PodSecurityLevel::Restricted, version))
                .map(|check| check.id)
                .collect::<Vec<_>>()
        };
        assert!(ids(18).contains(&"seccompProfile_baseline"));
        assert!(!ids(19).contains(&"seccompProfile_baseline"));
        assert!(ids(21).contains(&"capabilities_baseline"));
        assert!(!ids(22).contains(&"capabilities_baseline"));
        assert!(ids(34).contains(&"procMount"));
        assert!(!ids(35).contains(&"procMount"));
        assert!(!ids(0).contains(&"hostPathVolumes"));
    }
}
