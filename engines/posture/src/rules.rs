//! The closed catalogue: every rule this engine can report, each with its id, its words and
//! the controls it speaks about.
//!
//! [`Id`] is the catalogue's index: dense, so that counting subjects is an array access. A
//! test holds that every id has exactly one entry and that entries stay in order.

mod cluster;
mod components;
mod identity;
mod isolation;
mod kubelet;
mod namespaces;
mod privileges;
mod reading;
mod server;
mod server_limits;
mod supply;

use seawall_model::catalogue::{cis, mitre, nsa, pss, rules};
use seawall_model::{Rule, rule_ids};
use std::sync::LazyLock;

rule_ids! {
    catalogue;
    W01 = "W01", W02 = "W02", W03 = "W03", W04 = "W04", W05 = "W05", W06 = "W06", W07 = "W07",
    W08 = "W08", W09 = "W09", W10 = "W10", W11 = "W11", W12 = "W12", W13 = "W13", W14 = "W14",
    W15 = "W15", W16 = "W16", W17 = "W17", W18 = "W18", W19 = "W19", W20 = "W20", W21 = "W21",
    W22 = "W22", W23 = "W23", W24 = "W24", W25 = "W25", W26 = "W26", W27 = "W27", W28 = "W28",
    W29 = "W29", W30 = "W30", W31 = "W31", W32 = "W32", W33 = "W33", W34 = "W34", W35 = "W35",
    W36 = "W36", W38 = "W38", W39 = "W39", W40 = "W40", W41 = "W41", W42 = "W42", W43 = "W43",
    W44 = "W44", W45 = "W45", W46 = "W46", W47 = "W47", W48 = "W48", W49 = "W49", W50 = "W50",
    N02 = "N02", N03 = "N03", N04 = "N04", N05 = "N05", N07 = "N07", N09 = "N09", N10 = "N10",
    N11 = "N11", N12 = "N12", N13 = "N13", N14 = "N14", N16 = "N16", N18 = "N18", N19 = "N19",
    N20 = "N20",
    K1_2_1 = "K1.2.1", K1_2_2 = "K1.2.2", K1_2_3 = "K1.2.3", K1_2_4 = "K1.2.4",
    K1_2_5 = "K1.2.5", K1_2_6 = "K1.2.6", K1_2_7 = "K1.2.7", K1_2_8 = "K1.2.8",
    K1_2_9 = "K1.2.9", K1_2_10 = "K1.2.10", K1_2_11 = "K1.2.11", K1_2_12 = "K1.2.12",
    K1_2_13 = "K1.2.13", K1_2_14 = "K1.2.14", K1_2_15 = "K1.2.15", K1_2_16 = "K1.2.16",
    K1_2_17 = "K1.2.17", K1_2_18 = "K1.2.18", K1_2_19 = "K1.2.19", K1_2_20 = "K1.2.20",
    K1_2_21 = "K1.2.21", K1_2_22 = "K1.2.22", K1_2_23 = "K1.2.23", K1_2_24 = "K1.2.24",
    K1_2_25 = "K1.2.25", K1_2_26 = "K1.2.26", K1_2_27 = "K1.2.27", K1_2_28 = "K1.2.28",
    K1_2_29 = "K1.2.29", K1_2_30 = "K1.2.30",
    K1_3_1 = "K1.3.1", K1_3_2 = "K1.3.2", K1_3_3 = "K1.3.3", K1_3_4 = "K1.3.4",
    K1_3_5 = "K1.3.5", K1_3_6 = "K1.3.6", K1_3_7 = "K1.3.7",
    K1_4_1 = "K1.4.1", K1_4_2 = "K1.4.2",
    K2_1 = "K2.1", K2_2 = "K2.2", K2_3 = "K2.3", K2_4 = "K2.4", K2_5 = "K2.5", K2_6 = "K2.6",
    K2_7 = "K2.7",
    K3_2_1 = "K3.2.1", K3_2_2 = "K3.2.2",
    K4_2_1 = "K4.2.1", K4_2_2 = "K4.2.2", K4_2_3 = "K4.2.3", K4_2_4 = "K4.2.4",
    K4_2_5 = "K4.2.5", K4_2_6 = "K4.2.6", K4_2_7 = "K4.2.7", K4_2_8 = "K4.2.8",
    K4_2_9 = "K4.2.9", K4_2_10 = "K4.2.10", K4_2_11 = "K4.2.11", K4_2_12 = "K4.2.12",
    K4_2_13 = "K4.2.13", K4_2_14 = "K4.2.14", K4_3_1 = "K4.3.1",
    Y01 = "Y01", Y02 = "Y02",
}

/// An entry of this catalogue.
type Entry = seawall_model::catalogue::Entry<Id>;

/// All rules, in the order of [`Id`].
pub(crate) fn catalogue() -> &'static [Rule] {
    static CATALOGUE: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let parts = [
            isolation::ENTRIES,
            privileges::ENTRIES,
            identity::ENTRIES,
            supply::ENTRIES,
            namespaces::ENTRIES,
            cluster::ENTRIES,
            server::ENTRIES,
            server_limits::ENTRIES,
            components::ENTRIES,
            kubelet::ENTRIES,
            reading::ENTRIES,
        ];
        rules(parts)
    });
    &CATALOGUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_one_entry_at_its_index() {
        let texts: Vec<&str> = catalogue().iter().map(|rule| rule.id.as_str()).collect();
        let ids: Vec<&str> = Id::ALL.iter().map(|id| id.text()).collect();
        assert_eq!(texts, ids);
    }

    #[test]
    fn entries_read_well() {
        for rule in catalogue() {
            let id = &rule.id;
            assert!(rule.title.chars().count() <= 60, "{id}: title too long");
            assert!(
                !rule.title.ends_with('.'),
                "{id}: title ends with a full stop"
            );
            assert!(rule.why.ends_with('.'), "{id}: why is a sentence");
            assert!(rule.fix.ends_with('.'), "{id}: fix is a sentence");
        }
    }
}
