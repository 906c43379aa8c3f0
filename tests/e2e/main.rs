//! End-to-end tests on the built binary, as a user runs it.

mod bad_input;
mod exit_codes;
mod outputs;
mod sources;
mod support;
