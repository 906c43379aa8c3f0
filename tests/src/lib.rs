//! What tests that compare Seawall with the originals share; the tests are in `tests/tests`.

pub mod cluster;
