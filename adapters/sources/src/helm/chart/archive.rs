//! Packed charts: `.tgz`, unpacked in memory within Helm's own limits.

use crate::helm::limits::{MAX_CHART, MAX_FILE, MAX_FILES};
use std::io::Read;

/// What an archive holds.
#[derive(Default)]
pub(super) struct Unpacked {
    /// Files by path, without the chart's own directory.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// How many of them are links or devices, which Helm reads as empty files, and the first.
    pub(super) odd: usize,
    pub(super) first_odd: String,
}

/// Unpacks an archive.
pub(super) fn unpack(bytes: &[u8]) -> Result<Unpacked, String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let mut out = Unpacked::default();
    let mut left = MAX_CHART;
    let entries = archive.entries().map_err(|error| error.to_string())?;
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let kind = entry.header().entry_type();
        let is_file = kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let raw = entry.path_bytes();
        let path = std::str::from_utf8(&raw)
            .map_err(|_| "a file name is not UTF-8")?
            .to_owned();
        let path = path.replace('\\', "/");
        let (top, name) = path.split_once('/').unwrap_or((path.as_str(), ""));
        if top == "Chart.yaml" {
            return Err("its Chart.yaml is not in a directory".to_owned());
        }
        if name.starts_with('/') {
            return Err("a path in it is absolute".to_owned());
        }
        let name = crate::tree::normalise(name);
        if name == "." {
            return Err(format!("a file is outside of its directory: {path:?}"));
        }
        if name.starts_with("..") {
            return Err("a path in it leaves its directory".to_owned());
        }
        if out.files.len() >= MAX_FILES {
            return Err(format!("the chart has more than {MAX_FILES} files"));
        }
        let limit = left.min(MAX_FILE);
        let mut data = Vec::new();
        entry
            .take(limit + 1)
            .read_to_end(&mut data)
            .map_err(|error| error.to_string())?;
        if data.len() as u64 > limit {
            return Err(format!("its file {path:?} is larger than {limit} bytes"));
        }
        left -= data.len() as u64;
        if !is_file {
            if out.odd == 0 {
                out.first_odd.clone_from(&name);
            }
            out.odd += 1;
        }
        out.files.push((name, data));
    }
    if out.files.is_empty() {
        return Err("there are no files in it".to_owned());
    }
    Ok(out)
}
