//! `toPorts` of Cilium: ports, and what must hold of the requests on them.

use super::super::read::{At, PortSpec, Read, is_port_name};
use super::requests;
use crate::policy::Action;
use crate::reach::{Ports, Protocol};
use crate::request::Condition;

/// Ports with what must hold of requests.
type Conditional = (PortSpec, Option<Condition>);

/// The ports of a rule; nothing when it does not speak of ports.
pub(super) fn read(rule: &At<'_>, action: Action) -> Read<Option<Vec<Conditional>>> {
    let items = rule.maps("toPorts")?;
    if items.is_empty() {
        return Ok(None);
    }
    let one = |item: &At<'_>| {
        let condition = match action {
            Action::Deny => None,
            _ => requests::condition(item)?,
        };
        Ok((numbers(item)?, condition))
    };
    items.iter().map(one).collect::<Read<_>>().map(Some)
}

fn numbers(item: &At<'_>) -> Read<PortSpec> {
    let ports = item.maps("ports")?;
    if ports.is_empty() {
        return Ok(PortSpec::all());
    }
    let mut spec = PortSpec::default();
    for port in ports {
        let protocols = protocols(&port)?;
        let text = match port.get("port") {
            Some(at) => match (at.node.as_str(), at.node.as_i64()) {
                (Some(text), _) => text.to_owned(),
                // The schema wants text.
                _ => return at.fault("a port is written as a string"),
            },
            None => return port.fault("a port is missing"),
        };
        let name = text.to_ascii_lowercase();
        if is_port_name(&name) {
            for protocol in protocols {
                spec.names.push((Some(protocol), name.as_str().into()));
            }
            continue;
        }
        let Ok(first) = text.parse::<u16>() else {
            return port.fault(format!("`{text}` is no port"));
        };
        let last = port.number("endPort")?.unwrap_or(0);
        let Ok(last) = u16::try_from(last) else {
            return port.fault(format!("endPort {last} is no port"));
        };
        for protocol in protocols {
            // Port 0 is every port.
            spec.add(&match first {
                0 => Ports::every(protocol),
                _ => Ports::range(protocol, first, last.max(first)),
            });
        }
    }
    Ok(spec)
}

fn protocols(port: &At<'_>) -> Read<Vec<Protocol>> {
    let name = port.text("protocol")?.unwrap_or("ANY");
    if name.eq_ignore_ascii_case("ANY") || name.is_empty() {
        return Ok(Protocol::ALL.to_vec());
    }
    if let Some(protocol) = Protocol::named(name) {
        return Ok(vec![protocol]);
    }
    // Protocols without ports are outside of what is computed here.
    if ["ICMP", "ICMPV6", "VRRP", "IGMP"].contains(&name.to_ascii_uppercase().as_str()) {
        return Ok(Vec::new());
    }
    port.fault(format!("`{name}` is no protocol"))
}
