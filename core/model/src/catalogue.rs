//! How an engine writes its closed catalogue: ids as a dense enum, entries as constants.
//!
//! An id is the catalogue's index, so that counting subjects is an array access. The macro
//! [`rule_ids`](crate::rule_ids) makes the enum, [`rules`] the catalogue from its entries.

use crate::{Area, Framework, Reference, Rule, RuleId, Severity};
use std::borrow::Cow;
use std::hash::Hash;

/// The first release with rules.
const SINCE: &str = "0.1.0";

/// A rule of a catalogue, by its place there.
pub trait RuleIndex: Copy + Ord + Hash + std::fmt::Debug + 'static {
    /// All ids, in the order of the catalogue.
    const ALL: &'static [Self];

    /// The place in the catalogue.
    fn index(self) -> usize;

    /// The id as the shared vocabulary has it.
    fn rule_id(self) -> RuleId;

    /// The catalogue's severity, which a finding starts from.
    fn severity(self) -> Severity;
}

/// A catalogue entry as an engine writes it: everything static.
#[derive(Debug)]
pub struct Entry<I: 'static> {
    /// Which rule.
    pub id: I,
    /// See [`Rule::title`].
    pub title: &'static str,
    /// See [`Rule::severity`].
    pub severity: Severity,
    /// See [`Rule::area`].
    pub area: Area,
    /// See [`Rule::why`].
    pub why: &'static str,
    /// See [`Rule::fix`].
    pub fix: &'static str,
    /// See [`Rule::references`].
    pub references: &'static [Reference],
    /// See [`Rule::aliases`].
    pub aliases: &'static [&'static str],
}

/// A control of the CIS benchmark.
pub const fn cis(control: &'static str) -> Reference {
    reference(Framework::Cis, control)
}

/// A control of the NSA/CISA guide.
pub const fn nsa(control: &'static str) -> Reference {
    reference(Framework::Nsa, control)
}

/// A control of the Pod Security Standards.
pub const fn pss(control: &'static str) -> Reference {
    reference(Framework::Pss, control)
}

/// A technique of MITRE ATT&CK.
pub const fn mitre(control: &'static str) -> Reference {
    reference(Framework::Mitre, control)
}

const fn reference(framework: Framework, control: &'static str) -> Reference {
    Reference { framework, control }
}

/// The rules that entries are, in the order of their ids.
pub fn rules<I: RuleIndex>(parts: impl IntoIterator<Item = &'static [Entry<I>]>) -> Vec<Rule> {
    let mut entries: Vec<&Entry<I>> = parts.into_iter().flatten().collect();
    entries.sort_by_key(|entry| entry.id);
    let rule = |entry: &Entry<I>| Rule {
        id: entry.id.rule_id(),
        title: Cow::Borrowed(entry.title),
        severity: entry.severity,
        area: entry.area,
        why: Cow::Borrowed(entry.why),
        fix: Cow::Borrowed(entry.fix),
        references: Cow::Borrowed(entry.references),
        aliases: Cow::Borrowed(entry.aliases),
        since: SINCE,
    };
    entries.into_iter().map(rule).collect()
}

/// Makes the enum `Id` of an engine's rules: the function that gives the catalogue, then each
/// id with its text.
#[macro_export]
macro_rules! rule_ids {
    ($catalogue:path; $($id:ident = $text:literal,)*) => {
        /// One rule of the catalogue.
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Id { $($id,)* }

        impl Id {
            /// All ids in catalogue order.
            pub(crate) const ALL: &'static [Id] = &[$(Id::$id,)*];

            /// The id as users see it.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Id::$id => $text,)* }
            }

            /// The id as the shared vocabulary has it.
            pub(crate) const fn rule_id(self) -> $crate::RuleId {
                $crate::RuleId::new(self.text())
            }

            /// The catalogue's severity, which a finding starts from.
            pub(crate) fn severity(self) -> $crate::Severity {
                $catalogue()
                    .get(self as usize)
                    .map_or($crate::Severity::Medium, |rule| rule.severity)
            }
        }

        impl $crate::catalogue::RuleIndex for Id {
            const ALL: &'static [Self] = Id::ALL;

            fn index(self) -> usize {
                self as usize
            }

            fn rule_id(self) -> $crate::RuleId {
                Id::rule_id(self)
            }

            fn severity(self) -> $crate::Severity {
                Id::severity(self)
            }
        }
    };
}
