//! Kubernetes minor versions.

use std::fmt;
use std::str::FromStr;

/// A minor release of Kubernetes 1.x, such as v1.37.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion {
    /// The minor number: 37 for v1.37.
    pub minor: u16,
}

impl KubernetesVersion {
    /// The newest release that the built-in tables know.
    pub const NEWEST: KubernetesVersion = KubernetesVersion { minor: 37 };

    /// v1.`minor`.
    pub const fn new(minor: u16) -> Self {
        Self { minor }
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1.{}", self.minor)
    }
}

/// A word that is not a Kubernetes version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVersion(pub String);

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a Kubernetes version: write v1.0 to {} or `latest`",
            self.0,
            KubernetesVersion::NEWEST
        )
    }
}

impl std::error::Error for UnknownVersion {}

impl FromStr for KubernetesVersion {
    type Err = UnknownVersion;

    /// Reads `latest`, `v1.29`, `1.29` and `1.29.3` (the patch level is dropped).
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if s == "latest" {
            return Ok(Self::NEWEST);
        }
        let bad = || UnknownVersion(s.to_owned());
        let rest = s
            .strip_prefix('v')
            .unwrap_or(s)
            .strip_prefix("1.")
            .ok_or_else(bad)?;
        let minor = rest.split_once('.').map_or(rest, |(minor, _)| minor);
        if minor.is_empty() || !minor.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let minor: u16 = minor.parse().map_err(|_| bad())?;
        Ok(Self { minor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_spellings() {
        for (text, minor) in [("v1.29", 29), ("1.29", 29), ("1.29.3", 29), ("latest", 37)] {
            assert_eq!(text.parse(), Ok(KubernetesVersion::new(minor)), "{text}");
        }
        for text in ["", "1", "v2.0", "1.x", "29", "1.-1"] {
            assert!(text.parse::<KubernetesVersion>().is_err(), "{text}");
        }
    }
}
