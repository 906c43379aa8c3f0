//! `values.schema.json`: Helm refuses values that do not fit it.

use super::{Chart, Reader};
use crate::helm::value::Map;

/// Checks the values of a chart and of those below it.
pub(crate) fn check(reader: &mut Reader<'_>, chart: &Chart, values: &Map) {
    let _ = (reader, chart, values);
}
