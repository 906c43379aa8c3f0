//! Rules about control plane.
use crate::Config;
use crate::index::Index;
use crate::sink::Sink;
pub(crate) fn check(_: &Index<'_>, _: &Config, _: &mut Sink) {}
