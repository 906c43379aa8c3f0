//! What repairs a finding, as changes of its object.
//!
//! [`mend`] says for one finding what has to change in the object that it is about, what a
//! person has to decide, or why only a person can do it. A mend is small: it does what the
//! rule asks for and nothing else. Whether it really repairs the finding and brings nothing
//! new is for the caller to find out, by judging the changed environment.
//!
//! What a program needs to run is not in its manifest, so whatever could stop it is said as
//! a caution with what to check; values that only people know are questions.

mod api_version;
mod component;
mod container;
mod pod;
mod workload;

use crate::rules::Id;
use pod::Pod;
use seawall_model::fix::below;
use seawall_model::{
    Data, Finding, KubernetesVersion, Mend, Operation, Repair, Repairable, RuleId,
};
use seawall_yaml::Node;

/// What can be done about a finding of this engine on this object.
pub fn mend(finding: &Finding, object: &Node, version: KubernetesVersion) -> Repair {
    let Some(id) = id_of(&finding.rule) else {
        return by_hand(&finding.remediation);
    };
    let found = Found {
        id,
        finding,
        object,
        pointer: &finding.locus.pointer,
        version,
    };
    let repair = match id {
        Id::Y01 => Some(mechanical(vec![Operation::Deduplicate {
            at: finding.locus.span.start,
        }])),
        Id::Y02 => Some(mechanical(vec![Operation::Respell {
            at: finding.locus.span.start,
        }])),
        Id::W47 => api_version::mend(&found),
        _ if component::knows(id) => component::mend(&found),
        _ => workload::mend(&found).or_else(|| container::mend(&found)),
    };
    repair.unwrap_or_else(|| by_hand(&finding.remediation))
}

/// How the findings of a rule are repaired, as far as the rule alone tells; a test holds it to
/// what [`mend`] says of the cases.
pub fn repairable(rule: &RuleId) -> Repairable {
    match id_of(rule) {
        Some(Id::Y01 | Id::Y02 | Id::W47 | Id::W48 | Id::N18) => Repairable::Safe,
        Some(
            Id::W01
            | Id::W02
            | Id::W03
            | Id::W04
            | Id::W08
            | Id::W09
            | Id::W10
            | Id::W11
            | Id::W12
            | Id::W13
            | Id::W16
            | Id::W17
            | Id::W18
            | Id::W19
            | Id::W20
            | Id::W21
            | Id::W23
            | Id::W24
            | Id::W25
            | Id::W26
            | Id::W27
            | Id::W28
            | Id::W29
            | Id::W30
            | Id::W45
            | Id::N03
            | Id::N04
            | Id::N11
            | Id::N19,
        ) => Repairable::WithCaution,
        Some(Id::W14 | Id::W15 | Id::W34 | Id::W35 | Id::W38 | Id::W39 | Id::W40 | Id::W49) => {
            Repairable::Decision
        }
        Some(id) => component::repairable(id),
        None => Repairable::ByHand,
    }
}

fn id_of(rule: &RuleId) -> Option<Id> {
    Id::ALL
        .iter()
        .copied()
        .find(|id| id.text() == rule.as_str())
}

/// A finding with what is needed to mend it.
struct Found<'a> {
    id: Id,
    finding: &'a Finding,
    object: &'a Node,
    pointer: &'a str,
    version: KubernetesVersion,
}

impl<'a> Found<'a> {
    /// The node at a pointer of the object.
    fn at(&self, pointer: &str) -> Option<&'a Node> {
        self.object.pointer(pointer)
    }

    /// The item that the path names last: `key` of `…/tolerations[key]`.
    fn named_item(&self) -> Option<&'a str> {
        let (_, name) = self.finding.locus.path.rsplit_once('[')?;
        name.strip_suffix(']')
    }

    /// The pod that the finding is about.
    fn pod(&self) -> Option<Pod<'a>> {
        Pod::around(self.object, self.pointer)
    }
}

/// What a pointer points into.
fn up(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(up, _)| up)
}

fn mechanical(operations: Vec<Operation>) -> Repair {
    Repair::Mechanical(Mend {
        operations,
        caution: None,
    })
}

fn careful(operations: Vec<Operation>, caution: impl Into<String>) -> Repair {
    Repair::Mechanical(Mend {
        operations,
        caution: Some(caution.into()),
    })
}

fn by_hand(why: &str) -> Repair {
    Repair::ByHand(why.to_owned())
}

fn truth(pointer: &str, key: &str, value: bool) -> Operation {
    Operation::set(below(pointer, key), Data::Bool(value))
}
