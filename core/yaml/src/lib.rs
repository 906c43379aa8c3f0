//! Kubernetes-exact YAML and JSON.
//!
//! Kubernetes reads manifests with `sigs.k8s.io/yaml`, a YAML 1.1 reader: `yes` is true,
//! `0777` is 511, `<<` merges, the last of two equal keys wins, and only `---` lines split
//! a stream. A YAML 1.2 reader sees another world, which makes it a scanner bypass; even a
//! better 1.1 reader does, where the original has its oddities. No crate reads as Kubernetes
//! does, so the reader is our own, and a differential test
//! (`tests/tests/yaml_differential.rs`) holds its behaviour to the original's. The result is a [`Node`] tree that remembers file, line and column of
//! every key and value.
//!
//! A text goes through [`parse`]: `job` decides which piece of it is read by whom, `chunk`
//! cuts streams, `reader` (YAML) and `json` make events, `build` makes nodes of them, and
//! `resolve` knows what a scalar means. [`to_yaml`] and [`to_json`] write trees as Go does.
//!
//! What a careful reader would stumble over (1.1 truths, duplicate keys, octals) is told as
//! a [`Notice`]; what cannot be read is a [`Problem`] with a place, and the other documents
//! of the stream are still returned.
//!
//! **Invariant:** no input makes this crate panic, recurse without bound, or use memory out
//! of proportion to the input ([`Limits`]).

mod admit;
mod base64;
mod build;
mod chunk;
pub mod edit;
mod emit;
mod event;
mod frame;
mod intern;
mod job;
mod json;
mod json_out;
mod list;
mod node;
mod number;
mod order;
mod parse;
mod reader;
mod resolve;
mod scalar_out;
mod timestamp;
mod window;

pub use emit::{to_yaml, try_to_yaml};
pub use json_out::{to_json, to_json_pretty};
pub use list::parse_list;
pub use node::{Entry, Map, Node, Value};
pub use parse::{
    Document, Limits, Notice, NoticeKind, Problem, Stream, parse, parse_bytes, parse_each,
    parse_single,
};
