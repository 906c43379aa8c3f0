//! `seawall rbac`: the rights that a scan of a cluster needs.

use super::print;
use crate::args::Rbac;
use crate::exit::{Exit, Failure};
use crate::suggest;
use seawall_assessment::{catalogue, means, selectable_words};
use seawall_kubernetes::Rights;

pub(crate) fn run(rbac: &Rbac) -> Result<Exit, Failure> {
    let rules = catalogue();
    let mut chosen = Vec::new();
    for word in &rbac.checks {
        let before = chosen.len();
        let meant = rules.iter().filter(|rule| means(rule, word));
        chosen.extend(meant.map(|rule| rule.id.to_string()));
        if chosen.len() == before {
            let words = selectable_words();
            let hint = suggest::hint(
                word,
                words.iter().map(AsRef::as_ref),
                "`seawall rules list` lists them",
            );
            return Err(Failure::usage(format!("no check is called `{word}`"), hint));
        }
    }
    let rights = Rights {
        rules: chosen,
        secrets: rbac.secrets,
        watch: rbac.watch,
    };
    print(rights.cluster_role().as_bytes())
}
