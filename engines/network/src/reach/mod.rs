//! The calculus: sets of ports, places and addresses, and what policies make of them.

mod address;
mod bits;
mod ports;

pub(crate) use address::{Block, METADATA, PodRanges, Regions};
pub use address::{Cidr, NOT_PUBLIC};
pub use bits::Bits;
pub use ports::{Ports, Protocol};
