//! Istio's security bulletins, as data: which release of which line has which hole.
//!
//! A line that is not in a bulletin's table and older than all that are was no longer
//! maintained: it has the hole and gets no fix. Bulletins without a fix (VirtualServices that
//! take over hosts) are rules of their own.

use crate::istio::mesh::{Part, Version};
use seawall_model::Severity::{self, Critical, High, Medium};

/// One bulletin.
#[derive(Debug)]
pub(super) struct Bulletin {
    /// Its name.
    pub(super) id: &'static str,
    /// What it is about.
    pub(super) what: &'static str,
    /// How bad it is.
    pub(super) severity: Severity,
    /// Which part has it.
    part: Part,
    /// For each line the first release that has it and the first that does not.
    lines: &'static [(u16, u16, u16)],
    /// Whether lines before these have it, too.
    older: bool,
}

const TABLE: &[Bulletin] = &[
    Bulletin {
        id: "ISTIO-SECURITY-2026-006",
        what: "an EnvoyFilter can stop the control plane (proxyVersion)",
        severity: High,
        part: Part::Pilot,
        lines: &[(29, 0, 7), (30, 0, 4)],
        older: true,
    },
    Bulletin {
        id: "ISTIO-SECURITY-2026-005",
        what: "14 holes of Envoy, among them CVE-2026-47778: names in certificates are cut short",
        severity: High,
        part: Part::Proxy,
        lines: &[(28, 8, 10), (29, 4, 6), (30, 1, 3)],
        older: false,
    },
    Bulletin {
        id: "ISTIO-SECURITY-2026-004",
        what: "CVE-2026-47774: cookies use up the proxy's memory",
        severity: High,
        part: Part::Proxy,
        lines: &[(28, 0, 8), (29, 0, 4), (30, 0, 1)],
        older: true,
    },
    Bulletin {
        id: "ISTIO-SECURITY-2026-003",
        what: "CVE-2026-39350: service accounts with dots match others; CVE-2026-41413: jwksUri \
               reaches inside addresses",
        severity: High,
        part: Part::Pilot,
        lines: &[(28, 0, 6), (29, 0, 2)],
        older: false,
    },
    Bulletin {
        id: "ISTIO-SECURITY-2026-001",
        what: "CVE-2026-31837: a known key counts when the issuer's are not had; CVE-2026-31838: \
               debug endpoints",
        severity: Critical,
        part: Part::Pilot,
        lines: &[(27, 0, 8), (28, 0, 5), (29, 0, 1)],
        older: true,
    },
    Bulletin {
        id: "ISTIO-SECURITY-2026-001",
        what: "CVE-2026-26308: a repeated header gets past policies",
        severity: High,
        part: Part::Proxy,
        lines: &[(27, 0, 8), (28, 0, 5), (29, 0, 1)],
        older: true,
    },
    Bulletin {
        id: "ISTIO-SECURITY-2025-001",
        what: "Envoy uses memory again that it gave back (DNS)",
        severity: Medium,
        part: Part::Proxy,
        lines: &[(25, 0, 5), (26, 0, 4), (27, 0, 1)],
        older: false,
    },
];

impl Bulletin {
    fn has(&self, version: Version) -> bool {
        let line = self
            .lines
            .iter()
            .find(|(minor, ..)| *minor == version.minor);
        let is_before = self.lines.iter().all(|(minor, ..)| version.minor < *minor);
        match line {
            Some((_, first, fixed)) => (*first..*fixed).contains(&version.patch),
            None => self.older && is_before,
        }
    }

    /// The first release of the same line without it.
    pub(super) fn fixed_in(&self, version: Version) -> Option<Version> {
        let line = self
            .lines
            .iter()
            .find(|(minor, ..)| *minor == version.minor);
        line.map(|(_, _, patch)| Version {
            patch: *patch,
            ..version
        })
    }
}

/// The bulletins that a release of a part has.
pub(super) fn of(part: Part, version: Version) -> impl Iterator<Item = &'static Bulletin> {
    let is_known = version.major == 1;
    TABLE
        .iter()
        .filter(move |one| is_known && one.part == part && one.has(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(part: Part, tag: &str) -> Vec<&'static str> {
        let version = Version::from_tag(tag).expect("a version");
        let all = of(part, version);
        all.map(|one| one.id.trim_start_matches("ISTIO-SECURITY-"))
            .collect()
    }

    #[test]
    fn releases_have_the_holes_that_were_published() {
        assert_eq!(ids(Part::Pilot, "1.29.1"), ["2026-006", "2026-003"]);
        assert_eq!(ids(Part::Proxy, "1.29.1"), ["2026-004"]);
        assert_eq!(ids(Part::Proxy, "1.29.4-distroless"), ["2026-005"]);
        assert!(ids(Part::Pilot, "1.30.4").is_empty());
        assert!(ids(Part::Proxy, "1.31.0").is_empty());
        assert_eq!(ids(Part::Pilot, "1.20.3"), ["2026-006", "2026-001"]);
        assert_eq!(Version::from_tag("1.29.0-rc.1"), None);
        assert_eq!(Version::from_tag("latest"), None);
    }
}
