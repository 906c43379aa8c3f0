//! End-to-end tests on the built binary, as a user runs it.

// Tests assert: a helper that fails is a test that fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
#![allow(clippy::print_stdout)]

mod bad_input;
#[path = "../src/cluster/mod.rs"]
mod control_plane;

mod access;
mod cluster;
mod diff;
mod exit_codes;
mod fix;
mod fix_cluster;
mod generate_policies;
mod hostile_charts;
mod hostile_files;
mod hostile_types;
mod least;
mod outputs;
mod policies;
mod reach;
mod readme;
mod sources;
mod strict;
mod support;
