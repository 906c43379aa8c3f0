//! What policies ask of requests: sets of values, and formulas over the fields of a request. All
//! meshes speak of them in these words.

mod condition;
mod expression;
pub(crate) mod matches;
mod pattern;

pub use condition::{Condition, Field, Possible, Request, Test};
pub use pattern::{Block, Pattern};
