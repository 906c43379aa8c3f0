//! Why some rules are no policies.

use crate::rules::Id;

const OTHERS: &str = "it depends on other objects, which a policy does not see";
const FILES: &str = "it judges configuration of the control plane, which is no object of the API";
const TABLE: &str = "it weighs paths, images or words against lists that are too long for an \
                     expression";

/// The reason for a rule that has no expression.
pub(super) fn reason(id: Id) -> &'static str {
    match id {
        Id::W05 | Id::W06 | Id::W07 | Id::W32 | Id::W45 | Id::W49 => TABLE,
        Id::W15 => "it weighs user ids against what of the node the pod reaches",
        Id::W29 | Id::W30 | Id::W31 | Id::W39 | Id::W40 => OTHERS,
        Id::W36 => {
            "it needs your list of registries: policies/allowed-registries takes it as a \
                    parameter"
        }
        Id::W44 => {
            "manifests without a namespace are told from those that name `default`, the \
                    API server does not see the difference"
        }
        Id::W47 => "the API server itself decides which versions it serves",
        Id::W50 => "it is about a custom resource whose pod template has no fixed place",
        Id::Y01 | Id::Y02 => "it is about the text of a file, which the API server does not see",
        id if id.text().starts_with('K') => FILES,
        _ => OTHERS,
    }
}
