//! TLS cipher suites by their Go names.

/// Suites that are broken or give up forward secrecy: what Go calls insecure, plus plain RSA
/// key exchange.
pub(super) fn is_weak(suite: &str) -> bool {
    suite.starts_with("TLS_RSA_")
        || suite.contains("_RC4_")
        || suite.contains("_3DES_")
        || suite.ends_with("_CBC_SHA256")
}

/// Until this version the default suites had RSA key exchange or 3DES among them (Go before
/// 1.23).
pub(super) const WEAK_DEFAULTS_BEFORE: u16 = 32;
