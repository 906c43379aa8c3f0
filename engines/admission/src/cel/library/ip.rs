//! Addresses and networks: `ip("10.0.0.1")`, `cidr("10.0.0.0/8")`.

use super::Entry;
use crate::cel::eval::{Machine, mismatch};
use crate::cel::fault::{Eval, fault};
use crate::cel::value::{Opaque, Value};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network, with the address as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

pub(super) const FUNCTIONS: &[Entry] = &[
    ("ip", false, 1, 1, of),
    ("isIP", false, 1, 1, is),
    ("ip.isCanonical", false, 1, 1, is_canonical),
    ("family", true, 1, 1, family),
    ("isUnspecified", true, 1, 1, |_, args| {
        test("isUnspecified", args, |ip| ip.is_unspecified())
    }),
    ("isLoopback", true, 1, 1, |_, args| {
        test("isLoopback", args, |ip| ip.is_loopback())
    }),
    ("isLinkLocalMulticast", true, 1, 1, |_, args| {
        test("isLinkLocalMulticast", args, is_link_local_multicast)
    }),
    ("isLinkLocalUnicast", true, 1, 1, |_, args| {
        test("isLinkLocalUnicast", args, is_link_local_unicast)
    }),
    ("isGlobalUnicast", true, 1, 1, |_, args| {
        test("isGlobalUnicast", args, |ip| {
            let is_broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
            !is_broadcast
                && !ip.is_unspecified()
                && !ip.is_loopback()
                && !ip.is_multicast()
                && !is_link_local_unicast(ip)
        })
    }),
    ("cidr", false, 1, 1, cidr_of),
    ("isCIDR", false, 1, 1, is_cidr),
    ("containsIP", true, 2, 2, contains_ip),
    ("containsCIDR", true, 2, 2, contains_cidr),
    ("ip", true, 1, 1, ip_of_cidr),
    ("prefixLength", true, 1, 1, prefix_length),
    ("masked", true, 1, 1, masked),
];

fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => matches!(ip.octets(), [224, 0, 0, _]),
        IpAddr::V6(ip) => matches!(ip.octets(), [0xff, second, ..] if second & 0x0f == 2),
    }
}

fn is_link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// An address that is not IPv4 in IPv6 clothes.
fn parse(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    match address {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => None,
        address => Some(address),
    }
}

/// The canonical text.
pub(super) fn shown(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => four.to_string(),
        // The standard library prints the end of some addresses as IPv4, Go does not.
        IpAddr::V6(six) => {
            let text = six.to_string();
            if text.contains('.') {
                let [.., a, b] = six.segments();
                if six.segments().iter().take(6).all(|segment| *segment == 0) {
                    return format!("::{a:x}:{b:x}");
                }
            }
            text
        }
    }
}

impl Cidr {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address = parse(address)?;
        let is_plain =
            bits.bytes().all(|b| b.is_ascii_digit()) && (bits == "0" || !bits.starts_with('0'));
        let bits: u8 = bits.parse().ok().filter(|_| is_plain)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { address, bits })
    }

    fn masked(self) -> Self {
        let address = match self.address {
            IpAddr::V4(four) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(four.to_bits() & mask))
            }
            IpAddr::V6(six) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.bits))
                    .unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & mask))
            }
        };
        Self { address, ..self }
    }

    fn contains(self, address: IpAddr) -> bool {
        let other = Self { address, ..self };
        address.is_ipv4() == self.address.is_ipv4() && self.masked() == other.masked()
    }

    pub(super) fn shown(self) -> String {
        format!("{}/{}", shown(self.address), self.bits)
    }
}

fn address(value: &Value) -> Option<IpAddr> {
    match value {
        Value::Opaque(opaque) => match &**opaque {
            Opaque::Ip(address) => Some(*address),
            _ => None,
        },
        _ => None,
    }
}

fn network(value: &Value) -> Option<Cidr> {
    match value {
        Value::Opaque(opaque) => match &**opaque {
            Opaque::Cidr(cidr) => Some(*cidr),
            _ => None,
        },
        _ => None,
    }
}

fn invalid(text: &str) -> Box<crate::cel::fault::Fault> {
    fault(format!(
        "IP Address \"{text}\" parse error during conversion from string"
    ))
}

fn of(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text)] => match parse(text) {
            Some(address) => Ok(Value::opaque(Opaque::Ip(address))),
            None => Err(invalid(text)),
        },
        _ => mismatch("ip", args),
    }
}

fn is(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text)] => Ok(Value::Bool(parse(text).is_some())),
        _ => mismatch("isIP", args),
    }
}

fn is_canonical(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text)] => match parse(text) {
            Some(address) => Ok(Value::Bool(shown(address) == **text)),
            None => Err(invalid(text)),
        },
        _ => mismatch("ip.isCanonical", args),
    }
}

fn family(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args.first().and_then(address) {
        Some(address) => Ok(Value::Int(if address.is_ipv4() { 4 } else { 6 })),
        None => mismatch("family", args),
    }
}

fn test(name: &str, args: &[Value], how: fn(IpAddr) -> bool) -> Eval<Value> {
    match args.first().and_then(address) {
        Some(address) => Ok(Value::Bool(how(address))),
        None => mismatch(name, args),
    }
}

fn cidr_of(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text)] => match Cidr::parse(text) {
            Some(cidr) => Ok(Value::opaque(Opaque::Cidr(cidr))),
            None => Err(fault(format!(
                "network address parse error during conversion from string \"{text}\""
            ))),
        },
        _ => mismatch("cidr", args),
    }
}

fn is_cidr(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args {
        [Value::String(text)] => Ok(Value::Bool(Cidr::parse(text).is_some())),
        _ => mismatch("isCIDR", args),
    }
}

fn contains_ip(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [network_value, other] = args else {
        return mismatch("containsIP", args);
    };
    let other = match other {
        Value::String(_) => of(machine, std::slice::from_ref(other))?,
        other => other.clone(),
    };
    match (network(network_value), address(&other)) {
        (Some(network), Some(address)) => Ok(Value::Bool(network.contains(address))),
        _ => mismatch("containsIP", args),
    }
}

fn contains_cidr(machine: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    let [outer, other] = args else {
        return mismatch("containsCIDR", args);
    };
    let other = match other {
        Value::String(_) => cidr_of(machine, std::slice::from_ref(other))?,
        other => other.clone(),
    };
    match (network(outer), network(&other)) {
        (Some(outer), Some(inner)) => Ok(Value::Bool(
            outer.bits <= inner.bits && outer.contains(inner.address),
        )),
        _ => mismatch("containsCIDR", args),
    }
}

fn ip_of_cidr(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args.first().and_then(network) {
        Some(network) => Ok(Value::opaque(Opaque::Ip(network.address))),
        None => mismatch("ip", args),
    }
}

fn prefix_length(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args.first().and_then(network) {
        Some(network) => Ok(Value::Int(i64::from(network.bits))),
        None => mismatch("prefixLength", args),
    }
}

fn masked(_: &mut Machine<'_>, args: &[Value]) -> Eval<Value> {
    match args.first().and_then(network) {
        Some(network) => Ok(Value::opaque(Opaque::Cidr(network.masked()))),
        None => mismatch("masked", args),
    }
}
