//! Findings with one root cause are one finding.
