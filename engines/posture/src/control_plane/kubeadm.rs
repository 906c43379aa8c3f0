//! kubeadm's configuration: flags that it hands on. What is absent has kubeadm's defaults,
//! so that only what is set is judged.

use super::{Document, Flags, Panel, api_server, components, kubelet};
use crate::sink::Sink;

type Judge = fn(&Panel<'_>, &mut Sink);

/// Judges extra arguments of ClusterConfiguration, InitConfiguration and JoinConfiguration.
pub(super) fn check(d: &Document<'_>, sink: &mut Sink) {
    let places: [(&[&str], Judge); 4] = [
        (&["apiServer", "extraArgs"], api_server::check),
        (
            &["controllerManager", "extraArgs"],
            components::controller_manager,
        ),
        (&["scheduler", "extraArgs"], components::scheduler),
        (&["nodeRegistration", "kubeletExtraArgs"], kubelet::flags),
    ];
    for (path, judge) in places {
        let Some(node) = d.get(path) else { continue };
        let pointer = format!("{}/{}", d.prefix, path.join("/"));
        let panel = Panel {
            version: d.version,
            asset: d.asset,
            flags: Flags::extra(node),
            base: (pointer.clone(), pointer.trim_start_matches('/').to_owned()),
            home: node.span,
            on_host_network: true,
        };
        judge(&panel, sink);
    }
}
