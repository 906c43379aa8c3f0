//! The functions, one file for each library.

pub(crate) mod authorizer;
pub(crate) mod encoders;
pub(crate) mod ip;
pub(crate) mod lists;
mod math;
pub(crate) mod named_format;
mod optional;
pub(crate) mod quantity;
pub(crate) mod regex;
pub(crate) mod semver;
mod sets;
mod standard;
mod strings;
pub(crate) mod strings_format;
mod times;
pub(crate) mod url;

use super::compile::Function;

/// A function as its library lists it: name, whether it is called on a target, the least and
/// the most arguments (the target counts), and what it does.
pub(crate) type Entry = (&'static str, bool, usize, usize, Function);

const LIBRARIES: [&[Entry]; 16] = [
    standard::FUNCTIONS,
    times::FUNCTIONS,
    strings::FUNCTIONS,
    strings_format::FUNCTIONS,
    lists::FUNCTIONS,
    sets::FUNCTIONS,
    math::FUNCTIONS,
    encoders::FUNCTIONS,
    optional::FUNCTIONS,
    regex::FUNCTIONS,
    url::FUNCTIONS,
    ip::FUNCTIONS,
    quantity::FUNCTIONS,
    semver::FUNCTIONS,
    named_format::FUNCTIONS,
    authorizer::FUNCTIONS,
];

fn entries(name: &str, is_member: bool) -> impl Iterator<Item = &'static Entry> {
    LIBRARIES
        .iter()
        .flat_map(|library| library.iter())
        .filter(move |entry| entry.0 == name && entry.1 == is_member)
}

/// Whether there is a function of this name.
pub(crate) fn exists(name: &str, is_member: bool) -> bool {
    entries(name, is_member).next().is_some()
}

/// The function of a name for so many arguments. Where libraries share a name and a count, one
/// function serves them all.
pub(crate) fn find(name: &str, is_member: bool, count: usize) -> Option<Function> {
    entries(name, is_member)
        .find(|entry| (entry.2..=entry.3).contains(&count))
        .map(|entry| entry.4)
}

/// Names that stand for types.
const TYPES: [&str; 22] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
    "kubernetes.NamedFormat",
    "kubernetes.Quantity",
    "kubernetes.Semver",
    "kubernetes.URL",
    "kubernetes.authorization.Authorizer",
    "kubernetes.authorization.Decision",
    "net.CIDR",
    "net.IP",
];

/// The type of this name.
pub(crate) fn type_named(name: &str) -> Option<&'static str> {
    TYPES.into_iter().find(|known| *known == name)
}
