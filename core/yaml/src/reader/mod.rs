//! The YAML 1.1 reader: text to events, exactly as go-yaml v2 does it.
//!
//! This is a port of go-yaml v2's `scannerc.go` and `parserc.go` (Apache-2.0, © Canonical;
//! after libyaml, MIT, © Kirill Simonov; see `NOTICE` beside `Cargo.toml`), with its
//! oddities, because a reader that is right where Kubernetes is wrong sees another world.
//! It borrows from the text wherever a scalar stands there as it is.

mod cursor;
mod flow;
mod grammar;
mod properties;
mod quoted;
mod scalars;
mod scanner;
mod token;

pub(crate) use grammar::Reader;
