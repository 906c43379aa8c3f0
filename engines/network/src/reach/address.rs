//! Addresses beyond the pods: the blocks that policies name, and what they cut the world into.
//!
//! Prefixes nest, so the most specific prefix that holds an address decides everything that a
//! policy can say about it. All prefixes that occur, sorted, are a tree in depth-first order:
//! a *region* is a prefix without the prefixes in it, and a block with its exceptions is a few
//! ranges of regions.

use super::bits::Bits;
use std::fmt;

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    is_v6: bool,
    /// The first address; of IPv4 in the upper 32 bits, so that prefixes compare alike.
    first: u128,
    length: u8,
}

impl Cidr {
    /// Reads `10.0.0.0/8` or `fd00::/8` as the API server does: a prefix length must be there,
    /// and bits behind it are ignored.
    pub fn read(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let plain = |digits: &str| digits == "0" || !digits.starts_with(['0', '+']);
        let length: u8 = Some(length).filter(|l| plain(l))?.parse().ok()?;
        Self::of(address, Some(length))
    }

    /// Reads a block or a single address.
    pub fn read_loosely(text: &str) -> Option<Self> {
        Self::read(text).or_else(|| Self::of(text, None))
    }

    fn of(address: &str, length: Option<u8>) -> Option<Self> {
        let (is_v6, bits, max) = match address.parse().ok()? {
            core::net::IpAddr::V4(v4) => (false, u128::from(u32::from(v4)) << 96, 32),
            core::net::IpAddr::V6(v6) => (true, u128::from(v6), 128),
        };
        let length = length.unwrap_or(max);
        (length <= max).then_some(Self {
            is_v6,
            first: bits & !below(length),
            length,
        })
    }

    /// One address.
    pub(crate) fn single(address: core::net::IpAddr) -> Option<Self> {
        Self::of(&address.to_string(), None)
    }

    /// How many addresses there are besides the first.
    fn others(self) -> u128 {
        let bits = below(self.length);
        if self.is_v6 { bits } else { bits >> 96 }
    }

    /// Whether all of another block is in this one.
    pub fn holds(self, other: Cidr) -> bool {
        self.is_v6 == other.is_v6
            && self.length <= other.length
            && other.first & !below(self.length) == self.first
    }

    /// Whether it is every address of its family.
    pub fn is_everything(self) -> bool {
        self.length == 0
    }

    fn meets(self, other: Cidr) -> bool {
        self.holds(other) || other.holds(self)
    }
}

/// The bits behind a prefix.
fn below(length: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(length)).unwrap_or(0)
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.length;
        if self.is_v6 {
            write!(f, "{}/{length}", core::net::Ipv6Addr::from(self.first))
        } else {
            let bits = u32::try_from(self.first >> 96).unwrap_or(0);
            write!(f, "{}/{length}", core::net::Ipv4Addr::from(bits))
        }
    }
}

/// A block with the blocks that are left out of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    pub(crate) cidr: Cidr,
    pub(crate) except: Vec<Cidr>,
}

impl Block {
    /// Whether pods may be in it.
    pub(crate) fn may_hold(&self, pods: &PodRanges) -> bool {
        pods.ranges.iter().any(|range| {
            if pods.is_known {
                let out = self.except.iter().any(|out| out.holds(*range));
                self.cidr.meets(*range) && !out
            } else {
                self.holds_untouched(*range)
            }
        })
    }

    /// Whether pods are in it for certain, wherever their addresses are from.
    pub(crate) fn surely_holds(&self, pods: &PodRanges) -> bool {
        let mut ranges = pods.ranges.iter().filter(|r| r.is_v6 == self.cidr.is_v6);
        let has_some = ranges.clone().next().is_some();
        has_some && ranges.all(|range| self.holds_untouched(*range))
    }

    fn holds_untouched(&self, range: Cidr) -> bool {
        self.cidr.holds(range) && !self.except.iter().any(|out| out.meets(range))
    }
}

/// Where pods have their addresses from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodRanges {
    pub(crate) ranges: Vec<Cidr>,
    /// Whether something in the input says so.
    pub(crate) is_known: bool,
}

impl PodRanges {
    /// These ranges, or without any the ones that are usual.
    pub(crate) fn new(known: Vec<Cidr>) -> Self {
        if known.is_empty() {
            return Self {
                ranges: USUAL_POD_RANGES
                    .into_iter()
                    .filter_map(Cidr::read)
                    .collect(),
                is_known: false,
            };
        }
        Self {
            ranges: known,
            is_known: true,
        }
    }
}

/// Ranges that clusters take the addresses of their pods from, when nothing says which.
const USUAL_POD_RANGES: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// Addresses that nobody in the internet has (RFC 6890 and its kin).
pub const NOT_PUBLIC: [&str; 18] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "100::/64",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
    "fec0::/10",
];

/// Where clouds hand credentials to their machines, and to whoever asks from one.
pub(crate) const METADATA: [&str; 3] = [
    "169.254.169.254/32",
    "100.100.100.200/32",
    "fd00:ec2::254/128",
];

/// All regions of a network.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Regions {
    /// Sorted: depth first.
    prefixes: Vec<Cidr>,
    /// For each prefix the index behind its last descendant.
    ends: Vec<usize>,
    /// Prefixes that are more than their parts.
    real: Vec<bool>,
    public: Vec<bool>,
}

impl Regions {
    /// The regions that these blocks make.
    pub(crate) fn new(named: impl IntoIterator<Item = Cidr>) -> Self {
        let known = ["0.0.0.0/0", "::/0"].into_iter();
        let known = known.chain(NOT_PUBLIC).chain(METADATA);
        let mut prefixes: Vec<Cidr> = known.filter_map(Cidr::read).chain(named).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let closed: Vec<Cidr> = NOT_PUBLIC.into_iter().filter_map(Cidr::read).collect();
        let mut ends = vec![prefixes.len(); prefixes.len()];
        // What the direct parts of a prefix cover of it.
        let mut covered: Vec<Option<u128>> = vec![Some(0); prefixes.len()];
        let mut open: Vec<(usize, Cidr)> = Vec::new();
        for (index, prefix) in prefixes.iter().enumerate() {
            while let Some((outer, cidr)) = open.last().copied() {
                if cidr.holds(*prefix) {
                    let size = prefix.others().checked_add(1);
                    if let Some(sum) = covered.get_mut(outer) {
                        *sum = sum.zip(size).and_then(|(a, b)| a.checked_add(b));
                    }
                    break;
                }
                if let Some(end) = ends.get_mut(outer) {
                    *end = index;
                }
                open.pop();
            }
            open.push((index, *prefix));
        }
        let real = prefixes
            .iter()
            .zip(&covered)
            .map(|(prefix, covered)| {
                // The parts of a whole family together may be more than a number holds.
                covered.is_some_and(|covered| covered <= prefix.others())
            })
            .collect();
        let public = prefixes
            .iter()
            .map(|prefix| !closed.iter().any(|range| range.holds(*prefix)))
            .collect();
        Self {
            prefixes,
            ends,
            real,
            public,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// The prefix of a region.
    pub(crate) fn prefix(&self, region: usize) -> Option<Cidr> {
        self.prefixes.get(region).copied()
    }

    /// Whether a region is part of the internet.
    pub(crate) fn is_public(&self, region: usize) -> bool {
        self.is_real(region) && self.public.get(region).copied().unwrap_or(false)
    }

    /// Whether there is an address in a region.
    pub(crate) fn is_real(&self, region: usize) -> bool {
        self.real.get(region).copied().unwrap_or(false)
    }

    /// The region with exactly this prefix.
    pub(crate) fn find(&self, cidr: Cidr) -> Option<usize> {
        self.prefixes.binary_search(&cidr).ok()
    }

    /// The region that holds a block: the most specific prefix around it.
    pub(crate) fn holding(&self, cidr: Cidr) -> Option<usize> {
        let after = self.prefixes.partition_point(|prefix| *prefix <= cidr);
        let before = self.prefixes.get(..after)?;
        before.iter().rposition(|prefix| prefix.holds(cidr))
    }

    /// Adds the regions of a block to a set; the first region has the number `base` there.
    pub(crate) fn add(&self, block: &Block, base: usize, set: &mut Bits) {
        let range = |cidr: Cidr| Some((self.find(cidr)?, cidr));
        let Some((start, _)) = range(block.cidr) else {
            return;
        };
        let end = self.ends.get(start).copied().unwrap_or(start);
        // Exceptions cut the range; what is between them is in.
        let mut outs: Vec<(usize, usize)> = block
            .except
            .iter()
            .filter(|out| block.cidr.meets(**out))
            .filter_map(|out| {
                let first = self.find(*out)?;
                Some((first, self.ends.get(first).copied().unwrap_or(first)))
            })
            .collect();
        outs.sort_unstable();
        let mut from = start;
        for (first, last) in outs {
            if first > from {
                set.insert_range(base + from, base + first.min(end));
            }
            from = from.max(last);
        }
        if from < end {
            set.insert_range(base + from, base + end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        Cidr::read(text).unwrap()
    }

    #[test]
    fn blocks_read_as_the_api_server_reads_them() {
        assert_eq!(cidr("10.1.2.3/8").to_string(), "10.0.0.0/8");
        assert_eq!(cidr("fd00:1::/16").to_string(), "fd00::/16");
        for bad in [
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "x/8",
            "10.0.0.0/08",
            "::/129",
        ] {
            assert_eq!(Cidr::read(bad), None, "{bad}");
        }
        assert!(cidr("0.0.0.0/0").holds(cidr("10.0.0.0/8")));
        assert!(!cidr("0.0.0.0/0").holds(cidr("::/0")));
        assert!(Cidr::read_loosely("10.0.0.1").is_some());
    }

    #[test]
    fn a_block_is_its_regions_without_its_exceptions() {
        let block = Block {
            cidr: cidr("20.0.0.0/8"),
            except: vec![cidr("20.1.0.0/16"), cidr("20.1.2.0/24")],
        };
        let mut named = vec![
            cidr("20.1.2.0/24"),
            cidr("20.1.2.128/25"),
            cidr("20.9.0.0/16"),
        ];
        named.extend(block.except.iter().copied());
        named.push(block.cidr);
        let regions = Regions::new(named);
        let mut set = Bits::new(regions.len());
        regions.add(&block, 0, &mut set);
        let names: Vec<String> = set
            .iter()
            .filter_map(|region| regions.prefix(region))
            .map(|prefix| prefix.to_string())
            .collect();
        assert_eq!(names, ["20.0.0.0/8", "20.9.0.0/16"]);
    }

    #[test]
    fn a_prefix_that_its_parts_cover_is_no_region() {
        let regions = Regions::new([cidr("0.0.0.0/1"), cidr("128.0.0.0/1"), cidr("20.0.0.0/8")]);
        let real = |text: &str| regions.is_real(regions.find(cidr(text)).unwrap());
        assert!(!real("0.0.0.0/0"));
        assert!(real("0.0.0.0/1") && real("20.0.0.0/8") && real("::/0"));
        let halves = Regions::new([cidr("::/1"), cidr("8000::/1")]);
        assert!(!halves.is_real(halves.find(cidr("::/0")).unwrap()));
    }
}
