//! A real API server for trying things by hand:
//! `KEEP=1 cargo test -p seawall-tests --test kubernetes_scan -- --ignored --nocapture`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "says what it does"
)]

use seawall_tests::cluster::{Cluster, Options};

#[test]
#[ignore = "runs until the file it names is removed"]
fn server() {
    let Some(cluster) = Cluster::start(&Options::default()) else {
        return;
    };
    println!("KUBECONFIG={}", cluster.kubeconfig().display());
    while cluster.kubeconfig().is_file() {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}
