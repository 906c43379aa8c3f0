//! The expression language of admission policies, with the libraries of the API server.
//!
//! [`Program::compile`] reads an expression, [`Machine`] runs it. Objects are read in place:
//! a manifest's tree is never copied into values.
//!
//! **Invariant:** no expression makes this module panic, recurse without bound or run for
//! long. Expressions are bounded in length and depth, every step is counted, and what reads
//! or makes much counts for as much; at the bound evaluation ends with a fault.
//!
//! **Invariant:** no value depends on a clock, on chance or on the order of a hash table.
//!
//! *Why this is our own:* the crate `cel` (0.15) counts no steps, overflows the stack on nested
//! expressions (which no caller can catch), evaluates `a.?b.c.orValue()` wrongly, has no
//! `cel.bind` and no two-variable macros, and needs `chrono` for times, which is not let into
//! this house. Go's implementation is the judge in `tests/oracle/cel`.
//!
//! Differences from the API server: time zones by name (`"Europe/Berlin"`) are a question that
//! this module cannot answer; fields of objects have no types, so a misspelt field is an error
//! when it is read and not when it is compiled; steps are counted about as the original does,
//! not exactly. `math`, `base64` and `cel.bind` are there although the API server has them not
//! (yet).

#![allow(clippy::unnecessary_box_returns)] // faults are boxed: `||` makes them in passing

mod ast;
mod compile;
mod eval;
mod fault;
mod fold;
mod library;
mod macros;
mod operators;
mod parse;
mod time;
mod token;
mod types;
mod value;

pub use compile::{Env, Program};
pub use eval::{CALL_LIMIT, Machine};
pub use fault::{CompileError, Fault, FaultKind, place};
pub use library::authorizer::Asked;
pub(crate) use library::encoders::encoded as base64;
pub use library::ip::Cidr;
pub use library::named_format::NamedFormat;
pub use library::quantity::Quantity;
pub use library::semver::Semver;
pub use library::strings_format::shown;
pub use library::url::Url;
pub use time::{Duration, Timestamp};
pub use value::{Key, List, Map, Opaque, Value};
