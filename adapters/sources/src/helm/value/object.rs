//! Go's structs and other typed values that Helm hands to templates: `.Chart`,
//! `.Capabilities`, `.Files`, semantic versions, times.

use super::text::Text;
use super::{Data, Value};
use crate::helm::semver::Version;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A value with fields or methods.
#[derive(Debug)]
pub(crate) enum Object {
    /// A struct.
    Struct(Struct),
    /// `.Files` and what `.Files.Glob` gives.
    Files(Files),
    /// `[]byte`.
    Bytes(Rc<[u8]>),
    /// `.Capabilities.APIVersions`.
    Versions(Rc<[Rc<str>]>),
    /// What `semver` gives.
    Version(Version),
    /// A time, as nanoseconds since 1970, and its offset from UTC in seconds.
    Time(i128),
}

/// A struct with its fields in Go's order.
#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) type_name: &'static str,
    pub(crate) fields: Vec<Field>,
    /// Methods without arguments that return a field, `String` among them.
    pub(crate) methods: &'static [(&'static str, &'static str)],
    /// Whether Go holds it by pointer.
    pub(crate) pointer: bool,
}

/// A field of a struct.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// Its name in JSON, when it differs.
    pub(crate) json: &'static str,
    /// Left out of JSON when empty.
    pub(crate) omit_empty: bool,
    pub(crate) value: Value,
}

impl Struct {
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| &field.value)
    }

    pub(crate) fn method(&self, name: &str) -> Option<&Value> {
        let (_, field) = self.methods.iter().find(|(method, _)| *method == name)?;
        self.field(field)
    }
}

/// Files of a chart by path.
#[derive(Debug, Default, Clone)]
pub(crate) struct Files {
    pub(crate) files: BTreeMap<Rc<str>, ChartFile>,
}

/// A file of a chart: its bytes, and its number among the places spans point at.
#[derive(Debug, Clone)]
pub(crate) struct ChartFile {
    pub(crate) bytes: Rc<[u8]>,
    pub(crate) place: u32,
}

impl Object {
    pub(crate) fn truth(&self) -> bool {
        match self {
            Object::Struct(_) | Object::Version(_) | Object::Time(_) => true,
            Object::Files(files) => !files.files.is_empty(),
            Object::Bytes(bytes) => !bytes.is_empty(),
            Object::Versions(versions) => !versions.is_empty(),
        }
    }

    /// How much there is to read in it.
    pub(crate) fn length(&self) -> usize {
        match self {
            Object::Bytes(bytes) => bytes.len(),
            Object::Files(files) => files.files.values().map(|file| file.bytes.len()).sum(),
            Object::Versions(versions) => versions.len(),
            Object::Struct(_) | Object::Version(_) | Object::Time(_) => 0,
        }
    }

    pub(crate) fn type_name(&self) -> &str {
        match self {
            Object::Struct(fields) => fields.type_name,
            Object::Files(_) => "engine.files",
            Object::Bytes(_) => "[]uint8",
            Object::Versions(_) => "chartutil.VersionSet",
            Object::Version(_) => "*semver.Version",
            Object::Time(_) => "time.Time",
        }
    }

    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Object::Struct(data) if data.pointer => "ptr",
            Object::Struct(_) | Object::Time(_) => "struct",
            Object::Files(_) => "map",
            Object::Bytes(_) | Object::Versions(_) => "slice",
            Object::Version(_) => "ptr",
        }
    }

    /// What its `String` method says, when it has one.
    pub(crate) fn display(&self) -> Option<Text> {
        match self {
            Object::Struct(fields) => match &fields.method("String")?.data {
                Data::Text(text) => Some(text.clone()),
                _ => None,
            },
            Object::Version(version) => Some(version.to_string().into()),
            Object::Time(nanos) => Some(crate::helm::time::display(*nanos).into()),
            Object::Files(_) | Object::Bytes(_) | Object::Versions(_) => None,
        }
    }
}
