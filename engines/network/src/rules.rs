//! The closed catalogue: every rule this engine can report, each with its id, its words and
//! the controls it speaks about.
//!
//! [`Id`] is the catalogue's index: dense, so that counting subjects is an array access. A
//! test holds that every id has exactly one entry and that entries stay in order.

mod cilium;
mod istio;
mod kubernetes;
mod linkerd;
mod others;

use seawall_model::catalogue::{mitre, nsa, rules};
use seawall_model::{Area, Rule, Severity, rule_ids};
use std::sync::LazyLock;

rule_ids! {
    catalogue;
    NP_03 = "NP-03",
    NP_04 = "NP-04",
    NP_05 = "NP-05",
    NP_06 = "NP-06",
    NP_07 = "NP-07",
    NP_08 = "NP-08",
    NP_11 = "NP-11",
    NP_12 = "NP-12",
    NP_13 = "NP-13",
    NP_14 = "NP-14",
    NP_15 = "NP-15",
    NP_16 = "NP-16",
    NP_17 = "NP-17",
    NP_22 = "NP-22",
    CIL_01 = "CIL-01",
    CIL_02 = "CIL-02",
    CIL_03 = "CIL-03",
    CIL_04 = "CIL-04",
    CIL_05 = "CIL-05",
    CIL_06 = "CIL-06",
    CIL_07 = "CIL-07",
    CIL_08 = "CIL-08",
    CIL_09 = "CIL-09",
    CIL_10 = "CIL-10",
    CIL_11 = "CIL-11",
    CIL_12 = "CIL-12",
    CIL_13 = "CIL-13",
    CIL_16 = "CIL-16",
    CIL_17 = "CIL-17",
    CIL_20 = "CIL-20",
    CIL_21 = "CIL-21",
    IST_TLS_01 = "IST-TLS-01",
    IST_TLS_02 = "IST-TLS-02",
    IST_TLS_03 = "IST-TLS-03",
    IST_TLS_04 = "IST-TLS-04",
    IST_TLS_05 = "IST-TLS-05",
    IST_TLS_06 = "IST-TLS-06",
    IST_TLS_07 = "IST-TLS-07",
    IST_TLS_08 = "IST-TLS-08",
    IST_TLS_09 = "IST-TLS-09",
    IST_TLS_10 = "IST-TLS-10",
    IST_TLS_11 = "IST-TLS-11",
    IST_TLS_12 = "IST-TLS-12",
    IST_TLS_13 = "IST-TLS-13",
    IST_TLS_14 = "IST-TLS-14",
    IST_TLS_15 = "IST-TLS-15",
    IST_TLS_16 = "IST-TLS-16",
    IST_TLS_17 = "IST-TLS-17",
    IST_TLS_18 = "IST-TLS-18",
    IST_TLS_19 = "IST-TLS-19",
    IST_TLS_20 = "IST-TLS-20",
    IST_TLS_21 = "IST-TLS-21",
    IST_TLS_22 = "IST-TLS-22",
    IST_TLS_23 = "IST-TLS-23",
    IST_TLS_24 = "IST-TLS-24",
    IST_TLS_25 = "IST-TLS-25",
    IST_TLS_26 = "IST-TLS-26",
    IST_TLS_27 = "IST-TLS-27",
    IST_AZ_01 = "IST-AZ-01",
    IST_AZ_02 = "IST-AZ-02",
    IST_AZ_03 = "IST-AZ-03",
    IST_AZ_04 = "IST-AZ-04",
    IST_AZ_05 = "IST-AZ-05",
    IST_AZ_06 = "IST-AZ-06",
    IST_AZ_07 = "IST-AZ-07",
    IST_AZ_08 = "IST-AZ-08",
    IST_AZ_09 = "IST-AZ-09",
    IST_AZ_10 = "IST-AZ-10",
    IST_AZ_11 = "IST-AZ-11",
    IST_AZ_12 = "IST-AZ-12",
    IST_AZ_13 = "IST-AZ-13",
    IST_AZ_14 = "IST-AZ-14",
    IST_AZ_15 = "IST-AZ-15",
    IST_AZ_16 = "IST-AZ-16",
    IST_AZ_17 = "IST-AZ-17",
    IST_AZ_18 = "IST-AZ-18",
    IST_AZ_19 = "IST-AZ-19",
    IST_AZ_20 = "IST-AZ-20",
    IST_AZ_21 = "IST-AZ-21",
    IST_AZ_22 = "IST-AZ-22",
    IST_AZ_23 = "IST-AZ-23",
    IST_AZ_24 = "IST-AZ-24",
    IST_AZ_25 = "IST-AZ-25",
    IST_AZ_26 = "IST-AZ-26",
    IST_AZ_27 = "IST-AZ-27",
    IST_AZ_28 = "IST-AZ-28",
    IST_AZ_29 = "IST-AZ-29",
    IST_AZ_30 = "IST-AZ-30",
    IST_AZ_31 = "IST-AZ-31",
    IST_AZ_32 = "IST-AZ-32",
    IST_AZ_33 = "IST-AZ-33",
    IST_AZ_34 = "IST-AZ-34",
    IST_AZ_35 = "IST-AZ-35",
    IST_AZ_36 = "IST-AZ-36",
    IST_AZ_37 = "IST-AZ-37",
    IST_AZ_38 = "IST-AZ-38",
    IST_JWT_01 = "IST-JWT-01",
    IST_JWT_02 = "IST-JWT-02",
    IST_JWT_03 = "IST-JWT-03",
    IST_JWT_04 = "IST-JWT-04",
    IST_JWT_05 = "IST-JWT-05",
    IST_JWT_06 = "IST-JWT-06",
    IST_JWT_07 = "IST-JWT-07",
    IST_JWT_08 = "IST-JWT-08",
    IST_JWT_09 = "IST-JWT-09",
    IST_JWT_10 = "IST-JWT-10",
    IST_JWT_11 = "IST-JWT-11",
    IST_JWT_12 = "IST-JWT-12",
    IST_JWT_13 = "IST-JWT-13",
    IST_TC_01 = "IST-TC-01",
    IST_TC_02 = "IST-TC-02",
    IST_TC_03 = "IST-TC-03",
    IST_TC_04 = "IST-TC-04",
    IST_TC_05 = "IST-TC-05",
    IST_TC_06 = "IST-TC-06",
    IST_TC_07 = "IST-TC-07",
    IST_TC_08 = "IST-TC-08",
    IST_TC_09 = "IST-TC-09",
    IST_TC_10 = "IST-TC-10",
    IST_TC_11 = "IST-TC-11",
    IST_TC_12 = "IST-TC-12",
    IST_TC_13 = "IST-TC-13",
    IST_TC_14 = "IST-TC-14",
    IST_TC_15 = "IST-TC-15",
    IST_TC_16 = "IST-TC-16",
    IST_TC_17 = "IST-TC-17",
    IST_TC_18 = "IST-TC-18",
    IST_GW_01 = "IST-GW-01",
    IST_GW_02 = "IST-GW-02",
    IST_GW_03 = "IST-GW-03",
    IST_GW_04 = "IST-GW-04",
    IST_GW_05 = "IST-GW-05",
    IST_GW_08 = "IST-GW-08",
    IST_GW_09 = "IST-GW-09",
    IST_GW_12 = "IST-GW-12",
    IST_GW_14 = "IST-GW-14",
    IST_GW_16 = "IST-GW-16",
    IST_EG_01 = "IST-EG-01",
    IST_BP_02 = "IST-BP-02",
    IST_BP_03 = "IST-BP-03",
    IST_BP_04 = "IST-BP-04",
    IST_BP_05 = "IST-BP-05",
    IST_BP_08 = "IST-BP-08",
    IST_BP_09 = "IST-BP-09",
    IST_BP_10 = "IST-BP-10",
    IST_BP_11 = "IST-BP-11",
    IST_BP_12 = "IST-BP-12",
    IST_BP_13 = "IST-BP-13",
    IST_BP_18 = "IST-BP-18",
    IST_AM_01 = "IST-AM-01",
    IST_AM_02 = "IST-AM-02",
    IST_AM_04 = "IST-AM-04",
    IST_AM_06 = "IST-AM-06",
    IST_AM_07 = "IST-AM-07",
    IST_AM_08 = "IST-AM-08",
    IST_AM_10 = "IST-AM-10",
    IST_AM_11 = "IST-AM-11",
    IST_AM_16 = "IST-AM-16",
    IST_AM_18 = "IST-AM-18",
    IST_AM_22 = "IST-AM-22",
    IST_CP_01 = "IST-CP-01",
    IST_CP_02 = "IST-CP-02",
    IST_CP_03 = "IST-CP-03",
    IST_VER_01 = "IST-VER-01",
    LNK_01 = "LNK-01",
    LNK_02 = "LNK-02",
    LNK_03 = "LNK-03",
    LNK_04 = "LNK-04",
    LNK_05 = "LNK-05",
    LNK_06 = "LNK-06",
    LNK_07 = "LNK-07",
    LNK_08 = "LNK-08",
    LNK_09 = "LNK-09",
    LNK_11 = "LNK-11",
    LNK_12 = "LNK-12",
    LNK_15 = "LNK-15",
    LNK_18 = "LNK-18",
    LNK_19 = "LNK-19",
    LNK_20 = "LNK-20",
    LNK_27 = "LNK-27",
    LNK_29 = "LNK-29",
    CSL_01 = "CSL-01",
    CSL_02 = "CSL-02",
    CSL_04 = "CSL-04",
    CSL_07 = "CSL-07",
    KUM_01 = "KUM-01",
    KUM_02 = "KUM-02",
    KUM_03 = "KUM-03",
    KUM_05 = "KUM-05",
    KUM_09 = "KUM-09",
    CMP_12 = "CMP-12",
}

/// An entry of this catalogue.
type Entry = seawall_model::catalogue::Entry<Id>;

/// An entry about a service mesh.
const fn mesh(
    id: Id,
    title: &'static str,
    severity: Severity,
    why: &'static str,
    fix: &'static str,
) -> Entry {
    Entry {
        id,
        title,
        severity,
        area: Area::Mesh,
        why,
        fix,
        references: &[],
        aliases: &[],
    }
}

/// All rules, in the order of [`Id`].
pub(crate) fn catalogue() -> &'static [Rule] {
    static CATALOGUE: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let parts = [
            &[
                kubernetes::ENTRIES,
                cilium::ENTRIES,
                linkerd::ENTRIES,
                others::ENTRIES,
            ],
            istio::PARTS,
        ];
        rules(parts.into_iter().flatten().copied())
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
