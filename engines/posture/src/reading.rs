//! Y01 and Y02: what Kubernetes reads otherwise than a person or another tool. Octal file
//! modes are left out: they are what everybody means by `0644`.

use crate::rules::Id;
use crate::sink::{Draft, Sink};
use seawall_model::{Asset, Locus};
use seawall_snapshot::{Object, Snapshot};
use seawall_yaml::{Notice, NoticeKind};
use std::collections::HashMap;

pub(crate) fn check(snapshot: &Snapshot, sink: &mut Sink) {
    for (_, object) in snapshot.objects() {
        sink.assess_all(&[Id::Y01, Id::Y02]);
        if object.notices.is_empty() {
            continue;
        }
        sink.start_workload();
        let asset = Asset::Resource(object.reference.clone());
        // The identity counts equal texts of one object: their places may move.
        let mut seen: HashMap<(Id, &str), usize> = HashMap::new();
        for notice in &object.notices {
            let id = match notice.kind {
                NoticeKind::DuplicateKey => Id::Y01,
                NoticeKind::LegacyBool => Id::Y02,
                NoticeKind::LegacyNumber | NoticeKind::IgnoredDocument => continue,
            };
            let count = seen.entry((id, &notice.text)).or_insert(0);
            *count += 1;
            sink.add(&asset, draft(id, object, notice, *count));
        }
    }
}

fn draft(id: Id, object: &Object, notice: &Notice, count: usize) -> Draft {
    let text = &notice.text;
    let (what, message, fix) = if id == Id::Y01 {
        (
            "key",
            format!("the key `{text}` stands twice in one mapping: the last one counts"),
            format!("Keep one `{text}`"),
        )
    } else {
        let truth =
            matches!(text.as_bytes().first(), Some(b'y' | b'Y')) || text.eq_ignore_ascii_case("on");
        (
            "truth",
            format!("Kubernetes reads `{text}` as {truth}, a YAML 1.2 reader as text"),
            format!("Write {truth} (or \"{text}\" if text is meant)"),
        )
    };
    let locus = Locus {
        pointer: String::new(),
        path: format!("{what}[{text}]#{count}"),
        span: if notice.span.is_known() {
            notice.span
        } else {
            object.name_span
        },
    };
    Draft::new(id, locus, message, fix)
}
