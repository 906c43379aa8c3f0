//! Ports of the three protocols that policies speak of, as sorted ranges.
//!
//! TCP, UDP and SCTP ports lie on one line, one protocol behind the other. A set of them is a
//! list of disjoint ranges: exact for any mix of numbers, ranges and names, and as short as
//! what somebody wrote. What cuts the line into atoms is decided per row
//! ([`cuts`](Ports::cuts)), not for the whole cluster: a row sees few policies.

use std::fmt;

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// All of them, in the order of the line.
    pub const ALL: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

    /// The protocol of a name as Kubernetes writes it.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Protocol::ALL.into_iter();
        all.find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }

    /// `TCP`, `UDP` or `SCTP`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        }
    }

    fn base(self) -> u32 {
        match self {
            Protocol::Tcp => 0,
            Protocol::Udp => 1 << 16,
            Protocol::Sctp => 2 << 16,
        }
    }
}

/// A set of ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Ports {
    /// Disjoint, sorted, not touching; the end is the last that is in.
    ranges: Vec<(u32, u32)>,
}

impl Ports {
    /// No port.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every port of every protocol.
    pub fn all() -> Self {
        let whole = |p: Protocol| (p.base() + 1, p.base() + 0xFFFF);
        Self {
            ranges: Protocol::ALL.into_iter().map(whole).collect(),
        }
    }

    /// Every port of a protocol.
    pub fn every(protocol: Protocol) -> Self {
        Self::range(protocol, 1, u16::MAX)
    }

    /// One port.
    pub fn one(protocol: Protocol, port: u16) -> Self {
        Self::range(protocol, port, port)
    }

    /// The ports from `first` to `last`; none when it is the wrong way round.
    pub fn range(protocol: Protocol, first: u16, last: u16) -> Self {
        let first = first.max(1);
        if first > last {
            return Self::none();
        }
        let base = protocol.base();
        Self {
            ranges: vec![(base + u32::from(first), base + u32::from(last))],
        }
    }

    /// Whether there is no port in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether every port is in it.
    pub fn is_all(&self) -> bool {
        *self == Self::all()
    }

    /// Whether a port is in it.
    pub fn has(&self, protocol: Protocol, port: u16) -> bool {
        self.has_point(protocol.base() + u32::from(port))
    }

    pub(crate) fn has_point(&self, point: u32) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= point);
        let before = after.checked_sub(1).and_then(|i| self.ranges.get(i));
        before.is_some_and(|(_, last)| point <= *last)
    }

    /// How many ports are in it.
    pub fn count(&self) -> u32 {
        self.ranges.iter().map(|(a, b)| b - a + 1).sum()
    }

    /// What is in either.
    #[must_use]
    pub fn or(&self, other: &Ports) -> Ports {
        if other.is_empty() {
            return self.clone();
        }
        if self.is_empty() {
            return other.clone();
        }
        Self::joined(self.ranges.iter().chain(&other.ranges).copied().collect())
    }

    /// What is in any of them.
    pub fn union<'p>(all: impl IntoIterator<Item = &'p Ports>) -> Ports {
        let ranges = all.into_iter().flat_map(|ports| &ports.ranges);
        Self::joined(ranges.copied().collect())
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Ports) -> Ports {
        let mut ranges = Vec::new();
        let (mut left, mut right) = (self.ranges.iter(), other.ranges.iter());
        let (mut one, mut two) = (left.next(), right.next());
        while let (Some(a), Some(b)) = (one, two) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                ranges.push((first, last));
            }
            if a.1 < b.1 {
                one = left.next();
            } else {
                two = right.next();
            }
        }
        Ports { ranges }
    }

    /// What is in this one only.
    #[must_use]
    pub fn without(&self, other: &Ports) -> Ports {
        let mut ranges = Vec::new();
        for &(first, last) in &self.ranges {
            let mut from = first;
            let start = other.ranges.partition_point(|(_, end)| *end < first);
            for &(a, b) in other.ranges.iter().skip(start) {
                if a > last {
                    break;
                }
                if a > from {
                    ranges.push((from, a - 1));
                }
                from = from.max(b + 1);
            }
            if from <= last {
                ranges.push((from, last));
            }
        }
        Ports { ranges }
    }

    /// Whether something is in both.
    pub fn meets(&self, other: &Ports) -> bool {
        !self.and(other).is_empty()
    }

    /// Where membership changes along the line, for cutting it into atoms.
    pub(crate) fn cuts(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|(a, b)| [*a, b + 1])
    }

    /// The ports from one point of the line to below another.
    pub(crate) fn between(start: u32, end: u32) -> Ports {
        let part = Ports {
            ranges: vec![(start, end.saturating_sub(1))],
        };
        part.and(&Ports::all())
    }

    /// The ranges by protocol.
    pub fn ranges(&self) -> impl Iterator<Item = (Protocol, u16, u16)> + '_ {
        self.ranges.iter().filter_map(|(first, last)| {
            let protocol = match first >> 16 {
                0 => Protocol::Tcp,
                1 => Protocol::Udp,
                _ => Protocol::Sctp,
            };
            let port = |point: &u32| u16::try_from(point - protocol.base()).ok();
            Some((protocol, port(first)?, port(last)?))
        })
    }

    fn joined(mut ranges: Vec<(u32, u32)>) -> Ports {
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if first <= before.1 + 1 && first >> 16 == before.1 >> 16 => {
                    before.1 = before.1.max(last);
                }
                _ => joined.push((first, last)),
            }
        }
        Ports { ranges: joined }
    }
}

impl fmt::Display for Ports {
    /// `all ports`, `no port`, or `TCP 80, 443, 8000-8080; UDP 53`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all ports");
        }
        if self.is_empty() {
            return f.write_str("no port");
        }
        let mut current = None;
        for (protocol, first, last) in self.ranges() {
            if current == Some(protocol) {
                f.write_str(", ")?;
            } else {
                let gap = if current.is_some() { "; " } else { "" };
                write!(f, "{gap}{} ", protocol.name())?;
                current = Some(protocol);
            }
            match (first, last) {
                (1, u16::MAX) => f.write_str("all")?,
                _ if first == last => write!(f, "{first}")?,
                _ => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ports() -> impl Strategy<Value = Ports> {
        let range = (0usize..3, 1u16..40, 0u16..9);
        proptest::collection::vec(range, 0..5).prop_map(|ranges| {
            let parts: Vec<Ports> = ranges
                .into_iter()
                .map(|(p, first, more)| Ports::range(Protocol::ALL[p], first, first + more))
                .collect();
            Ports::union(&parts)
        })
    }

    proptest! {
        #[test]
        fn sets_are_what_their_members_are(a in ports(), b in ports()) {
            for protocol in Protocol::ALL {
                for port in 1..60 {
                    let (x, y) = (a.has(protocol, port), b.has(protocol, port));
                    prop_assert_eq!(a.or(&b).has(protocol, port), x || y);
                    prop_assert_eq!(a.and(&b).has(protocol, port), x && y);
                    prop_assert_eq!(a.without(&b).has(protocol, port), x && !y);
                }
            }
            prop_assert_eq!(a.or(&b), b.or(&a));
            prop_assert_eq!(a.without(&b).or(&a.and(&b)), a);
        }
    }

    #[test]
    fn text_is_short() {
        let web = Ports::one(Protocol::Tcp, 80).or(&Ports::range(Protocol::Tcp, 8000, 8080));
        let dns = Ports::one(Protocol::Udp, 53).or(&Ports::every(Protocol::Sctp));
        assert_eq!(
            web.or(&dns).to_string(),
            "TCP 80, 8000-8080; UDP 53; SCTP all"
        );
        assert_eq!(Ports::all().to_string(), "all ports");
        assert_eq!(Ports::none().to_string(), "no port");
        assert_eq!(Ports::range(Protocol::Tcp, 9, 3), Ports::none());
    }
}
