//! Charts within overlays.

use super::Fail;
use super::decode::Text;
use super::kust::HelmChart;
use super::resource::Resource;
use super::store::{Root, Store};

pub(super) fn inflate(
    store: &Store<'_>,
    root: &Root,
    chart: &HelmChart,
    home: Option<&Text>,
    fails: &mut Vec<Fail>,
) -> Result<Vec<Resource>, Fail> {
    let _ = (store, root, home, fails);
    Err(Fail::new(chart.span, "Helm charts in overlays are not inflated yet"))
}
