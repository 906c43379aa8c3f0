//! `seawall render`: the objects that a scan sees.

use super::{print, scan};
use crate::args::{Global, Render};
use crate::exit::{Exit, Failure, complain};
use crate::suggest;
use seawall_model::SourceMap;
use seawall_report::clean;
use seawall_sources::load;
use std::fmt::Write as _;
use std::sync::Arc;

pub(crate) fn run(render: &Render, global: &Global) -> Result<Exit, Failure> {
    let json = match render.output.as_str() {
        "yaml" => false,
        "json" => true,
        other => {
            let hint = suggest::hint(other, ["yaml", "json"].into_iter(), "use yaml or json");
            return Err(Failure::usage(
                format!("-o: unknown format `{other}`"),
                hint,
            ));
        }
    };
    let map = Arc::new(SourceMap::new());
    let request = scan::request(&render.source)?;
    let (objects, coverage) =
        load::render(&request, &map).map_err(|error| scan::not_loaded(&error))?;
    let mut text = String::new();
    for object in &objects {
        let origin = map.display(object.span);
        if json {
            let place = seawall_yaml::to_json(&seawall_yaml::Node::string(origin, object.span));
            let _ = writeln!(
                text,
                "{{\"origin\":{place},\"object\":{}}}",
                seawall_yaml::to_json(object)
            );
        } else {
            let _ = write!(
                text,
                "---\n# origin: {}\n{}",
                clean(&origin),
                seawall_yaml::to_yaml(object)
            );
        }
    }
    print(text.as_bytes())?;
    for gap in &coverage.gaps {
        if !global.quiet {
            let place = if gap.span.is_known() {
                map.display(gap.span)
            } else {
                gap.subject.to_string()
            };
            complain(&format!("not rendered: {place}: {}", gap.reason), &gap.hint);
        }
    }
    let complete = !objects.is_empty() && coverage.missed() == 0;
    Ok(if complete {
        Exit::Clean
    } else {
        Exit::Incomplete
    })
}
