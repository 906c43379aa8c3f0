//! What the comments at the head of a case say about the cluster.

#![allow(clippy::expect_used)] // helpers of tests may fail loudly

use seawall_posture::Config;

pub(crate) fn config(text: &str) -> Config {
    let mut config = Config::default();
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        if let Some(version) = line.strip_prefix("# kubernetes: ") {
            config.kubernetes_version = version.parse().expect("a version");
        }
        if let Some(registries) = line.strip_prefix("# registries: ") {
            config.allowed_registries = registries.split(", ").map(str::to_owned).collect();
        }
    }
    config
}
