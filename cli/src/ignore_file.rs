//! `.seawallignore.yaml`: findings that the user accepts.
//!
//! ```yaml
//! ignore:
//!   - id: W01                           # a rule, or the start of a finding's id
//!     target: DaemonSet kube-system/*   # optional glob over the asset
//!     path: deploy/*                    # optional glob over the file
//!     reason: the CNI needs it          # mandatory
//!     expires: 2027-01-31               # optional, the last day on which it counts
//! ```

use crate::config::{self, Config, Origin, at, find_upward, read_yaml};
use crate::exit::Failure;
use crate::suggest;
use seawall_assessment::{Date, InvalidDate, Suppression};
use seawall_model::{FileId, SourceFile, SourceKind, SourceMap, Span};
use seawall_yaml::{Map, Node, Value};
use std::path::Path;

/// The name that is looked for.
pub(crate) const FILE_NAME: &str = ".seawallignore.yaml";
const KEYS: [&str; 5] = ["id", "target", "path", "reason", "expires"];

/// Reads the list; `map` is the scan's, so that reports can point into the file.
pub(crate) fn load(config: &Config, map: &SourceMap) -> Result<Vec<Suppression>, Failure> {
    let path = match &config.ignore_file.value {
        Some(path) => path.clone(),
        None => match find_upward(FILE_NAME) {
            Some(path) => path,
            None => return Ok(Vec::new()),
        },
    };
    let text = match config.ignore_file.origin {
        Origin::Flag(_) => config::read(&path)?,
        Origin::Default | Origin::File(_) => config::read_regular(&path)?,
    };
    let shown = path.display().to_string();
    let file = map.add_file(SourceFile {
        path: shown.as_str().into(),
        kind: SourceKind::File,
    });
    read(&path, &text, file)
}

/// Reads the text of such a list, known to reports as `file`.
pub(crate) fn read(path: &Path, text: &[u8], file: FileId) -> Result<Vec<Suppression>, Failure> {
    let (own, root) = read_yaml(path, text)?;
    let Some(top) = root.as_map() else {
        return Err(at(
            &own,
            root.span,
            "expected `ignore:` with a list under it",
            "",
        ));
    };
    let mut suppressions = Vec::new();
    for entry in top {
        if &*entry.key != "ignore" {
            let message = format!("unknown key `{}`", entry.key);
            return Err(at(
                &own,
                entry.key_span,
                &message,
                "the only key is `ignore`",
            ));
        }
        let items = match &entry.value.value {
            Value::Seq(items) => items.as_slice(),
            Value::Null => &[],
            _ => {
                let message = "expected a list of accepted findings";
                return Err(at(
                    &own,
                    entry.value.span,
                    message,
                    "start each one with `- id:`",
                ));
            }
        };
        for item in items {
            let Some(fields) = item.as_map() else {
                return Err(at(
                    &own,
                    item.span,
                    "expected a mapping with `id` and `reason`",
                    "",
                ));
            };
            suppressions.push(suppression(&own, item, fields, file)?);
        }
    }
    Ok(suppressions)
}

fn suppression(
    own: &SourceMap,
    item: &Node,
    fields: &Map,
    file: FileId,
) -> Result<Suppression, Failure> {
    for entry in fields {
        if !KEYS.contains(&&*entry.key) {
            let hint = suggest::hint(
                &entry.key,
                KEYS.into_iter(),
                &format!("use {}", KEYS.join(", ")),
            );
            let message = format!("unknown key `{}`", entry.key);
            return Err(at(own, entry.key_span, &message, &hint));
        }
        // A glob that is read as no glob would accept more than was meant.
        if !matches!(entry.value.value, Value::String(_)) {
            let message = format!("`{}` cannot be a {}", entry.key, entry.value.type_name());
            return Err(at(
                own,
                entry.value.span,
                &message,
                "write a text, in quotes if need be",
            ));
        }
    }
    let text = |key: &str| fields.get(key).and_then(Node::as_str).map(str::to_owned);
    let Some(id) = text("id") else {
        let hint = "write the rule (`id: W01`) or the start of a finding's id";
        return Err(at(
            own,
            item.span,
            "an accepted finding needs an `id`",
            hint,
        ));
    };
    let Some(reason) = text("reason").filter(|reason| !reason.trim().is_empty()) else {
        let hint = "write why this is acceptable, for whoever reads it in a year";
        return Err(at(
            own,
            item.span,
            &format!("{id} is accepted without a `reason`"),
            hint,
        ));
    };
    let expires = match fields.get("expires") {
        None => None,
        Some(node) => {
            let text = node.as_str().unwrap_or_default();
            let date: Date = text
                .parse()
                .map_err(|error: InvalidDate| at(own, node.span, &error.to_string(), ""))?;
            Some(date)
        }
    };
    let span = Span { file, ..item.span };
    Ok(Suppression {
        id,
        target: text("target"),
        path: text("path"),
        reason,
        expires,
        span,
    })
}
