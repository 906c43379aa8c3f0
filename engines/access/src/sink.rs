//! Where findings are collected: the shared sink, by the rules of this engine.

use crate::rules::Id;

/// Collects the outcome.
pub(crate) type Sink = seawall_model::sink::Sink<Id>;
/// A finding on its way to it.
pub(crate) type Draft = seawall_model::sink::Draft<Id>;
