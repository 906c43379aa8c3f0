//! End-to-end tests on real components. The judges (the real tools that decide what is
//! right) are in `oracle/`; tests on the built binary are in `e2e/` and belong to the
//! binary's package, which knows where its executable is.
