//! What would the cluster accept?
pub mod pod_security;
