//! Charts: what is on disk, before anything is rendered.

mod archive;
pub(crate) mod capabilities;
pub(crate) mod dependencies;
mod ignore;
mod load;
pub(crate) mod metadata;
pub(crate) mod schema;
pub(crate) mod strvals;
pub(crate) mod values;

pub(crate) use load::{Loader, Reader};

use super::value::Map;
use metadata::Metadata;
use seawall_yaml::Node;
use std::rc::Rc;

/// A chart with the charts below it.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) meta: Metadata,
    /// Files under `templates/`.
    pub(crate) templates: Vec<File>,
    /// All other files: `.Files`, `crds/`.
    pub(crate) files: Vec<File>,
    /// `values.yaml` as it is written.
    written: Option<Node>,
    /// The chart's values, which imports change.
    pub(crate) values: Map,
    /// The values key that the chart's values stand under.
    pub(crate) key: u32,
    pub(crate) schema: Option<File>,
    pub(crate) dependencies: Vec<Chart>,
}

/// A file of a chart.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Its path in the chart.
    pub(crate) name: Rc<str>,
    pub(crate) bytes: Rc<[u8]>,
    /// Its path for the user, and what kind of source it is.
    pub(crate) source: seawall_model::SourceFile,
}

impl File {
    /// The text, when it is UTF-8.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}
