//! The functions of Helm's templates: the language's, Sprig's, Helm's.
//!
//! Whatever a real rendering draws at random or takes from the clock (`randAlphaNum`,
//! `uuidv4`, `genCA`, `now`, `bcrypt`, …) is a fixed placeholder of the same shape here: a
//! scan must say the same today and tomorrow, and what such objects are worth does not hang
//! on the drawn value. This is no gap in what was rendered.

pub(crate) mod builtin;
mod case;
mod crypto;
mod dates;
mod dicts;
mod lists;
mod math;
mod merge;
mod misc;
pub(crate) mod regexes;
mod strings;
pub(crate) mod yaml;

use super::error::{Fail, Result};
use super::template::run::Engine;
use super::value::text::Text;
use super::value::{Data, IntKind, Map, MapKind, Value};
use std::collections::HashMap;
use std::sync::OnceLock;

/// A function that templates can call.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    /// Fewest arguments.
    min: usize,
    /// Most arguments.
    max: usize,
    /// Whether it walks through its arguments with all that is in them.
    pub(crate) walks: bool,
    pub(crate) call: Call,
}

/// How a function is called.
pub(crate) type Call = for<'e, 'p, 'a> fn(&'e mut Engine<'p>, &'a mut Args) -> Result<Value>;

/// Any number of arguments.
const MANY: usize = usize::MAX;

/// An entry of a table of functions.
const fn f(name: &'static str, min: usize, max: usize, call: Call) -> Builtin {
    Builtin {
        name,
        min,
        max,
        walks: false,
        call,
    }
}

/// An entry of a function that walks through its arguments with all that is in them.
const fn w(name: &'static str, min: usize, max: usize, call: Call) -> Builtin {
    Builtin {
        walks: true,
        ..f(name, min, max, call)
    }
}

impl Builtin {
    /// What is wrong with a number of arguments.
    pub(crate) fn wrong_count(&self, given: usize) -> Option<String> {
        let wanted = match (self.min, self.max) {
            (min, max) if given >= min && given <= max => return None,
            (min, MANY) => format!("{min} or more"),
            (min, max) if min == max => min.to_string(),
            (min, max) => format!("{min} to {max}"),
        };
        Some(wrong_count(self.name, &wanted, given))
    }

    /// For `and` and `or`: the truth of an argument that decides, so that the rest is not
    /// looked at.
    pub(crate) fn decides_at(&self) -> Option<bool> {
        match self.name {
            "and" => Some(false),
            "or" => Some(true),
            _ => None,
        }
    }
}

fn wrong_count(name: &str, wanted: &str, given: usize) -> String {
    format!("{name} takes {wanted} arguments, and is given {given}")
}

/// The function of a name.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    static INDEX: OnceLock<HashMap<&'static str, &'static Builtin>> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let tables: [&'static [Builtin]; 12] = [
            builtin::TABLE,
            strings::TABLE,
            case::TABLE,
            lists::TABLE,
            dicts::TABLE,
            math::TABLE,
            regexes::TABLE,
            yaml::TABLE,
            crypto::TABLE,
            dates::TABLE,
            misc::TABLE,
            misc::PATHS,
        ];
        tables
            .into_iter()
            .flatten()
            .map(|builtin| (builtin.name, builtin))
            .collect()
    });
    index.get(name).copied()
}

/// The arguments of one call.
#[derive(Debug)]
pub(crate) struct Args {
    values: Vec<Value>,
}

impl Args {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self { values }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// How much there is to read in all arguments, without what is in the items of lists.
    pub(crate) fn length(&self) -> u64 {
        let length = |value: &Value| match &value.data {
            Data::Text(text) => text.as_str().len(),
            Data::List(list) => list.len().saturating_mul(4),
            Data::Object(object) => object.length(),
            _ => 0,
        };
        self.values.iter().map(|value| length(value) as u64).sum()
    }

    /// The first values key that any argument comes from.
    pub(crate) fn first_cause(&self) -> u32 {
        self.values
            .iter()
            .map(Value::first_cause)
            .find(|cause| *cause != 0)
            .unwrap_or(0)
    }

    /// An argument as it is; nothing when it was not given.
    pub(crate) fn any(&self, index: usize) -> Value {
        self.values.get(index).cloned().unwrap_or(Value::INVALID)
    }

    pub(crate) fn all(&self) -> &[Value] {
        &self.values
    }

    pub(crate) fn from(&self, index: usize) -> &[Value] {
        self.values.get(index..).unwrap_or(&[])
    }

    /// A method's check of how many arguments it got.
    pub(crate) fn count(&self, name: &str, want: usize) -> Result<()> {
        let given = self.values.len();
        if given == want {
            return Ok(());
        }
        Err(Fail::new(wrong_count(name, &want.to_string(), given)))
    }

    pub(crate) fn none(&self, name: &str) -> Result<()> {
        self.count(name, 0)
    }

    /// The failure of an argument that is something else.
    pub(crate) fn wrong(&self, index: usize, expected: &str) -> Fail {
        let place = index + 1;
        let got = self.any(index).in_words();
        Fail::new(format!("argument {place} must be {expected}, and is {got}"))
    }

    /// A `string` parameter, with what is known of its origin.
    pub(crate) fn text(&self, index: usize) -> Result<Text> {
        match self.values.get(index) {
            Some(Value {
                data: Data::Text(text),
                cause,
            }) => Ok(text.caused_by(*cause)),
            _ => Err(self.wrong(index, "a text")),
        }
    }

    /// An `int` parameter.
    pub(crate) fn int(&self, index: usize) -> Result<i64> {
        match self.any(index).data {
            Data::Int(value, IntKind::Int) => Ok(value),
            _ => Err(self.wrong(index, "a whole number (`int`)")),
        }
    }

    /// A `float64` parameter; a literal integer is one, too.
    fn float(&self, index: usize) -> Result<f64> {
        match self.any(index).data {
            Data::Float(value) => Ok(value),
            Data::Int(value, IntKind::Int) => Ok(super::value::convert::float_of(value)),
            _ => Err(self.wrong(index, "a number (`float64`)")),
        }
    }

    fn bool(&self, index: usize) -> Result<bool> {
        match self.any(index).data {
            Data::Bool(truth) => Ok(truth),
            _ => Err(self.wrong(index, "true or false")),
        }
    }

    /// A `map[string]interface {}` parameter; a nil map reads as empty.
    fn map(&self, index: usize) -> Result<Map> {
        match self.any(index).data {
            Data::Map(map) if map.kind() != MapKind::Text => Ok(map),
            Data::Invalid => Ok(Map::new(MapKind::Any)),
            _ => Err(self.wrong(index, "a map")),
        }
    }

    /// A `map[string]interface {}` parameter that is written to.
    fn map_mut(&self, index: usize) -> Result<Map> {
        match self.any(index).data {
            Data::Invalid => Err(self.wrong(index, "a map that can be written to")),
            _ => self.map(index),
        }
    }

    /// The items of an argument that must be a slice.
    fn items(&self, index: usize) -> Result<Vec<Value>> {
        let value = self.any(index);
        match super::value::convert::items(&value) {
            Some(items) => Ok(items),
            None => Err(self.wrong(index, "a list")),
        }
    }
}

/// A count that a function is to make of something, checked against what is bearable.
fn bounded(count: i64, unit: usize) -> Result<usize> {
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    if count.saturating_mul(unit.max(1)) > super::value::text::MAX_TEXT {
        return Err(Fail::limit(
            "a template function makes more than 16 MiB at once",
        ));
    }
    Ok(count)
}
