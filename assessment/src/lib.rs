//! One answer out of many outcomes.
//!
//! [`assess`] runs every engine over one [`Snapshot`], in parallel, and makes one
//! [`Assessment`] of their outcomes: findings with one root cause are one finding, the worst
//! comes first, suppressions are applied (and the unused and expired ones told), framework
//! controls get a result, and the gate decides. The command line and the server only call
//! this; neither has logic of its own.
//!
//! **Invariant:** as pure as the engines. Today's date comes in through [`Config`].

pub mod access;
mod catalogue;
mod compare;
mod demands;
pub mod fixes;
mod follow;
mod frameworks;
mod gate;
pub mod least;
mod merge;
pub mod paths;
mod plaintext;
pub mod reach;
mod run;
mod suppress;

pub use catalogue::{catalogue, catalogue_with, find_rule, means, selectable_words};
pub use compare::{Baseline, Change, Comparison, Counts, Known, KnownGap};
pub use demands::{Demand, ID as DEMAND};
pub use follow::{Follower, Judged, Part, part_of};
pub use frameworks::{ControlResult, ControlStatus, FrameworkResult, controls};
pub use gate::{FailOn, Gate, Verdict};
pub use run::assess;
pub use seawall_admission::policy::{Policies, Problem as PolicyProblem};
pub use seawall_posture::vap::{self, generate as generate_vap};
pub use suppress::{
    ANNOTATION_PREFIX, Date, InvalidDate, Suppressed, Suppression, SuppressionNotice,
};

use seawall_model::{Coverage, Fact, Finding, Framework, KubernetesVersion, Rule, RuleId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The cluster version that verdicts are for; `None` means the newest known.
    pub kubernetes_version: Option<KubernetesVersion>,
    /// Run only these rules (ids, aliases or area names); empty means all.
    pub only: Vec<String>,
    /// Leave these rules out.
    pub skip: Vec<String>,
    /// Frameworks to report control by control.
    pub frameworks: Vec<Framework>,
    /// Findings that the user accepts.
    pub suppressions: Vec<Suppression>,
    /// What fails; nothing does not gate.
    pub fail_on: FailOn,
    /// Fail when coverage in per cent is below this.
    pub min_coverage: Option<f64>,
    /// Today, for the expiry of suppressions; `None` lets nothing expire.
    pub today: Option<Date>,
    /// Registries that images may come from, as prefixes; empty means that no list was given
    /// and the rule about it is not assessed.
    pub allowed_registries: Vec<String>,
    /// The user's own admission policies.
    pub policies: Option<Arc<seawall_admission::policy::Policies>>,
    /// What is demanded of the network.
    pub demands: Vec<Demand>,
    /// Whether a map of the network is wanted, too.
    pub with_map: bool,
    /// What is asked about ways in; `None` does not look for them.
    pub paths: Option<paths::Question>,
    /// An earlier answer to compare with; then only what is new or worse can fail the gate.
    pub baseline: Option<Baseline>,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct Assessment {
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What the user accepted.
    pub suppressed: Vec<Suppressed>,
    /// Suppressions that did nothing or have expired.
    pub suppression_notices: Vec<SuppressionNotice>,
    /// The catalogue behind the findings, the user's own policies included.
    pub rules: Vec<Rule>,
    /// What was looked at and what was not, sources' gaps included.
    pub coverage: Coverage,
    /// What engines derived, for later ones.
    pub facts: Vec<Fact>,
    /// How many subjects each rule was applied to.
    pub assessed: BTreeMap<RuleId, u64>,
    /// Results of the chosen frameworks.
    pub frameworks: Vec<FrameworkResult>,
    /// What became of things since the baseline, if one was given.
    pub comparison: Option<Comparison>,
    /// What the gate says.
    pub gate: Gate,
    /// How big the picture was.
    pub inventory: Inventory,
    /// Who reaches whom, where that was asked for.
    pub map: Option<reach::Flows>,
    /// The ways in, where that was asked for.
    pub ways: Option<paths::Ways>,
}

/// How big the picture was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inventory {
    /// Objects, rendered ones included.
    pub objects: u64,
    /// Workloads after resolving owners.
    pub workloads: u64,
    /// Charts rendered.
    pub charts: u64,
    /// Overlays built.
    pub overlays: u64,
}
